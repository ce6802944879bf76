// SPDX-License-Identifier: BSD-3-Clause
// Quick Mode (RFC 2409 §5.5), as responder. Offer › choice › key pair and shared secret (with PFS)
// › the inbound half › answer › HASH(3) › the outbound half: until then the offer may be a replay.
#include <algorithm>

#include "control/ikev1/children.h"
#include "control/ikev1/exchanges.h"
#include "control/ikev1/nat.h"
#include "control/ikev1/private_groups.h"
#include "control/isakmp/payload/v1_octets.h"

namespace penstock::ikev1 {

using base::LogLevel;
using crypto::DhGroupId;
using isakmp::ExchangeType;
using isakmp::PayloadType;
using isakmp::V1NotifyType;
using isakmp::V1Rule;
using session::ChildSa;
using session::IkeDrop;

namespace {

/// What the first message says.
struct Offer {
  std::vector<isakmp::V1SaPayload> sas;
  DhGroupId group = DhGroupId::kNone;
  session::SelectorPair selectors;
};

isakmp::V1Result<void> read_ids(const IsakmpSa& sa, Exchange& x, const Inbound& in,
                                session::SelectorPair& selectors) {
  std::vector<base::Bytes> ids;
  for (const isakmp::PayloadView& p : in.payloads)
    if (p.type == PayloadType::kV1Identification) ids.push_back(p.body);
  if (ids.empty()) {
    // RFC 2409 §5.5: without identities it is about the two ends themselves.
    selectors = {session::or_dynamic({}, sa.local.address),
                 session::or_dynamic({}, sa.remote.address)};
    return {};
  }
  if (ids.size() != 2) return isakmp::broken(V1Rule::kIdInformation, "not two of them");
  const auto theirs = selector_of(ids[0]);
  const auto ours = selector_of(ids[1]);
  if (!theirs || !ours)
    return isakmp::broken(V1Rule::kIdInformation, theirs ? ours.error().text : theirs.error().text);
  x.id_i = base::to_vector(ids[0]);
  x.id_r = base::to_vector(ids[1]);
  selectors = {{*ours}, {*theirs}};
  return {};
}

isakmp::V1Result<Offer> read_offer(const IsakmpSa& sa, Exchange& x, const Inbound& in) {
  Offer out;
  // RFC 2409 §5.5: HASH first, the SA payload behind it.
  if (in.payloads.size() < 2 || in.payloads.payloads()[1].type != PayloadType::kV1Sa)
    return isakmp::broken(V1Rule::kProposalSyntax, "the SA payload does not follow HASH");
  for (const base::Bytes body : sa_bodies(in.payloads)) {
    if (out.sas.size() == kMaxQuickSas)
      return isakmp::broken(V1Rule::kLimit, "more SA payloads than kMaxQuickSas");
    PS_ASSIGN(isakmp::V1SaPayload one, isakmp::parse_v1_sa(body));
    out.sas.push_back(std::move(one));
  }
  PS_ASSIGN(const base::Bytes nonce,
            isakmp::read_v1_octets(*in.payloads.find(PayloadType::kV1Nonce)));
  x.ni = base::to_vector(nonce);
  // One KE payload is for all of them: whose transforms have another group, or none, are not taken.
  out.group = phase2_group(out.sas.front());
  const isakmp::PayloadView* ke = in.payloads.find(PayloadType::kV1KeyExchange);
  if ((ke != nullptr) != (out.group != DhGroupId::kNone))
    return isakmp::broken(V1Rule::kKeyInformation, "a KE payload and a group go together");
  if (ke != nullptr) {
    PS_ASSIGN(const base::Bytes value, isakmp::read_v1_octets(*ke));
    const crypto::DhRow* row = crypto::find_dh(out.group);
    if (row != nullptr && value.size() != row->public_octets)
      return isakmp::broken(V1Rule::kKeyInformation, "it is not of the group");
    x.peer_public = base::to_vector(value);
  }
  PS_TRY(read_ids(sa, x, in, out.selectors));
  PS_TRY(check_original_addresses(sa, in.payloads));
  return out;
}

void refuse(Machine& machine, IsakmpSa& sa, Exchange& x, V1NotifyType type,
            const std::string& text) {
  machine.report(sa, LogLevel::kInfo, "quick_mode_refused",
                 "a Quick Mode is refused with " + isakmp::name_of(type) + ": " + text);
  send_notify(machine, sa, {static_cast<std::uint8_t>(isakmp::ProtocolId::kEsp), type, {}, {}});
  machine.finish(x);
}

/// RFC 2407 §4.6.3.2: without it the peer takes it that replays are looked for.
void append_replay_status(isakmp::MessageBuilder& builder, const ChildSa& child) {
  if (child.config->replay_window != 0) return;
  base::ByteWriter spi;
  spi.u32(child.spi_in.value());
  const base::ByteVector disabled(4);
  isakmp::append_v1_notify(builder, {static_cast<std::uint8_t>(child.agreed.protocol),
                                     V1NotifyType::kReplayStatus, spi.bytes(), disabled});
}

/// RFC 2407 §4.6.3.1: ours is shorter than what was offered.
void append_lifetime(isakmp::MessageBuilder& builder, const QuickSa& q, const ChildSa& child) {
  const session::ChildConfig& c = *child.config;
  Lifetimes ours;
  if (c.life_time.count() != 0) ours.life = c.life_time;
  if (c.life_bytes != 0) ours.life_kb = c.life_bytes / 1024;
  const Lifetimes told = to_be_told(ours, q.choice.lives);
  if (!told.any()) return;
  const auto protocol = static_cast<std::uint8_t>(child.agreed.protocol);
  base::ByteWriter spi;
  spi.u32(child.spi_in.value());
  isakmp::append_v1_notify(builder, {protocol, V1NotifyType::kResponderLifetime, spi.bytes(),
                                     responder_lifetime_of(protocol, told)});
}

}  // namespace

void send_quick_answer(Machine& machine, IsakmpSa& sa, Exchange& x) {
  isakmp::MessageBuilder builder =
      machine.hashed_message(sa, ExchangeType::kV1QuickMode, x.message_id,
                             x.commits ? isakmp::kFlagV1Commit : std::uint8_t{0});
  const std::vector<QuickSa*> sas = x.sas();
  std::vector<const ChildSa*> made;
  for (const QuickSa* q : sas) {
    const ChildSa& child = *session::find_by_inbound(sa.children, q->child);
    const OwnSpis spis{child.spi_in, child.outer != nullptr ? child.outer->spi_in : net::Spi{}};
    isakmp::append_v1_sa(builder, phase2_answer(q->choice, spis, q->config->situation));
    made.push_back(&child);
  }
  builder.append(PayloadType::kV1Nonce, x.nr);
  if (x.group != DhGroupId::kNone) builder.append(PayloadType::kV1KeyExchange, x.own_public);
  if (!x.id_i.empty()) {
    builder.append(PayloadType::kV1Identification, x.id_i);
    builder.append(PayloadType::kV1Identification, x.id_r);
  }
  if (x.encap && x.config->is_transport()) append_original_addresses(builder, sa, false);
  for (std::size_t i = 0; i < sas.size(); ++i) append_lifetime(builder, *sas[i], *made[i]);
  for (const ChildSa* child : made) append_replay_status(builder, *child);
  base::ByteVector message = machine.seal_phase2(sa, builder, x.message_id, x.ni, x.iv);
  machine.transmit(sa, message);
  x.answered.answer(message);
  x.sent.start(std::move(message), machine.now(), machine.services().settings.retransmission);
}

namespace {

/// A child of ours for each of its SA payloads.
tl::expected<void, ChildRefusal> choose_all(Machine& machine, const IsakmpSa& sa, Exchange& x,
                                            const Offer& offer) {
  std::vector<const session::ChildConfig*> used;
  for (const isakmp::V1SaPayload& one : offer.sas) {
    auto choice = choose_child(sa, offer.selectors, offer.group, one, used);
    if (!choice) return tl::unexpected(std::move(choice.error()));
    if (choice->config->is_transport() && machine.is_taken(sa, choice->selectors))
      return tl::unexpected(
          ChildRefusal{V1NotifyType::kInvalidIdInformation, IkeDrop::kTsUnacceptable,
                       "another peer behind the same NAT has these selectors in transport mode"});
    QuickSa& q = used.empty() ? x : x.more.emplace_back();
    q.config = choice->config;
    q.choice = std::move(choice->choice);
    q.encap = choice->encap;
    // One pair of identities is for all; a NAT changes it for transport mode alone.
    if (used.empty()) x.selectors = std::move(choice->selectors);
    used.push_back(q.config);
  }
  return {};
}

}  // namespace

void on_quick_offer(Machine& machine, IsakmpSa& sa, Exchange& x, const Inbound& in) {
  const auto offer = read_offer(sa, x, in);
  if (!offer) {
    machine.broken(offer.error());
    return refuse(machine, sa, x, isakmp::row_of(offer.error().rule).notify, offer.error().text);
  }
  const auto chosen = choose_all(machine, sa, x, *offer);
  if (!chosen) {
    machine.drop(chosen.error().why);
    return refuse(machine, sa, x, chosen.error().type, chosen.error().text);
  }
  x.group = offer->group;
  if (!set_private_group(machine, sa, x)) {
    machine.drop(IkeDrop::kNoProposal);
    return refuse(machine, sa, x, V1NotifyType::kNoProposalChosen,
                  crypto::name_of(x.group) + " is not agreed");
  }
  const bool full =
      sa.children.size() + x.more.size() >= machine.services().settings.children_per_ike_sa ||
      machine.services().jobs_full();
  if (full || !machine.take_spis(x)) {
    // Not remembered: the same message, repeated, may find room.
    machine.drop(IkeDrop::kNoAdditionalSas);
    machine.return_spis(x);
    return Machine::forget(sa, x);
  }
  x.state = QuickState::kAnswered;
  x.commits = sa.connection->config.commit_bit;
  x.nr = machine.services().random_bytes(kOwnNonceOctets);
  if (x.group == DhGroupId::kNone) return make_peer_children(machine, sa, x, {});
  x.job = machine.services().start_job({sa.serial, true},
                                       session::GenerateKeyPair{x.group, x.private_group});
}

namespace {

base::Result<void> make_peer_child(Machine& machine, IsakmpSa& sa, Exchange& x, QuickSa& q,
                                   base::Bytes secret) {
  const ChildSa* old = predecessor(machine, sa, x, *q.config);
  if (old != nullptr) q.replaces = old->spi_in;
  ChildSa& child = machine.add_child(sa, x, q);
  PS_ASSIGN(auto specs, make_specs(machine.services().crypto, sa, child, x, q, secret));
  if (old != nullptr) {
    session::install_successor(machine.services(), child, *old, std::move(specs));
  } else {
    session::install_larval(machine.services(), {sa.serial, sa.connection}, child,
                            std::move(specs));
  }
  return {};
}

}  // namespace

void make_peer_children(Machine& machine, IsakmpSa& sa, Exchange& x, base::Bytes secret) {
  for (QuickSa* q : x.sas())
    if (const auto made = make_peer_child(machine, sa, x, *q, secret); !made)
      return fail_quick(machine, sa, x, made.error().text);
}

void peer_child_ready(Machine& machine, IsakmpSa& sa, Exchange& x, const QuickSa& made,
                      ChildSa& child) {
  machine.child_installed(sa, child, made.choice);
  // RFC 2408 §4.8: CONNECTED is about all that the exchange makes.
  const bool all = std::ranges::none_of(x.sas(), [&](const QuickSa* q) {
    const ChildSa* other = session::find_by_inbound(sa.children, q->child);
    return other != nullptr && other->state == session::ChildState::kInstalling;
  });
  if (x.commits && all) send_connected(machine, sa, x, child);
  ChildSa* old = session::find_by_inbound(sa.children, made.replaces);
  if (old == nullptr || !old->live()) return;
  // The peer deletes it, if it does.
  machine.replaced(sa, *old, kReplacedLife);
}

void on_quick_proof(Machine& machine, IsakmpSa& sa, Exchange& x, const Inbound& in) {
  const base::SecretBytes wanted = phase2_last_hash(machine.services().crypto, *sa.algorithms.prf,
                                                    sa.keys.a.bytes(), x.message_id, {x.ni, x.nr});
  const isakmp::PayloadView& hash = *in.payloads.find(PayloadType::kV1Hash);
  if (session::find_by_inbound(sa.children, x.child) == nullptr || x.sent.message.empty())
    return machine.drop(IkeDrop::kUnexpectedExchange);
  if (!base::equal_constant_time(hash.body, wanted.bytes()))
    return machine.drop(IkeDrop::kIntegrity);
  x.answered.begin(in.message.bytes());
  machine.finish(x);
  // Who sets it as well would wait for us as long as we for him.
  x.awaits_connected = commits(in) && !x.commits;
  for (const QuickSa* q : x.sas()) {
    ChildSa* child = session::find_by_inbound(sa.children, q->child);
    if (child == nullptr) continue;
    if (x.awaits_connected) {
      child->switch_by = machine.now() + kCommitTime;
    } else {
      let_out(machine.services(), *child);
    }
  }
}

}  // namespace penstock::ikev1
