// SPDX-License-Identifier: BSD-3-Clause
// A port for tests with several receive queues and rte_flow: rings that DPDK polls as net_ring, and
// in front of them a NIC's classifier. Debian ships no headers for drivers, so DPDK's rte_flow
// functions are defined anew and answer for these ports alone. It checks the rules that it is
// given, keeps them, and brings each frame by them to a queue; what none matches is spread by RSS
// (Toeplitz) on what it was configured for.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/bytes.h"

namespace penstock::test {

/// What it can; by default everything that is asked of it.
struct FlowDeviceAbility {
  bool rte_flow = true;
  bool esp = true, esp_in_udp = true, ah = true, tags = true;  ///< items that it knows
  bool spi_bits = true;     ///< else only a whole SPI can be matched
  bool conditions = true;   ///< takes a mask in IP and UDP items
  unsigned room = 100'000;  ///< rules
  /// The first fragment's transport header is looked at, as if it were a whole packet.
  bool looks_into_fragments = true;
  std::uint64_t rss = ~std::uint64_t{0};  ///< types that it names
  std::uint64_t rss_refused = 0;          ///< types of these that it refuses to be configured with
};

class FlowDevice {
 public:
  FlowDevice(const std::string& name, std::uint16_t queues, FlowDeviceAbility ability = {});
  ~FlowDevice();
  FlowDevice(const FlowDevice&) = delete;
  FlowDevice& operator=(const FlowDevice&) = delete;

  /// As Port::open() wants it.
  [[nodiscard]] std::string device() const;

  /// The receive queue that a rule brings a frame to.
  [[nodiscard]] std::optional<unsigned> steered(base::Bytes frame) const;
  /// The receive queue that a frame comes in by.
  [[nodiscard]] unsigned queue_of(base::Bytes frame) const;
  /// Brings a frame in. @return the queue
  unsigned put(base::Bytes frame, rte_mempool* pool);
  /// What was transmitted by all queues since the last call.
  [[nodiscard]] std::vector<base::ByteVector> sent();

  [[nodiscard]] std::size_t rules() const;
  [[nodiscard]] std::uint64_t rss() const;  ///< types that it was configured with

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace penstock::test
