// SPDX-License-Identifier: BSD-3-Clause
// One line for a message. A row a payload: how it is read and described.
#include "control/isakmp/describe.h"

#include <fmt/format.h>

#include "control/isakmp/payload/authentication.h"
#include "control/isakmp/payload/certificate.h"
#include "control/isakmp/payload/configuration.h"
#include "control/isakmp/payload/delete.h"
#include "control/isakmp/payload/eap.h"
#include "control/isakmp/payload/encrypted.h"
#include "control/isakmp/payload/identification.h"
#include "control/isakmp/payload/key_exchange.h"
#include "control/isakmp/payload/nonce.h"
#include "control/isakmp/payload/notify.h"
#include "control/isakmp/payload/sa.h"
#include "control/isakmp/payload/traffic_selectors.h"
#include "control/isakmp/payload/v1_certificate.h"
#include "control/isakmp/payload/v1_configuration.h"
#include "control/isakmp/payload/v1_nat_oa.h"
#include "control/isakmp/payload/v1_notify.h"
#include "control/isakmp/payload/v1_sa.h"
#include "control/isakmp/payload/vendor_id.h"

namespace penstock::isakmp {
namespace {

constexpr std::string_view kNoPrefix{};

std::string words_of(const base::Error& e) {
  return e.text.empty() ? std::string(name_of(e.code)) : e.text;
}
std::string words_of(const V1Fault& f) {
  const std::string_view name = row_of(f.rule).name;
  return f.text.empty() ? std::string(name) : fmt::format("{}, {}", name, f.text);
}

std::string describe(const net::IpAddress& original) { return "NAT-OA " + original.to_string(); }

/// @param prefix  which of two payloads with one body it is
/// @return empty with the reason in `bad` if the payload does not parse
template <auto Parse>
std::string read_and_describe(base::Bytes body, std::string_view prefix, std::string& bad) {
  const auto parsed = Parse(body);
  if (!parsed) {
    bad = words_of(parsed.error());
    return {};
  }
  return std::string(prefix) + describe(*parsed);
}

struct Row {
  PayloadType type;
  std::string (*describe)(base::Bytes body, std::string_view prefix, std::string& bad);
  std::string_view prefix;
};
constexpr Row kRows[] = {
    {PayloadType::kSa, read_and_describe<parse_sa>, kNoPrefix},
    {PayloadType::kKeyExchange, read_and_describe<parse_key_exchange>, kNoPrefix},
    {PayloadType::kIdInitiator, read_and_describe<parse_identification>, "IDi "},
    {PayloadType::kIdResponder, read_and_describe<parse_identification>, "IDr "},
    {PayloadType::kCertificate, read_and_describe<parse_certificate>, kNoPrefix},
    {PayloadType::kCertificateRequest, read_and_describe<parse_certificate_request>, kNoPrefix},
    {PayloadType::kAuthentication, read_and_describe<parse_authentication>, kNoPrefix},
    {PayloadType::kNonce, read_and_describe<parse_nonce>, kNoPrefix},
    {PayloadType::kNotify, read_and_describe<parse_notify>, kNoPrefix},
    {PayloadType::kDelete, read_and_describe<parse_delete>, kNoPrefix},
    {PayloadType::kVendorId, read_and_describe<parse_vendor_id>, kNoPrefix},
    {PayloadType::kV1VendorId, read_and_describe<parse_vendor_id>, kNoPrefix},
    {PayloadType::kV1Sa, read_and_describe<parse_v1_sa>, kNoPrefix},
    {PayloadType::kV1Identification, read_and_describe<parse_identification>, kNoPrefix},
    {PayloadType::kV1Certificate, read_and_describe<parse_v1_certificate>, kNoPrefix},
    {PayloadType::kV1CertificateRequest, read_and_describe<parse_v1_certificate_request>,
     kNoPrefix},
    {PayloadType::kV1Notification, read_and_describe<parse_v1_notify>, kNoPrefix},
    {PayloadType::kV1Delete, read_and_describe<parse_v1_delete>, kNoPrefix},
    {PayloadType::kV1Configuration, read_and_describe<parse_v1_configuration>, kNoPrefix},
    {PayloadType::kV1NatOa, read_and_describe<parse_v1_nat_oa>, kNoPrefix},
    {PayloadType::kTsInitiator, read_and_describe<parse_traffic_selectors>, "TSi"},
    {PayloadType::kTsResponder, read_and_describe<parse_traffic_selectors>, "TSr"},
    {PayloadType::kConfiguration, read_and_describe<parse_configuration>, kNoPrefix},
    {PayloadType::kEap, read_and_describe<parse_eap>, kNoPrefix},
};

/// "[A B C]", with `encrypted` in the place of SK or SKF if it is given.
std::string list(const PayloadChain& chain, const std::optional<EncryptedView>& encrypted = {}) {
  std::string out;
  for (const PayloadView& payload : chain) {
    const bool sealed =
        payload.type == PayloadType::kEncrypted || payload.type == PayloadType::kEncryptedFragment;
    if (!out.empty()) out += ' ';
    out += sealed && encrypted ? describe(*encrypted) : describe(payload);
  }
  return "[" + out + "]";
}

}  // namespace

std::string describe(const PayloadView& payload) {
  for (const Row& row : kRows) {
    if (row.type != payload.type) continue;
    std::string bad;
    std::string text = row.describe(payload.body, row.prefix, bad);
    return bad.empty() ? text : name_of(payload.type) + "(malformed: " + bad + ")";
  }
  return name_of(payload.type);
}

std::string describe(const MessageView& message) {
  const bool hidden = message.version() == Version::kIkev1 && message.encrypted().has_value();
  return describe(message.header()) + " " +
         (hidden ? "[encrypted]" : list(message.payloads(), message.encrypted()));
}

std::string describe(const MessageView& message, const PayloadChain& inside) {
  const bool v1 = message.version() == Version::kIkev1;
  return describe(message.header()) +
         (v1 ? " encrypted " + list(inside) : " [SK" + list(inside) + "]");
}

}  // namespace penstock::isakmp
