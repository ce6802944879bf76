// SPDX-License-Identifier: BSD-3-Clause
// NIST CAVP's response files for IKE key derivation (SP 800-135), case by case.
#pragma once

#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/crypto/algorithms.h"

namespace penstock::test {

/// One case: its fields by the names that the file uses.
struct IkeCase {
  const crypto::PrfRow* prf = nullptr;
  std::map<std::string, std::string> fields;

  [[nodiscard]] const std::string& text(const char* name) const { return fields.at(name); }
  [[nodiscard]] base::ByteVector octets(const char* name) const {
    return base::from_hex(text(name)).value();
  }
};

/// All cases of hashes that IKE has PRFs for: SHA-224 is not among them.
/// @param last  the field that ends a case
inline std::vector<IkeCase> read_ike_cases(const std::string& file, std::string_view last) {
  const std::map<std::string, crypto::PrfId> prfs{{"[SHA-1]", crypto::PrfId::kHmacSha1},
                                                  {"[SHA-256]", crypto::PrfId::kHmacSha256},
                                                  {"[SHA-384]", crypto::PrfId::kHmacSha384},
                                                  {"[SHA-512]", crypto::PrfId::kHmacSha512}};
  std::vector<IkeCase> out;
  IkeCase current;
  std::istringstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.starts_with("[SHA")) {
      const auto prf = prfs.find(line);
      current.prf = prf == prfs.end() ? nullptr : crypto::find_prf(prf->second);
    }
    const auto equals = line.find(" = ");
    if (line.starts_with('[') || equals == std::string::npos) continue;
    current.fields[line.substr(0, equals)] = line.substr(equals + 3);
    // The last field of a case.
    if (line.starts_with(last) && current.prf != nullptr) out.push_back(current);
  }
  return out;
}

inline std::vector<IkeCase> read_ikev1_cases(const std::string& file) {
  return read_ike_cases(file, "SKEYID_e");
}
inline std::vector<IkeCase> read_ikev2_cases(const std::string& file) {
  return read_ike_cases(file, "SKEYSEED(Rekey)");
}

}  // namespace penstock::test
