// SPDX-License-Identifier: BSD-3-Clause
// INFORMATIONAL (RFC 7296 §1.4): deletes of child and IKE SAs, liveness, notifies. Deletes that
// cross are settled by §1.4.1 and §2.25.
#include "control/ikev2/exchanges.h"
#include "control/isakmp/payload/delete.h"
#include "control/isakmp/payload/notify.h"

namespace penstock::ikev2 {

using base::LogLevel;
using isakmp::ExchangeType;
using isakmp::NotifyType;
using isakmp::PayloadType;
using isakmp::ProtocolId;
using session::ChildSa;
using session::ChildState;
using session::EndReason;
using session::IkeDrop;
using session::Task;

// ---- our requests ----

namespace {

/// @return false if there is nothing left to delete
bool append_child_delete(isakmp::MessageBuilder& builder, IkeSa& sa) {
  const Task& task = sa.own->task;
  ChildSa* child = session::find_by_inbound(sa.children, task.spi);
  const bool gone =
      child == nullptr ? task.child != nullptr : child->state == ChildState::kLingering;
  if (gone) return false;
  if (child != nullptr) child->state = ChildState::kDeleting;
  const net::Spi spi = task.spi;
  isakmp::append_delete_children(builder, child != nullptr ? child->agreed.protocol : task.protocol,
                                 {&spi, 1});
  return true;
}

}  // namespace

void begin_informational(Machine& machine, IkeSa& sa) {
  const Task& task = sa.own->task;
  isakmp::MessageBuilder builder = machine.request(sa, ExchangeType::kInformational);
  switch (task.kind) {
    case Task::Kind::kDeleteChild:
      if (!append_child_delete(builder, sa))
        return machine.finish_own(sa, "the child SA is gone already");
      break;
    case Task::Kind::kDeleteIke:
      machine.enter(sa, State::kDeleting);
      sa.rekey_at.reset();
      sa.end_at.reset();
      isakmp::append_delete_ike(builder);
      break;
    case Task::Kind::kReportUnknownSpi: {
      base::ByteWriter spi;
      spi.u32(task.spi.value());
      isakmp::append_notify(builder, NotifyType::kInvalidSpi, spi.bytes());
      break;
    }
    default:  // liveness: nothing inside (§1.4)
      break;
  }
  machine.send_request(sa, builder);
}

void on_informational_response(Machine& machine, IkeSa& sa, const Inbound& in) {
  static_cast<void>(in);
  if (sa.state == State::kDeleting) return machine.close(sa, sa.end_reason, "deleted");
  if (sa.own->task.kind != Task::Kind::kDeleteChild) return machine.finish_own(sa, "answered");
  // §1.4.1: the answer names the other half of the pair, or nothing if both ends deleted at once.
  const EndReason reason = sa.own->task.reason;
  ChildSa* child = session::find_by_inbound(sa.children, sa.own->task.spi);
  machine.finish_own(sa, "child SA deleted");
  if (child != nullptr && child->state != ChildState::kLingering)
    machine.child_deleted(sa, *child, reason);
}

// ---- the peer's requests ----

namespace {

/// Remembered at most while one request of ours is outstanding.
constexpr std::size_t kMaxEarlyDeletes = 16;

using isakmp::ChildReference;

struct Deletes {
  bool ike = false;
  std::vector<ChildReference> children;
};

base::Result<Deletes> read_deletes(const isakmp::PayloadChain& payloads) {
  Deletes result;
  for (const isakmp::PayloadView& p : payloads) {
    if (p.type != PayloadType::kDelete) continue;
    PS_ASSIGN(const isakmp::DeletePayload d, isakmp::parse_delete(p.body));
    if (d.protocol == ProtocolId::kIke) result.ike = true;
    for (std::size_t i = 0; i < d.count(); ++i) result.children.push_back({d.protocol, d.spi(i)});
  }
  return result;
}

/// @return the inbound halves to be named in the answer
std::vector<ChildReference> delete_children(Machine& machine, IkeSa& sa,
                                            const std::vector<ChildReference>& theirs) {
  std::vector<ChildReference> ours;
  for (const ChildReference& named : theirs) {
    ChildSa* child = session::find_by_outbound(sa.children, named.protocol, named.spi);
    if (child == nullptr || child->state == ChildState::kInstalling) {
      // It may be the child that our own request is about to make: then it ends when it is there.
      if (machine.is_busy_with_children(sa) && sa.own->deleted_early.size() < kMaxEarlyDeletes)
        sa.own->deleted_early.push_back(named);
      continue;
    }
    // §1.4.1: what we are deleting ourselves is not named again.
    if (child->state != ChildState::kDeleting) ours.push_back({named.protocol, child->spi_in});
    machine.report(
        sa, LogLevel::kInfo, "child_deleted",
        "the peer deleted child " + child->config->name + ", " + net::to_string(child->spi_in));
    machine.child_deleted(sa, *child, EndReason::kPeer);
  }
  return ours;
}

/// §1.4.1, §3.11: a payload for each protocol.
void append_deletes(isakmp::MessageBuilder& builder, const std::vector<ChildReference>& children) {
  for (const ProtocolId protocol : {ProtocolId::kEsp, ProtocolId::kAh}) {
    std::vector<net::Spi> spis;
    for (const ChildReference& c : children)
      if (c.protocol == protocol) spis.push_back(c.spi);
    if (!spis.empty()) isakmp::append_delete_children(builder, protocol, spis);
  }
}

void note_notifies(Machine& machine, IkeSa& sa, const isakmp::PayloadChain& payloads) {
  const auto error = isakmp::find_error_notify(payloads);
  if (!error) return;
  machine.drop(IkeDrop::kHint);
  // §2.21.4: to be told, not to be acted on.
  machine.report(sa, LogLevel::kWarning, "peer_notifies",
                 "the peer notifies " + isakmp::name_of(error->type));
}

}  // namespace

void on_informational_request(Machine& machine, IkeSa& sa, const Inbound& in) {
  const auto deletes = read_deletes(in.payloads);
  if (!deletes) {
    machine.refuse(sa, NotifyType::kInvalidSyntax, IkeDrop::kInvalidSyntax);
    return machine.close(sa, EndReason::kPeer, "a malformed Delete: " + deletes.error().text);
  }
  isakmp::MessageBuilder builder = machine.response(sa);
  if (deletes->ike) {
    machine.respond(sa, builder);
    machine.report(sa, LogLevel::kInfo, "ike_deleted", "the peer deleted the IKE SA");
    // §2.8.2: the peer did not notice our rekey, or its own stands.
    if (sa.own && sa.own->collision) settle_ike_collision(machine, sa);
    const bool replaced = sa.state == State::kRekeyed || sa.redundant;
    const EndReason mine = sa.state == State::kDeleting ? sa.end_reason : EndReason::kPeer;
    return machine.close(sa, replaced ? EndReason::kReplaced : mine, "deleted by the peer");
  }
  if (!deletes->children.empty() && sa.contested != 0) settle_by_use(machine, sa);
  append_deletes(builder, delete_children(machine, sa, deletes->children));
  note_notifies(machine, sa, in.payloads);
  machine.respond(sa, builder);
  // §2.21.2: these, right after IKE_AUTH, end the IKE SA without a Delete.
  if (isakmp::find_notify(in.payloads, NotifyType::kAuthenticationFailed))
    machine.close(sa, EndReason::kFailed, "the peer did not accept our authentication");
}

}  // namespace penstock::ikev2
