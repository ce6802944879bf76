// SPDX-License-Identifier: BSD-3-Clause
// Configuration payload of IKEv2 (RFC 7296 §3.15).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "control/isakmp/message_builder.h"

namespace penstock::isakmp {

inline constexpr std::size_t kMaxConfigurationAttributes = 128;

struct ConfigurationValue {
  ConfigurationAttribute attribute{};  ///< may be one without a name: it is to be ignored (§3.15.1)
  base::Bytes value;                   ///< empty in a request: any
};

struct ConfigurationPayload {
  ConfigurationType type{};
  std::vector<ConfigurationValue> values;
};

/// @return kTruncated or kLimit
[[nodiscard]] base::Result<ConfigurationPayload> parse_configuration(base::Bytes body);
void append_configuration(MessageBuilder& builder, ConfigurationType type,
                          std::span<const ConfigurationValue> values);
[[nodiscard]] std::string describe(const ConfigurationPayload& payload);

}  // namespace penstock::isakmp
