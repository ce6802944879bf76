// SPDX-License-Identifier: BSD-3-Clause
// bench_ike: what a tunnel costs the control plane, end by end. Prints a line of JSON for each
// method.
//
//   bench_ike [--tunnels N] [--flight N] [--end hub|spokes] [METHOD...]
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "tests/bench/ike/ike_bare.h"
#include "tests/bench/ike/ike_pair.h"

namespace penstock::bench {
namespace {

using session::AuthMethod;

constexpr std::array kMethods{
    Method{"psk-x25519", "psk", "x25519", nullptr, AuthMethod::kPsk, false, false},
    Method{"psk-x25519-secrets", "psk", "x25519", nullptr, AuthMethod::kPsk, false, true},
    Method{"psk-ecp256", "psk", "ecp256", nullptr, AuthMethod::kPsk, false, false},
    Method{"v1-psk-ecp256", "psk", "ecp256", nullptr, AuthMethod::kPsk, false, false,
           session::IkeVersion::kIkev1},
    Method{"psk-modp2048", "psk", "modp2048", nullptr, AuthMethod::kPsk, false, false},
    Method{"rsa2048-x25519", "rsa2048", "x25519", "RSA-2048", AuthMethod::kPubkey, false, false},
    Method{"ecdsa256-x25519", "ecdsa256", "x25519", "P-256", AuthMethod::kPubkey, false, false},
    Method{"ecdsa256-x25519-new", "ecdsa256", "x25519", "P-256", AuthMethod::kPubkey, true, false},
};
/// Not counted: algorithms are fetched and keys are parsed in them.
constexpr std::size_t kWarmUp = 32;

struct Arguments {
  std::size_t tunnels = 2000;
  std::size_t flight = 64;
  std::vector<std::string_view> methods;
};

[[noreturn]] void usage(std::string_view why) {
  fmt::print(stderr, "bench_ike: {}\nusage: bench_ike [--tunnels N] [--flight N] [METHOD...]\n",
             why);
  for (const Method& m : kMethods) fmt::print(stderr, "  {}\n", m.name);
  std::exit(2);
}

std::size_t number(std::string_view text) {
  std::size_t value = 0;
  const auto end = text.data() + text.size();
  if (std::from_chars(text.data(), end, value).ptr != end || value == 0)
    usage(fmt::format("\"{}\" is no number", text));
  return value;
}

Arguments read(int argc, char** argv) {
  Arguments a;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool last = i + 1 == argc;
    if (word == "--tunnels" && !last) {
      a.tunnels = number(argv[++i]);
    } else if (word == "--flight" && !last) {
      a.flight = number(argv[++i]);
    } else if (word.starts_with("-")) {
      usage(fmt::format("what is {}?", word));
    } else {
      a.methods.push_back(word);
    }
  }
  return a;
}

std::int64_t resident_octets() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t all = 0;
  std::int64_t resident = 0;
  statm >> all >> resident;
  return resident * 4096;
}

/// An object of JSON, member by member.
class Line {
 public:
  Line() { fmt::print("{{"); }
  ~Line() {
    fmt::print("}}\n");
    std::fflush(stdout);
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  void text(std::string_view name, std::string_view value) {
    begin(name);
    fmt::print("\"{}\"", value);
  }
  void figure(std::string_view name, double value) {
    begin(name);
    fmt::print("{:.1f}", value);
  }
  void count(std::string_view name, std::size_t value) {
    begin(name);
    fmt::print("{}", value);
  }

 private:
  void begin(std::string_view name) {
    fmt::print("{}\"{}\": ", first_ ? "" : ", ", name);
    first_ = false;
  }
  bool first_ = true;
};

bool bring_up(IkePair& pair, const Method& method, std::size_t count, std::size_t flight) {
  if (pair.bring_up(count, flight)) return true;
  fmt::print(stderr, "bench_ike: {}: the hub says \"{}\", the spokes say \"{}\"\n", method.name,
             pair.hub().last_report, pair.spokes().last_report);
  return false;
}

int measure(const Method& method, const Arguments& arguments) {
  IkePair pair(method, arguments.tunnels + kWarmUp);
  if (!bring_up(pair, method, kWarmUp, 1)) return 1;
  const Spent hub = pair.hub().spent;
  const Spent spokes = pair.spokes().spent;
  const std::int64_t resident = resident_octets();
  const base::MonoTime start = pair.time();
  if (!bring_up(pair, method, arguments.tunnels, arguments.flight)) return 1;
  const std::int64_t grown = resident_octets() - resident;
  const auto n = static_cast<double>(arguments.tunnels);
  const auto each_us = [n](const Spent& now, const Spent& before) {
    return static_cast<double>(now.cpu_ns - before.cpu_ns) / 1e3 / n;
  };
  const auto each_octets = [n](const Spent& now, const Spent& before) {
    return static_cast<double>(now.heap_octets - before.heap_octets) / n;
  };
  const double responder = each_us(pair.hub().spent, hub);
  Line line;
  line.text("method", method.name);
  line.text("auth", method.auth);
  line.text("group", method.group);
  line.count("tunnels", arguments.tunnels);
  line.count("flight", arguments.flight);
  line.figure("setups_per_second", 1e6 / responder);
  line.figure("milliseconds",
              std::chrono::duration<double, std::milli>(pair.time() - start).count());
  line.figure("cpu_us_initiator", each_us(pair.spokes().spent, spokes));
  line.figure("cpu_us_responder", responder);
  line.figure("bare_crypto_us", bare_exchange_us(std::string(method.group)) +
                                    (method.key != nullptr ? bare_proof_us(method.key) : 0));
  line.figure("bytes_per_tunnel_initiator", each_octets(pair.spokes().spent, spokes));
  line.figure("bytes_per_tunnel", each_octets(pair.hub().spent, hub));
  line.figure("resident_bytes_per_end", static_cast<double>(grown) / n / 2);
  line.figure("datagrams_responder", static_cast<double>(pair.hub().datagrams) / (n + kWarmUp));
  return 0;
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) {
  using namespace penstock::bench;
  Arguments arguments = read(argc, argv);
  if (arguments.methods.empty())
    for (const Method& m : kMethods) arguments.methods.push_back(m.name);
  int failed = 0;
  for (const std::string_view name : arguments.methods) {
    const auto* method = std::ranges::find(kMethods, name, &Method::name);
    if (method == kMethods.end()) usage(fmt::format("no method \"{}\"", name));
    failed += measure(*method, arguments);
  }
  return failed == 0 ? 0 : 1;
}
