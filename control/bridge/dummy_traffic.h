// SPDX-License-Identifier: BSD-3-Clause
// DummyTraffic: when tunnels get dummies (RFC 4303 §2.6), at random intervals, so that they mask
// the absence of traffic and its rhythm. Workers make them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <queue>
#include <vector>

#include "control/bridge/transmitter.h"
#include "control/io/event_loop.h"
#include "lib/base/random.h"
#include "lib/policy/sa_spec.h"

namespace penstock::ipsec {
class Tables;
}

namespace penstock::bridge {

/// At one awakening; what is due beyond that is sent at the next.
inline constexpr unsigned kDummiesAtOnce = 256;

class DummyTraffic {
 public:
  /// All borrowed; they outlive it.
  struct Parts {
    const ipsec::Tables& tables;
    Transmitter& transmitter;
    io::EventLoop& loop;
    base::RandomSource& random;
  };
  explicit DummyTraffic(const Parts& parts);

  /// From now on for this slot, until it has no outbound SA any more. 0: none.
  void set(policy::ChildSlot slot, std::uint16_t packets_a_second);

 private:
  struct Due {
    base::MonoTime when;
    std::uint32_t slot;
    friend bool operator>(const Due& a, const Due& b) { return a.when > b.when; }
  };
  struct Tunnel {
    std::uint16_t packets_a_second;
    base::MonoTime next;  ///< a Due of another time is of the past
  };

  void plan(std::uint32_t slot, Tunnel& tunnel, base::MonoTime from);
  void send_due();
  void arm(base::MonoTime now);

  Parts parts_;
  std::map<std::uint32_t, Tunnel> tunnels_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::unique_ptr<io::EventLoop::Handle> timer_;
};

}  // namespace penstock::bridge
