// SPDX-License-Identifier: BSD-3-Clause
// Manual SAs: keyed by the configuration, without IKE, as `ip xfrm state` does. An outbound one
// brings its PROTECT rule with it; an inbound one is checked against its own selectors.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "control/bridge/sa_installer.h"
#include "control/config/settings.h"

namespace penstock::bridge {

/// What `show sas` says of one; its keys are forgotten once they are installed.
struct ManualSa {
  std::string name;
  ipsec::SaName sa;
  policy::IpsecProtocol protocol{};
  policy::IpsecMode mode{};
  bool encap = false;
  net::IpAddress local;
  net::IpAddress remote;
  std::string proposal;
  policy::TrafficSelectors local_ts;
  policy::TrafficSelectors remote_ts;
};

/// Slots and policy ids of manual SAs count down from the top, the engine's up from the bottom.
inline constexpr std::uint64_t kFirstManualPolicy = std::uint64_t{1} << 52;

/// Where the IVs of this start begin: nanoseconds of UTC, which no later start falls behind as long
/// as fewer packets are sealed than nanoseconds pass (docs/decisions/0007).
/// @return kRefused: a clock that was not set yet would begin where an earlier start did
[[nodiscard]] base::Result<std::uint64_t> first_manual_iv(
    std::chrono::system_clock::time_point now);

/// Installs them all. @return the first that could not be, by name
[[nodiscard]] base::Result<std::vector<ManualSa>> install_manual_sas(
    std::vector<policy::SaSpec> specs, SaInstaller& installer,
    std::chrono::system_clock::time_point now);

/// `aes128gcm16-esn`, `aes256-sha256`: the words of the configuration.
[[nodiscard]] std::string proposal_of(const policy::SaSpec& spec);

}  // namespace penstock::bridge
