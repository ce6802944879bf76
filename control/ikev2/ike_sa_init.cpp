// SPDX-License-Identifier: BSD-3-Clause
// IKE_SA_INIT (RFC 7296 §1.2): algorithms, key exchange, nonces, NAT detection. Initiator: key pair
// › request › response › shared secret › IKE_AUTH. Responder: request › key pair › response; the
// shared secret is made when IKE_AUTH comes.
#include <algorithm>

#include "control/ikev2/auth_signature.h"
#include "control/ikev2/exchanges.h"
#include "control/ikev2/nat.h"
#include "control/isakmp/payload/key_exchange.h"
#include "control/isakmp/payload/nonce.h"
#include "control/isakmp/payload/notify.h"

namespace penstock::ikev2 {

using base::LogLevel;
using isakmp::ExchangeType;
using isakmp::NotifyType;
using isakmp::PayloadType;
using session::EndReason;
using session::Fragmentation;
using session::IkeDrop;

namespace {

void make_key_pair(Machine& machine, IkeSa& sa, crypto::DhGroupId group) {
  sa.own->group = group;
  sa.own->stage = OwnRequest::Stage::kKeyPair;
  sa.own->sent.stop();
  sa.own->job = machine.services().start_job({sa.serial, false}, session::GenerateKeyPair{group});
}

/// RFC 7383 §2.3.
void append_fragmentation(isakmp::MessageBuilder& builder, bool taken) {
  if (taken) isakmp::append_notify(builder, NotifyType::kFragmentationSupported);
}

/// Both ends take fragments: the peer says so, and we have said it, or will.
bool agree_on_fragments(const isakmp::PayloadChain& payloads, bool ours) {
  return ours && isakmp::find_notify(payloads, NotifyType::kFragmentationSupported);
}

void send_init_request(Machine& machine, IkeSa& sa) {
  session::Services& s = machine.services();
  Handshake& h = *sa.handshake;
  isakmp::MessageBuilder builder = machine.request(sa, ExchangeType::kIkeSaInit);
  // §2.6: the cookie stands first.
  if (!h.cookie.empty()) isakmp::append_notify(builder, NotifyType::kCookie, h.cookie);
  isakmp::append_sa(builder, sa.connection->config.proposals, {});
  isakmp::append_key_exchange(builder, h.pair.group, h.pair.public_value);
  isakmp::append_nonce(builder, h.ni);
  append_nat_detection(builder, s.crypto, sa, sa.connection->config.encap);
  append_signature_hashes(builder, sa.connection->config);
  append_fragmentation(builder, sa.connection->config.fragmentation != Fragmentation::kNo);
  h.init_request = builder.finish();
  machine.enter(sa, State::kInitSent);
  machine.send_first(sa, h.init_request);
}

void send_init_response(Machine& machine, IkeSa& sa) {
  Handshake& h = *sa.handshake;
  isakmp::MessageBuilder builder = machine.response(sa);
  isakmp::append_sa_choice(builder, sa.agreed.as_proposal(), sa.peer->number, {});
  isakmp::append_key_exchange(builder, h.pair.group, h.pair.public_value);
  isakmp::append_nonce(builder, h.nr);
  append_nat_detection(builder, machine.services().crypto, sa, sa.connection->config.encap);
  append_signature_support(machine, sa, builder);
  append_fragmentation(builder, sa.fragmentation);
  h.init_response = builder.finish();
  sa.answered.answer(h.init_response);
  machine.services().send(sa.peer->local, sa.peer->remote, h.init_response);
  sa.peer.reset();
}

/// What a first request asks for, read and judged.
struct FirstRequest {
  session::Connection* connection = nullptr;
  session::ProposalChoice choice;
  std::uint8_t number = 1;
  isakmp::KePayload ke;
  base::Bytes nonce;
};

struct Refusal {
  NotifyType type;
  IkeDrop why;
  std::string text;
  crypto::DhGroupId group = crypto::DhGroupId::kNone;  ///< of INVALID_KE_PAYLOAD
};

tl::expected<FirstRequest, Refusal> judge(Machine& machine, const Inbound& in) {
  const auto bad = [](const base::Error& e) {
    return tl::unexpected(Refusal{NotifyType::kInvalidSyntax, IkeDrop::kInvalidSyntax, e.text});
  };
  const auto offers = offered_proposals(in.payloads);
  if (!offers) return bad(offers.error());
  const auto ke = isakmp::parse_key_exchange(in.payloads.find(PayloadType::kKeyExchange)->body);
  if (!ke) return bad(ke.error());
  const auto nonce = isakmp::parse_nonce(in.payloads.find(PayloadType::kNonce)->body);
  if (!nonce) return bad(nonce.error());
  const auto candidates = machine.services().connections.candidates(in.datagram.local.address,
                                                                    in.datagram.remote.address);
  if (candidates.empty())
    return tl::unexpected(Refusal{NotifyType::kNoProposalChosen, IkeDrop::kNoConnection,
                                  "no connection is configured for these addresses"});
  std::string why;
  for (session::Connection* c : candidates) {
    const auto choice =
        session::choose_proposal(c->config.proposals, *offers, {.preferred_group = ke->group});
    if (choice) return FirstRequest{c, *choice, (*offers)[choice->index].number, *ke, nonce->data};
    if (why.empty()) why = c->config.name + ": " + choice.error().text;
  }
  return tl::unexpected(
      Refusal{NotifyType::kNoProposalChosen, IkeDrop::kNoProposal, std::move(why)});
}

/// Nothing is kept: the answer goes out and the IKE SA goes away.
void refuse_first(Machine& machine, IkeSa& sa, const Inbound& in, const Refusal& refusal) {
  using session::Allowance;
  session::Services& services = machine.services();
  machine.drop(refusal.why);
  // §2.21.4: neither the log nor our answers are a stranger's to flood.
  if (services.allows(Allowance::kReport))
    machine.report(
        sa, LogLevel::kInfo,
        std::string(session::kIkeDropTable.at(static_cast<std::size_t>(refusal.why)).name),
        "IKE_SA_INIT refused with " + isakmp::name_of(refusal.type) + ": " + refusal.text);
  // §3.10.1: INVALID_SYNTAX is never said in clear.
  if (refusal.type == NotifyType::kInvalidSyntax ||
      !services.allows(in.proved ? Allowance::kProvedRefusal : Allowance::kRefusal))
    return machine.close(sa, EndReason::kFailed, refusal.text);
  isakmp::MessageBuilder answer = stateless_answer(in.message.header());
  if (refusal.group != crypto::DhGroupId::kNone) {
    isakmp::append_invalid_ke(answer, refusal.group);
  } else {
    isakmp::append_notify(answer, refusal.type);
  }
  services.send(in.datagram.local, in.datagram.remote, answer.finish());
  machine.close(sa, EndReason::kFailed, refusal.text);
}

}  // namespace

isakmp::MessageBuilder stateless_answer(const isakmp::Header& request) {
  isakmp::Header h = request;
  h.major = 2;
  h.minor = 0;
  // The responder has the flag of the one who did not begin (§3.1).
  h.flags = isakmp::kFlagResponse;
  if (!request.from_initiator()) h.flags |= isakmp::kFlagInitiator;
  return isakmp::MessageBuilder(h);
}

// ---- initiator ----

IkeSa* Machine::initiate(session::Connection& connection, std::vector<session::Task> tasks) {
  const session::ConnectionConfig& c = connection.config;
  if (!c.can_be_dialled() || c.proposals.empty() || tasks.empty()) return nullptr;
  const net::IpAddress remote = c.remote_addrs.front().address;
  const auto local = session::own_address(services_.settings.local_addresses, c, remote.family());
  if (!local) return nullptr;
  IkeSa* sa = create(true, IkeSpi{}, IkeSpi{});
  if (sa == nullptr) return nullptr;
  set_connection(*sa, &connection);
  sa->local = {*local, c.local_port};
  sa->remote = {remote, c.remote_port};
  sa->handshake = std::make_unique<Handshake>();
  sa->own = std::make_unique<OwnRequest>();
  sa->own->task = std::move(tasks.front());
  tasks.erase(tasks.begin());
  sa->tasks = std::move(tasks);
  begin_ike_sa_init(*this, *sa);
  return sa;
}

void begin_ike_sa_init(Machine& machine, IkeSa& sa) {
  sa.own->exchange = ExchangeType::kIkeSaInit;
  sa.handshake->ni = machine.services().random_bytes(isakmp::kOwnNonceOctets);
  make_key_pair(machine, sa, session::first_group(sa.connection->config.proposals));
}

void on_init_key_pair(Machine& machine, IkeSa& sa, crypto::DhKeyPair pair) {
  sa.handshake->pair = std::move(pair);
  if (sa.initiator) return send_init_request(machine, sa);
  send_init_response(machine, sa);
}

void on_ike_sa_init_refused(Machine& machine, IkeSa& sa, const Inbound& in) {
  Handshake& h = *sa.handshake;
  if (const auto n = isakmp::find_notify(in.payloads, NotifyType::kCookie)) {
    const auto cookie = isakmp::cookie_of(*n);
    if (!cookie || std::ranges::equal(*cookie, h.cookie) || ++h.rounds > kMaxRounds)
      return machine.drop(IkeDrop::kUnexpectedResponse);
    h.cookie = base::to_vector(*cookie);
    return send_init_request(machine, sa);
  }
  if (const auto n = isakmp::find_notify(in.payloads, NotifyType::kInvalidKePayload)) {
    // §1.2: only a group that we offered, or a forger would choose it for us.
    const auto group = isakmp::invalid_ke_group_of(*n);
    const bool ours = group && session::offers_group(sa.connection->config.proposals, *group);
    if (!ours || *group == sa.own->group || ++h.rounds > kMaxRounds)
      return machine.drop(IkeDrop::kUnexpectedResponse);
    machine.enter(sa, State::kStart);
    return make_key_pair(machine, sa, *group);
  }
  // §2.21.1: not authenticated, so it is noted and the request goes on for some time.
  const auto error = isakmp::find_error_notify(in.payloads);
  if (!error) return machine.drop(IkeDrop::kUnexpectedResponse);
  if (!h.refusal.empty()) return;
  h.refusal = "the peer answers IKE_SA_INIT with " + isakmp::name_of(error->type);
  machine.report(sa, LogLevel::kWarning, "ike_sa_init_refused", h.refusal);
}

void on_ike_sa_init_response(Machine& machine, IkeSa& sa, const Inbound& in) {
  const auto offers = offered_proposals(in.payloads);
  const auto ke = isakmp::parse_key_exchange(in.payloads.find(PayloadType::kKeyExchange)->body);
  const auto nonce = isakmp::parse_nonce(in.payloads.find(PayloadType::kNonce)->body);
  const IkeSpi spi_r = in.message.header().responder_spi;
  if (!offers || !ke || !nonce || spi_r.value() == 0) return machine.drop(IkeDrop::kInvalidSyntax);
  const auto agreed = session::accept_answer(sa.connection->config.proposals, *offers);
  // A forged answer must not end the exchange: it is ignored, the request is repeated (§2.21.1).
  if (!agreed || agreed->group != ke->group || ke->group != sa.own->group) {
    sa.handshake->refusal = agreed
                                ? "the answer's group is not the one that we sent"
                                : "the answer is not one of our proposals: " + agreed.error().text;
    return machine.drop(IkeDrop::kNoProposal);
  }
  Handshake& h = *sa.handshake;
  sa.own->sent.stop();
  sa.own->stage = OwnRequest::Stage::kShared;
  sa.spi_r = spi_r;
  sa.agreed = *agreed;
  h.nr = base::to_vector(nonce->data);
  h.init_response = base::to_vector(in.message.bytes());
  detect_nat(machine.services().crypto, sa, in.payloads);
  read_signature_support(h, in.payloads);
  sa.fragmentation =
      agree_on_fragments(in.payloads, sa.connection->config.fragmentation != Fragmentation::kNo);
  sa.next_request = 1;
  sa.own->job = machine.services().start_job(
      {sa.serial, false},
      session::ComputeSharedSecret{std::move(h.pair), base::to_vector(ke->data)});
}

// ---- both ----

void on_init_shared_secret(Machine& machine, IkeSa& sa, base::Bytes secret) {
  Handshake& h = *sa.handshake;
  const crypto::CryptoContext& crypto = machine.services().crypto;
  const auto algorithms = algorithms_of(sa.agreed);
  if (!algorithms) return machine.close(sa, EndReason::kFailed, algorithms.error().text);
  const Nonces nonces{h.ni, h.nr};
  const base::SecretBytes seed = skeyseed(crypto, *algorithms->prf, nonces, secret);
  auto keys = machine.install_keys(
      sa, derive_ike_keys(crypto, *algorithms, seed.bytes(), nonces, sa.spi_i, sa.spi_r));
  if (!keys) return machine.close(sa, EndReason::kFailed, keys.error().text);
  h.sk_pi = std::move(keys->pi);
  h.sk_pr = std::move(keys->pr);
  if (sa.initiator) return begin_ike_auth(machine, sa);
  retry_held_request(machine, sa);
}

// ---- responder ----

void on_ike_sa_init_request(Machine& machine, IkeSa& sa, const Inbound& in) {
  auto request = judge(machine, in);
  if (!request) return refuse_first(machine, sa, in, request.error());
  const crypto::DhGroupId wanted = request->choice.agreed.group;
  if (request->ke.group != wanted)
    return refuse_first(machine, sa, in,
                        {NotifyType::kInvalidKePayload, IkeDrop::kInvalidKe,
                         "we want group " + crypto::name_of(wanted), wanted});
  machine.set_connection(sa, request->connection);
  sa.agreed = request->choice.agreed;
  sa.handshake = std::make_unique<Handshake>();
  Handshake& h = *sa.handshake;
  h.source = sa.remote;
  h.ni = base::to_vector(request->nonce);
  h.nr = machine.services().random_bytes(isakmp::kOwnNonceOctets);
  h.init_request = base::to_vector(in.message.bytes());
  h.peer_public = base::to_vector(request->ke.data);
  detect_nat(machine.services().crypto, sa, in.payloads);
  read_signature_support(h, in.payloads);
  // Which connection it is shows in IKE_AUTH; until then each of them may be.
  sa.fragmentation = agree_on_fragments(
      in.payloads, std::ranges::any_of(machine.services().connections.candidates(
                                           in.datagram.local.address, in.datagram.remote.address),
                                       [](const session::Connection* c) {
                                         return c->config.fragmentation != Fragmentation::kNo;
                                       }));
  machine.table().open(sa.spi_i, sa.remote, sa.serial);
  machine.enter(sa, State::kInitDone);
  sa.end_at = machine.now() + machine.services().settings.half_open_timeout;
  sa.answered.begin(in.message.bytes());
  sa.next_expected = 1;
  sa.peer = std::make_unique<PeerRequest>();
  sa.peer->exchange = ExchangeType::kIkeSaInit;
  sa.peer->number = request->number;
  sa.peer->local = in.datagram.local;
  sa.peer->remote = in.datagram.remote;
  sa.peer->job = machine.services().start_job({sa.serial, true}, session::GenerateKeyPair{wanted});
}

}  // namespace penstock::ikev2
