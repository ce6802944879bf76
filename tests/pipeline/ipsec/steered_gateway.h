// SPDX-License-Identifier: BSD-3-Clause
// A gateway of several workers in threads of their own. Its outside port has a queue for each and a
// NIC's classifier in front (tests/flow_device), which has the rules that the gateway asks for;
// inbound SAs exist for `kSpis` in each way that an SPI comes.
#pragma once

#include <thread>

#include "dataplane/ipsec_state.h"
#include "dataplane/worker.h"
#include "lib/base/random.h"
#include "lib/burst_crypto/session.h"
#include "lib/channel/handoff.h"
#include "lib/ipsec/writer.h"
#include "tests/flow_device/flow_device.h"
#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {

inline constexpr std::uint32_t kFirstSpi = 0x3000;
inline constexpr std::uint32_t kSpis = 40;  ///< of each way

/// How an SPI comes: the kinds of dpdk::kSteeredKinds without a tag, in their order.
enum class Way : std::uint8_t { kEsp4, kEsp6, kUdpEsp4, kUdpEsp6, kAh4, kAh6, kCount };
inline constexpr unsigned kWays = static_cast<unsigned>(Way::kCount);
[[nodiscard]] constexpr std::uint32_t spi_of(Way way, std::uint32_t number) {
  return kFirstSpi + static_cast<std::uint32_t>(way) * 0x100 + number;
}

/// Keeps what is logged at `info` and above.
class KeptLog final : public base::Log {
 public:
  using base::Log::write;
  void write(base::LogLevel level, std::string_view, std::string_view text,
             std::span<const base::LogField>) override {
    if (level >= base::LogLevel::kInfo) lines.append(text).append("\n");
  }
  std::string lines;
};

struct SteeredOptions {
  unsigned workers = 2;
  std::uint16_t queues = 0;  ///< of the outside port; 0: one a worker
  bool steering = true;
  test::FlowDeviceAbility nic{};
};

class SteeredGateway {
 public:
  explicit SteeredGateway(SteeredOptions options);
  ~SteeredGateway();

  /// A frame from the peer with the SPI; what is inside goes to 10.1.0.9.
  [[nodiscard]] static ByteVector frame_of(Way way, std::uint32_t spi, std::uint64_t sequence = 1);
  /// An IP packet of the peer in its frame, perhaps tagged.
  [[nodiscard]] static ByteVector framed(Bytes packet, std::uint16_t vlan = 0);

  void put(Bytes frame) { (void)outside_->put(frame, pool_->get()); }
  /// Runs the workers until everything that came in has an end; then their counters are looked at.
  void run(std::uint64_t packets);

  [[nodiscard]] unsigned owner_of(std::uint32_t spi) const {
    return writer_->owner_of(net::Spi{spi});
  }
  /// The worker that polls the queue by which a frame comes in.
  [[nodiscard]] unsigned worker_of(Bytes frame) const;
  [[nodiscard]] std::vector<channel::CounterTotals> counters() const;
  [[nodiscard]] channel::CounterTotals all() const;
  /// What came out at 10.1.0.9.
  [[nodiscard]] std::size_t delivered() { return inside_->sent().size(); }

  [[nodiscard]] const dpdk::Port& port() const { return *outside_port_; }
  [[nodiscard]] const test::FlowDevice& nic() const { return *outside_; }
  [[nodiscard]] dpdk::RcuDomain& rcu() { return *rcu_; }
  void steer(std::span<const dpdk::SpiRule> rules) { outside_port_->steer(rules, true, log); }
  void close_port() { outside_port_.reset(); }

  KeptLog log;

 private:
  void make_ports(const SteeredOptions& options);
  void make_workers(const SteeredOptions& options);
  void install(Way way, std::uint32_t spi);

  std::unique_ptr<dpdk::PacketPool> pool_;
  std::unique_ptr<dpdk::RcuDomain> rcu_;
  std::unique_ptr<fib::Fib> fib_;
  std::unique_ptr<channel::Wakeup> wakeup_;
  std::unique_ptr<channel::Handoff> handoff_;
  std::unique_ptr<test::FlowDevice> inside_, outside_;
  std::unique_ptr<dpdk::Port> inside_port_, outside_port_;
  base::SeededRandom random_{1};
  std::unique_ptr<burst_crypto::SessionFactory> sessions_;
  std::unique_ptr<ipsec::Writer> writer_;
  std::vector<std::unique_ptr<channel::WorkerChannel>> channels_;
  std::vector<std::unique_ptr<dataplane::IpsecState>> states_;
  std::vector<std::unique_ptr<dataplane::Worker>> workers_;
};

}  // namespace penstock::pipeline
