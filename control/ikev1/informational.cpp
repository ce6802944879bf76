// SPDX-License-Identifier: BSD-3-Clause
// The Informational Exchange (RFC 2409 §5.7): one message under HASH(1), which nobody answers.
// Deletes, notifications, and dead peer detection, whose answer is another such message (RFC 3706).
#include <algorithm>

#include "control/ikev1/exchanges.h"
#include "lib/base/byte_io.h"

namespace penstock::ikev1 {

using base::LogLevel;
using isakmp::ExchangeType;
using isakmp::PayloadType;
using isakmp::ProtocolId;
using isakmp::V1NotifyType;
using session::ChildSa;
using session::EndReason;
using session::IkeDrop;
using session::Task;

// ---- ours ----

namespace {

base::ByteVector four_octets(std::uint32_t value) {
  base::ByteWriter out;
  out.u32(value);
  return out.release();
}

base::ByteVector sealed_informational(Machine& machine, IsakmpSa& sa, std::uint32_t id,
                                      isakmp::MessageBuilder& builder) {
  base::ByteVector iv = phase2_iv(machine.services().crypto, sa.algorithms, sa.iv, id);
  return machine.seal_phase2(sa, builder, id, {}, iv);
}

void append_probe(const IsakmpSa& sa, isakmp::MessageBuilder& builder, V1NotifyType type,
                  std::uint32_t sequence) {
  const base::ByteVector spi = isakmp::cookie_pair(sa.cookies.i, sa.cookies.r);
  const base::ByteVector data = four_octets(sequence);
  isakmp::append_v1_notify(builder, {1, type, spi, data});
}

}  // namespace

void send_notify(Machine& machine, IsakmpSa& sa, const isakmp::V1NotifyPayload& notify) {
  machine.send_informational(sa, notify);
}

void send_delete_isakmp(Machine& machine, IsakmpSa& sa) {
  const std::uint32_t id = machine.draw_message_id(sa);
  isakmp::MessageBuilder builder = machine.hashed_message(sa, ExchangeType::kV1Informational, id);
  isakmp::append_v1_delete_isakmp(builder, sa.cookies.i, sa.cookies.r);
  machine.transmit(sa, sealed_informational(machine, sa, id, builder));
}

void send_delete_child(Machine& machine, IsakmpSa& sa, const ChildSa& child) {
  if (child.state == session::ChildState::kLingering) return;
  const std::uint32_t id = machine.draw_message_id(sa);
  isakmp::MessageBuilder builder = machine.hashed_message(sa, ExchangeType::kV1Informational, id);
  // RFC 2408 §3.15: the SPI of the sender's inbound SA.
  isakmp::append_v1_delete_children(builder, child.agreed.protocol, {&child.spi_in, 1});
  if (child.outer != nullptr)
    isakmp::append_v1_delete_children(builder, child.outer->agreed.protocol,
                                      {&child.outer->spi_in, 1});
  machine.transmit(sa, sealed_informational(machine, sa, id, builder));
}

void send_connected(Machine& machine, IsakmpSa& sa, Exchange& x, const ChildSa& child) {
  // RFC 2408 §3.1: under the message id of the Quick Mode; its IV is an exchange's own.
  isakmp::MessageBuilder builder =
      machine.hashed_message(sa, ExchangeType::kV1Informational, x.message_id);
  const base::ByteVector spi = four_octets(child.spi_in.value());
  isakmp::append_v1_notify(
      builder,
      {static_cast<std::uint8_t>(child.agreed.protocol), V1NotifyType::kConnected, spi, {}});
  base::ByteVector message = sealed_informational(machine, sa, x.message_id, builder);
  machine.transmit(sa, message);
  // Nobody answers it: it is repeated when HASH(3) comes again.
  x.answered.answer(std::move(message));
}

void send_probe(Machine& machine, IsakmpSa& sa, Task task) {
  if (!sa.dpd)
    return machine.services().note(
        session::TaskDone{std::move(task), "the peer does not speak dead peer detection"});
  const std::uint32_t id = machine.draw_message_id(sa);
  // RFC 3706 §6.2: the first number is random, without the highest bit.
  if (sa.dpd_sequence == 0)
    sa.dpd_sequence = static_cast<std::uint32_t>(machine.services().random.u64()) & 0x7fff'ffffU;
  ++sa.dpd_sequence;
  Exchange& x = sa.exchanges[id];
  x.message_id = id;
  x.ours = x.probe = true;
  x.state = QuickState::kOffered;
  x.task = std::move(task);
  sa.own_exchange = id;
  isakmp::MessageBuilder builder = machine.hashed_message(sa, ExchangeType::kV1Informational, id);
  append_probe(sa, builder, V1NotifyType::kRUThere, sa.dpd_sequence);
  base::ByteVector message = sealed_informational(machine, sa, id, builder);
  machine.transmit(sa, message);
  x.sent.start(std::move(message), machine.now(), machine.services().settings.retransmission);
}

// ---- the peer's ----

namespace {

void answer_probe(Machine& machine, IsakmpSa& sa, std::uint32_t sequence) {
  // RFC 3706 §5.3: an old number is a replay.
  if (sa.peer_dpd_sequence && static_cast<std::int32_t>(sequence - *sa.peer_dpd_sequence) < 0)
    return machine.drop(IkeDrop::kOutsideWindow);
  sa.peer_dpd_sequence = sequence;
  const std::uint32_t id = machine.draw_message_id(sa);
  isakmp::MessageBuilder builder = machine.hashed_message(sa, ExchangeType::kV1Informational, id);
  append_probe(sa, builder, V1NotifyType::kRUThereAck, sequence);
  base::ByteVector message = sealed_informational(machine, sa, id, builder);
  machine.transmit(sa, message);
  sa.informational.answer(std::move(message));
}

void on_probe(Machine& machine, IsakmpSa& sa, const isakmp::V1NotifyPayload& notify) {
  const base::ByteVector spi = isakmp::cookie_pair(sa.cookies.i, sa.cookies.r);
  const auto sequence = base::ByteReader(notify.data).u32();
  if (!sequence || notify.data.size() != 4 || !std::ranges::equal(notify.spi, spi))
    return machine.broken({isakmp::V1Rule::kNotification, "dead peer detection"});
  if (notify.type == V1NotifyType::kRUThere) return answer_probe(machine, sa, *sequence);
  Exchange* own = sa.own();
  if (own == nullptr || !own->probe || *sequence != sa.dpd_sequence)
    return machine.drop(IkeDrop::kUnexpectedResponse);
  machine.finish_own(sa, *own, "the peer lives");
}

/// RFC 2407 §4.6.3.1: the responder keeps the SA for a shorter time than we asked for.
void on_responder_lifetime(Machine& machine, IsakmpSa& sa, const isakmp::V1NotifyPayload& notify) {
  // Its data are attributes as a transform has them.
  const Lifetimes lives = responder_lifetime(notify.protocol, notify.data);
  if (!lives.any()) return machine.broken({isakmp::V1Rule::kAttributes, "RESPONDER-LIFETIME"});
  // Traffic of an SA that is there is counted as it was agreed.
  const auto& life = lives.life;
  if (!life) return;
  const auto shorten = [&](std::optional<base::MonoTime>& end, std::optional<base::MonoTime>& soft,
                           base::Duration granted) {
    const base::MonoTime at = machine.now() + granted;
    if (!end || at < *end) end = at;
    if (!soft || *soft > at - granted / 10) soft = at - granted / 10;
  };
  if (ProtocolId{notify.protocol} == ProtocolId::kIke)
    return shorten(sa.end_at, sa.rekey_at, *life);
  base::ByteReader reader(notify.spi);
  const auto spi = reader.u32();
  ChildSa* child =
      spi ? session::find_by_outbound(sa.children, ProtocolId{notify.protocol}, net::Spi{*spi})
          : nullptr;
  if (child != nullptr) shorten(child->end_at, child->rekey_at, *life);
}

/// RFC 2408 §3.1: the message id says of which Quick Mode it is.
void on_connected(Machine& machine, IsakmpSa& sa, std::uint32_t id) {
  const auto found = sa.exchanges.find(id);
  if (found == sa.exchanges.end() || !found->second.awaits_connected)
    return machine.drop(IkeDrop::kUnexpectedResponse);
  for (const QuickSa* q : found->second.sas()) {
    ChildSa* child = session::find_by_inbound(sa.children, q->child);
    if (child == nullptr || !child->switch_by) continue;
    found->second.awaits_connected = false;
    child->switch_by.reset();
    let_out(machine.services(), *child);
  }
}

void on_notify(Machine& machine, IsakmpSa& sa, const isakmp::V1NotifyPayload& notify,
               std::uint32_t id) {
  switch (notify.type) {
    case V1NotifyType::kRUThere:
    case V1NotifyType::kRUThereAck:
      return on_probe(machine, sa, notify);
    case V1NotifyType::kResponderLifetime:
      return on_responder_lifetime(machine, sa, notify);
    case V1NotifyType::kConnected:
      return on_connected(machine, sa, id);
    case V1NotifyType::kInitialContact:
      static_cast<void>(machine.admit_identity(sa, true));
      return;
    default:
      break;
  }
  const std::string text = "the peer notifies " + isakmp::name_of(notify.type);
  machine.report(sa, isakmp::is_error(notify.type) ? LogLevel::kWarning : LogLevel::kInfo,
                 "peer_notifies", text);
  // An error names no exchange (RFC 2408 §3.14): it is about what we are asking for.
  Exchange* own = sa.own();
  if (isakmp::is_error(notify.type) && own != nullptr && !own->probe &&
      own->state == QuickState::kOffered)
    fail_exchange(machine, sa, *own, text);
}

void delete_children(Machine& machine, IsakmpSa& sa, const isakmp::V1DeletePayload& d) {
  for (std::size_t i = 0; i < d.count(); ++i) {
    const auto spi = base::ByteReader(d.spi(i)).u32();
    // The child may have moved to a younger ISAKMP SA of the same peer.
    for (IsakmpSa* owner : machine.siblings(sa)) {
      ChildSa* child = session::find_by_outbound(owner->children, d.protocol, net::Spi{*spi});
      if (child == nullptr || child->state == session::ChildState::kInstalling) continue;
      machine.report(
          *owner, LogLevel::kInfo, "child_deleted",
          "the peer deleted child " + child->config->name + ", " + net::to_string(child->spi_in));
      machine.child_deleted(*owner, *child, EndReason::kPeer);
      break;
    }
  }
}

/// @return true if this very ISAKMP SA is deleted
bool delete_isakmp(Machine& machine, IsakmpSa& sa, const isakmp::V1DeletePayload& d) {
  bool this_one = false;
  for (std::size_t i = 0; i < d.count(); ++i)
    for (IsakmpSa* owner : machine.siblings(sa)) {
      if (!std::ranges::equal(d.spi(i), isakmp::cookie_pair(owner->cookies.i, owner->cookies.r)))
        continue;
      if (owner == &sa) {
        this_one = true;
      } else {
        machine.close(*owner, EndReason::kPeer, "the peer deleted the ISAKMP SA");
      }
    }
  return this_one;
}

}  // namespace

void on_informational(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  bool gone = false;
  for (const isakmp::PayloadView& p : in.payloads) {
    if (p.type == PayloadType::kV1Notification) {
      const auto notify = isakmp::parse_v1_notify(p.body);
      if (!notify) return machine.broken(notify.error());
      on_notify(machine, sa, *notify, in.message.header().message_id.value());
    } else if (p.type == PayloadType::kV1Delete) {
      const auto d = isakmp::parse_v1_delete(p.body);
      if (!d) return machine.broken(d.error());
      if (d->protocol == ProtocolId::kIke) {
        gone |= delete_isakmp(machine, sa, *d);
      } else {
        delete_children(machine, sa, *d);
      }
    }
    if (sa.state == State::kDead) return;
  }
  if (!gone) return;
  machine.report(sa, LogLevel::kInfo, "ike_deleted", "the peer deleted the ISAKMP SA");
  machine.close(sa, EndReason::kPeer, "the peer deleted the ISAKMP SA");
}

}  // namespace penstock::ikev1
