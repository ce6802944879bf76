// SPDX-License-Identifier: BSD-3-Clause
// Proofs of phase 1. Which comes when is the exchange's affair: see main_mode and aggressive_mode.
#include "control/ikev1/proof.h"

#include <algorithm>

#include "control/ikev1/phase1.h"
#include "control/isakmp/payload/identification.h"
#include "control/isakmp/payload/v1_certificate.h"
#include "control/isakmp/payload/v1_octets.h"
#include "control/session/authentication.h"
#include "control/session/ends.h"
#include "control/session/signatures.h"
#include "lib/base/check.h"

namespace penstock::ikev1 {

using base::LogLevel;
using crypto::PrfId;
using isakmp::PayloadType;
using policy::Identity;
using session::EndReason;
using session::IkeDrop;

namespace {

constexpr std::uint8_t kX509Signature = 4;  // RFC 2408 §3.9
constexpr std::uint8_t kUdp = 17;

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
  const Method& method = method_of(sa.auth);
  const bool own = method.prf != PrfId::kNone && method.of(what.of_initiator) == Proof::kSignature;
  const crypto::PrfRow* prf = own ? crypto::find_prf(method.prf) : sa.algorithms.prf;
  PS_CHECK(prf != nullptr);
  return phase1_hash(machine.services().crypto, *prf, sa.keys.skeyid.bytes(), what);
}

/// Aggressive Mode's initiator has said who it is before it is asked.
std::span<const base::ByteVector> asked_of(const IsakmpSa& sa) {
  if (!sa.phase1 || (sa.initiator && is_aggressive(sa))) return {};
  return sa.phase1->authorities;
}

base::Error bad(std::string why) { return {base::ErrorCode::kAuthentication, std::move(why)}; }

std::vector<base::ByteVector> certificates_of(const isakmp::PayloadChain& payloads) {
  std::vector<base::ByteVector> all;
  for (const isakmp::PayloadView& p : payloads) {
    if (p.type != PayloadType::kV1Certificate || all.size() >= kMaxCertificatesRead) continue;
    const auto one = isakmp::parse_v1_certificate(p.body);
    if (one && one->encoding == kX509Signature) all.push_back(base::to_vector(one->data));
  }
  return all;
}

bool find_notify(const isakmp::PayloadChain& payloads, isakmp::V1NotifyType type) {
  return std::ranges::any_of(payloads, [&](const isakmp::PayloadView& p) {
    if (p.type != PayloadType::kV1Notification) return false;
    const auto notify = isakmp::parse_v1_notify(p.body);
    return notify && notify->type == type;
  });
}

/// The connection that the peer's identity belongs to: the presumed one, or another whose
/// addresses, proposals and method are the same, and with a pre-shared key its secret and our name.
session::Connection* connection_of(Machine& machine, const IsakmpSa& sa, const Identity& id) {
  if (sa.connection->config.remote.id.matches(id)) return sa.connection;
  const bool presumed = !sa.initiator && !is_aggressive(sa);
  if (!presumed || encrypts(sa)) return nullptr;
  const session::SharedSecret* secret = secret_for(machine, sa, sa.connection->config);
  const session::OfferedProposal agreed{1, {}, sa.agreed.as_proposal()};
  const auto same_key = [&](const session::ConnectionConfig& config) {
    const auto own = own_identity(sa, config);
    return method_of(sa.auth).skeyid != SkeyidForm::kPsk ||
           (secret_for(machine, sa, config) == secret && own && *own == sa.local_id);
  };
  for (session::Connection* c : machine.services().connections.candidates(
           sa.local.address, sa.remote.address, session::IkeVersion::kIkev1)) {
    const std::vector<AuthMethod> methods = methods_of(c->config);
    if (c->config.remote.id.matches(id) && same_key(c->config) &&
        std::ranges::find(methods, sa.auth) != methods.end() &&
        session::choose_proposal(c->config.proposals, {&agreed, 1}))
      return c;
  }
  return nullptr;
}

void start_verifying(Machine& machine, IsakmpSa& sa) {
  Phase1& p = *sa.phase1;
  session::VerifyProof job;
  job.certificates = std::move(p.evidence.certificates);
  job.identity = p.claimed;
  job.trust = sa.connection->config.remote.trust;
  job.octets = base::to_vector(hash_of(machine, sa, false, p.peer_id_body).bytes());
  job.signature = std::move(p.evidence.value);
  job.of_hash = true;
  job.kind = method_of(sa.auth).key;
  job.now = machine.services().now.utc;
  p.busy = p.judging = true;
  machine.services().start_job({sa.serial, !sa.initiator}, std::move(job));
}

base::Result<void> judge(Machine& machine, IsakmpSa& sa) {
  Phase1& p = *sa.phase1;
  const bool by_signature = peer_signs(sa);
  if (!by_signature) {
    const base::SecretBytes wanted = hash_of(machine, sa, false, p.peer_id_body);
    if (!base::equal_constant_time(p.evidence.value, wanted.bytes()))
      return tl::unexpected(bad("the HASH is wrong: the secrets differ"));
  }
  session::Connection* c = p.decoy ? nullptr : connection_of(machine, sa, p.claimed);
  if (c == nullptr)
    return tl::unexpected(bad("the identity " + p.claimed.to_string() + " is not accepted"));
  if (by_signature) PS_TRY(session::check_address(p.claimed, sa.remote.address));
  if (c != sa.connection) machine.set_connection(sa, c);
  if (by_signature) {
    start_verifying(machine, sa);
  } else {
    on_verdict(machine, sa, {});
  }
  return {};
}

}  // namespace

// ---- ours ----

base::Result<Identity> own_identity(const IsakmpSa& sa, const session::ConnectionConfig& config) {
  return session::own_identity(config, credential_for(config, sa.auth, asked_of(sa)),
                               sa.local.address);
}

bool set_own_identity(Machine& machine, IsakmpSa& sa) {
  const session::ConnectionConfig& config = sa.connection->config;
  // What was encrypted for says which of ours it is.
  const session::Credential* credential = encrypts(sa) && sa.phase1->credential != nullptr
                                              ? sa.phase1->credential
                                              : credential_for(config, sa.auth, asked_of(sa));
  auto own = session::own_identity(config, credential, sa.local.address);
  if (own && (credential != nullptr || !we_sign(sa))) {
    sa.phase1->credential = credential;
    sa.local_id = *std::move(own);
    return true;
  }
  const std::string why = own ? "there is no certificate of ours" : own.error().text;
  machine.report(sa, LogLevel::kError, "no_credential", why);
  machine.close(sa, EndReason::kFailed, why);
  return false;
}

base::ByteVector own_id_body(const IsakmpSa& sa) { return id_body(sa.local_id); }

void append_identity(const IsakmpSa& sa, isakmp::MessageBuilder& builder) {
  builder.append(PayloadType::kV1Identification, own_id_body(sa));
}

void start_proof(Machine& machine, IsakmpSa& sa) {
  if (!set_own_identity(machine, sa)) return;
  const base::SecretBytes hash = hash_of(machine, sa, true, own_id_body(sa));
  if (!we_sign(sa)) return steps_of(sa).prove(machine, sa, hash.bytes());
  sa.phase1->busy = true;
  machine.services().start_job(
      {sa.serial, !sa.initiator},
      session::SignHash{sa.phase1->credential->key, base::to_vector(hash.bytes())});
}

void append_proof(const IsakmpSa& sa, isakmp::MessageBuilder& builder, base::Bytes value) {
  if (!we_sign(sa)) return builder.append(PayloadType::kV1Hash, value);
  const Phase1& p = *sa.phase1;
  const session::SendCertificate when = sa.connection->config.send_cert;
  const bool send = when == session::SendCertificate::kAlways ||
                    (when == session::SendCertificate::kIfAsked && p.asked);
  const auto append = [&](const base::ByteVector& der) {
    isakmp::append_v1_certificate(builder, PayloadType::kV1Certificate, kX509Signature, der);
  };
  if (send) {
    append(p.credential->certificate);
    std::ranges::for_each(p.credential->intermediates, append);
  }
  builder.append(PayloadType::kV1Signature, value);
}

namespace {

/// @return empty if they are too many, or one trusts somebody without a name
std::vector<base::ByteVector> trusted_names(Machine& machine, const IsakmpSa& sa) {
  std::vector<base::ByteVector> names;
  const auto add = [&](const session::ConnectionConfig& config) {
    for (const base::ByteVector& name : config.remote.authority_names)
      if (names.size() <= kMaxRequests && std::ranges::find(names, name) == names.end())
        names.push_back(name);
  };
  add(sa.connection->config);
  // As responder the connection is a guess until the peer says who it is.
  if (!sa.initiator)
    for (const session::Connection* c : machine.services().connections.candidates(
             sa.local.address, sa.remote.address, session::IkeVersion::kIkev1))
      if (session::signs(c->config.remote.auth)) add(c->config);
  const bool nameless = std::ranges::any_of(names, &base::ByteVector::empty);
  if (names.size() > kMaxRequests || nameless) names.clear();
  return names;
}

}  // namespace

void append_certificate_requests(Machine& machine, const IsakmpSa& sa,
                                 isakmp::MessageBuilder& builder) {
  if (!peer_signs(sa) || !sa.connection->config.send_certreq) return;
  const auto append = [&](const base::ByteVector& name) {
    isakmp::append_v1_certificate(builder, PayloadType::kV1CertificateRequest, kX509Signature,
                                  name);
  };
  const std::vector<base::ByteVector> names = trusted_names(machine, sa);
  // RFC 4945 §3.2.7.2: without a name any authority will do.
  if (names.empty()) return append({});
  std::ranges::for_each(names, append);
}

void append_initial_contact(const IsakmpSa& sa, isakmp::MessageBuilder& builder) {
  const base::ByteVector spi = isakmp::cookie_pair(sa.cookies.i, sa.cookies.r);
  isakmp::append_v1_notify(builder, {1, isakmp::V1NotifyType::kInitialContact, spi, {}});
}

// ---- the peer's ----

void note_requests(IsakmpSa& sa, const isakmp::PayloadChain& payloads) {
  for (const isakmp::PayloadView& p : payloads) {
    if (p.type != PayloadType::kV1CertificateRequest) continue;
    const auto request = isakmp::parse_v1_certificate_request(p.body);
    if (!request || request->encoding != kX509Signature) continue;
    sa.phase1->asked = true;
    if (!request->authority.empty())
      sa.phase1->authorities.push_back(base::to_vector(request->authority));
  }
}

base::Result<void> take_identity(IsakmpSa& sa, const isakmp::PayloadView& payload) {
  PS_ASSIGN(const isakmp::IdPayload id, isakmp::parse_identification(payload.body));
  // RFC 2407 §4.6.2: in phase 1 protocol and port are 0, or UDP and 500 (RFC 3947 §4: or 4500).
  const bool any = id.protocol == 0 && id.port == 0;
  const bool ike = id.protocol == kUdp && (id.port == 0 || id.port == 500 || id.port == 4500);
  if (!any && !ike)
    return tl::unexpected(bad("the identity names another protocol or port than IKE's"));
  sa.phase1->claimed = {policy::IdType{id.type}, base::to_vector(id.data)};
  sa.phase1->peer_id_body = base::to_vector(payload.body);
  return {};
}

base::Result<void> take_evidence(IsakmpSa& sa, const isakmp::PayloadChain& payloads) {
  Phase1& p = *sa.phase1;
  const isakmp::PayloadView* payload =
      payloads.find(peer_signs(sa) ? PayloadType::kV1Signature : PayloadType::kV1Hash);
  if (payload == nullptr) return tl::unexpected(bad("there is no proof of the agreed method"));
  const auto value = isakmp::read_v1_octets(*payload);
  if (!value) return tl::unexpected(bad("the proof is malformed"));
  p.evidence = {base::to_vector(*value), certificates_of(payloads)};
  p.initial_contact = find_notify(payloads, isakmp::V1NotifyType::kInitialContact);
  return {};
}

void judge_peer(Machine& machine, IsakmpSa& sa) {
  const auto judged = judge(machine, sa);
  if (!judged) reject_peer(machine, sa, judged.error());
}

void on_verdict(Machine& machine, IsakmpSa& sa, const base::Result<void>& verdict) {
  Phase1& p = *sa.phase1;
  const bool by_job = std::exchange(p.judging, false);
  if (by_job) p.busy = false;
  if (!verdict) {
    sa.iv = std::move(p.iv_before);
    return reject_peer(machine, sa, verdict.error());
  }
  p.proved = true;
  sa.remote_id = p.claimed;
  steps_of(sa).peer_proved(machine, sa);
}

void reject_peer(Machine& machine, IsakmpSa& sa, const base::Error& why) {
  Phase1& p = *sa.phase1;
  machine.drop(IkeDrop::kAuthentication);
  if (machine.services().allows(session::Allowance::kReport))
    machine.report(sa, LogLevel::kWarning, "authentication_failed",
                   "the peer is not accepted: " + why.text);
  if (++p.failures >= kMaxFailures)
    return machine.close(sa, EndReason::kFailed, "the peer is not accepted: " + why.text);
  if (sa.state != State::kOffered) return;
  // Aggressive Mode: as if the answer had not come.
  sa.cookies.r = IkeSpi{};
  sa.keys = {};
  sa.cipher_key = {};
}

}  // namespace penstock::ikev1
