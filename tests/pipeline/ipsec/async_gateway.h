// SPDX-License-Identifier: BSD-3-Clause
// An IpsecGateway on the test device, an asynchronous engine: what the tests of it share. The
// device looks at every address, and at sessions that are freed too early.
#pragma once

#include <gmock/gmock.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/worker.h"
#include "lib/base/log.h"
#include "tests/crypto_device/crypto_device.h"
#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {

using burst_crypto::CipherDirection;
using net::DropReason;
using test::crypto_device;
using test::crypto_device_report;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

inline constexpr auto kCrypto = static_cast<std::size_t>(channel::Held::kCrypto);
inline const std::vector<std::string> kOne{"crypto_test0"};
inline const std::vector<std::string> kTwo{"crypto_test0", "crypto_test1"};

struct Lines final : base::Log {
  std::vector<std::string> lines;
  using base::Log::write;
  void write(base::LogLevel, std::string_view, std::string_view text,
             std::span<const base::LogField>) override {
    lines.emplace_back(text);
  }
};

/// Nothing to complain about from before the gateway to behind it.
struct Watched {
  explicit Watched(bool hardware) {
    test::reset_crypto_devices();
    crypto_device(0).hardware = hardware;
  }
  ~Watched() {
    for (unsigned device = 0; device < kTwo.size(); ++device)
      EXPECT_THAT(crypto_device_report(device).complaints, IsEmpty());
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
};

inline ipsec::WriterLimits limits_of(unsigned workers) {
  ipsec::WriterLimits limits = IpsecGateway::small_limits();
  limits.workers = workers;
  return limits;
}

struct AsyncOptions {
  std::vector<std::string> devices = kOne;
  unsigned workers = 1;  ///< of which the gateway runs the first
  bool hardware = true;
};

struct Async : testing::Test {
  explicit Async(const AsyncOptions& options = {})
      : watched(options.hardware),
        g(limits_of(options.workers), 1500, IpsecGateway::inside_port(),
          {.name = "cryptodev", .workers = options.workers, .devices = options.devices}) {}
  ~Async() override {
    for (unsigned device = 0; device < kTwo.size(); ++device) crypto_device(device).stuck = false;
    drain();
  }

  [[nodiscard]] std::uint64_t held() const { return g.gateway.totals().held[kCrypto]; }
  void drain() {
    for (unsigned i = 0; i < 1000 && held() != 0; ++i) g.gateway.step();
    EXPECT_EQ(held(), 0U);
    EXPECT_EQ(g.gateway.totals().imbalance(), 0);
  }
  void put_outbound(unsigned count, unsigned first = 0) {
    for (unsigned i = 0; i < count; ++i) g.gateway.put(0, outbound_packet(first + i));
  }
  void put_inbound(unsigned count, std::uint64_t first = 1) {
    for (unsigned i = 0; i < count; ++i)
      g.gateway.put(1, peer_seal(inbound_packet(i), {.sequence = first + i}));
  }
  void expect_sealed(unsigned count, unsigned first = 0) {
    const auto out = g.gateway.sent(1);
    ASSERT_THAT(out, SizeIs(count));
    for (unsigned i = 0; i < count; ++i)
      EXPECT_EQ(inner_of(base::to_vector(packet_of(out[i]))),
                forwarded(outbound_packet(first + i)));
  }
  void expect_opened(unsigned count) {
    const auto out = g.gateway.sent(0);
    ASSERT_THAT(out, SizeIs(count));
    for (unsigned i = 0; i < count; ++i)
      EXPECT_EQ(base::to_vector(packet_of(out[i])), forwarded(inbound_packet(i)));
  }
  /// The queue pair's time is over at the next poll.
  static void outwait() { std::this_thread::sleep_for(std::chrono::milliseconds(1050)); }
  /// A round of the house.
  void supervise_once() {
    g.sessions->supervise(g.gateway.rcu(), log);
    g.gateway.step();
  }
  void supervise() {
    for (int i = 0; i < 3; ++i) supervise_once();
  }
  /// All that a worker can have under way.
  void put_full_load() {
    for (unsigned sent = 0; sent < 1100; sent += 50) {
      put_outbound(50);
      g.gateway.step();
    }
    EXPECT_EQ(held(), 1024U);
  }
  /// A packet and a job of the outbound SA, for an engine of a test's own.
  [[nodiscard]] rte_mbuf* job_packet() {
    rte_mbuf* packet = rte_pktmbuf_alloc(g.gateway.pool().get());
    rte_pktmbuf_append(packet, 200);
    return packet;
  }
  [[nodiscard]] burst_crypto::Job job_of(rte_mbuf* packet) const {
    burst_crypto::Job job;
    job.session = &g.state->tables->outbound_of(kSlot)->session;
    job.packet = packet;
    job.esp = rte_pktmbuf_mtod_offset(packet, std::uint8_t*, 28);
    job.cipher_octets = 64;
    return job;
  }
  void retire_both() {
    ASSERT_TRUE(g.writer->retire({policy::Direction::kInbound, net::Spi{kSpiIn}, {}}));
    ASSERT_TRUE(g.writer->retire({policy::Direction::kOutbound, net::Spi{kSpiOut},
                                  net::IpAddress::parse("192.0.2.9").value()}));
  }

  Watched watched;
  IpsecGateway g;
  Lines log;
};

/// A worker of its own takes the gateway's place, and is stopped before its first round.
inline void run_and_stop(IpsecGateway& g) {
  const auto rcu = dpdk::RcuDomain::create(1).value();
  dataplane::WorkerOptions options;
  dataplane::Worker worker(std::move(options), g.gateway.pool(), g.gateway.fib(), g.state.get(),
                           g.gateway.channel(), *rcu);
  worker.stop();
  worker.run();
}

}  // namespace penstock::pipeline
