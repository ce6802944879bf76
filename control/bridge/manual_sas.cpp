// SPDX-License-Identifier: BSD-3-Clause
// From settings straight to the SA installer, at the start.
#include "control/bridge/manual_sas.h"

#include "lib/crypto/algorithms.h"

namespace penstock::bridge {
namespace {

/// Before negotiated children: the operator chose these by hand.
constexpr std::uint32_t kPriorityManual = policy::kPriorityPassDrop + 500;

base::Result<void> install(const policy::SaSpec& spec, SaInstaller& installer) {
  if (spec.direction == policy::Direction::kInbound) return installer.install_inbound(spec);
  PS_TRY(installer.switch_outbound(spec));
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

}  // namespace

std::string proposal_of(const policy::SaSpec& spec) {
  const crypto::EncrRow* encr = crypto::find_encr(spec.encr, spec.encr_key_bits);
  const crypto::IntegRow* integ = crypto::find_integ(spec.integ);
  std::string words(encr != nullptr ? encr->name : "?");
  if (spec.integ != crypto::IntegId::kNone)
    words += "-" + std::string(integ != nullptr ? integ->name : "?");
  if (spec.esn) words += "-esn";
  return words;
}

base::Result<std::vector<ManualSa>> install_manual_sas(std::vector<policy::SaSpec> specs,
                                                       SaInstaller& installer) {
  std::vector<ManualSa> out;
  for (policy::SaSpec& spec : specs) {
    if (spec.slot.value() != 0)
      spec.slot = policy::ChildSlot{installer.writer().limits().slots - spec.slot.value()};
    if (const auto done = install(spec, installer); !done)
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
