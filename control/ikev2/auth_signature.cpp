// SPDX-License-Identifier: BSD-3-Clause
// Certificates and signatures of IKE_AUTH. A signature is made or judged by a job; the exchange
// goes on in ike_auth.cpp when it is done.
#include "control/ikev2/auth_signature.h"

#include <algorithm>

#include "control/isakmp/payload/authentication.h"
#include "control/isakmp/payload/certificate.h"
#include "control/isakmp/payload/identification.h"
#include "control/isakmp/payload/notify.h"
#include "lib/base/byte_io.h"

namespace penstock::ikev2 {

using isakmp::CertificateEncoding;
using isakmp::NotifyType;
using isakmp::PayloadType;
using session::AuthMethod;
using session::AuthorityHash;
using session::ConnectionConfig;
using session::Credential;

namespace {

/// Certificates that are read of one message; a notary takes fewer and says so.
constexpr std::size_t kMaxCertificatesRead = 16;

void append_hashes(isakmp::MessageBuilder& builder, AuthMethod remote) {
  // RFC 7427 §4: what we read; who signs alone reads nothing, but asks by it to be told.
  const auto hashes =
      session::announced_hashes(session::signs(remote) ? remote : AuthMethod::kPubkey);
  base::ByteWriter data;
  for (const crypto::SignatureHash hash : hashes) data.u16(static_cast<std::uint16_t>(hash));
  isakmp::append_notify(builder, NotifyType::kSignatureHashAlgorithms, data.bytes());
}

void add_authorities(std::vector<AuthorityHash>& all, std::span<const AuthorityHash> more) {
  for (const AuthorityHash& one : more)
    if (all.size() < session::kMaxAuthorities && std::ranges::find(all, one) == all.end())
      all.push_back(one);
}

void read_request(SignatureWork& work, base::Bytes body) {
  const auto request = isakmp::parse_certificate_request(body);
  if (!request || request->encoding != CertificateEncoding::kX509Signature) return;
  work.asked = true;
  for (std::size_t i = 0; i < request->count() && i < session::kMaxAuthorities; ++i) {
    AuthorityHash hash{};
    std::ranges::copy(request->authorities.subspan(i * hash.size(), hash.size()), hash.begin());
    add_authorities(work.authorities, {&hash, 1});
  }
}

/// §3.6: the first of them holds the key that AUTH is verified with.
std::vector<base::ByteVector> certificates_of(const isakmp::PayloadChain& payloads) {
  std::vector<base::ByteVector> all;
  for (const isakmp::PayloadView& payload : payloads) {
    if (payload.type != PayloadType::kCertificate || all.size() >= kMaxCertificatesRead) continue;
    const auto one = isakmp::parse_certificate(payload.body);
    if (one && one->encoding == CertificateEncoding::kX509Signature)
      all.push_back(base::to_vector(one->data));
  }
  return all;
}

}  // namespace

base::ByteVector identity_body(const IkeSa& sa, bool of_initiator) {
  // §2.15: the peer signs its payload's octets as it sent them, RESERVED ones too.
  return of_initiator == sa.initiator
             ? isakmp::identification_body(static_cast<std::uint8_t>(sa.local_id.type),
                                           sa.local_id.data)
             : sa.handshake->peer_id_body;
}

session::SignedOctets signed_parts(const IkeSa& sa, bool of_initiator, base::Bytes body) {
  const Handshake& h = *sa.handshake;
  return of_initiator ? session::SignedOctets{h.init_request, h.nr, body, h.sk_pi.bytes()}
                      : session::SignedOctets{h.init_response, h.ni, body, h.sk_pr.bytes()};
}

// ---- IKE_SA_INIT ----

void append_signature_hashes(isakmp::MessageBuilder& builder, const ConnectionConfig& config) {
  if (session::signs(config.local.auth) || session::signs(config.remote.auth))
    append_hashes(builder, config.remote.auth);
}

void append_signature_support(Machine& machine, const IkeSa& sa, isakmp::MessageBuilder& builder) {
  // Which connection it is shows in IKE_AUTH; until then each of them may be.
  std::optional<AuthMethod> signing;
  std::vector<AuthorityHash> authorities;
  for (const session::Connection* c :
       machine.services().connections.candidates(sa.local.address, sa.remote.address)) {
    const ConnectionConfig& config = c->config;
    if (!session::signs(config.local.auth) && !session::signs(config.remote.auth)) continue;
    const bool same = !signing || *signing == config.remote.auth;
    signing = same ? config.remote.auth : AuthMethod::kPubkey;
    if (config.send_certreq) add_authorities(authorities, config.remote.authorities);
    if (authorities.size() >= session::kMaxAuthorities) break;
  }
  if (!signing) return;
  append_hashes(builder, *signing);
  append_certificate_requests(builder, authorities);
}

void read_signature_support(Handshake& handshake, const isakmp::PayloadChain& payloads) {
  if (const auto n = isakmp::find_notify(payloads, NotifyType::kSignatureHashAlgorithms)) {
    base::ByteReader reader(n->data);
    while (const auto hash = reader.u16()) handshake.signature.hashes.add(*hash);
  }
  for (const isakmp::PayloadView& payload : payloads)
    if (payload.type == PayloadType::kCertificateRequest)
      read_request(handshake.signature, payload.body);
}

// ---- our side of IKE_AUTH ----

const Credential* credential_for(const IkeSa& sa, const ConnectionConfig& config) {
  if (!session::signs(config.local.auth)) return nullptr;
  const SignatureWork& work = sa.handshake->signature;
  return session::choose_credential(config.local, work.authorities, work.hashes);
}

void append_certificate_requests(isakmp::MessageBuilder& builder,
                                 std::span<const AuthorityHash> authorities) {
  if (authorities.empty()) return;
  base::ByteVector data;
  for (const AuthorityHash& one :
       authorities.first(std::min(authorities.size(), session::kMaxAuthorities)))
    data.insert(data.end(), one.begin(), one.end());
  isakmp::append_certificate_request(builder, CertificateEncoding::kX509Signature, data);
}

void append_certificates(isakmp::MessageBuilder& builder, const IkeSa& sa) {
  const SignatureWork& work = sa.handshake->signature;
  const session::SendCertificate when = sa.connection->config.send_cert;
  const bool send = when == session::SendCertificate::kAlways ||
                    (when == session::SendCertificate::kIfAsked && work.asked);
  if (work.credential == nullptr || !send) return;
  isakmp::append_certificate(builder, CertificateEncoding::kX509Signature,
                             work.credential->certificate);
  for (const base::ByteVector& one : work.credential->intermediates)
    isakmp::append_certificate(builder, CertificateEncoding::kX509Signature, one);
}

base::Result<void> start_signing(Machine& machine, IkeSa& sa) {
  SignatureWork& work = sa.handshake->signature;
  const session::PeerAuth& local = sa.connection->config.local;
  work.credential = credential_for(sa, sa.connection->config);
  if (work.credential == nullptr)
    return base::fail(base::ErrorCode::kNotFound, "there is no certificate of ours");
  const auto choice = session::choose_signature(work.credential->kind, local.auth, work.hashes);
  if (!choice)
    return base::fail(base::ErrorCode::kUnsupported,
                      "the peer reads no signature that our key of " +
                          std::string(crypto::name_of(work.credential->kind)) + " makes");
  work.choice = *choice;
  PS_ASSIGN(const IkeAlgorithms algorithms, algorithms_of(sa.agreed));
  const base::ByteVector body = identity_body(sa, sa.initiator);
  session::SignOctets job{work.credential->key, choice->scheme,
                          session::signed_octets(machine.services().crypto, *algorithms.prf,
                                                 signed_parts(sa, sa.initiator, body))};
  work.step = SignatureWork::Step::kSigning;
  const session::JobId id =
      machine.services().start_job({sa.serial, !sa.initiator}, std::move(job));
  if (sa.own) sa.own->job = id;
  if (sa.peer) sa.peer->job = id;
  return {};
}

base::Result<base::ByteVector> signed_auth(const IkeSa& sa, base::Bytes signature) {
  const SignatureWork& work = sa.handshake->signature;
  return session::auth_data(work.choice, work.credential->kind, signature);
}

// ---- the peer's side ----

base::Result<void> start_verifying(Machine& machine, IkeSa& sa, const Inbound& in,
                                   const session::PeerAuth& remote) {
  PS_ASSIGN(const isakmp::AuthPayload auth,
            isakmp::parse_authentication(in.payloads.find(PayloadType::kAuthentication)->body));
  PS_ASSIGN(session::ReadSignature read,
            session::read_signature(remote.auth, auth.method, auth.data));
  PS_ASSIGN(const IkeAlgorithms algorithms, algorithms_of(sa.agreed));
  const base::ByteVector body = identity_body(sa, !sa.initiator);
  session::VerifyProof job;
  job.certificates = certificates_of(in.payloads);
  job.identity = sa.remote_id;
  job.trust = remote.trust;
  job.octets = session::signed_octets(machine.services().crypto, *algorithms.prf,
                                      signed_parts(sa, !sa.initiator, body));
  job.signature = std::move(read.signature);
  job.schemes = std::move(read.schemes);
  job.kind = read.kind;
  job.now = machine.services().now.utc;
  SignatureWork& work = sa.handshake->signature;
  work.step = SignatureWork::Step::kVerifying;
  work.first = in.first;
  work.inside = base::SecretBytes::copy_of(in.inside);
  const session::JobId id =
      machine.services().start_job({sa.serial, !sa.initiator}, std::move(job));
  if (sa.own) sa.own->job = id;
  if (sa.peer) sa.peer->job = id;
  return {};
}

}  // namespace penstock::ikev2
