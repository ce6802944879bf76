// SPDX-License-Identifier: BSD-3-Clause
// SaInstaller: the engine's SA outputs become changes of lib/ipsec's tables, and their results
// inputs of the engine. It also remembers the rules that it installed, for `show policies`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "control/ike/engine_io.h"
#include "lib/base/log.h"
#include "lib/dpdk/rcu.h"
#include "lib/ipsec/writer.h"

namespace penstock::bridge {

class DummyTraffic;  // dummy_traffic.h

class SaInstaller {
 public:
  SaInstaller(ipsec::Writer& writer, dpdk::RcuDomain& rcu, base::Log& log)
      : writer_(writer), rcu_(rcu), log_(log) {}

  /// Outbound SAs that ask for dummies get them from it; borrowed.
  void use(DummyTraffic& dummies) { dummies_ = &dummies; }
  [[nodiscard]] base::Result<void> install_inbound(const policy::SaSpec& spec);
  [[nodiscard]] base::Result<void> switch_outbound(const policy::SaSpec& spec);
  /// An outbound SA that cannot be moved is retired.
  base::Result<void> move(const ike::MoveSa& move);
  [[nodiscard]] std::vector<ike::InboundTraffic> traffic(const std::vector<net::Spi>& spis) const;
  void retire(const ike::RetireSa& retire);
  /// A kPathMtu, as far as it is about an SA of ours.
  void learn_path_mtu(const policy::SaEvent& event, base::MonoTime now);
  /// Forgets what is old. Called now and then.
  void age(base::MonoTime now) { writer_.age_path_mtus(now); }
  [[nodiscard]] base::Result<void> install_policy(const policy::PolicyRule& rule);
  void remove_policy(policy::PolicyId id);
  /// As many SPIs as there are, up to `count`.
  [[nodiscard]] std::vector<net::Spi> allocate_spis(std::uint32_t count);
  void return_spis(const std::vector<net::Spi>& spis) { writer_.return_spis(spis); }

  /// Moves retirement on (design §4.4). @return how much still waits: call again soon
  std::size_t tend() { return writer_.poll() + rcu_.poll(); }

  [[nodiscard]] const ipsec::Writer& writer() const { return writer_; }
  /// Up to `most` rules in the order in which they are looked at, from after `after` on.
  struct PolicyCursor {
    std::uint32_t priority = 0;
    std::uint64_t order = 0;
    friend auto operator<=>(const PolicyCursor&, const PolicyCursor&) = default;
  };
  [[nodiscard]] std::vector<std::pair<PolicyCursor, policy::PolicyRule>> list_policies(
      const std::optional<PolicyCursor>& after, std::size_t most) const;

 private:
  ipsec::Writer& writer_;
  dpdk::RcuDomain& rcu_;
  base::Log& log_;
  DummyTraffic* dummies_ = nullptr;
  std::uint64_t last_order_ = 0;
  std::map<PolicyCursor, policy::PolicyRule> rules_;
  std::map<policy::PolicyId, PolicyCursor> rule_of_;
};

}  // namespace penstock::bridge
