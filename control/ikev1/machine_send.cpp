// SPDX-License-Identifier: BSD-3-Clause
// Machine, part two: building, protecting and sending messages; our exchanges, their tasks and
// their ends; children; reports.
#include <fmt/format.h>

#include <algorithm>

#include "control/ikev1/exchanges.h"
#include "control/ikev1/machine.h"
#include "control/ikev1/private_groups.h"
#include "control/ikev1/protection.h"
#include "lib/base/check.h"

namespace penstock::ikev1 {

using isakmp::ExchangeType;
using isakmp::PayloadType;
using session::ChildSa;
using session::ChildState;
using session::EndReason;
using session::Task;

// ---- messages out ----

isakmp::MessageBuilder Machine::message(const IsakmpSa& sa, ExchangeType exchange,
                                        std::uint32_t message_id, std::uint8_t flags) const {
  isakmp::Header h;
  h.initiator_spi = sa.cookies.i;
  h.responder_spi = sa.cookies.r;
  h.major = 1;
  h.exchange = exchange;
  h.flags = flags;
  h.message_id = isakmp::MessageId{message_id};
  return isakmp::MessageBuilder(h);
}

isakmp::MessageBuilder Machine::hashed_message(IsakmpSa& sa, ExchangeType exchange,
                                               std::uint32_t message_id, std::uint8_t flags) {
  use(sa, exchange, message_id);
  isakmp::MessageBuilder builder = message(sa, exchange, message_id, flags);
  builder.append(PayloadType::kV1Hash, base::ByteVector(sa.algorithms.prf->output_octets));
  return builder;
}

base::ByteVector Machine::seal(const IsakmpSa& sa, base::ByteVector clear, base::ByteVector& iv) {
  return encipher(services_.crypto, *sa.algorithms.encr, sa.cipher_key.bytes(), std::move(clear),
                  iv);
}

base::ByteVector Machine::seal_phase2(const IsakmpSa& sa, isakmp::MessageBuilder& builder,
                                      std::uint32_t message_id, base::Bytes ni,
                                      base::ByteVector& iv) {
  base::ByteVector clear = builder.finish();
  const base::MutableBytes inside = base::MutableBytes(clear).subspan(isakmp::kHeaderOctets);
  const base::SecretBytes hash =
      phase2_hash(services_.crypto, *sa.algorithms.prf, sa.keys.a.bytes(), message_id, ni,
                  hashed_part(PayloadType::kV1Hash, inside));
  std::ranges::copy(hash.bytes(), inside.subspan(sizeof(isakmp::GenericHeader)).begin());
  return seal(sa, std::move(clear), iv);
}

void Machine::transmit(IsakmpSa& sa, const base::ByteVector& message) {
  put_out(sa, message);
  sa.last_sent = now();
  touch(sa);
}

void Machine::send_phase1(IsakmpSa& sa, base::ByteVector message) {
  transmit(sa, message);
  // Before the peer's address is proved only who began repeats by timer (CVE-2016-5361).
  if (sa.initiator) {
    sa.phase1->sent.start(std::move(message), now(), services_.settings.retransmission);
  } else {
    sa.answered.answer(std::move(message));
  }
}

std::uint32_t Machine::draw_message_id(const IsakmpSa& sa) {
  // RFC 2408 §3.1: random, and not one that is in use.
  for (;;) {
    const auto id = static_cast<std::uint32_t>(services_.random.u64());
    if (id != 0 && !sa.exchanges.contains(id)) return id;
  }
}

namespace {

std::uint64_t key_of(ExchangeType exchange, std::uint32_t message_id) {
  return std::uint64_t{static_cast<std::uint8_t>(exchange)} << 32U | message_id;
}

}  // namespace

bool Machine::is_used(const IsakmpSa& sa, ExchangeType exchange, std::uint32_t message_id) {
  return sa.taken_ids.contains(key_of(exchange, message_id));
}

void Machine::use(IsakmpSa& sa, ExchangeType exchange, std::uint32_t message_id) {
  if (!sa.taken_ids.insert(key_of(exchange, message_id)).second) return;
  if (sa.taken_ids.size() == kMaxMessageIds / 4 * 3 && sa.connection->config.can_be_dialled())
    sa.rekey_at = now();
}

void Machine::forget(IsakmpSa& sa, const Exchange& x) {
  sa.taken_ids.erase(key_of(x.type, x.message_id));
  sa.exchanges.erase(x.message_id);
}

Exchange& Machine::begin_exchange(IsakmpSa& sa, std::uint32_t message_id) {
  if (sa.exchanges.size() >= kMaxExchanges) {
    // Of those that are over the oldest makes room.
    auto oldest = sa.exchanges.end();
    for (auto it = sa.exchanges.begin(); it != sa.exchanges.end(); ++it)
      if (it->second.forget_at &&
          (oldest == sa.exchanges.end() || *it->second.forget_at < *oldest->second.forget_at))
        oldest = it;
    if (oldest != sa.exchanges.end()) sa.exchanges.erase(oldest);
  }
  Exchange& x = sa.exchanges[message_id];
  x.message_id = message_id;
  return x;
}

void Machine::send_informational(IsakmpSa& sa, const isakmp::V1NotifyPayload& notify) {
  const std::uint32_t id = draw_message_id(sa);
  isakmp::MessageBuilder builder = hashed_message(sa, ExchangeType::kV1Informational, id);
  isakmp::append_v1_notify(builder, notify);
  base::ByteVector iv = phase2_iv(services_.crypto, sa.algorithms, sa.iv, id);
  transmit(sa, seal_phase2(sa, builder, id, {}, iv));
}

// ---- our exchanges ----

bool Machine::add_task(IsakmpSa& sa, Task task) {
  if (sa.tasks.size() >= kMaxTasks || sa.state == State::kDead) return false;
  sa.tasks.push_back(std::move(task));
  touch(sa);
  return true;
}

void Machine::finish(Exchange& x) {
  x.state = QuickState::kDone;
  x.sent.stop();
  x.forget_at = now() + kExchangeMemory;
  x.pair = {};
  return_spis(x);
}

void Machine::return_spis(Exchange& x) {
  for (QuickSa* q : x.sas())
    for (net::Spi* spi : {&q->spi, &q->outer})
      if (spi->value() != 0) services_.return_spi(std::exchange(*spi, net::Spi{}));
}

bool Machine::take_spis(Exchange& x) {
  for (QuickSa* q : x.sas())
    for (net::Spi* spi : {&q->spi, &q->outer}) {
      if (spi->value() != 0 || (spi == &q->outer && !q->config->bundle)) continue;
      const auto taken = services_.take_spi();
      if (!taken) return false;
      *spi = *taken;
    }
  return true;
}

void Machine::finish_own(IsakmpSa& sa, Exchange& x, base::Result<std::string> result) {
  finish(x);
  if (sa.own_exchange == x.message_id) sa.own_exchange = 0;
  for (QuickSa& q : x.more) services_.note(session::TaskDone{std::move(q.task), result});
  services_.note(session::TaskDone{std::move(x.task), std::move(result)});
  touch(sa);
}

bool Machine::take_spi_or_wait(IsakmpSa& sa, Exchange& x) {
  if (take_spis(x)) return true;
  waiting_for_spis_.push_back(sa.serial);
  return false;
}

void Machine::spis_granted() {
  const std::vector<std::uint64_t> waiting = std::exchange(waiting_for_spis_, {});
  for (const std::uint64_t serial : waiting) {
    IsakmpSa* sa = find(serial);
    if (sa == nullptr) continue;
    touch(*sa);
    Exchange* x = sa->own();
    if (x != nullptr && x->type == ExchangeType::kV1QuickMode && x->state == QuickState::kStart)
      begin_quick_mode(*this, *sa, *x);
  }
}

void Machine::pump(IsakmpSa& sa) {
  if (sa.state == State::kEstablished && sa.taken_ids.size() >= kMaxMessageIds) {
    report(sa, base::LogLevel::kWarning, "message_ids_used_up",
           "the ISAKMP SA has had as many exchanges as it may");
    return delete_ike(sa, EndReason::kExpired);
  }
  if (sa.state != State::kEstablished || hand_over(sa)) return;
  while (sa.state == State::kEstablished && sa.own_exchange == 0) {
    const auto ready =
        std::ranges::find_if(sa.tasks, [&](const Task& t) { return t.not_before <= now(); });
    if (ready == sa.tasks.end()) return;
    Task task = std::move(*ready);
    sa.tasks.erase(ready);
    begin(sa, std::move(task));
  }
}

void Machine::begin(IsakmpSa& sa, Task task) {
  const bool needs_keys = task.kind == Task::Kind::kNewChild || task.kind == Task::Kind::kLiveness;
  if (needs_keys && !sa.has_keys())
    return services_.note(session::TaskDone{
        std::move(task), "authenticated; without keys there is no child and nothing is protected"});
  switch (task.kind) {
    case Task::Kind::kNewChild:
    case Task::Kind::kRekeyChild: {
      const session::PrivateGroupConfig* group = group_to_propose(*this, sa, task);
      const std::uint32_t id = draw_message_id(sa);
      Exchange& x = begin_exchange(sa, id);
      x.ours = true;
      x.task = std::move(task);
      x.iv = phase2_iv(services_.crypto, sa.algorithms, sa.iv, id);
      sa.own_exchange = id;
      if (group == nullptr) return begin_quick_mode(*this, sa, x);
      x.type = ExchangeType::kV1NewGroupMode;
      return begin_new_group_mode(*this, sa, x, *group);
    }
    case Task::Kind::kDeleteChild:
      return delete_child_now(sa, std::move(task));
    case Task::Kind::kLiveness:
      return send_probe(*this, sa, std::move(task));
    case Task::Kind::kRekeyIke:
      rekey(sa);
      return services_.note(session::TaskDone{std::move(task), "a new ISAKMP SA is on its way"});
    case Task::Kind::kDeleteIke:
    case Task::Kind::kReportUnknownSpi:
      return services_.note(session::TaskDone{std::move(task), "nothing to be done in IKEv1"});
  }
}

void Machine::delete_child_now(IsakmpSa& sa, Task task) {
  ChildSa* child = session::find_by_inbound(sa.children, task.spi);
  if (child != nullptr && child->state != ChildState::kLingering) {
    send_delete_child(*this, sa, *child);
    child_deleted(sa, *child, task.reason);
  }
  services_.note(session::TaskDone{std::move(task), "child SA deleted"});
}

// ---- children ----

ChildSa& Machine::add_child(IsakmpSa& sa, const Exchange& x, QuickSa& q) {
  auto child = std::make_unique<ChildSa>();
  child->config = q.config;
  // From here on the child answers for the SPI.
  child->spi_in = q.child = std::exchange(q.spi, net::Spi{});
  child->spi_out = q.choice.spi;
  child->encap = q.encap;
  child->remote = sa.remote.address;
  child->agreed = q.choice.agreed;
  child->selectors = x.selectors;
  if (q.choice.outer) {
    child->outer = std::make_unique<session::OuterSa>();
    child->outer->spi_in = std::exchange(q.outer, net::Spi{});
    child->outer->spi_out = q.choice.outer->spi;
    child->outer->agreed = q.choice.outer->agreed;
  }
  sa.children.push_back(std::move(child));
  return *sa.children.back();
}

void Machine::child_installed(IsakmpSa& sa, ChildSa& child, const Choice& choice) {
  child.state = ChildState::kInstalled;
  const session::ChildConfig& c = *child.config;
  base::Duration life = c.life_time;
  // The shorter of both (RFC 2407 §4.5.4).
  const auto& asked = choice.lives.life;
  if (asked && (life.count() == 0 || *asked < life)) life = *asked;
  if (life.count() != 0) child.end_at = now() + life;
  const bool ours = c.rekey_time.count() != 0 && (life.count() == 0 || c.rekey_time < life);
  const base::Duration soft = ours ? c.rekey_time : life - life / 10;
  if (soft.count() != 0) child.rekey_at = now() + services_.shortened(soft, c.rand_time);
  report(sa, base::LogLevel::kInfo, "child_installed",
         fmt::format("child {} installed: in {}, out {}, {}{}{}, {} === {}", c.name,
                     net::to_string(child.spi_in), net::to_string(child.spi_out),
                     child.agreed.to_string(), child.encap ? " in UDP" : "",
                     child.outer == nullptr ? ""
                                            : fmt::format(", AH around it: in {}, out {}, {}",
                                                          net::to_string(child.outer->spi_in),
                                                          net::to_string(child.outer->spi_out),
                                                          child.outer->agreed.to_string()),
                     session::to_string(child.selectors.local),
                     session::to_string(child.selectors.remote)));
}

void Machine::replaced(IsakmpSa& sa, ChildSa& child, base::Duration stays) {
  child.state = ChildState::kRekeyed;
  child.rekey_at.reset();
  if (!child.end_at || *child.end_at > now() + stays) child.end_at = now() + stays;
  touch(sa);
}

void Machine::end_child(IsakmpSa& sa, ChildSa& child, EndReason reason) {
  const bool tell = child.live() || child.state == ChildState::kDeleting;
  session::retire(services_, sa.children, child);
  if (tell && reason != EndReason::kReplaced && sa.connection != nullptr)
    services_.note(session::ChildEnded{sa.connection, child.config, reason});
  std::erase_if(sa.children, [&](const auto& c) { return c.get() == &child; });
  touch(sa);
}

void Machine::child_deleted(IsakmpSa& sa, ChildSa& child, EndReason reason) {
  const bool succeeded = std::ranges::any_of(sa.children, [&](const auto& c) {
    return c->slot == child.slot && c.get() != &child && c->live();
  });
  if (!succeeded) return end_child(sa, child, reason);
  // Design §4.5: the old inbound stays until nothing can be in flight.
  session::close_outbound(services_, sa.children, child);
  child.state = ChildState::kLingering;
  child.rekey_at.reset();
  child.end_at.reset();
  child.linger_until = now() + session::kLinger;
  touch(sa);
}

void Machine::request_child_delete(IsakmpSa& sa, net::Spi spi, EndReason reason,
                                   session::CommandId command) {
  Task task;
  task.kind = Task::Kind::kDeleteChild;
  task.spi = spi;
  task.command = command;
  task.reason = reason;
  const ChildSa* child = session::find_by_inbound(sa.children, spi);
  if (child != nullptr) task.child = child->config;
  // Nobody answers a Delete, so it waits for nothing.
  if (sa.state == State::kEstablished) return delete_child_now(sa, std::move(task));
  services_.note(session::TaskDone{std::move(task), "the ISAKMP SA is gone"});
}

// ---- words ----

std::string Machine::label(const IsakmpSa& sa, const session::ChildConfig& child) {
  return sa.connection->config.name + "/" + child.name;
}

void Machine::report(const IsakmpSa& sa, base::LogLevel level, std::string code, std::string text) {
  session::Report r;
  r.level = level;
  if (sa.connection != nullptr) r.connection = sa.connection->config.name;
  r.peer = sa.remote.to_string();
  if (!sa.remote_id.data.empty()) r.peer += " (" + sa.remote_id.to_string() + ")";
  r.code = std::move(code);
  r.text = std::move(text);
  services_.emit(std::move(r));
}

}  // namespace penstock::ikev1
