// SPDX-License-Identifier: BSD-3-Clause
// Attribute payload of IKEv1 (draft-dukes-ike-mode-cfg-02 §3.2), which mode-config and XAUTH
// (draft-beaulieu-ike-xauth-02 §6.2) share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/isakmp/message_builder.h"
#include "control/isakmp/v1_rules.h"
#include "lib/base/secret.h"

namespace penstock::isakmp {

inline constexpr std::size_t kMaxV1ConfigurationValues = 64;

/// Attributes: those of mode-config have IKEv2's numbers.
enum class V1ConfigurationAttribute : std::uint16_t {
  kInternalIp4Address = 1,
  kInternalIp4Netmask = 2,
  kInternalIp4Dns = 3,
  kXauthType = 16520,
  kXauthUserName = 16521,
  kXauthUserPassword = 16522,
  kXauthStatus = 16527,
};

/// Passwords go through it, so the octets are wiped.
struct V1ConfigurationValue {
  V1ConfigurationAttribute attribute{};  ///< may be one without a name: it is to be ignored (§3.4)
  bool basic = false;                    ///< two octets in the attribute itself
  base::SecretBytes octets;              ///< empty in a request: any

  [[nodiscard]] static V1ConfigurationValue empty(V1ConfigurationAttribute attribute);
  [[nodiscard]] static V1ConfigurationValue of(V1ConfigurationAttribute attribute,
                                               base::Bytes octets);
  [[nodiscard]] static V1ConfigurationValue of_u16(V1ConfigurationAttribute attribute,
                                                   std::uint16_t value);
  /// Of two octets, wherever they stand.
  [[nodiscard]] std::optional<std::uint16_t> u16() const;
};

struct V1ConfigurationPayload {
  ConfigurationType type{};
  std::uint16_t identifier = 0;
  std::vector<V1ConfigurationValue> values;

  /// The first of the attribute; nullptr if there is none.
  [[nodiscard]] const V1ConfigurationValue* find(V1ConfigurationAttribute attribute) const;
};

/// @return kReserved, kAttributes or kLimit
[[nodiscard]] V1Result<V1ConfigurationPayload> parse_v1_configuration(base::Bytes body);
void append_v1_configuration(MessageBuilder& builder, const V1ConfigurationPayload& payload);
/// Names of attributes, never their values: "ATTR[request XAUTH-USER-NAME]".
[[nodiscard]] std::string describe(const V1ConfigurationPayload& payload);

}  // namespace penstock::isakmp
