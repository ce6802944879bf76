// SPDX-License-Identifier: BSD-3-Clause
// Port: an Ethernet device, opened by its PCI address or vdev string. It is asked what it can do;
// what it cannot is done in software, which is said in one log line.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "lib/base/log.h"
#include "lib/base/result.h"
#include "lib/dpdk/mempool.h"
#include "lib/dpdk/steering.h"

namespace penstock::dpdk {

struct PortOptions {
  std::string name;    ///< for messages: "wan"
  std::string device;  ///< 0000:3b:00.0 or net_af_packet0,iface=v0
  std::uint16_t mtu = 1500;
  std::uint16_t rx_queues = 1;
  std::uint16_t tx_queues = 1;  ///< at least the number of workers: each has its own
  std::uint16_t descriptors = 1024;
  bool promiscuous = false;
};

/// How packets come to several receive queues where no rule steers them.
enum class Spread : std::uint8_t { kOneQueue, kRssSpi, kRssPorts, kRssAddresses, kDriver };
struct SpreadText {
  const char* name;  ///< as `show ports` has it
  const char* text;  ///< for the log
};
inline constexpr std::array<SpreadText, 5> kSpreadTexts{{
    {"one_queue", "one receive queue"},
    {"rss_spi", "RSS on addresses, ports and the SPI of ESP or AH"},
    {"rss_ports", "RSS on addresses and ports"},
    {"rss_addresses", "RSS on addresses"},
    {"driver", "the driver's own way over the queues"},
}};

/// What the device can do and what of it is in use.
struct PortCapabilities {
  std::uint16_t max_rx_queues = 0;
  std::uint16_t max_tx_queues = 0;
  int socket = -1;           ///< NUMA node; -1: none
  bool rx_checksum = false;  ///< tells of wrong IPv4 header checksums
  bool tx_checksum = false;
  bool rss = false;
  bool rte_flow = false;
  Spread spread = Spread::kOneQueue;
};

struct PortStats {
  std::uint64_t rx_packets = 0;
  std::uint64_t tx_packets = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_bytes = 0;
  std::uint64_t rx_missed = 0;  ///< the device had no descriptor free
  std::uint64_t rx_errors = 0;
  std::uint64_t tx_errors = 0;
  std::uint64_t rx_no_mbuf = 0;
};

struct LinkState {
  bool up = false;
  std::uint32_t speed_mbps = 0;  ///< 0: not known
};

/// Open and started; closed when it goes.
class Port {
 public:
  /// @return kNotFound (no such device), kLimit (too few queues), kUnsupported (MTU), kPermission,
  /// kSystem; the text names the port and says what to do
  [[nodiscard]] static base::Result<Port> open(const PortOptions& options, const PacketPool& pool,
                                               base::Log& log);
  Port(Port&& other) noexcept;
  Port& operator=(Port&&) = delete;
  ~Port();

  [[nodiscard]] std::uint16_t id() const { return id_; }  ///< DPDK's port number
  [[nodiscard]] const std::string& name() const { return options_.name; }
  [[nodiscard]] const PortOptions& options() const { return options_; }
  [[nodiscard]] const PortCapabilities& capabilities() const { return capabilities_; }
  [[nodiscard]] const std::array<std::uint8_t, 6>& mac() const { return mac_; }
  /// Steers by SPI as far as the driver can, and says in the log what comes of it. Rules of before
  /// go. Of one port by one thread.
  void steer(std::span<const SpiRule> rules, bool tagged, base::Log& log);
  [[nodiscard]] const Steering& steering() const { return steering_; }
  [[nodiscard]] LinkState link() const;  ///< asks the driver, does not wait
  [[nodiscard]] PortStats stats() const;

 private:
  explicit Port(PortOptions options) : options_(std::move(options)) {}
  base::Result<void> find(base::Log& log);
  base::Result<void> ask();
  base::Result<void> configure(base::Log& log);
  int configure_queues();
  base::Result<void> start(const PacketPool& pool);

  static constexpr std::uint16_t kNone = 0xffff;
  PortOptions options_;
  PortCapabilities capabilities_;
  std::array<std::uint8_t, 6> mac_{};
  Steering steering_;
  std::uint16_t id_ = kNone;
};

}  // namespace penstock::dpdk
