// SPDX-License-Identifier: BSD-3-Clause
// Machine, part two: building, sending and answering messages; our requests, their tasks and their
// ends; reports.
#include <fmt/format.h>

#include <algorithm>

#include "control/ikev2/exchanges.h"
#include "control/ikev2/machine.h"
#include "control/ikev2/nat.h"
#include "control/isakmp/payload/notify.h"
#include "control/session/ends.h"
#include "lib/base/check.h"

namespace penstock::ikev2 {

using isakmp::ExchangeType;
using isakmp::NotifyType;
using session::ChildSa;
using session::EndReason;
using session::IkeDrop;
using session::Task;

// ---- messages out ----

isakmp::MessageBuilder Machine::request(IkeSa& sa, ExchangeType exchange) {
  PS_CHECK(sa.own != nullptr);
  sa.own->exchange = exchange;
  sa.own->message_id = sa.next_request;
  isakmp::Header h;
  h.initiator_spi = sa.spi_i;
  h.responder_spi = sa.spi_r;
  h.exchange = exchange;
  h.flags = sa.initiator ? isakmp::kFlagInitiator : std::uint8_t{0};
  h.message_id = isakmp::MessageId{sa.own->message_id};
  return isakmp::MessageBuilder(h);
}

isakmp::MessageBuilder Machine::response(IkeSa& sa) {
  PS_CHECK(sa.peer != nullptr);
  isakmp::Header h;
  h.initiator_spi = sa.spi_i;
  h.responder_spi = sa.spi_r;
  h.exchange = sa.peer->exchange;
  h.flags = isakmp::kFlagResponse;
  if (sa.initiator) h.flags |= isakmp::kFlagInitiator;
  h.message_id = isakmp::MessageId{sa.peer->message_id};
  return isakmp::MessageBuilder(h);
}

base::ByteVector Machine::seal(IkeSa& sa, isakmp::MessageBuilder& builder) {
  // RFC 7383 §2.4: what fits anyhow is not fragmented.
  const session::ConnectionConfig& c = sa.connection->config;
  const bool may = sa.fragmentation && session::makes_fragments(c);
  const std::size_t most = session::largest_message(c, sa.remote.address.family());
  if (may && builder.sealed_octets(*sa.seal) > most)
    return builder.seal_fragments(*sa.seal, sa.sealed, services_.random, most);
  return builder.seal(*sa.seal, ++sa.sealed, services_.random);
}

void Machine::send_request(IkeSa& sa, isakmp::MessageBuilder& builder) {
  send_first(sa, seal(sa, builder));
}

void Machine::send_first(IkeSa& sa, base::ByteVector message) {
  services_.send_all(sa.local, sa.remote, message);
  sa.last_sent = now();
  sa.own->stage = OwnRequest::Stage::kSent;
  sa.own->sent.start(std::move(message), now(), services_.settings.retransmission);
  if (sa.own->exchange != ExchangeType::kIkeSaInit) sa.next_request = sa.own->message_id + 1;
  guard_message_ids(sa);
  touch(sa);
}

void Machine::guard_message_ids(IkeSa& sa) {
  const std::uint32_t next = std::max(sa.next_request, sa.next_expected);
  if (next < kRekeyAtMessageId || sa.state != State::kEstablished) return;
  if (next >= kLastMessageId) {
    sa.end_at = now();
  } else if (next % kRekeyAgainAfterMessages == 0) {
    sa.rekey_at = now();
  }
}

void Machine::respond(IkeSa& sa, isakmp::MessageBuilder& builder) {
  base::ByteVector message = seal(sa, builder);
  services_.send_all(sa.peer->local, sa.peer->remote, message);
  sa.last_sent = now();
  sa.answered.answer(std::move(message));
  sa.peer.reset();
  touch(sa);
}

void Machine::refuse(IkeSa& sa, NotifyType type, IkeDrop why, base::Bytes data) {
  drop(why);
  isakmp::MessageBuilder builder = response(sa);
  isakmp::append_notify(builder, type, data);
  if (sa.peer->spi.value() != 0) services_.return_spi(sa.peer->spi);
  if (sa.peer->collides) forget_collision(sa);
  respond(sa, builder);
}

void Machine::forget_collision(IkeSa& sa) {
  // §2.8.1: the peer's exchange made nothing, so there is nothing to compare ours with.
  if (sa.own) return sa.own->collision.reset();
  // Ours yielded to it already: it is tried again.
  if (sa.peer->kind == PeerRequest::Kind::kRekeyIke && sa.state == State::kEstablished && sa.end_at)
    sa.rekey_at = now() + kRekeyAgain;
}

// ---- our requests ----

bool Machine::add_task(IkeSa& sa, Task task) {
  if (sa.tasks.size() >= kMaxTasks || sa.state == State::kDead) return false;
  sa.tasks.push_back(std::move(task));
  touch(sa);
  return true;
}

void Machine::put_first(IkeSa& sa, Task task) {
  touch(sa);
  const auto same = std::ranges::find_if(sa.tasks, [&](const Task& t) {
    return t.kind == task.kind && t.spi == task.spi &&
           (t.command.value() == 0 || task.command.value() == 0);
  });
  if (same != sa.tasks.end()) {
    if (task.command.value() != 0) same->command = task.command;
    return;
  }
  // Without a command there is one for each SA at most.
  if (task.command.value() != 0 && sa.tasks.size() >= kMaxTasks)
    return services_.note(session::TaskDone{
        std::move(task), base::fail(base::ErrorCode::kLimit, "too many tasks wait at the IKE SA")});
  sa.tasks.insert(sa.tasks.begin(), std::move(task));
}

void Machine::finish_own(IkeSa& sa, base::Result<std::string> result) {
  const std::unique_ptr<OwnRequest> own = std::move(sa.own);
  if (!own) return;
  if (own->spi.value() != 0) services_.return_spi(own->spi);
  services_.note(session::TaskDone{std::move(own->task), std::move(result)});
  touch(sa);
}

void Machine::postpone_own(IkeSa& sa) {
  const std::unique_ptr<OwnRequest> own = std::move(sa.own);
  if (own->spi.value() != 0) services_.return_spi(own->spi);
  Task task = std::move(own->task);
  // §2.25: never at once; and not for ever.
  if (++task.attempts >= kTemporaryTries) {
    services_.note(session::TaskDone{
        std::move(task), base::fail(base::ErrorCode::kTimeout, "TEMPORARY_FAILURE without end")});
    return delete_ike(sa, EndReason::kExpired);
  }
  task.not_before = now() + kTemporaryWait + services_.shortened(kTemporaryWait, kTemporaryWait);
  sa.tasks.push_back(std::move(task));
  touch(sa);
}

bool Machine::is_busy_with_children(const IkeSa& sa) const {
  if (!sa.own || sa.own->abandoned) return false;
  const Task::Kind kind = sa.own->task.kind;
  return kind == Task::Kind::kNewChild || kind == Task::Kind::kRekeyChild ||
         kind == Task::Kind::kDeleteChild;
}

bool Machine::take_spi_or_wait(IkeSa& sa) {
  if (sa.own->spi.value() != 0) return true;
  const auto spi = services_.take_spi();
  if (spi) {
    sa.own->spi = *spi;
    return true;
  }
  sa.own->stage = OwnRequest::Stage::kSpi;
  waiting_for_spis_.push_back(sa.serial);
  return false;
}

void Machine::spis_granted() {
  const std::vector<std::uint64_t> waiting = std::exchange(waiting_for_spis_, {});
  for (const std::uint64_t serial : waiting) {
    IkeSa* sa = find(serial);
    if (sa == nullptr || !sa->own || sa->own->stage != OwnRequest::Stage::kSpi) continue;
    touch(*sa);
    if (sa->handshake) {
      begin_ike_auth(*this, *sa);
    } else {
      begin_create_child(*this, *sa);
    }
  }
}

void Machine::pump(IkeSa& sa) {
  // While the peer's rekey of the IKE SA is being answered, children are about to move (§2.25.2).
  const bool moving = sa.peer && sa.peer->kind == PeerRequest::Kind::kRekeyIke;
  const bool may = !moving && (sa.state == State::kEstablished || sa.state == State::kRekeyed);
  while (may && !sa.own && sa.state != State::kDead) {
    const auto ready = std::ranges::find_if(sa.tasks, [&](const Task& t) {
      // A replaced IKE SA only waits for its end (§2.25.2).
      if (sa.state == State::kRekeyed && t.kind != Task::Kind::kDeleteIke) return false;
      return t.not_before <= now();
    });
    if (ready == sa.tasks.end()) return;
    Task task = std::move(*ready);
    sa.tasks.erase(ready);
    begin(sa, std::move(task));
    if (sa.state == State::kDeleting) return;
  }
}

void Machine::begin(IkeSa& sa, Task task) {
  const Task::Kind kind = task.kind;
  sa.own = std::make_unique<OwnRequest>();
  sa.own->task = std::move(task);
  switch (kind) {
    case Task::Kind::kNewChild:
    case Task::Kind::kRekeyChild:
      sa.own->exchange = ExchangeType::kCreateChildSa;
      return begin_create_child(*this, sa);
    case Task::Kind::kRekeyIke:
      sa.own->exchange = ExchangeType::kCreateChildSa;
      return begin_rekey_ike(*this, sa);
    case Task::Kind::kDeleteChild:
    case Task::Kind::kDeleteIke:
    case Task::Kind::kLiveness:
    case Task::Kind::kReportUnknownSpi:
      return begin_informational(*this, sa);
  }
}

// ---- children ----

ChildSa& Machine::add_child(IkeSa& sa, const session::ChildConfig& config, net::Spi spi_in,
                            net::Spi spi_out) {
  auto child = std::make_unique<ChildSa>();
  child->config = &config;
  child->spi_in = spi_in;
  child->spi_out = spi_out;
  child->encap = sa.encap;
  child->remote = sa.remote.address;
  // From here on the child answers for the SPI.
  if (sa.own && sa.own->spi == spi_in) sa.own->spi = {};
  if (sa.peer && sa.peer->spi == spi_in) sa.peer->spi = {};
  sa.children.push_back(std::move(child));
  return *sa.children.back();
}

void Machine::child_installed(IkeSa& sa, ChildSa& child) {
  child.state = session::ChildState::kInstalled;
  const session::ChildConfig& c = *child.config;
  if (c.rekey_time.count() != 0)
    child.rekey_at = now() + services_.shortened(c.rekey_time, c.rand_time);
  if (c.life_time.count() != 0) child.end_at = now() + c.life_time;
  report(sa, base::LogLevel::kInfo, "child_installed",
         fmt::format("child {} installed: in {}, out {}, {} {}{}{}, {} === {}", c.name,
                     net::to_string(child.spi_in), net::to_string(child.spi_out),
                     crypto::name_of(child.agreed.protocol), child.agreed.to_string(),
                     c.is_transport() ? " in transport mode" : "", child.encap ? " in UDP" : "",
                     session::to_string(child.selectors.local),
                     session::to_string(child.selectors.remote)));
}

void Machine::end_child(IkeSa& sa, ChildSa& child, EndReason reason) {
  const bool tell = child.state != session::ChildState::kRekeyed &&
                    child.state != session::ChildState::kLingering &&
                    child.state != session::ChildState::kInstalling && !child.redundant;
  session::retire(services_, sa.children, child);
  if (tell && reason != EndReason::kReplaced && sa.connection != nullptr)
    services_.note(session::ChildEnded{sa.connection, child.config, reason});
  std::erase_if(sa.children, [&](const auto& c) { return c.get() == &child; });
  touch(sa);
}

void Machine::child_deleted(IkeSa& sa, ChildSa& child, EndReason reason) {
  const bool succeeded = std::ranges::any_of(sa.children, [&](const auto& c) {
    return c->slot == child.slot && c.get() != &child && c->live();
  });
  if (!succeeded) return end_child(sa, child, reason);
  // Design §4.5: the old inbound stays until nothing can be in flight.
  session::close_outbound(services_, sa.children, child);
  child.state = session::ChildState::kLingering;
  child.rekey_at.reset();
  child.end_at.reset();
  child.linger_until = now() + session::kLinger;
  touch(sa);
}

void Machine::request_child_delete(IkeSa& sa, net::Spi spi, EndReason reason,
                                   session::CommandId command) {
  Task task;
  task.kind = Task::Kind::kDeleteChild;
  task.spi = spi;
  task.command = command;
  task.reason = reason;
  const ChildSa* child = session::find_by_inbound(sa.children, spi);
  if (child != nullptr) task.child = child->config;
  put_first(sa, std::move(task));
}

void Machine::request_offer_delete(IkeSa& sa, crypto::ProtocolId protocol, net::Spi spi) {
  Task task;
  task.kind = Task::Kind::kDeleteChild;
  task.spi = spi;
  task.protocol = protocol;
  put_first(sa, std::move(task));
}

// ---- words ----

std::string Machine::label(const IkeSa& sa, const session::ChildConfig& child) {
  return sa.connection->config.name + "/" + child.name;
}

void Machine::report(const IkeSa& sa, base::LogLevel level, std::string code, std::string text) {
  session::Report r;
  r.level = level;
  if (sa.connection != nullptr) r.connection = sa.connection->config.name;
  r.peer = sa.remote.to_string();
  if (!sa.remote_id.data.empty() && sa.state != State::kInitDone)
    r.peer += " (" + sa.remote_id.to_string() + ")";
  r.code = std::move(code);
  r.text = std::move(text);
  services_.emit(std::move(r));
}

}  // namespace penstock::ikev2
