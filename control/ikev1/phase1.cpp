// SPDX-License-Identifier: BSD-3-Clause
// Phase 1 without its messages' order: each exchange's file calls this in its own.
#include "control/ikev1/phase1.h"

#include <algorithm>
#include <array>

#include "control/ikev1/exchanges.h"
#include "control/isakmp/payload/identification.h"
#include "control/isakmp/payload/v1_octets.h"
#include "control/isakmp/payload/vendor_id.h"
#include "control/session/authentication.h"
#include "control/session/ends.h"
#include "lib/base/byte_io.h"

namespace penstock::ikev1 {

using base::LogLevel;
using isakmp::PayloadType;
using policy::Identity;
using session::EndReason;
using session::IkeDrop;

namespace {

using Vendor = std::array<std::uint8_t, 16>;
/// MD5 of "RFC 3947" (RFC 3947 §3.1).
constexpr Vendor kNatTraversal{0x4a, 0x13, 0x1c, 0x81, 0x07, 0x03, 0x58, 0x45,
                               0x5c, 0x57, 0x28, 0xf2, 0x0e, 0x95, 0x45, 0x2f};
/// RFC 3706 §5.1, version 1.0.
constexpr Vendor kDeadPeerDetection{0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9,
                                    0x6b, 0x86, 0x96, 0xfc, 0x77, 0x57, 0x01, 0x00};

base::Bytes bytes_of(const Vendor& vendor) {
  return std::as_bytes(std::span<const std::uint8_t>(vendor));
}

base::Result<Identity> own_identity(const IsakmpSa& sa, const session::ConnectionConfig& config) {
  return session::own_identity(config, nullptr, sa.local.address);
}

/// RFC 2409 §5.4: with a pre-shared key the peer must be known before it says who it is: by the
/// connection's identity if that is one, else by its address.
Identity presumed_identity(const IsakmpSa& sa, const session::ConnectionConfig& config) {
  const auto expected = session::expected_identity(config);
  return expected ? *expected : session::identity_of(sa.remote.address);
}

const session::SharedSecret* secret_for(Machine& machine, const IsakmpSa& sa,
                                        const session::ConnectionConfig& config) {
  const auto own = own_identity(sa, config);
  if (!own) return nullptr;
  return session::find_secret(machine.services().secrets, *own, presumed_identity(sa, config));
}

base::ByteVector id_body(const Identity& id) {
  return isakmp::identification_body(static_cast<std::uint8_t>(id.type), id.data);
}

base::SecretBytes hash_of(Machine& machine, const IsakmpSa& sa, bool of_us, base::Bytes id_b) {
  const Phase1& p = *sa.phase1;
  Phase1Hash what;
  what.own_public = of_us ? p.own_public : p.peer_public;
  what.peer_public = of_us ? p.peer_public : p.own_public;
  what.cookies = sa.cookies;
  what.of_initiator = of_us == sa.initiator;
  what.sai_b = p.sai_b;
  what.id_b = id_b;
  return phase1_hash(machine.services().crypto, *sa.algorithms.prf, sa.keys.skeyid.bytes(), what);
}

}  // namespace

base::Duration configured_life(const session::ConnectionConfig& config) {
  if (config.rekey_time.count() == 0) return {};
  return config.rekey_time + config.over_time;
}

void append_vendor_ids(isakmp::MessageBuilder& builder) {
  for (const Vendor& vendor : {kNatTraversal, kDeadPeerDetection})
    isakmp::append_vendor_id(builder, PayloadType::kV1VendorId, bytes_of(vendor));
}

void note_vendor_ids(IsakmpSa& sa, const isakmp::PayloadChain& payloads) {
  // RFC 3706 §5.1: the last two octets are the version; a minor one changes nothing.
  const base::Bytes dpd = bytes_of(kDeadPeerDetection).first(15);
  for (const isakmp::PayloadView& p : payloads) {
    if (p.type != PayloadType::kV1VendorId) continue;
    sa.nat_t |= std::ranges::equal(p.body, bytes_of(kNatTraversal));
    sa.dpd |= p.body.size() == 16 && std::ranges::equal(p.body.first(15), dpd);
  }
}

base::ByteVector first_body(base::Bytes message) {
  const auto view = isakmp::MessageView::parse(message);
  return base::to_vector(view->payloads().payloads().front().body);
}

void accept_message(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  sa.answered.begin(in.message.bytes());
  sa.phase1->sent.stop();
  sa.phase1->refusal.clear();
  sa.last_heard = machine.now();
}

// ---- the offer ----

namespace {

/// A connection that asks for signatures is not reached by the key of another.
bool by_psk(const session::ConnectionConfig& config) {
  return config.local.auth == session::AuthMethod::kPsk &&
         config.remote.auth == session::AuthMethod::kPsk;
}

/// Nothing is kept: one answer goes out, within its allowance, and the SA goes away.
void refuse_offer(Machine& machine, IsakmpSa& sa, const Inbound& in, IkeDrop why,
                  const std::string& text) {
  session::Services& services = machine.services();
  machine.drop(why);
  if (services.allows(session::Allowance::kReport))
    machine.report(sa, LogLevel::kInfo,
                   std::string(session::kIkeDropTable.at(static_cast<std::size_t>(why)).name),
                   "the peer's offer is refused: " + text);
  if (services.allows(session::Allowance::kRefusal)) {
    isakmp::Header h = in.message.header();
    h.exchange = isakmp::ExchangeType::kV1Informational;
    h.flags = 0;
    isakmp::MessageBuilder builder(h);
    isakmp::append_v1_notify(builder, {1, isakmp::V1NotifyType::kNoProposalChosen, {}, {}});
    services.send(in.datagram.local, in.datagram.remote, builder.finish());
  }
  machine.close(sa, EndReason::kFailed, text);
}

}  // namespace

std::optional<Choice> judge_offer(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const isakmp::PayloadView& payload = *in.payloads.find(PayloadType::kV1Sa);
  const auto offer = isakmp::parse_v1_sa(payload.body);
  if (!offer) {
    machine.broken(offer.error());
    machine.close(sa, EndReason::kFailed, "a malformed offer");
    return std::nullopt;
  }
  std::string why = "no connection is configured for these addresses";
  IkeDrop reason = IkeDrop::kNoConnection;
  for (session::Connection* c : machine.services().connections.candidates(
           sa.local.address, sa.remote.address, session::IkeVersion::kIkev1)) {
    if (!by_psk(c->config)) continue;
    auto choice = choose_phase1(c->config.proposals, AuthMethod::kPsk, *offer);
    if (!choice) {
      if (reason == IkeDrop::kNoConnection) why = c->config.name + ": " + choice.error().text;
      reason = IkeDrop::kNoProposal;
      continue;
    }
    machine.set_connection(sa, c);
    sa.phase1->sai_b = base::to_vector(payload.body);
    note_vendor_ids(sa, in.payloads);
    if (!set_agreed(machine, sa, *choice)) return std::nullopt;
    return *std::move(choice);
  }
  refuse_offer(machine, sa, in, reason, why);
  return std::nullopt;
}

bool set_agreed(Machine& machine, IsakmpSa& sa, const Choice& choice) {
  sa.agreed = choice.agreed;
  sa.life = choice.life;
  sa.algorithms.encr = crypto::find_encr(choice.agreed.encr.id, choice.agreed.encr.key_bits);
  sa.algorithms.prf = crypto::find_prf(choice.agreed.prf);
  const crypto::IntegRow* hash = crypto::find_integ(choice.agreed.integ);
  if (sa.algorithms.encr == nullptr || sa.algorithms.prf == nullptr || hash == nullptr) {
    machine.close(sa, EndReason::kFailed, "an algorithm is missing: " + sa.agreed.to_string());
    return false;
  }
  sa.algorithms.hash = hash->openssl_digest;
  return true;
}

// ---- keys ----

void start_shared_secret(Machine& machine, IsakmpSa& sa) {
  Phase1& p = *sa.phase1;
  p.busy = true;
  machine.services().start_job({sa.serial, !sa.initiator},
                               session::ComputeSharedSecret{std::move(p.pair), p.peer_public});
}

bool derive_keys(Machine& machine, IsakmpSa& sa, base::Bytes g_xy) {
  const crypto::CryptoContext& crypto = machine.services().crypto;
  const Phase1& p = *sa.phase1;
  const session::SharedSecret* secret = secret_for(machine, sa, sa.connection->config);
  const auto own = own_identity(sa, sa.connection->config);
  if (secret == nullptr || !own) {
    const std::string why = "there is no secret for us and " + sa.remote.address.to_string();
    machine.report(sa, LogLevel::kError, "no_secret", why);
    machine.close(sa, EndReason::kFailed, why);
    return false;
  }
  sa.local_id = *own;
  sa.keys = derive_skeyids(
      crypto, *sa.algorithms.prf,
      skeyid_of_psk(crypto, *sa.algorithms.prf, secret->secret.bytes(), {p.ni, p.nr}), g_xy,
      sa.cookies);
  sa.cipher_key = ikev1::cipher_key(crypto, *sa.algorithms.prf, sa.keys.e.bytes(),
                                    sa.algorithms.encr->key_bits / 8U);
  const base::ByteVector& g_xi = sa.initiator ? p.own_public : p.peer_public;
  const base::ByteVector& g_xr = sa.initiator ? p.peer_public : p.own_public;
  sa.iv = phase1_iv(crypto, sa.algorithms, g_xi, g_xr);
  return true;
}

// ---- who the peer is ----

void append_proof(Machine& machine, IsakmpSa& sa, isakmp::MessageBuilder& builder) {
  const base::ByteVector body = id_body(sa.local_id);
  builder.append(PayloadType::kV1Identification, body);
  builder.append(PayloadType::kV1Hash, hash_of(machine, sa, true, body).bytes());
}

void append_initial_contact(const IsakmpSa& sa, isakmp::MessageBuilder& builder) {
  const base::ByteVector spi = isakmp::cookie_pair(sa.cookies.i, sa.cookies.r);
  isakmp::append_v1_notify(builder, {1, isakmp::V1NotifyType::kInitialContact, spi, {}});
}

namespace {

/// The connection that this identity belongs to: the presumed one, or another whose addresses,
/// proposals and secret are the same.
session::Connection* connection_of(Machine& machine, const IsakmpSa& sa, const Identity& id) {
  if (sa.connection->config.remote.id.matches(id)) return sa.connection;
  if (sa.initiator) return nullptr;
  const session::SharedSecret* secret = secret_for(machine, sa, sa.connection->config);
  const session::OfferedProposal agreed{1, {}, sa.agreed.as_proposal()};
  for (session::Connection* c : machine.services().connections.candidates(
           sa.local.address, sa.remote.address, session::IkeVersion::kIkev1)) {
    const auto own = own_identity(sa, c->config);
    if (by_psk(c->config) && c->config.remote.id.matches(id) &&
        secret_for(machine, sa, c->config) == secret && own && *own == sa.local_id &&
        session::choose_proposal(c->config.proposals, {&agreed, 1}))
      return c;
  }
  return nullptr;
}

}  // namespace

base::Result<void> check_peer(Machine& machine, IsakmpSa& sa, const Inbound& in) {
  const isakmp::PayloadView& payload = *in.payloads.find(PayloadType::kV1Identification);
  const auto bad = [](std::string why) {
    return base::fail(base::ErrorCode::kAuthentication, std::move(why));
  };
  const auto hash = isakmp::read_v1_octets(*in.payloads.find(PayloadType::kV1Hash));
  if (!hash) return bad("the HASH payload is malformed");
  const auto id = isakmp::parse_identification(payload.body);
  if (!id) return bad(id.error().text);
  // RFC 2407 §4.6.2: in phase 1 protocol and port are 0, or UDP and 500 (RFC 3947 §4: or 4500).
  const bool any = id->protocol == 0 && id->port == 0;
  const bool ike = id->protocol == 17 && (id->port == 0 || id->port == 500 || id->port == 4500);
  const base::SecretBytes wanted = hash_of(machine, sa, false, payload.body);
  if (!base::equal_constant_time(*hash, wanted.bytes()))
    return bad("the HASH is wrong: the secrets differ");
  if (!any && !ike) return bad("the identity names another protocol or port than IKE's");
  const Identity identity{policy::IdType{id->type}, base::to_vector(id->data)};
  session::Connection* c = connection_of(machine, sa, identity);
  if (c == nullptr) return bad("the identity " + identity.to_string() + " is not accepted");
  if (c != sa.connection) machine.set_connection(sa, c);
  sa.remote_id = identity;
  return {};
}

void reject_peer(Machine& machine, IsakmpSa& sa, const base::Error& why) {
  machine.drop(IkeDrop::kAuthentication);
  if (machine.services().allows(session::Allowance::kReport))
    machine.report(sa, LogLevel::kWarning, "authentication_failed",
                   "the peer is not accepted: " + why.text);
  if (++sa.phase1->failures >= kMaxFailures)
    machine.close(sa, EndReason::kFailed, "the peer is not accepted: " + why.text);
}

bool find_notify(const isakmp::PayloadChain& payloads, isakmp::V1NotifyType type) {
  return std::ranges::any_of(payloads, [&](const isakmp::PayloadView& p) {
    if (p.type != PayloadType::kV1Notification) return false;
    const auto notify = isakmp::parse_v1_notify(p.body);
    return notify && notify->type == type;
  });
}

}  // namespace penstock::ikev1
