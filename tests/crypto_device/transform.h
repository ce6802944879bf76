// SPDX-License-Identifier: BSD-3-Clause
// What the test device does with an operation: DPDK's words for it, by OpenSSL's EVP. Nothing of it
// is the engines' code.
#pragma once

#include <rte_cryptodev.h>

#include <cstdint>

#include <vector>

namespace penstock::test {

/// A session: copies of its transforms, with their keys.
struct CryptoSession {
  struct Step {
    rte_crypto_sym_xform transform;
    std::vector<std::uint8_t> key;
  };
  std::vector<Step> steps;
  unsigned in_flight = 0;
};

/// What lies behind an operation; declared as an array of no elements, which g++ takes at its word.
[[nodiscard]] inline rte_crypto_sym_op& sym_of(const rte_crypto_op& op) {
  return *reinterpret_cast<rte_crypto_sym_op*>(const_cast<rte_crypto_op*>(&op) + 1);
}

[[nodiscard]] std::vector<rte_cryptodev_capabilities> crypto_capabilities();
[[nodiscard]] CryptoSession* make_crypto_session(const rte_crypto_sym_xform* transforms);
/// @return the status of the operation
[[nodiscard]] rte_crypto_op_status run_crypto(const CryptoSession& session, rte_crypto_op& op);

}  // namespace penstock::test
