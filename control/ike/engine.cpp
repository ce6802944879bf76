// SPDX-License-Identifier: BSD-3-Clause
// Engine: inputs in, outputs out. A message goes: header › admission or session table › the IKE
// version's machine. After each input the machine settles, and what ended is followed up.
#include "control/ike/engine.h"

#include <algorithm>
#include <unordered_map>

#include "control/ike/admission.h"
#include "control/ike/commands.h"
#include "control/ike/upkeep.h"
#include "control/ikev2/exchanges.h"
#include "control/isakmp/payload/notify.h"

namespace penstock::ike {

using ikev2::IkeSa;
using isakmp::ExchangeType;
using isakmp::NotifyType;
using session::Allowance;
using session::IkeDrop;

namespace {

session::Settings settings_of(const EngineConfig& c) {
  session::Settings s;
  s.retransmission = {c.retransmit_base, c.retransmit_factor, c.retransmit_tries};
  s.local_addresses = c.local_addresses;
  s.half_open_timeout = c.half_open_timeout;
  s.ike_sas = c.limits.ike_sas;
  s.children_per_ike_sa = c.limits.children_per_ike_sa;
  s.half_open = c.limits.half_open;
  s.half_open_per_source = c.limits.half_open_per_source;
  return s;
}

}  // namespace

struct Engine::Impl {
  Impl(EngineConfig config, base::RandomSource& random, const crypto::CryptoContext& crypto)
      : limits(config.limits), services(settings_of(config), random, crypto) {}

  EngineLimits limits;
  session::Services services;
  ikev2::Machine machine{services};
  Admission admission{limits, services};
  ikev1::Machine machine_v1{services};
  Machines machines{machine, machine_v1};
  Upkeep upkeep{services, machines};
  Commands commands{services, machines, upkeep};
  bool closing = false;

  void drop(IkeDrop why) { services.drops.count(why); }

  /// The frame of every input: the time before it, what follows after it.
  template <class Work>
  void input(base::Now now, Work work) {
    services.now = now;
    work();
    settle();
    while (!services.outcomes.empty()) {
      session::Outcome outcome = std::move(services.outcomes.front());
      services.outcomes.pop_front();
      follow_up(std::move(outcome));
      settle();
    }
    services.connections.drop_unused();
    if (!closing) services.ask_for_spis();
  }

  void settle() {
    machine.settle();
    machine_v1.settle();
  }

  void follow_up(session::Outcome outcome) {
    if (auto* done = std::get_if<session::TaskDone>(&outcome)) return commands.task_done(*done);
    if (auto* child = std::get_if<session::ChildEnded>(&outcome)) return upkeep.child_ended(*child);
    upkeep.ike_ended(std::move(std::get<session::IkeEnded>(outcome)));
  }

  void receive(const Datagram& datagram);
  void receive_first(const Datagram& datagram, const isakmp::MessageView& message);
  void receive_stray(const Datagram& datagram, const isakmp::MessageView& message);
  void answer(Allowance allowance, const Datagram& datagram, const isakmp::Header& header,
              NotifyType type, base::Bytes data);
  void configure(ConfigChange change);
};

void Engine::Impl::answer(Allowance allowance, const Datagram& datagram,
                          const isakmp::Header& header, NotifyType type, base::Bytes data) {
  if (!services.allows(allowance)) return;
  isakmp::MessageBuilder builder = ikev2::stateless_answer(header);
  isakmp::append_notify(builder, type, data);
  services.send(datagram.local, datagram.remote, builder.finish());
}

void Engine::Impl::receive(const Datagram& datagram) {
  const auto header = isakmp::Header::parse(datagram.data);
  if (!header) return drop(IkeDrop::kTruncated);
  if (header->major > 2) {
    drop(IkeDrop::kMajorVersion);
    // RFC 7296 §2.5: the answer names the version that we speak.
    if (!header->is_response())
      answer(Allowance::kStray, datagram, *header, NotifyType::kInvalidMajorVersion, {});
    return;
  }
  if (header->major == 1) {
    if (!services.connections.speak_ikev1() && machine_v1.all().empty())
      return drop(IkeDrop::kIkev1Off);
    return machine_v1.receive(datagram, closing);
  }
  const auto message = isakmp::MessageView::parse(datagram.data);
  if (!message) return drop(IkeDrop::kMalformed);
  const bool first = header->exchange == ExchangeType::kIkeSaInit && !header->is_response();
  if (first) return receive_first(datagram, *message);
  const session::IkeSpi own =
      header->from_initiator() ? header->responder_spi : header->initiator_spi;
  IkeSa* sa = machine.find(machine.table().find(own));
  if (sa == nullptr) return receive_stray(datagram, *message);
  machine.receive(*sa, datagram, *message);
}

void Engine::Impl::receive_first(const Datagram& datagram, const isakmp::MessageView& message) {
  const isakmp::Header& h = message.header();
  // §3.1: in the first request SPIr and the message id are 0, and SPIi is not.
  if (!h.from_initiator() || h.responder_spi.value() != 0 || h.initiator_spi.value() == 0 ||
      h.message_id.value() != 0)
    return drop(IkeDrop::kBadFlags);
  // Our own first request, sent back to us: answered, we would prove our identity to ourselves.
  const IkeSa* own = machine.find(machine.table().find(h.initiator_spi));
  if (own != nullptr && own->initiator && own->handshake) return drop(IkeDrop::kSpiMismatch);
  if (const auto unknown = message.payloads().unknown_critical()) {
    drop(IkeDrop::kUnknownCritical);
    const std::byte type{*unknown};
    return answer(Allowance::kRefusal, datagram, h, NotifyType::kUnsupportedCriticalPayload,
                  {&type, 1});
  }
  const std::uint64_t known = machine.table().find_half_open(h.initiator_spi, datagram.remote);
  if (IkeSa* sa = machine.find(known)) return machine.repeat_first(*sa, datagram);
  if (closing) return drop(IkeDrop::kNoConnection);
  // What lacks its payloads is not worth a cookie.
  const auto match = ikev2::find_transition(ikev2::State::kStart, h.exchange, ikev2::Way::kRequest,
                                            ikev2::PayloadSet::of(message.payloads()));
  if (match.row == nullptr) return drop(IkeDrop::kInvalidSyntax);
  switch (admission.judge(machine.table(), datagram.remote, message)) {
    case Admission::Verdict::kAccept:
      return machine.begin_response(datagram, message, false);
    case Admission::Verdict::kAcceptProved:
      return machine.begin_response(datagram, message, true);
    case Admission::Verdict::kAskCookie:
      return answer(Allowance::kCookie, datagram, h, NotifyType::kCookie,
                    admission.cookie_for(datagram.remote, message));
    case Admission::Verdict::kDrop:
      return;
  }
}

void Engine::Impl::receive_stray(const Datagram& datagram, const isakmp::MessageView& message) {
  const isakmp::Header& h = message.header();
  drop(IkeDrop::kUnknownSpi);
  if (!message.encrypted() && isakmp::find_error_notify(message.payloads())) {
    // §1.5, §2.21.4: an error in clear is a hint to look whether the peer lives, never more.
    if (services.allows(Allowance::kStray)) machine.hint(datagram.remote);
    return;
  }
  if (h.is_response()) return;
  answer(Allowance::kStray, datagram, h, NotifyType::kInvalidIkeSpi, {});
}

void Engine::Impl::configure(ConfigChange change) {
  services.secrets = session::SecretStore(std::move(change.secrets));
  std::vector<session::Connection*> gone;
  std::vector<session::ConnectionConfig> fresh;
  std::unordered_map<std::string_view, const session::ConnectionConfig*> wanted;
  for (const session::ConnectionConfig& config : change.connections)
    wanted.emplace(config.name, &config);
  for (const auto& [name, c] : services.connections.all()) {
    const auto same = wanted.find(name);
    if (same == wanted.end() || *same->second != c->config) gone.push_back(c.get());
  }
  for (session::Connection* c : gone) {
    upkeep.take_down(*c);
    services.connections.remove(*c);
  }
  for (session::ConnectionConfig& config : change.connections) {
    if (services.connections.find(config.name) != nullptr) continue;
    upkeep.begin(services.connections.add(std::move(config)));
  }
}

Engine::Engine(EngineConfig config, base::RandomSource& random, const crypto::CryptoContext& crypto)
    : impl_(std::make_unique<Impl>(std::move(config), random, crypto)) {}
Engine::~Engine() = default;

void Engine::receive(base::Now now, const Datagram& datagram) {
  impl_->input(now, [&] { impl_->receive(datagram); });
}

void Engine::tick(base::Now now) {
  impl_->input(now, [&] {
    impl_->machine.tick();
    impl_->machine_v1.tick();
    impl_->upkeep.tick();
    impl_->commands.tick();
  });
}

void Engine::job_done(base::Now now, JobId id, JobResult result) {
  impl_->input(now, [&] {
    const auto owner = impl_->services.take_job(id);
    if (!owner) return;
    if (impl_->machine_v1.find(owner->ike_sa) != nullptr)
      return impl_->machine_v1.job_done(*owner, std::move(result));
    impl_->machine.job_done(*owner, std::move(result));
  });
}

void Engine::sa_event(base::Now now, const policy::SaEvent& event) {
  impl_->input(now, [&] {
    // Of the two machines one owns the event's slot; to the other it says nothing.
    ikev2::Machine& m = impl_->machine;
    ikev1::Machine& v1 = impl_->machine_v1;
    switch (event.kind) {
      case policy::SaEventKind::kSoftExpiry:
        v1.soft_expiry(event);
        return m.soft_expiry(event);
      case policy::SaEventKind::kHardExpiry:
        v1.hard_expiry(event);
        return m.hard_expiry(event);
      case policy::SaEventKind::kAcquire:
        return impl_->upkeep.acquire(event);
      case policy::SaEventKind::kFirstPacket:
        return m.first_packet(event);
      case policy::SaEventKind::kPeerMoved:
        v1.peer_moved(event);
        return m.peer_moved(event);
      case policy::SaEventKind::kUnknownSpi:
        if (impl_->services.allows(Allowance::kStray)) m.unknown_spi(event);
        return;
      case policy::SaEventKind::kIcvFailed:  // a forger must not move the state of an SA
      case policy::SaEventKind::kPathMtu:    // the tables' own affair
        return;
    }
  });
}

void Engine::sa_result(base::Now now, SaToken token, base::Result<void> result) {
  impl_->input(now, [&] {
    const auto owner = impl_->services.take_token(token);
    if (!owner) return;
    if (owner->spi.value() == 0) return impl_->upkeep.standing_policy_result(*owner, result);
    const session::Slot* slot = impl_->services.slots.find(owner->slot);
    if (slot != nullptr && impl_->machine_v1.find(slot->ike_sa) != nullptr)
      return impl_->machine_v1.sa_result(*owner, result);
    impl_->machine.sa_result(*owner, result);
  });
}

void Engine::traffic(base::Now now, std::uint64_t ike_sa,
                     const std::vector<InboundTraffic>& inbound) {
  impl_->input(now, [&] {
    impl_->machine.traffic(ike_sa, inbound);
    impl_->machine_v1.traffic(ike_sa, inbound);
  });
}

void Engine::grant_spis(base::Now now, const std::vector<net::Spi>& spis) {
  impl_->input(now, [&] {
    if (impl_->closing) return impl_->services.emit(ReturnSpis{spis});
    impl_->services.grant_spis(spis);
    impl_->machine.spis_granted();
    impl_->machine_v1.spis_granted();
  });
}

void Engine::configure(base::Now now, ConfigChange change) {
  impl_->input(now, [&] { impl_->configure(std::move(change)); });
}

void Engine::command(base::Now now, CommandId id, Command command) {
  impl_->input(now, [&] { impl_->commands.start(id, command); });
}

void Engine::shut_down(base::Now now) {
  impl_->input(now, [&] {
    impl_->closing = true;
    impl_->upkeep.shut_down();
    std::vector<net::Spi> left = impl_->services.spis.release();
    if (!left.empty()) impl_->services.emit(ReturnSpis{std::move(left)});
  });
}

std::optional<Output> Engine::poll_output() {
  auto& out = impl_->services.out;
  if (out.empty()) return std::nullopt;
  Output output = std::move(out.front());
  out.pop_front();
  return output;
}

std::optional<base::MonoTime> Engine::next_deadline() const {
  std::optional<base::MonoTime> best;
  for (const auto& at : {impl_->machine.next_deadline(), impl_->machine_v1.next_deadline(),
                         impl_->upkeep.next_deadline(), impl_->commands.next_deadline(),
                         impl_->closing ? std::nullopt : impl_->services.spis_due()})
    if (at && (!best || *at < *best)) best = at;
  return best;
}

bool Engine::idle() const {
  return impl_->machine.all().empty() && impl_->machine_v1.all().empty();
}

// ---- lists ----

namespace {

ChildStatus status_of(const session::ChildSa& c) {
  ChildStatus s;
  s.child = c.config->name;
  if (c.agreed.protocol == crypto::ProtocolId::kAh) s.protocol = policy::IpsecProtocol::kAh;
  if (c.config->is_transport()) s.mode = policy::IpsecMode::kTransport;
  s.encap = c.encap;
  s.state = session::name_of(c.state);
  s.spi_in = c.spi_in;
  s.spi_out = c.spi_out;
  s.proposal = c.agreed.to_string();
  if (c.outer != nullptr) {
    s.outer_in = c.outer->spi_in;
    s.outer_out = c.outer->spi_out;
    s.proposal += " in AH " + c.outer->agreed.to_string();
  }
  s.local_ts = c.selectors.local;
  s.remote_ts = c.selectors.remote;
  return s;
}

IkeSaStatus status_of(const IkeSa& sa, base::MonoTime now) {
  IkeSaStatus s;
  s.serial = sa.serial;
  if (sa.connection != nullptr) s.connection = sa.connection->config.name;
  s.state = ikev2::name_of(sa.state);
  s.initiator = sa.initiator;
  s.local = sa.local;
  s.remote = sa.remote;
  if (!sa.local_id.data.empty()) s.local_id = sa.local_id.to_string();
  // Until it is established the peer has proved nothing.
  if (!sa.remote_id.data.empty() && sa.handshake == nullptr) s.remote_id = sa.remote_id.to_string();
  s.spi_i = sa.spi_i;
  s.spi_r = sa.spi_r;
  if (sa.seal) s.proposal = sa.agreed.to_string();
  if (sa.rekey_at) s.rekey_in = *sa.rekey_at - now;
  for (const auto& c : sa.children) s.children.push_back(status_of(*c));
  return s;
}

IkeSaStatus status_of(const ikev1::IsakmpSa& sa, base::MonoTime now) {
  IkeSaStatus s;
  s.serial = sa.serial;
  s.version = 1;
  if (sa.connection != nullptr) s.connection = sa.connection->config.name;
  s.state = ikev1::name_of(sa.state);
  s.initiator = sa.initiator;
  s.local = sa.local;
  s.remote = sa.remote;
  if (!sa.local_id.data.empty()) s.local_id = sa.local_id.to_string();
  if (!sa.remote_id.data.empty()) s.remote_id = sa.remote_id.to_string();
  s.spi_i = sa.cookies.i;
  s.spi_r = sa.cookies.r;
  if (sa.has_keys()) s.proposal = sa.agreed.to_string();
  if (sa.state == ikev1::State::kEstablished && !sa.has_keys()) s.proposal = "no keys";
  s.vendors = sa.vendors;
  if (sa.rekey_at) s.rekey_in = *sa.rekey_at - now;
  for (const auto& c : sa.children) s.children.push_back(status_of(*c));
  return s;
}

std::string_view word(session::ChildMode m) {
  constexpr std::array<std::string_view, 4> kWords{"tunnel", "transport", "pass", "drop"};
  return kWords.at(static_cast<std::size_t>(m));
}
std::string_view word(session::StartAction a) {
  constexpr std::array<std::string_view, 3> kWords{"none", "trap", "start"};
  return kWords.at(static_cast<std::size_t>(a));
}

/// As a configuration may have it: one text with commas.
template <class List>
std::string joined(const List& list) {
  std::string text;
  for (const auto& item : list) text += (text.empty() ? "" : ", ") + item.to_string();
  return text.empty() ? "%any" : text;
}

}  // namespace

std::vector<IkeSaStatus> Engine::list_ike_sas(base::Now now, std::uint64_t from,
                                              std::size_t most) const {
  std::vector<IkeSaStatus> list;
  const auto& v2 = impl_->machine.all();
  const auto& v1 = impl_->machine_v1.all();
  auto it2 = v2.lower_bound(from);
  auto it1 = v1.lower_bound(from);
  // Both in order of their serials, which they share.
  while (list.size() < most && (it2 != v2.end() || it1 != v1.end())) {
    if (it1 == v1.end() || (it2 != v2.end() && it2->first < it1->first)) {
      // RFC 7296 §2.21.2: a refused IKE_AUTH makes no SA; what is left only repeats its answer.
      if (!it2->second->refused) list.push_back(status_of(*it2->second, now.mono));
      ++it2;
    } else {
      list.push_back(status_of(*it1->second, now.mono));
      ++it1;
    }
  }
  return list;
}

std::vector<ConnectionStatus> Engine::list_connections(std::size_t from, std::size_t most) const {
  std::vector<ConnectionStatus> list;
  const auto& all = impl_->services.connections.all();
  auto it = all.begin();
  std::advance(it, static_cast<std::ptrdiff_t>(std::min(from, all.size())));
  for (; it != all.end() && list.size() < most; ++it) {
    const session::Connection& c = *it->second;
    ConnectionStatus s;
    s.connection = c.config.name;
    s.version = static_cast<int>(c.config.version);
    s.local_addrs = joined(c.config.local_addrs);
    s.remote_addrs = joined(c.config.remote_addrs);
    s.ike_sas = c.ike_sas.size();
    for (const session::ChildConfig& child : c.config.children) {
      ConnectionStatus::Child cs;
      cs.child = child.name;
      cs.mode = word(child.mode);
      cs.start_action = word(child.start_action);
      for (const std::uint64_t serial : c.ike_sas)
        cs.installed += static_cast<std::size_t>(
            std::ranges::count_if(impl_->machines.children(serial),
                                  [&](const auto& k) { return k->config == &child && k->live(); }));
      cs.local_ts = child.local_ts;
      cs.remote_ts = child.remote_ts;
      s.children.push_back(std::move(cs));
    }
    list.push_back(std::move(s));
  }
  return list;
}

std::vector<IkeCounter> Engine::counters() const {
  std::vector<IkeCounter> list;
  list.reserve(std::size(session::kIkeDropTable) + std::size(isakmp::kV1RuleTable));
  for (const session::IkeDropRow& row : session::kIkeDropTable)
    list.push_back({row.name, row.clause, row.text, impl_->services.drops.get(row.id)});
  for (const isakmp::V1RuleRow& row : isakmp::kV1RuleTable)
    list.push_back({row.name, row.clause, row.text, impl_->services.v1_broken.get(row.id)});
  return list;
}

}  // namespace penstock::ike
