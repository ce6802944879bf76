// SPDX-License-Identifier: BSD-3-Clause
// FuzzGateway: one worker's pipeline with SAs and policies, whose time, randomness and packets
// belong to the fuzzer. Made once a process; begin() and end() give each input the same start.
//
//   10.1.0.0/16 ── lan (inside) ── gateway ── wan (outside) 192.0.2.1/24 ─┬─ .9   10.2.0.0/16
//                                                                        ├─ .10  10.3.0.0/16 …
//                                        bypassed: 198.51.100.0/24  ─────└─ .254 (nobody answers)
//                       203.0.113.0/24 ── VLAN 7 of wan (inside)
//
//   2001:db8:1::/64 ── lan ── gateway ── wan 2001:db8:f::1/64 ─┬─ ::9    2001:db8:2::/48
//                                                              ├─ ::a    2001:db8:3::/48 …
//                              bypassed: 2001:db8:b::/64  ─────└─ ::fe   (nobody answers)
#pragma once

#include <rte_ring.h>

#include <array>
#include <memory>
#include <vector>

#include "dataplane/ipsec_state.h"
#include "dataplane/worker_context.h"
#include "lib/base/random.h"
#include "lib/burst_crypto/engine.h"
#include "lib/dpdk/mempool.h"
#include "lib/dpdk/port.h"
#include "lib/ipsec/writer.h"
#include "tests/fuzz/dataplane/fuzz_frames.h"
#include "tests/fuzz/dataplane/fuzz_peers.h"

namespace penstock::fuzz {

inline constexpr unsigned kPackets = 255;

struct SentFrame {
  unsigned port = 0;
  ByteVector frame;
  friend bool operator==(const SentFrame&, const SentFrame&) = default;
};

/// What an input led to, as far as it must not depend on what was in memory before.
struct Outcome {
  std::vector<SentFrame> sent;
  std::array<std::uint64_t, net::kDropReasons> dropped{};
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

class FuzzGateway {
 public:
  FuzzGateway();

  /// @param fill  what all packets' memory holds before
  void begin(std::uint8_t fill);
  /// Lets everything run out, and holds the gateway to its promises: nothing held, every packet
  /// back, the balance exact, every SA retired.
  [[nodiscard]] Outcome end();

  void put(unsigned port, Bytes frame);  ///< into the next round
  void round();
  void advance(base::Duration time);

  /// IKE of ours to an address, from one of its two ports.
  void inject(const net::IpAddress& destination, bool nat_port, Bytes payload);
  /// At the end nothing is waited for: the worker stops.
  void stop_at_end() { stops_ = true; }

  /// The packet that the peer of SA `index` sends: IV, ICV and all.
  [[nodiscard]] ByteVector seal(unsigned index, ByteVector text, Making making);

  void retire_or_install(std::uint8_t which);  ///< an SA by its number and direction
  void toggle_policy(unsigned index);          ///< any number
  void toggle_larval();  ///< keys the offered SPI with the keys of SA 0, or retires its SA
  void toggle_neighbour();
  void toggle_route();  ///< of a host on the inside link: it leads outside, or not

 private:
  struct RingPort;
  void retire(policy::Direction direction, unsigned index);
  void install(policy::Direction direction, unsigned index);
  void add_ports();
  void add_routes();
  void collect();
  void note(unsigned port, Bytes frame);

  std::unique_ptr<dpdk::PacketPool> pool_;
  std::unique_ptr<dpdk::RcuDomain> rcu_;
  std::unique_ptr<fib::Fib> fib_;
  std::unique_ptr<channel::Wakeup> wakeup_;
  std::unique_ptr<channel::WorkerChannel> channel_;
  std::vector<std::unique_ptr<RingPort>> ports_;
  std::unique_ptr<burst_crypto::SessionFactory> sessions_;
  std::unique_ptr<FuzzPeers> peers_;
  base::SeededRandom random_{1};
  std::unique_ptr<ipsec::Writer> writer_;
  std::unique_ptr<dataplane::IpsecState> ipsec_;
  std::unique_ptr<dataplane::WorkerContext> ctx_;
  std::vector<bool> policy_in_;
  std::vector<bool> inbound_in_;
  std::vector<bool> outbound_in_;
  net::Spi larval_;
  bool larval_keyed_ = false;
  Fed fed_;
  bool stops_ = false;
  bool neighbour_in_ = false;
  bool route_in_ = false;
  std::vector<std::pair<unsigned, ByteVector>> queued_;
  std::uint64_t ticks_ = 0;
  std::uint64_t next_policy_id_ = 1;
  std::vector<std::uint64_t> policy_ids_;
  channel::CounterTotals before_;
  Outcome outcome_;
};

}  // namespace penstock::fuzz
