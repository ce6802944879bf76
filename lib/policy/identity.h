// SPDX-License-Identifier: BSD-3-Clause
// Identities as IKE carries them (RFC 7296 §3.5, RFC 2407 §4.6.2) and as operators write them.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/base/result.h"

namespace penstock::policy {

/// ID types; the numbers are those of RFC 7296 §3.5 and RFC 2407 §4.6.2.1, which agree.
enum class IdType : std::uint8_t {
  kIpv4Addr = 1,
  kFqdn = 2,
  kRfc822Addr = 3,      ///< USER_FQDN in RFC 2407
  kIpv4AddrSubnet = 4,  ///< IKEv1 only, as are the ranges
  kIpv6Addr = 5,
  kIpv6AddrSubnet = 6,
  kIpv4AddrRange = 7,
  kIpv6AddrRange = 8,
  kDerAsn1Dn = 9,
  kDerAsn1Gn = 10,
  kKeyId = 11,
};

struct Identity {
  IdType type = IdType::kFqdn;
  base::ByteVector data;  ///< as on the wire

  /// strongSwan's rules: an IP address, `user@host` (an e-mail address), `@name` or a bare name
  /// (FQDN), `keyid:NAME`, and the explicit prefixes `ipv4: ipv6: fqdn: email: keyid: asn1dn:`.
  /// `%any` is no identity: use IdentityPattern.
  [[nodiscard]] static base::Result<Identity> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const Identity&, const Identity&) = default;
  friend auto operator<=>(const Identity& a, const Identity& b) {
    if (const auto c = a.type <=> b.type; c != 0) return c;
    return std::lexicographical_compare_three_way(a.data.begin(), a.data.end(), b.data.begin(),
                                                  b.data.end());
  }
};

/// What a configuration accepts of a peer: an identity, `%any`, or `*.example` for FQDN and e-mail.
struct IdentityPattern {
  std::string text = "%any";

  [[nodiscard]] static base::Result<IdentityPattern> parse(std::string_view text);
  [[nodiscard]] bool is_any() const { return text == "%any"; }
  [[nodiscard]] bool matches(const Identity& identity) const;
  friend bool operator==(const IdentityPattern&, const IdentityPattern&) = default;
};

}  // namespace penstock::policy
