// SPDX-License-Identifier: BSD-3-Clause
// From settings straight to the SA installer, at the start.
#include "control/bridge/manual_sas.h"

#include "lib/crypto/algorithms.h"

namespace penstock::bridge {
namespace {

/// Before negotiated children: the operator chose these by hand.
constexpr std::uint32_t kPriorityManual = policy::kPriorityPassDrop + 500;

/// nullptr for AH.
const crypto::EncrRow* encr_of(const policy::SaSpec& spec) {
  return spec.protocol == policy::IpsecProtocol::kAh
             ? nullptr
             : crypto::find_encr(spec.encr, spec.encr_key_bits);
}

/// Slots of manual SAs count down from the top.
void place(policy::ChildSlot& slot, const SaInstaller& installer) {
  if (slot.value() != 0) slot = policy::ChildSlot{installer.writer().limits().slots - slot.value()};
}

base::Result<void> install(const policy::SaSpec& spec, SaInstaller& installer) {
  if (spec.direction == policy::Direction::kInbound) return installer.install_inbound(spec);
  PS_TRY(installer.switch_outbound(spec));
  // A bundle's traffic comes by the policy of its ESP.
  if (spec.bundle == policy::BundlePart::kOuter) return {};
  policy::PolicyRule rule;
  rule.id = policy::PolicyId{kFirstManualPolicy + spec.slot.value()};
  rule.priority = kPriorityManual;
  rule.action = policy::PolicyAction::kProtect;
  rule.vrf = spec.vrf;
  rule.interface_id = spec.interface_id;
  rule.slot = spec.slot;
  rule.local_ts = spec.local_ts;
  rule.remote_ts = spec.remote_ts;
  rule.name = spec.name;
  return installer.install_policy(rule);
}

/// Of the year in which this was written; a board without a battery starts in 1970 or 2000.
constexpr std::chrono::sys_days kClockIsSet{std::chrono::year{2026} / 1 / 1};

/// A cipher with a salt has a counter for an IV: under one key none may come twice (RFC 4106 §3.1,
/// RFC 7634 §2), also not after a restart.
base::Result<void> set_iv_start(policy::SaSpec& spec, std::chrono::system_clock::time_point now) {
  if (spec.direction == policy::Direction::kInbound) return {};
  const crypto::EncrRow* encr = encr_of(spec);
  const crypto::IntegRow* integ = crypto::find_integ(spec.integ);
  // Of AH AES-GMAC has one (RFC 4543 §3.1).
  const bool counts =
      (encr != nullptr && encr->salt_octets != 0) || (integ != nullptr && integ->salt_octets != 0);
  if (!counts) return {};
  PS_ASSIGN(spec.iv_start, first_manual_iv(now));
  return {};
}

}  // namespace

base::Result<std::uint64_t> first_manual_iv(std::chrono::system_clock::time_point now) {
  if (now < kClockIsSet)
    return base::fail(base::ErrorCode::kRefused,
                      "the clock is before 2026, and the IVs of a key of the configuration are "
                      "counted from it: set the clock first");
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch());
  return static_cast<std::uint64_t>(since.count());
}

std::string proposal_of(const policy::SaSpec& spec) {
  const bool ah = spec.protocol == policy::IpsecProtocol::kAh;
  const crypto::EncrRow* encr = encr_of(spec);
  const crypto::IntegRow* integ = crypto::find_integ(spec.integ);
  std::string words(encr != nullptr ? encr->name : ah ? "" : "?");
  if (spec.integ != crypto::IntegId::kNone)
    words += (ah ? "" : "-") + std::string(integ != nullptr ? integ->name : "?");
  if (spec.esn) words += "-esn";
  return words;
}

base::Result<std::vector<ManualSa>> install_manual_sas(std::vector<policy::SaSpec> specs,
                                                       SaInstaller& installer,
                                                       std::chrono::system_clock::time_point now) {
  std::vector<ManualSa> out;
  for (policy::SaSpec& spec : specs) {
    place(spec.slot, installer);
    place(spec.outer_slot, installer);
    auto done = set_iv_start(spec, now);
    if (done) done = install(spec, installer);
    if (!done)
      return base::fail(
          done.error().code,
          "manual SA " + spec.name + " (" + net::to_string(spec.spi) + "): " + done.error().text);
    out.push_back({spec.name,
                   {spec.direction, spec.spi, spec.remote},
                   spec.protocol,
                   spec.mode,
                   spec.encap.has_value(),
                   spec.local,
                   spec.remote,
                   proposal_of(spec),
                   std::move(spec.local_ts),
                   std::move(spec.remote_ts)});
  }
  return out;
}

}  // namespace penstock::bridge
