// SPDX-License-Identifier: BSD-3-Clause
// Between the engine's decisions and the tables that workers read. Nothing here waits: what is
// unpublished goes later, in tend().
#include "control/bridge/sa_installer.h"

#include <array>

#include "control/bridge/dummy_traffic.h"

namespace penstock::bridge {

base::Result<void> SaInstaller::install_inbound(const policy::SaSpec& spec) {
  return writer_.install_inbound(spec);
}

base::Result<void> SaInstaller::switch_outbound(const policy::SaSpec& spec) {
  PS_TRY(writer_.install_outbound(spec));
  if (dummies_ != nullptr) dummies_->set(spec.slot, spec.tunnel_header.dummy_packets);
  return {};
}

base::Result<void> SaInstaller::move(const ike::MoveSa& move) {
  const ipsec::SaName name{move.direction, move.spi, move.remote};
  auto moved = writer_.move(name, move.to);
  if (moved || move.direction == policy::Direction::kInbound) return moved;
  retire({move.direction, move.spi, {}, move.remote});
  return moved;
}

std::vector<ike::InboundTraffic> SaInstaller::traffic(const std::vector<net::Spi>& spis) const {
  std::vector<ike::InboundTraffic> counts;
  for (const net::Spi spi : spis)
    if (const auto counters = writer_.counters_of_inbound(spi))
      counts.push_back({spi, counters->packets});
  return counts;
}

void SaInstaller::retire(const ike::RetireSa& retire) {
  const auto done = writer_.retire({retire.direction, retire.spi, retire.remote});
  if (done) return;
  const std::array fields{base::LogField{"spi", net::to_string(retire.spi)},
                          base::LogField{"remote", retire.remote.to_string()}};
  log_.write(base::LogLevel::kError, "bridge", "an SA to retire is not there: " + done.error().text,
             fields);
}

void SaInstaller::learn_path_mtu(const policy::SaEvent& event, base::MonoTime now) {
  const std::uint16_t mtu = writer_.learn_path_mtu(event, now);
  if (mtu == 0) return;
  const std::array fields{base::LogField{"spi", net::to_string(event.spi)},
                          base::LogField{"remote", event.remote.address.to_string()},
                          base::LogField{"mtu", std::to_string(mtu)}};
  log_.write(base::LogLevel::kInfo, "bridge", "the path to a peer is narrower", fields);
}

base::Result<void> SaInstaller::install_policy(const policy::PolicyRule& rule) {
  PS_TRY(writer_.add_policy(rule));
  const PolicyCursor at{rule.priority, ++last_order_};
  rules_.emplace(at, rule);
  rule_of_.emplace(rule.id, at);
  return {};
}

void SaInstaller::remove_policy(policy::PolicyId id) {
  const auto found = rule_of_.find(id);
  const auto done = writer_.remove_policy(id);
  if (!done || found == rule_of_.end()) {
    const std::array fields{base::LogField{"policy", std::to_string(id.value())}};
    log_.write(base::LogLevel::kError, "bridge", "a policy to remove is not there", fields);
    return;
  }
  rules_.erase(found->second);
  rule_of_.erase(found);
}

std::vector<net::Spi> SaInstaller::allocate_spis(std::uint32_t count) {
  // The writer gives all or none; the engine goes on with fewer.
  for (std::uint32_t ask = count; ask > 0; ask /= 2)
    if (auto spis = writer_.allocate_spis(ask)) return std::move(*spis);
  log_.write(base::LogLevel::kWarning, "bridge",
             "there is no inbound SPI left: raise dataplane.limits.sas");
  return {};
}

std::vector<std::pair<SaInstaller::PolicyCursor, policy::PolicyRule>> SaInstaller::list_policies(
    const std::optional<PolicyCursor>& after, std::size_t most) const {
  std::vector<std::pair<PolicyCursor, policy::PolicyRule>> out;
  auto at = after ? rules_.upper_bound(*after) : rules_.begin();
  for (; at != rules_.end() && out.size() < most; ++at) out.emplace_back(at->first, at->second);
  return out;
}

}  // namespace penstock::bridge
