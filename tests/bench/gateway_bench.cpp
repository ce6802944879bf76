// SPDX-License-Identifier: BSD-3-Clause
// A gateway with its source and sink in one process, which does what it reads from standard input,
// a line each, and answers with a line of JSON:
//   bench_gateway FILE_PREFIX CONTROL_CPU WORKER_CPUS out|in OCTETS SAS steered|spread poll|sleep
//   run SECONDS               as many packets as the workers take
//   io SECONDS                the source and the sink alone, on the control CPU
//   check PACKETS             a queue; what left is opened (or was opened) and looked at:
//   receiver.h pace PACKETS_A_SECOND SECONDS DESCRIPTORS   delays from the time a packet was due
//   lone SECONDS              a packet every 100 microseconds, so always alone
//   noise PACKETS_A_SECOND SECONDS   the same delays of source and sink alone, on the control CPU
// WORKER_CPUS as 0,1. The control thread sleeps meanwhile.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rte_cycles.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <thread>

#include "tests/bench/bench_gateway.h"
#include "tests/bench/receiver.h"

namespace penstock::bench {
namespace {

constexpr std::uint16_t kBurst = 64;
constexpr unsigned kRounds = 256;  // between two looks at the clock
constexpr double kSettle = 0.05;
constexpr double kLoneInterval = 100e-6;
constexpr std::uint64_t kNoiseQueue = 1024;  // descriptors
constexpr std::size_t kMostDelays = 1'500'000;

void sleep_for(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

double ticks(double seconds) { return seconds * static_cast<double>(rte_get_tsc_hz()); }

/// Packets a second of CPU time of each worker, all together: what others on the machine took, and
/// the sleep of a worker without packets, do not count.
std::string run(BenchGateway& gateway, double seconds) {
  gateway.open(Gate::kOpen);
  sleep_for(kSettle);
  const Progress before = gateway.look();
  sleep_for(seconds);
  const Progress after = gateway.look();
  const bool drained = gateway.drain();
  double rate = 0;
  std::vector<std::uint64_t> packets;
  for (std::size_t w = 0; w < after.workers.size(); ++w) {
    packets.push_back(after.workers[w].packets - before.workers[w].packets);
    const double spent = after.workers[w].cpu_seconds - before.workers[w].cpu_seconds;
    if (packets.back() != 0 && spent > 0) rate += static_cast<double>(packets.back()) / spent;
  }
  return fmt::format(
      R"({{"packets": [{}], "rate": {:.0f}, "dropped": {}, "handed_over": {}, "drained": {}}})",
      fmt::join(packets, ", "), rate, after.dropped - before.dropped,
      after.handed_over - before.handed_over, drained);
}

/// A source like the gateway's, and a sink; between them is nothing.
struct Bare {
  explicit Bare(BenchGateway& gateway) {
    const SourceQueue& from = gateway.source_port().source(0);
    source.pool = from.pool;
    source.frames = from.frames;
    source.serials.resize(from.frames.size());
    source.serial_at = from.serial_at;
  }
  /// For so many seconds of `clock`. @return how many they were
  double run(clockid_t clock, double seconds) {
    const auto read = [&] {
      timespec now{};
      clock_gettime(clock, &now);
      return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
    };
    std::array<rte_mbuf*, kBurst> packets;
    const double begin = read();
    double now = begin;
    while (now < begin + seconds) {
      for (unsigned i = 0; i < kRounds; ++i)
        if (const auto n = source.receive(packets.data(), kBurst); n != 0)
          sink.transmit(packets.data(), n);
      now = read();
    }
    return now - begin;
  }
  SourceQueue source;
  SinkQueue sink;
};

std::string io(BenchGateway& gateway, double seconds) {
  Bare bare(gateway);
  bare.source.gate.store(Gate::kOpen);
  const double took = bare.run(CLOCK_THREAD_CPUTIME_ID, seconds);
  return fmt::format(R"({{"rate": {:.0f}}})", static_cast<double>(bare.sink.taken.load()) / took);
}

std::string check(BenchGateway& gateway, std::uint64_t packets) {
  const bool outbound = gateway.options().outbound;
  if (!outbound) {
    const std::uint64_t each = packets * gateway.workers() / gateway.options().sas;
    gateway.load_sealed(2, 1 + each);
  }
  std::atomic<std::uint64_t> order{0};
  std::vector<std::vector<SinkQueue::Kept>> kept(gateway.workers());
  const Progress before = gateway.look();
  for (unsigned q = 0; q < gateway.workers(); ++q) {
    SourceQueue& source = gateway.source_port().source(q);
    source.budget.store(source.given.load() + (outbound ? packets : source.frames.size()));
    kept[q].reserve(2 * packets);
    gateway.sink_port().sink(q).next_order = &order;
    gateway.sink_port().sink(q).kept = &kept[q];
  }
  gateway.open(Gate::kOpen);
  const auto done = [&] {
    for (unsigned q = 0; q < gateway.workers(); ++q) {
      const SourceQueue& source = gateway.source_port().source(q);
      if (source.given.load() < source.budget.load() && !source.frames.empty()) return false;
    }
    return true;
  };
  for (unsigned i = 0; i < 10'000 && !done(); ++i) sleep_for(1e-3);
  const bool drained = gateway.drain();
  std::vector<SinkQueue::Kept> all;
  for (unsigned q = 0; q < gateway.workers(); ++q) {
    gateway.source_port().source(q).budget.store(~std::uint64_t{0});
    gateway.sink_port().sink(q).kept = nullptr;
    std::ranges::move(kept[q], std::back_inserter(all));
  }
  std::ranges::sort(all, {}, &SinkQueue::Kept::order);
  const Progress after = gateway.look();
  Receiver receiver(outbound);
  for (const SinkQueue::Kept& one : all) receiver.take(one.frame);
  return fmt::format(R"({{"given": {}, "dropped": {}, "handed_over": {}, "drained": {}, {}}})",
                     after.given - before.given, after.dropped - before.dropped,
                     after.handed_over - before.handed_over, drained, receiver.verdict());
}

/// Delays of worker 0's packets, in ticks and in their order of size.
std::vector<std::uint32_t> delays_of(BenchGateway& gateway, double interval, double seconds,
                                     std::uint64_t descriptors) {
  SourceQueue& source = gateway.source_port().source(0);
  SinkQueue& sink = gateway.sink_port().sink(0);
  std::vector<std::uint32_t> delays;
  delays.reserve(kMostDelays);
  source.pace(interval, descriptors);
  sleep_for(kSettle);
  const std::uint64_t lost = source.lost.load();
  sink.delays.store(&delays);
  sleep_for(seconds);
  sink.delays.store(nullptr);
  const std::uint64_t after = source.lost.load();
  static_cast<void>(gateway.drain());  // and nobody writes into `delays` any more
  source.lost.store(after - lost);
  std::ranges::sort(delays);
  return delays;
}

std::string told(const SourceQueue& source, const std::vector<std::uint32_t>& delays) {
  if (delays.empty()) return R"({"packets": 0})";
  const double us = 1e6 / static_cast<double>(rte_get_tsc_hz());
  const auto at = [&](double part) {
    const auto place = static_cast<std::size_t>(part * static_cast<double>(delays.size()));
    return static_cast<double>(delays[std::min(place, delays.size() - 1)]) * us;
  };
  return fmt::format(
      R"({{"packets": {}, "lost": {}, "gaps": {}, "gap_us": {:.0f}, "p50_us": {:.3f}, )"
      R"("p99_us": {:.3f}, "p999_us": {:.3f}, "most_us": {:.3f}}})",
      delays.size(), source.lost.load(), source.gaps.load(),
      static_cast<double>(source.gap_ticks.load()) * us, at(0.5), at(0.99), at(0.999), at(1));
}

/// What the machine adds by itself: the same without a gateway.
std::string noise(BenchGateway& gateway, double interval, double seconds) {
  Bare bare(gateway);
  std::vector<std::uint32_t> delays;
  delays.reserve(kMostDelays);
  bare.sink.delays.store(&delays);
  bare.source.pace(interval, kNoiseQueue);
  bare.run(CLOCK_MONOTONIC, seconds);
  std::ranges::sort(delays);
  return told(bare.source, delays);
}

std::string answer(BenchGateway& gateway, const std::string& line) {
  std::istringstream words(line);
  std::string what;
  double number = 0, seconds = 0;
  std::uint64_t descriptors = 0;
  words >> what >> number >> seconds >> descriptors;
  if (what == "run") return run(gateway, number);
  if (what == "io") return io(gateway, number);
  if (what == "check") return check(gateway, static_cast<std::uint64_t>(number));
  const SourceQueue& source = gateway.source_port().source(0);
  if (what == "pace")
    return told(source, delays_of(gateway, ticks(1 / number), seconds, descriptors));
  if (what == "lone") return told(source, delays_of(gateway, ticks(kLoneInterval), number, 1));
  if (what == "noise") return noise(gateway, ticks(1 / number), seconds);
  return fmt::format(R"({{"error": "what is {}?"}})", what);
}

std::vector<unsigned> numbers(std::string_view text) {
  std::vector<unsigned> out;
  for (const char* at = text.data(); at < text.data() + text.size();) {
    unsigned number = 0;
    const auto read = std::from_chars(at, text.data() + text.size(), number);
    if (read.ec != std::errc{}) return {};
    out.push_back(number);
    at = read.ptr + 1;
  }
  return out;
}

int serve(std::span<char*> words) {
  GatewayOptions options;
  options.file_prefix = words[1];
  options.control_cpu = numbers(words[2]).at(0);
  options.cpus = numbers(words[3]);
  options.outbound = std::string_view(words[4]) == "out";
  options.octets = numbers(words[5]).at(0);
  options.sas = numbers(words[6]).at(0);
  options.arrival = std::string_view(words[7]) == "spread" ? Arrival::kSpread : Arrival::kSteered;
  options.sleeps = std::string_view(words[8]) == "sleep";
  options.replay_window = words.size() > 9 ? numbers(words[9]).at(0) : 0;
  options.megabytes = 128 + options.sas * 12 / 1024;
  auto gateway = BenchGateway::start(options);
  if (!gateway) {
    fmt::print(stderr, "bench_gateway: {}\n", gateway.error().text);
    return EXIT_FAILURE;
  }
  fmt::print(R"({{"tsc_hz": {}}})"
             "\n",
             rte_get_tsc_hz());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    fmt::print("{}\n", answer(**gateway, line));
    std::fflush(stdout);
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  if (argc >= 9) return penstock::bench::serve({argv, static_cast<std::size_t>(argc)});
  fmt::print(stderr,
             "bench_gateway FILE_PREFIX CONTROL_CPU WORKER_CPUS out|in OCTETS SAS steered|spread "
             "poll|sleep [REPLAY_WINDOW]\n");
  return 2;
}
