// SPDX-License-Identifier: BSD-3-Clause
// Scenarios: a storm in which commands, expiries, acquires and power cuts meet loss, repetition,
// corruption, reordering and delay; a calm in which both ends must come to agree; an end.
#include "tests/sim/scenario.h"

#include <fmt/format.h>

#include <array>
#include <stdexcept>

#include "tests/sim/world.h"

namespace penstock::sim {
namespace {

using base::milliseconds;
using base::seconds;
using ike::Command;

/// What the seed decides about the configuration of both ends.
struct Plan {
  std::size_t children = 1;
  bool pfs = false;
  bool encap = false;
  bool trap = false;
  bool b_starts = false;
  bool timed_rekeys = false;
  bool transport = false;
  bool ah = false;
  std::string proposal;
};

Plan draw_plan(World& w) {
  Plan p;
  p.children = 1 + w.draw(2);
  p.pfs = w.draw(2) == 0;
  p.encap = w.draw(4) == 0;
  p.trap = w.draw(3) == 0;
  p.b_starts = w.draw(4) == 0;
  p.timed_rekeys = w.draw(4) == 0;
  constexpr std::array<std::string_view, 4> kCiphers{"aes128gcm16", "aes256-sha256",
                                                     "chacha20poly1305", "aes256gcm16"};
  p.transport = w.draw(4) == 0;
  p.ah = !p.encap && w.draw(4) == 0;
  p.proposal = (p.ah ? "sha256" : std::string(kCiphers.at(w.draw(kCiphers.size())))) +
               (p.pfs ? "-x25519" : "") + (w.draw(2) == 0 ? "-esn" : "-noesn");
  return p;
}

ike::ConfigChange configuration(const Plan& p, bool is_a) {
  ike::ConfigChange change;
  session::ConnectionConfig c = connection("ab", is_a);
  c.encap = p.encap && is_a;
  c.dpd_delay = seconds{20};
  c.dpd_action = session::EndAction::kRestart;
  if (p.timed_rekeys) {
    c.rekey_time = seconds{is_a ? 90 : 100};
    c.over_time = seconds{60};
    c.rand_time = seconds{20};
  }
  for (std::size_t i = 0; i < p.children; ++i) {
    session::ChildConfig k = child(fmt::format("net{}", i), is_a, static_cast<int>(i));
    const auto protocol = p.ah ? crypto::ProtocolId::kAh : crypto::ProtocolId::kEsp;
    k.esp_proposals.clear();
    crypto::Proposals& proposals = p.ah ? k.ah_proposals : k.esp_proposals;
    proposals = {*crypto::parse_proposal(protocol, p.proposal)};
    if (p.transport) {
      k.mode = session::ChildMode::kTransport;
      const auto own = [&](bool of_a) {
        return *policy::TrafficSelector::parse(
            fmt::format("192.0.2.{}[udp/{}]", of_a ? 1 : 2, 4000 + i));
      };
      k.local_ts = {own(is_a)};
      k.remote_ts = {own(!is_a)};
    }
    if (is_a && p.trap) {
      k.start_action = session::StartAction::kTrap;
    } else if (is_a || p.b_starts) {
      k.start_action = session::StartAction::kStart;
    }
    if (p.timed_rekeys) {
      k.rekey_time = seconds{is_a ? 40 : 45};
      k.life_time = seconds{70};
      k.rand_time = seconds{10};
    }
    c.children.push_back(std::move(k));
  }
  change.connections.push_back(std::move(c));
  change.secrets.push_back(secret());
  return change;
}

void raise_acquire(World& w, Node& node) {
  if (!node.is_on()) return;
  for (const auto& [id, rule] : node.plane().policies) {
    if (rule.priority != policy::kPriorityTrap || w.draw(2) == 0) continue;
    policy::SaEvent event;
    event.kind = policy::SaEventKind::kAcquire;
    event.slot = rule.slot;
    const policy::TrafficSelector& from = rule.local_ts.front();
    const policy::TrafficSelector& to = rule.remote_ts.front();
    const auto port = [](const policy::TrafficSelector& s, std::uint16_t any) {
      return s.any_port() ? any : s.first_port;
    };
    event.packet = {from.first, to.last, 17, port(from, 1000), port(to, 2000), true};
    return node.input([&](ike::Engine& e, base::Now t) { e.sa_event(t, event); });
  }
}

void raise_expiry(World& w, Node& node, policy::SaEventKind kind) {
  if (!node.is_on() || node.plane().inbound.empty()) return;
  auto it = node.plane().inbound.begin();
  std::advance(it, static_cast<std::ptrdiff_t>(w.draw(node.plane().inbound.size())));
  policy::SaEvent event;
  event.kind = kind;
  event.slot = it->second.slot;
  event.spi = it->first;
  node.input([&](ike::Engine& e, base::Now t) { e.sa_event(t, event); });
}

void power_cut(World& w, int index) {
  if (!w.node(index).is_on()) return;
  w.node(index).power_off();
  w.at(milliseconds{100 + static_cast<long>(w.draw(20'000))}, [&w, index] {
    if (!w.node(index).is_on()) w.node(index).boot();
  });
}

/// One thing that happens, at either end or at both at once.
void incident(World& w, const Plan& plan) {
  const int index = static_cast<int>(w.draw(2));
  Node& node = w.node(index);
  Node& other = w.node(1 - index);
  const std::string some_child = fmt::format("net{}", w.draw(plan.children));
  const auto command = [&](Node& n, Command::Kind kind, const std::string& child, bool ike) {
    if (n.is_on()) n.command(kind, "ab", child, ike);
  };
  switch (w.draw(16)) {
    case 0:
    case 1:
      return command(node, Command::Kind::kRekey, "", false);
    case 2:
    case 3:
      return command(node, Command::Kind::kRekey, "", true);
    case 4:
    case 5:
      command(node, Command::Kind::kRekey, "", false);
      return command(other, Command::Kind::kRekey, "", false);
    case 6:
    case 7:
      command(node, Command::Kind::kRekey, "", true);
      return command(other, Command::Kind::kRekey, "", true);
    case 8:
      command(node, Command::Kind::kRekey, "", true);
      return command(other, Command::Kind::kRekey, "", false);
    case 9:
      command(node, Command::Kind::kRekey, "", false);
      return command(other, Command::Kind::kDown, some_child, false);
    case 10:
      return command(node, Command::Kind::kDown, some_child, false);
    case 11:
      return command(node, Command::Kind::kUp, "", false);
    case 12:
      return raise_acquire(w, node);
    case 13:
      return raise_expiry(w, node, policy::SaEventKind::kSoftExpiry);
    case 14:
      return raise_expiry(w, node, policy::SaEventKind::kHardExpiry);
    default:
      if (w.draw(4) == 0) return power_cut(w, index);
      if (w.draw(4) == 0) return command(node, Command::Kind::kDown, "", false);
      return;
  }
}

void storm(World& w, const Plan& plan) {
  w.weather.lost = w.draw(3) == 0 ? 0 : w.draw(250);
  w.weather.doubled = w.draw(200);
  w.weather.corrupted = w.draw(3) == 0 ? w.draw(50) : 0;
  w.weather.jitter = milliseconds{w.draw(400)};
  w.job_time = milliseconds{w.draw(20)};
  w.install_time = milliseconds{w.draw(20)};
  const std::uint64_t incidents = 3 + w.draw(8);
  for (std::uint64_t i = 0; i < incidents; ++i) {
    w.run_for(milliseconds{w.draw(3) == 0 ? w.draw(300) : w.draw(12'000)});
    incident(w, plan);
    if (w.draw(2) == 0) w.exchange_traffic();
  }
}

/// The calm: nothing is lost, and after a while both ends are at rest.
void calm(World& w, std::vector<std::string>& faults) {
  w.weather = Weather{};
  w.run_for(seconds{150});
  for (int i = 0; i < 2; ++i)
    if (!w.node(i).is_on()) w.node(i).boot();
  w.run_for(seconds{10});
  const ike::CommandId id = w.a().command(Command::Kind::kUp, "ab");
  w.run_until([&] { return w.a().replies.contains(id); }, seconds{120});
  const auto reply = w.a().replies.find(id);
  if (reply == w.a().replies.end()) {
    faults.emplace_back("the last `up` was not answered");
  } else if (!reply->second) {
    faults.push_back("the last `up` was refused: " + reply->second.error().text);
  }
  w.exchange_traffic();
  // Rekeys by time go on for ever: a moment of rest comes between them.
  const auto at_rest = [&] { return w.faults_at_rest().empty(); };
  w.run_for(seconds{20});
  w.run_until(at_rest, seconds{30});
  w.run_for(milliseconds{1});
  for (std::string& f : w.faults_at_rest()) faults.push_back("at rest: " + f);
  if (w.trace) w.dump();
}

void check_empty(Node& node, const char* who, std::vector<std::string>& faults) {
  DataPlane& p = node.plane();
  const auto check = [&](std::size_t left, const char* what) {
    if (left != 0) faults.push_back(fmt::format("{} at the end: {} {} left", who, left, what));
  };
  check(p.inbound.size(), "inbound SAs");
  check(p.outbound.size(), "outbound SAs");
  check(p.slots.size(), "slots");
  check(p.policies.size(), "policies");
  check(p.larval.size(), "SPIs");
  if (!node.engine().idle()) faults.push_back(std::string(who) + " is not idle at the end");
  for (const std::string& f : p.faults) faults.push_back(std::string(who) + ": " + f);
}

}  // namespace

namespace {
std::vector<std::string> play(World& w) {
  const Plan plan = draw_plan(w);
  for (int i = 0; i < 2; ++i) {
    w.node(i).configuration = [plan, i] { return configuration(plan, i == 0); };
    w.node(i).config.retransmit_base = milliseconds{500};
    w.node(i).config.retransmit_tries = 4;
    w.node(i).boot();
  }
  std::vector<std::string> faults;
  storm(w, plan);
  calm(w, faults);
  for (int i = 0; i < 2; ++i) w.node(i).input([](ike::Engine& e, base::Now t) { e.shut_down(t); });
  w.run_for(seconds{60});
  check_empty(w.a(), "A", faults);
  check_empty(w.b(), "B", faults);
  return faults;
}
}  // namespace

std::vector<std::string> run_scenario(std::uint64_t seed, bool trace) {
  World w(seed);
  w.trace = trace;
  try {
    return play(w);
  } catch (const std::runtime_error& e) {
    return {e.what()};
  }
}

}  // namespace penstock::sim
