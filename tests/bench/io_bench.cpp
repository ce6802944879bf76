// SPDX-License-Identifier: BSD-3-Clause
// Source and sink with nothing between: receives on one port and transmits on another for ever, on
// ports opened as penstockd opens them. What a gateway costs beyond it is the gateway's own.
//   bench_io FILE_PREFIX CPU RX_DEVICE TX_DEVICE PACKETS [EAL_ARGUMENT…]
// Its packets are counted by DPDK: /ethdev/stats of its telemetry socket.
#include <fmt/format.h>
#include <rte_ethdev.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdlib>

#include "lib/dpdk/eal.h"
#include "lib/dpdk/port.h"

namespace penstock::dpdk {
namespace {

constexpr std::uint16_t kBurst = 32;
constexpr int kFirstEalArgument = 6;

volatile std::sig_atomic_t stop_asked = 0;

class StderrLog final : public base::Log {
 public:
  void write(base::LogLevel level, std::string_view room, std::string_view text,
             std::span<const base::LogField>) override {
    if (level >= base::LogLevel::kWarning) fmt::print(stderr, "{}: {}\n", room, text);
  }
};

void run(std::uint16_t from, std::uint16_t to) {
  std::array<rte_mbuf*, kBurst> packets;
  while (stop_asked == 0) {
    const std::uint16_t received = rte_eth_rx_burst(from, 0, packets.data(), kBurst);
    if (received == 0) continue;
    const std::uint16_t sent = rte_eth_tx_burst(to, 0, packets.data(), received);
    for (std::uint16_t i = sent; i < received; ++i) rte_pktmbuf_free(packets[i]);
  }
}

base::Result<unsigned> number_of(std::string_view word, std::string_view what) {
  unsigned number = 0;
  if (std::from_chars(word.data(), word.data() + word.size(), number).ec != std::errc{})
    return base::fail(base::ErrorCode::kMalformed, fmt::format("\"{}\" is no {}", word, what));
  return number;
}

base::Result<void> open_and_run(std::span<char*> words) {
  StderrLog log;
  PS_ASSIGN(const unsigned cpu, number_of(words[2], "CPU"));
  PS_ASSIGN(const unsigned packets, number_of(words[5], "number of packets"));
  PS_ASSIGN(const auto eal, Eal::start({.args = {words.begin() + kFirstEalArgument, words.end()},
                                        .file_prefix = words[1],
                                        .control_cpu = cpu,
                                        .workers = {},
                                        .pci_devices = {}},
                                       log));
  PS_ASSIGN(const auto pool, PacketPool::create({.packets = packets}));
  PS_ASSIGN(const auto source, Port::open({.name = "source", .device = words[3]}, pool, log));
  PS_ASSIGN(const auto sink, Port::open({.name = "sink", .device = words[4]}, pool, log));
  fmt::print("running\n");
  std::fflush(stdout);
  run(source.id(), sink.id());
  return {};
}

}  // namespace
}  // namespace penstock::dpdk

int main(int argc, char** argv) {
  if (argc < penstock::dpdk::kFirstEalArgument) {
    fmt::print(stderr, "bench_io FILE_PREFIX CPU RX_DEVICE TX_DEVICE PACKETS [EAL_ARGUMENT…]\n");
    return 2;
  }
  for (const int signal : {SIGTERM, SIGINT})
    std::signal(signal, [](int) { penstock::dpdk::stop_asked = 1; });
  const auto done = penstock::dpdk::open_and_run({argv, static_cast<std::size_t>(argc)});
  if (done) return EXIT_SUCCESS;
  fmt::print(stderr, "bench_io: {}\n", done.error().text);
  return EXIT_FAILURE;
}
