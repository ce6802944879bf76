// SPDX-License-Identifier: BSD-3-Clause
// World: the loop of virtual time, the network, and what is judged at rest.
#include "tests/sim/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "control/isakmp/describe.h"
#include "lib/base/check.h"

namespace penstock::sim {
namespace {

/// One for the process: fetching OpenSSL's algorithms costs more than a whole seed. Key bits do not
/// decide anything, so a seed replays all the same.
crypto::CryptoContext& shared_crypto() {
  static crypto::CryptoContext context(1);
  return context;
}

}  // namespace

// ---- node ----

Node::Node(World& world, int index, net::IpAddress address)
    : world_(world), index_(index), address_(address) {
  config.local_addresses = {address};
}

void Node::boot() {
  ++life_;
  random_ = std::make_unique<base::SeededRandom>(world_.draw(~std::uint64_t{0}));
  plane_ = std::make_unique<DataPlane>(0x1000'0000U * static_cast<std::uint32_t>(index_ + 1) +
                                       static_cast<std::uint32_t>(life_ & 0xff) * 0x10'0000U);
  notary_ = std::make_unique<pki::Notary>(world_.crypto, vault);
  engine_ = std::make_unique<ike::Engine>(config, *random_, world_.crypto);
  input([&](ike::Engine& e, base::Now now) { e.configure(now, configuration()); });
}

void Node::power_off() {
  ++life_;
  engine_.reset();
  plane_.reset();
}

void Node::input(const std::function<void(ike::Engine&, base::Now)>& call) {
  if (!engine_) return;
  call(*engine_, world_.now());
  while (engine_) {
    auto output = engine_->poll_output();
    if (!output) break;
    carry_out(*std::move(output));
  }
}

void Node::later(std::function<void(ike::Engine&, base::Now)> call) {
  const std::uint64_t life = life_;
  world_.at(world_.install_time, [this, life, call = std::move(call)] {
    if (life == life_) input(call);
  });
}

ike::CommandId Node::command(ike::Command::Kind kind, std::string connection, std::string child,
                             bool ike) {
  const ike::CommandId id{++last_command_};
  ike::Command c;
  c.kind = kind;
  c.connection = std::move(connection);
  c.child = std::move(child);
  c.ike = ike;
  c.timeout = base::seconds{300};
  input([&](ike::Engine& e, base::Now now) { e.command(now, id, c); });
  return id;
}

void Node::carry_out(ike::Output output) {
  const auto answer = [&](ike::SaToken token, base::Result<void> result) {
    later([token, result = std::move(result)](ike::Engine& e, base::Now now) {
      e.sa_result(now, token, result);
    });
  };
  if (auto* send = std::get_if<ike::SendDatagram>(&output)) {
    world_.send(std::move(send->datagram));
  } else if (auto* in = std::get_if<ike::InstallInbound>(&output)) {
    answer(in->token, plane_->install_inbound(in->spec));
  } else if (auto* out = std::get_if<ike::SwitchOutbound>(&output)) {
    answer(out->token, plane_->install_outbound(out->spec));
  } else if (auto* move = std::get_if<ike::MoveSa>(&output)) {
    const auto moved = plane_->move(*move);
    if (move->token.value() != 0) answer(move->token, moved);
  } else if (auto* ask = std::get_if<ike::AskTraffic>(&output)) {
    later([serial = ask->ike_sa, counts = plane_->traffic(ask->inbound)](
              ike::Engine& e, base::Now now) { e.traffic(now, serial, counts); });
  } else if (auto* retire = std::get_if<ike::RetireSa>(&output)) {
    plane_->retire(*retire);
  } else if (auto* rule = std::get_if<ike::InstallPolicy>(&output)) {
    answer(rule->token, plane_->install_policy(rule->rule));
  } else if (auto* removed = std::get_if<ike::RemovePolicy>(&output)) {
    plane_->remove_policy(removed->id);
  } else if (auto* need = std::get_if<ike::NeedSpis>(&output)) {
    later([this, count = need->count](ike::Engine& e, base::Now now) {
      e.grant_spis(now, plane_->allocate(count));
    });
  } else if (auto* back = std::get_if<ike::ReturnSpis>(&output)) {
    plane_->give_back(back->spis);
  } else if (auto* job = std::get_if<ike::StartJob>(&output)) {
    ++jobs_run;
    auto result = std::make_shared<ike::JobResult>(
        ike::run_job(world_.crypto, *notary_, std::move(job->job)));
    const std::uint64_t life = life_;
    world_.at(world_.job_time, [this, life, id = job->id, result] {
      if (life != life_) return;
      input([&](ike::Engine& e, base::Now now) { e.job_done(now, id, std::move(*result)); });
    });
  } else if (auto* report = std::get_if<ike::Report>(&output)) {
    if (world_.trace)
      fmt::print("{:>9.3f} {}   [{}] {} {}: {}\n",
                 std::chrono::duration<double>(world_.time.time_since_epoch()).count(),
                 index_ == 0 ? "A" : "B", report->code, report->connection, report->peer,
                 report->text);
    reports.push_back(std::move(*report));
  } else if (auto* reply = std::get_if<ike::CommandReply>(&output)) {
    replies.emplace(reply->id, std::move(reply->result));
  }
}

std::size_t Node::established() const {
  if (!engine_) return 0;
  const auto list = engine_->list_ike_sas(world_.now(), 0, 1000);
  return static_cast<std::size_t>(
      std::ranges::count_if(list, [](const auto& s) { return s.state == "established"; }));
}

std::size_t Node::live_children() const {
  if (!engine_) return 0;
  std::size_t n = 0;
  for (const auto& sa : engine_->list_ike_sas(world_.now(), 0, 1000))
    n += static_cast<std::size_t>(std::ranges::count_if(sa.children, [](const auto& c) {
      return c.state == "installed" || c.state == "rekeying";
    }));
  return n;
}

std::uint64_t Node::counter(std::string_view name) const {
  for (const ike::IkeCounter& c : engine_->counters())
    if (c.name == name) return c.count;
  PS_CHECK(!"no counter of this name");
  return 0;
}

// ---- world ----

World::World(std::uint64_t seed) : crypto(shared_crypto()), random_(seed) {
  time = base::MonoTime{base::seconds{1000}};
  nodes_[0] = std::make_unique<Node>(*this, 0, net::IpAddress::v4(0xc0000201));
  nodes_[1] = std::make_unique<Node>(*this, 1, net::IpAddress::v4(0xc0000202));
}

base::Now World::now() const {
  return {time,
          base::UtcTime{std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch())}};
}

void World::at(base::Duration after, std::function<void()> what) {
  events_.emplace(time + after, std::move(what));
}

void World::send(ike::Datagram d) {
  const auto tell = [&](std::string_view fate) {
    if (!trace) return;
    const auto view = isakmp::MessageView::parse(d.data);
    fmt::print("{:>9.3f} {} {} {}{}\n",
               std::chrono::duration<double>(time.time_since_epoch()).count(),
               d.local.address == a().address() ? "A -->" : "<-- B", d.local.port.value(),
               view ? isakmp::describe(*view) : "?", fate);
  };
  if (filter && !filter(d)) return tell("  (filtered)");
  if (draw(1000) < weather.lost) return tell("  (lost)");
  tell("");
  const std::uint64_t copies = draw(1000) < weather.doubled ? 2 : 1;
  for (std::uint64_t i = 0; i < copies; ++i) {
    ike::Datagram copy{d.remote, d.local, d.data};
    if (translate) translate(copy);
    if (draw(1000) < weather.corrupted && !copy.data.empty())
      copy.data[draw(copy.data.size())] ^= std::byte{static_cast<unsigned char>(1 + draw(255))};
    base::Duration delay = weather.least_delay;
    if (weather.jitter.count() > 0)
      delay += base::Duration{static_cast<base::Duration::rep>(
          draw(static_cast<std::uint64_t>(weather.jitter.count())))};
    at(delay, [this, copy = std::move(copy)] {
      for (const auto& n : nodes_)
        if (n->address() == copy.local.address)
          n->input([&](ike::Engine& e, base::Now t) { e.receive(t, copy); });
    });
  }
}

std::optional<base::MonoTime> World::next_time() {
  std::optional<base::MonoTime> best;
  if (!events_.empty()) best = events_.begin()->first;
  for (const auto& n : nodes_) {
    if (!n->is_on()) continue;
    const auto at = n->engine().next_deadline();
    if (at && (!best || *at < *best)) best = at;
  }
  return best;
}

void World::tick_nodes() {
  for (const auto& n : nodes_) {
    if (!n->is_on()) continue;
    const auto at = n->engine().next_deadline();
    if (at && *at <= time) n->input([](ike::Engine& e, base::Now t) { e.tick(t); });
  }
}

bool World::run_until(const std::function<bool()>& condition, base::Duration most) {
  const base::MonoTime end = time + most;
  std::uint64_t standing = 0;
  while (!condition()) {
    const auto next = next_time();
    if (!next || *next > end) {
      time = end;
      return condition();
    }
    // Virtual time never stands still for long: a deadline that is not moved would spin here.
    standing = *next > time ? 0 : standing + 1;
    if (standing > 100'000) throw std::runtime_error("virtual time stands still");
    time = std::max(time, *next);
    if (!events_.empty() && events_.begin()->first <= time) {
      const auto what = std::move(events_.begin()->second);
      events_.erase(events_.begin());
      what();
    } else {
      tick_nodes();
    }
  }
  return true;
}

void World::run_for(base::Duration t) {
  run_until([] { return false; }, t);
}

void World::exchange_traffic() {
  for (const auto& from : nodes_) {
    Node& to = *nodes_[from == nodes_[0] ? 1 : 0];
    if (!from->is_on() || !to.is_on()) continue;
    const auto slots = from->plane().slots;
    for (const auto& [slot, spi] : slots) {
      const auto found = to.plane().inbound.find(spi);
      if (found == to.plane().inbound.end()) continue;
      ++found->second.packets;
      if (std::exchange(found->second.used, true)) continue;
      policy::SaEvent event;
      event.kind = policy::SaEventKind::kFirstPacket;
      event.slot = found->second.slot;
      event.spi = spi;
      to.input([&](ike::Engine& e, base::Now t) { e.sa_event(t, event); });
    }
  }
}

void World::compare(Node& from, Node& to, std::vector<std::string>& faults) {
  const char* who = &from == nodes_[0].get() ? "A" : "B";
  const auto fault = [&](std::string text) { faults.push_back(who + (": " + text)); };
  for (const std::string& f : from.plane().faults) fault(f);
  for (const auto& [spi, sa] : from.plane().outbound) {
    const auto twin = to.plane().inbound.find(spi);
    if (twin == to.plane().inbound.end()) {
      fault("outbound SA that the peer does not know: " + net::to_string(spi));
      continue;
    }
    const ModelSa& t = twin->second;
    if (t.keys != sa.keys || t.esn != sa.esn || t.encr != sa.encr || t.integ != sa.integ ||
        t.encap != sa.encap || t.protocol != sa.protocol || t.mode != sa.mode)
      fault("the two ends differ in SA " + net::to_string(spi));
    if (t.local_ts != sa.remote_ts || t.remote_ts != sa.local_ts)
      fault("the two ends differ in the selectors of SA " + net::to_string(spi));
  }
  for (const auto& [spi, sa] : from.plane().inbound)
    if (!to.plane().outbound.contains(spi))
      fault("inbound SA that the peer does not know: " + net::to_string(spi));
  for (const auto& [slot, spi] : from.plane().slots)
    if (!from.plane().outbound.contains(spi)) fault("a slot points at nothing");
  for (const auto& [id, rule] : from.plane().policies) {
    const bool negotiated =
        rule.action == policy::PolicyAction::kProtect && rule.priority == policy::kPriorityChild;
    if (negotiated && !from.plane().slots.contains(rule.slot))
      fault("a policy without SA: " + rule.name);
  }
  for (const auto& sa : from.engine().list_ike_sas(now(), 0, 1000)) {
    if (sa.state != "established") {
      fault("an IKE SA is still " + sa.state);
      continue;
    }
    const auto others = to.engine().list_ike_sas(now(), 0, 1000);
    if (std::ranges::none_of(others, [&](const auto& o) {
          return o.spi_i == sa.spi_i && o.spi_r == sa.spi_r &&
                 o.children.size() == sa.children.size();
        }))
      fault("an IKE SA that the peer does not have, or not with the same children");
  }
}

std::vector<std::string> World::faults_at_rest() {
  std::vector<std::string> faults;
  compare(a(), b(), faults);
  compare(b(), a(), faults);
  return faults;
}

void World::dump() {
  for (const auto& n : nodes_) {
    if (!n->is_on()) continue;
    fmt::print("--- {}\n", n->index_ == 0 ? "A" : "B");
    for (const auto& sa : n->engine().list_ike_sas(now(), 0, 100)) {
      fmt::print("  {} {} {}\n", isakmp::to_string(sa.spi_i), sa.state,
                 sa.initiator ? "initiator" : "responder");
      for (const auto& c : sa.children)
        fmt::print("    {} {} in {} out {}\n", c.child, c.state, net::to_string(c.spi_in),
                   net::to_string(c.spi_out));
    }
    for (const auto& [spi, sa] : n->plane().inbound)
      fmt::print("  inbound {} slot {}\n", net::to_string(spi), sa.slot.value());
    for (const auto& [spi, sa] : n->plane().outbound)
      fmt::print("  outbound {} slot {}{}\n", net::to_string(spi), sa.slot.value(),
                 n->plane().slots[sa.slot] == spi ? ", seals" : "");
  }
}

// ---- configurations ----

session::ChildConfig child(const std::string& name, bool is_a, int net) {
  session::ChildConfig c;
  c.name = name;
  const auto ts = [&](int site) {
    return *policy::TrafficSelector::parse(fmt::format("10.{}.{}.0/24", site, net));
  };
  c.local_ts = {ts(is_a ? 1 : 2)};
  c.remote_ts = {ts(is_a ? 2 : 1)};
  c.esp_proposals = {*crypto::parse_proposal(crypto::ProtocolId::kEsp, "aes128gcm16-noesn")};
  c.rekey_time = c.life_time = c.rand_time = {};
  return c;
}

session::ConnectionConfig connection(const std::string& name, bool is_a) {
  session::ConnectionConfig c;
  c.name = name;
  c.local_addrs = {net::IpAddress::v4(is_a ? 0xc0000201 : 0xc0000202)};
  c.remote_addrs = {*net::Prefix::parse(is_a ? "192.0.2.2" : "192.0.2.1")};
  c.proposals = {*crypto::parse_proposal(crypto::ProtocolId::kIke, "aes128gcm16-prfsha256-x25519")};
  c.local.id = {is_a ? "a.example" : "b.example"};
  c.remote.id = {is_a ? "b.example" : "a.example"};
  c.rekey_time = c.over_time = c.rand_time = {};
  c.keyingtries = 0;
  return c;
}

session::SharedSecret secret(std::string_view text) {
  return {"test", {}, base::SecretBytes::copy_of(base::as_bytes(text)), {}};
}

}  // namespace penstock::sim
