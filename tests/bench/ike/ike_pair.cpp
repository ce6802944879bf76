// SPDX-License-Identifier: BSD-3-Clause
// Both ends take turns: one works off all that waits for it while its clock runs, then the other.
// Virtual time is the hub's CPU time, since the spokes are so many machines in truth, and what is
// waited for repetitions.
#include "tests/bench/ike/ike_pair.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "lib/base/check.h"
#include "tests/lib/authority.h"

namespace penstock::bench {
namespace {

using session::ConnectionConfig;
using test::Entity;

constexpr std::uint32_t kHubAddress = 0xc000'0201;    // 192.0.2.1
constexpr std::uint32_t kFirstSpoke = 0x6440'0001;    // 100.64.0.1 and on
constexpr std::uint32_t kFirstNetwork = 0x0a00'0001;  // 10.0.0.1 and on
constexpr std::size_t kDatagramRoom = 4096;
constexpr base::MonoTime kStart{base::seconds{1000}};

std::int64_t cpu_ns() {
  timespec t{};
  PS_CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

std::int64_t heap_octets() {
  const struct mallinfo2 m = mallinfo2();
  return static_cast<std::int64_t>(m.uordblks + m.hblkhd);
}

/// While it lives, one end pays.
class Bill {
 public:
  explicit Bill(Spent& spent) : spent_(spent), heap_(heap_octets()), cpu_(cpu_ns()) {}
  ~Bill() {
    spent_.cpu_ns += cpu_ns() - cpu_;
    spent_.heap_octets += heap_octets() - heap_;
  }
  Bill(const Bill&) = delete;
  Bill& operator=(const Bill&) = delete;

 private:
  Spent& spent_;
  std::int64_t heap_, cpu_;
};

/// Certificates of both ends under one root.
class Papers {
 public:
  explicit Papers(const char* key) : key_(key) { root_ = issue("root", nullptr); }

  Entity issue(const std::string& name, const Entity* issuer) {
    return authority_.issue({.name = name,
                             .key = key_,
                             .issuer = issuer,
                             .authority = issuer == nullptr,
                             .alternatives = issuer == nullptr ? "" : "DNS:" + name + ".example"});
  }
  /// Gives the end a key, a certificate and trust.
  void equip(ConnectionConfig& c, pki::Vault& vault, const Entity& entity,
             session::AuthMethod how) {
    const auto facts = pki::facts_of(context_, entity.certificate);
    const auto above = pki::facts_of(context_, root_.certificate);
    PS_CHECK(facts && above);
    c.local.auth = c.remote.auth = how;
    c.local.credentials = {
        {entity.certificate, {}, facts->subject_der, facts->kind, facts->key, {above->sha1_id}}};
    c.remote.authorities = {above->sha1_id};
    pki::TrustSet trust;
    trust.anchors = {root_.certificate};
    c.remote.trust = vault.add_trust(std::move(trust));
    auto key = pki::read_private_key(context_, entity.pkcs8, {});
    PS_CHECK(key.has_value());
    vault.add_key(*std::move(key));
  }
  [[nodiscard]] const Entity& root() const { return root_; }

 private:
  const char* key_;
  crypto::CryptoContext context_;
  test::Authority authority_;
  Entity root_;
};

ConnectionConfig connection(const Method& method, bool hub, std::size_t index) {
  const auto selector = [](std::uint32_t address, std::uint8_t length) {
    return policy::TrafficSelector::of({net::IpAddress::v4(address), length});
  };
  const auto offset = static_cast<std::uint32_t>(index);
  const net::IpAddress spoke = net::IpAddress::v4(kFirstSpoke + offset);
  ConnectionConfig c;
  c.name = hub ? "spokes" : spoke_name(index);
  c.local_addrs = {hub ? net::IpAddress::v4(kHubAddress) : spoke};
  if (!hub) c.remote_addrs = {{net::IpAddress::v4(kHubAddress), 32}};
  c.version = method.version;
  const bool v1 = method.version == session::IkeVersion::kIkev1;
  const auto ike = crypto::parse_proposal(
      crypto::ProtocolId::kIke,
      fmt::format("{}-{}", v1 ? "aes128-sha256" : "aes128gcm16-prfsha256", method.group));
  PS_CHECK(ike.has_value());
  c.proposals = {*ike};
  c.local.id = {hub ? "hub.example" : spoke_name(method.one_identity() ? 0 : index) + ".example"};
  c.remote.id = {hub ? "%any" : "hub.example"};
  session::ChildConfig child;
  child.name = "net";
  const auto behind_hub = selector(0xac10'0000, 16);
  const auto behind_spoke = hub ? selector(0x0a00'0000, 8) : selector(kFirstNetwork + offset, 32);
  child.local_ts = {hub ? behind_hub : behind_spoke};
  child.remote_ts = {hub ? behind_spoke : behind_hub};
  child.esp_proposals = {*crypto::parse_proposal(crypto::ProtocolId::kEsp, "aes128gcm16-esn")};
  c.children.push_back(std::move(child));
  return c;
}

/// For all spokes, or for one.
std::vector<session::SharedSecret> secrets(const Method& method, std::size_t spokes) {
  std::vector<session::SharedSecret> list;
  for (std::size_t i = 0; i < (method.own_secrets ? spokes : 1); ++i) {
    const std::string name = spoke_name(i);
    session::SharedSecret s;
    s.name = name;
    if (method.own_secrets) s.ids = {{"hub.example"}, {name + ".example"}};
    s.secret = base::SecretBytes::copy_of(base::as_bytes("of the hub and " + name));
    list.push_back(std::move(s));
  }
  return list;
}

}  // namespace

std::string spoke_name(std::size_t index) { return fmt::format("spoke{}", index); }

// ---- Wire ----

void Wire::reserve(std::size_t datagrams) {
  entries.reserve(datagrams);
  octets.reserve(datagrams * kDatagramRoom);
}

void Wire::add(const ike::Datagram& datagram) {
  entries.push_back({datagram.local, datagram.remote, octets.size(), datagram.data.size()});
  octets.insert(octets.end(), datagram.data.begin(), datagram.data.end());
}

ike::Datagram Wire::received(const Entry& entry) const {
  return {entry.to, entry.from,
          base::to_vector(base::Bytes(octets).subspan(entry.at, entry.octets))};
}

void Wire::clear() {
  entries.clear();
  octets.clear();
}

// ---- End ----

End::End(std::vector<net::IpAddress> addresses, std::shared_ptr<const pki::Vault> vault)
    : vault_(std::move(vault)), notary_(context_, vault_) {
  ike::EngineConfig config;
  config.local_addresses = std::move(addresses);
  engine_ = std::make_unique<ike::Engine>(std::move(config), random_, context_);
}

void End::configure(ike::ConfigChange change) {
  now_ = {kStart, test::kNow};
  engine_->configure(now_, std::move(change));
}

void End::up(const std::string& connection) { dials_.push_back(connection); }

void End::work(base::MonoTime time, const Wire& arrived, Wire& sent) {
  const Bill bill(spent);
  now_ = {time, test::kNow + std::chrono::duration_cast<base::seconds>(time - kStart)};
  for (const Wire::Entry& entry : arrived.entries) {
    ++datagrams;
    engine_->receive(now_, arrived.received(entry));
    drain(sent);
  }
  for (const std::string& name : std::exchange(dials_, {})) {
    engine_->command(now_, ike::CommandId{++last_command_},
                     {.kind = ike::Command::Kind::kUp, .connection = name, .child = {}});
    drain(sent);
  }
  const auto deadline = engine_->next_deadline();
  if (deadline && *deadline <= time) {
    engine_->tick(now_);
    drain(sent);
  }
}

void End::drain(Wire& sent) {
  for (;;) {
    while (auto output = engine_->poll_output()) carry_out(*std::move(output), sent);
    if (!todo_.empty()) {
      ike::StartJob job = std::move(todo_.back());
      todo_.pop_back();
      ++jobs;
      engine_->job_done(now_, job.id, ike::run_job(context_, notary_, std::move(job.job)));
    } else if (!tokens_.empty()) {
      const ike::SaToken token = tokens_.back();
      tokens_.pop_back();
      engine_->sa_result(now_, token, {});
    } else if (wanted_spis_ != 0) {
      std::vector<net::Spi> spis;
      for (std::uint32_t i = 0; i < wanted_spis_; ++i) spis.emplace_back(++last_spi_);
      wanted_spis_ = 0;
      engine_->grant_spis(now_, spis);
    } else {
      return;
    }
  }
}

void End::carry_out(ike::Output output, Wire& sent) {
  if (const auto* send = std::get_if<ike::SendDatagram>(&output)) {
    sent.add(send->datagram);
  } else if (const auto* in = std::get_if<ike::InstallInbound>(&output)) {
    tokens_.push_back(in->token);
  } else if (const auto* out = std::get_if<ike::SwitchOutbound>(&output)) {
    tokens_.push_back(out->token);
  } else if (const auto* rule = std::get_if<ike::InstallPolicy>(&output)) {
    tokens_.push_back(rule->token);
  } else if (const auto* need = std::get_if<ike::NeedSpis>(&output)) {
    wanted_spis_ += need->count;
  } else if (auto* job = std::get_if<ike::StartJob>(&output)) {
    todo_.push_back(std::move(*job));
  } else if (auto* report = std::get_if<ike::Report>(&output)) {
    if (report->level != base::LogLevel::kInfo) last_report = std::move(report->text);
  } else if (const auto* reply = std::get_if<ike::CommandReply>(&output)) {
    ++answered;
    if (!reply->result) {
      ++refused;
      last_report = reply->result.error().text;
    }
  }
}

// ---- IkePair ----

IkePair::IkePair(const Method& method, std::size_t tunnels) : time_(kStart) {
  ike::ConfigChange of_hub;
  ike::ConfigChange of_spokes;
  of_hub.secrets = secrets(method, tunnels);
  of_spokes.secrets = secrets(method, tunnels);
  of_hub.connections.push_back(connection(method, true, 0));
  for (std::size_t i = 0; i < tunnels; ++i)
    of_spokes.connections.push_back(connection(method, false, i));
  pki::Vault keys_of_hub;
  pki::Vault keys_of_spokes;
  if (method.key != nullptr) {
    Papers papers(method.key);
    papers.equip(of_hub.connections.front(), keys_of_hub, papers.issue("hub", &papers.root()),
                 method.how);
    Entity entity = papers.issue(spoke_name(0), &papers.root());
    for (std::size_t i = 0; i < tunnels; ++i) {
      if (i != 0 && method.own_certificates) entity = papers.issue(spoke_name(i), &papers.root());
      papers.equip(of_spokes.connections[i], keys_of_spokes, entity, method.how);
    }
  }
  hub_ = std::make_unique<End>(std::vector{net::IpAddress::v4(kHubAddress)},
                               std::make_shared<const pki::Vault>(std::move(keys_of_hub)));
  spokes_ = std::make_unique<End>(std::vector<net::IpAddress>{},
                                  std::make_shared<const pki::Vault>(std::move(keys_of_spokes)));
  hub_->configure(std::move(of_hub));
  spokes_->configure(std::move(of_spokes));
}

void IkePair::wave() {
  to_spokes_.clear();
  hub_->work(time_, to_hub_, to_spokes_);
  to_hub_.clear();
  time_ = kStart + waited_ + base::Duration{hub_->spent.cpu_ns};
  spokes_->work(time_, to_spokes_, to_hub_);
}

void IkePair::wait() {
  base::MonoTime next = base::MonoTime::max();
  for (End* end : {hub_.get(), spokes_.get()})
    next = std::min(next, end->engine().next_deadline().value_or(next));
  if (next <= time_ || next == base::MonoTime::max()) return;
  waited_ += next - time_;
  time_ = next;
}

bool IkePair::bring_up(std::size_t count, std::size_t flight) {
  constexpr base::Duration kPatience = base::seconds{300};
  to_hub_.reserve(4 * flight);
  to_spokes_.reserve(4 * flight);
  const std::size_t end = dialled_ + count;
  const base::MonoTime latest = time_ + kPatience + base::milliseconds{count};
  while (spokes_->answered < end) {
    for (; dialled_ < end && dialled_ - spokes_->answered < flight; ++dialled_)
      spokes_->up(spoke_name(dialled_));
    wave();
    if (spokes_->refused != 0 || time_ > latest) return false;
    if (to_hub_.entries.empty() && spokes_->answered < dialled_) wait();
  }
  return true;
}

}  // namespace penstock::bench
