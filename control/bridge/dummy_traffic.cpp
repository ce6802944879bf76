// SPDX-License-Identifier: BSD-3-Clause
// A heap of times, one a tunnel, and a timer for the first. A dummy that finds its ring full is
// not sent later: it would tell nobody anything.
#include "control/bridge/dummy_traffic.h"

#include <algorithm>

#include "control/io/clock.h"
#include "lib/ipsec/tables.h"

namespace penstock::bridge {
namespace {

/// What is due within it goes together.
constexpr base::Duration kGrain = base::milliseconds{1};
/// What a loop that was held up owes beyond that is forgotten, not sent in one burst.
constexpr base::Duration kLongestDebt = base::milliseconds{100};
constexpr std::uint64_t kDraws = 1U << 16U;

}  // namespace

DummyTraffic::DummyTraffic(const Parts& parts)
    : parts_(parts), timer_(parts.loop.make_timer([this] { send_due(); })) {}

void DummyTraffic::set(policy::ChildSlot slot, std::uint16_t packets_a_second) {
  if (packets_a_second == 0) {
    tunnels_.erase(slot.value());
    return;
  }
  const auto [at, added] = tunnels_.try_emplace(slot.value());
  at->second.packets_a_second = packets_a_second;
  if (!added) return;  // rekeyed
  const base::MonoTime now = io::monotonic_now();
  plan(slot.value(), at->second, now);
  arm(now);
}

/// Evenly between at once and twice the mean interval.
void DummyTraffic::plan(std::uint32_t slot, Tunnel& tunnel, base::MonoTime from) {
  const auto twice = static_cast<std::uint64_t>(base::Duration{base::seconds{2}}.count()) /
                     tunnel.packets_a_second;
  const auto pause = static_cast<base::Duration::rep>(parts_.random.below(twice) + 1);
  tunnel.next = from + base::Duration{pause};
  due_.push({tunnel.next, slot});
}

void DummyTraffic::send_due() {
  const base::MonoTime now = io::monotonic_now();
  for (unsigned sent = 0; sent < kDummiesAtOnce && !due_.empty() && due_.top().when <= now;) {
    const Due due = due_.top();
    due_.pop();
    const auto at = tunnels_.find(due.slot);
    if (at == tunnels_.end() || at->second.next != due.when) continue;
    if (parts_.tables.outbound_of(due.slot) == nullptr) {
      tunnels_.erase(at);
      continue;
    }
    const auto draw = static_cast<std::uint16_t>(parts_.random.below(kDraws));
    (void)parts_.transmitter.send_dummy(policy::ChildSlot{due.slot}, draw);
    ++sent;
    plan(due.slot, at->second, std::max(due.when, now - kLongestDebt));
  }
  arm(now);
}

void DummyTraffic::arm(base::MonoTime now) {
  if (due_.empty()) return parts_.loop.clear_timer(*timer_);
  parts_.loop.set_timer(*timer_, std::max(due_.top().when, now + kGrain));
}

}  // namespace penstock::bridge
