// SPDX-License-Identifier: BSD-3-Clause
// Messages of the encryption modes are rewritten: out of one in clear comes one with encrypted
// bodies, and the other way round. The exchanges' files see payloads in clear alone.
#include "control/ikev1/encryption.h"

#include <algorithm>
#include <set>

#include "control/ikev1/machine.h"
#include "control/ikev1/phase1.h"
#include "control/ikev1/proof.h"
#include "control/isakmp/payload/v1_octets.h"
#include "control/session/authentication.h"
#include "lib/base/check.h"
#include "lib/crypto/cbc.h"
#include "lib/crypto/rsa_encryption.h"

namespace penstock::ikev1 {

using base::Bytes;
using base::ByteVector;
using isakmp::PayloadType;
using isakmp::PayloadView;
using isakmp::V1Rule;
using session::Credential;
using session::EndReason;
using session::IkeDrop;

namespace {

constexpr std::size_t kLeastRsaOctets = crypto::kMinRsaBits / 8;
constexpr std::size_t kMostRsaOctets = crypto::kMaxRsaBits / 8;
/// Body of an ID payload with one octet of identity (RFC 2407 §4.6.2).
constexpr std::size_t kLeastIdOctets = 5;

bool is_revised(const IsakmpSa& sa) { return method_of(sa.auth).veil == Veil::kRevised; }

/// The cipher of one message of the revised mode: its IV begins with zero and goes on from payload
/// to payload (RFC 2409 §5.3).
class NonceCipher {
 public:
  NonceCipher(Machine& machine, const IsakmpSa& sa, Bytes nonce, IkeSpi cookie)
      : crypto_(machine.services().crypto),
        encr_(*sa.algorithms.encr),
        key_(nonce_key(crypto_, sa.algorithms, nonce, cookie)),
        iv_(encr_.block_octets) {}

  /// Padding is zeros and their number: always some.
  [[nodiscard]] ByteVector encrypt(Bytes body) {
    ByteVector out = base::to_vector(body);
    out.resize(padded(body.size(), encr_.block_octets));
    out.back() = static_cast<std::byte>(out.size() - body.size() - 1);
    crypto::cbc_encrypt(crypto_, encr_, key_.bytes(), iv_, out);
    iv_ = base::to_vector(Bytes(out).last(encr_.block_octets));
    return out;
  }
  /// Padding is cut, not judged: the proof judges.
  /// @param body  whole blocks
  [[nodiscard]] ByteVector decrypt(Bytes body) {
    ByteVector out = base::to_vector(body);
    crypto::cbc_decrypt(crypto_, encr_, key_.bytes(), iv_, out);
    iv_ = base::to_vector(body.last(encr_.block_octets));
    const std::size_t padding = std::to_integer<std::size_t>(out.back()) + 1;
    out.resize(out.size() - std::min<std::size_t>(padding, encr_.block_octets));
    return out;
  }
  [[nodiscard]] static std::size_t padded(std::size_t octets, std::size_t block) {
    return (octets / block + 1) * block;
  }

 private:
  const crypto::CryptoContext& crypto_;
  const crypto::EncrRow& encr_;
  base::SecretBytes key_;
  ByteVector iv_;
};

/// HASH_R is drawn in clear, though it stands behind the nonce; encrypted it has another length.
bool is_clear_hash(const IsakmpSa& sa, const PayloadView& p) {
  return p.type == PayloadType::kV1Hash && p.body.size() == sa.algorithms.prf->output_octets;
}

/// The same message with other bodies.
/// @param body_of  called for each payload in its order
template <class BodyOf>
ByteVector rewritten(const isakmp::MessageView& message, BodyOf body_of) {
  isakmp::MessageBuilder builder(message.header());
  for (const PayloadView& p : message.payloads()) builder.append(p.type, body_of(p));
  return builder.finish();
}

}  // namespace

// ---- ours ----

void start_veiling(Machine& machine, IsakmpSa& sa) {
  if (!set_own_identity(machine, sa)) return;
  Phase1& p = *sa.phase1;
  ByteVector& nonce = sa.initiator ? p.ni : p.nr;
  nonce = machine.services().random_bytes(kOwnNonceOctets);
  session::EncryptFor job;
  job.certificate = sa.connection->config.remote.certificate;
  job.plaintexts.push_back(base::SecretBytes::copy_of(nonce));
  if (!is_revised(sa)) job.plaintexts.push_back(base::SecretBytes::copy_of(own_id_body(sa)));
  p.busy = true;
  machine.services().start_job({sa.serial, !sa.initiator}, std::move(job));
}

void append_veiled_keys(Machine& machine, IsakmpSa& sa, isakmp::MessageBuilder& builder) {
  Phase1& p = *sa.phase1;
  p.own_public = p.pair.public_value;
  const auto append_hash = [&] {
    if (sa.initiator)
      builder.append(PayloadType::kV1Hash,
                     crypto::hash(machine.services().crypto, sa.algorithms.hash,
                                  {sa.connection->config.remote.certificate}));
  };
  if (is_revised(sa)) {
    append_hash();
    builder.append(PayloadType::kV1Nonce, p.ciphertexts.at(0));
    builder.append(PayloadType::kV1KeyExchange, p.own_public);
    return append_identity(sa, builder);
  }
  // RFC 2409 §5.2 has HASH(1) before KE in Aggressive Mode and behind it in Main Mode.
  if (is_aggressive(sa)) append_hash();
  builder.append(PayloadType::kV1KeyExchange, p.own_public);
  if (!is_aggressive(sa)) append_hash();
  builder.append(PayloadType::kV1Identification, p.ciphertexts.at(1));
  builder.append(PayloadType::kV1Nonce, p.ciphertexts.at(0));
}

ByteVector finish_veiled(Machine& machine, IsakmpSa& sa, isakmp::MessageBuilder& builder) {
  ByteVector clear = builder.finish();
  if (!is_revised(sa)) return clear;
  const Phase1& p = *sa.phase1;
  NonceCipher cipher(machine, sa, sa.initiator ? p.ni : p.nr, sa.own_cookie());
  const auto message = isakmp::MessageView::parse(clear);
  PS_CHECK(message.has_value());
  bool behind = false;
  return rewritten(*message, [&](const PayloadView& payload) {
    if (behind && !is_clear_hash(sa, payload)) return cipher.encrypt(payload.body);
    behind |= payload.type == PayloadType::kV1Nonce;
    return base::to_vector(payload.body);
  });
}

// ---- the peer's ----

namespace {

/// What can be told from outside: each is there once, with a length that it can have.
isakmp::V1Result<void> check_shape(const IsakmpSa& sa, const isakmp::PayloadChain& payloads) {
  for (const auto& [type, rule] : {std::pair{PayloadType::kV1KeyExchange, V1Rule::kKeyInformation},
                                   {PayloadType::kV1Nonce, V1Rule::kNonce},
                                   {PayloadType::kV1Identification, V1Rule::kIdInformation}})
    if (payloads.count(type) != 1) return isakmp::broken(rule, "there is another number of them");
  const crypto::DhRow* group = crypto::find_dh(sa.agreed.group);
  const bool revised = is_revised(sa);
  const std::size_t block = sa.algorithms.encr->block_octets;
  const std::size_t nonce = payloads.find(PayloadType::kV1Nonce)->body.size();
  const std::size_t id = payloads.find(PayloadType::kV1Identification)->body.size();
  const std::size_t ke = payloads.find(PayloadType::kV1KeyExchange)->body.size();
  if (nonce < kLeastRsaOctets || nonce > kMostRsaOctets || (!revised && id != nonce))
    return isakmp::broken(V1Rule::kNonce, "no RSA ciphertext is so long");
  if (group == nullptr ||
      ke != (revised ? NonceCipher::padded(group->public_octets, block) : group->public_octets))
    return isakmp::broken(V1Rule::kKeyInformation,
                          std::to_string(ke) + " octets are not of the group");
  bool behind = !revised;
  for (const PayloadView& p : payloads) {
    const bool hidden =
        p.type == PayloadType::kV1KeyExchange || p.type == PayloadType::kV1Identification;
    if (hidden && !behind) return isakmp::broken(V1Rule::kNonce, "it is not in front");
    if (revised && behind && !is_clear_hash(sa, p) &&
        (p.body.empty() || p.body.size() % block != 0))
      return isakmp::broken(V1Rule::kLength, "not a whole number of blocks");
    behind |= p.type == PayloadType::kV1Nonce;
  }
  return {};
}

/// May the message be meant for this connection, before the identity in it is known?
bool is_open_to(const IsakmpSa& sa, const session::ConnectionConfig& config) {
  const session::OfferedProposal agreed{1, {}, sa.agreed.as_proposal()};
  const std::vector<AuthMethod> methods = methods_of(config);
  return (!is_aggressive(sa) || config.aggressive) &&
         std::ranges::find(methods, sa.auth) != methods.end() &&
         session::choose_proposal(config.proposals, {&agreed, 1}).has_value();
}

std::vector<session::Connection*> open_connections(Machine& machine, const IsakmpSa& sa) {
  std::vector<session::Connection*> all{sa.connection};
  for (session::Connection* c : machine.services().connections.candidates(
           sa.local.address, sa.remote.address, session::IkeVersion::kIkev1))
    if (c != sa.connection && is_open_to(sa, c->config)) all.push_back(c);
  return all;
}

/// RFC 2409 §5.2: HASH(1) names the certificate that was encrypted for; each is looked at once.
const Credential* named_credential(Machine& machine, IsakmpSa& sa, Bytes hash) {
  std::set<crypto::KeyId> seen;
  for (session::Connection* c : open_connections(machine, sa))
    for (const Credential& one : c->config.local.credentials) {
      if (one.kind != crypto::KeyKind::kRsa || !seen.insert(one.key).second) continue;
      const ByteVector of_one =
          crypto::hash(machine.services().crypto, sa.algorithms.hash, {one.certificate});
      if (!std::ranges::equal(of_one, hash)) continue;
      if (c != sa.connection) machine.set_connection(sa, c);
      return &one;
    }
  return nullptr;
}

const Credential* addressed_credential(Machine& machine, IsakmpSa& sa,
                                       const isakmp::PayloadChain& payloads) {
  const PayloadView* hash = sa.initiator ? nullptr : payloads.find(PayloadType::kV1Hash);
  return hash == nullptr ? credential_for(sa.connection->config, sa.auth, {})
                         : named_credential(machine, sa, hash->body);
}

}  // namespace

bool start_opening(Machine& machine, IsakmpSa& sa, const Inbound& in, Phase1Handler then) {
  if (machine.services().jobs_full()) {
    machine.drop(IkeDrop::kJobLimit);
    return false;
  }
  const auto shape = check_shape(sa, in.payloads);
  if (!shape) {
    machine.broken(shape.error());
    return false;
  }
  Phase1& p = *sa.phase1;
  p.credential = addressed_credential(machine, sa, in.payloads);
  if (p.credential == nullptr) {
    machine.broken({V1Rule::kHashInformation, "no certificate of ours"});
    return false;
  }
  const Bytes nonce = in.payloads.find(PayloadType::kV1Nonce)->body;
  const Bytes id = in.payloads.find(PayloadType::kV1Identification)->body;
  const std::size_t room = nonce.size() - crypto::kPkcs1Overhead;
  session::Decrypt job{p.credential->key, {}};
  job.all.push_back({base::to_vector(nonce),
                     {isakmp::kMinV1NonceOctets, std::min(room, isakmp::kMaxV1NonceOctets)}});
  if (!is_revised(sa)) job.all.push_back({base::to_vector(id), {kLeastIdOctets, room}});
  p.closed = {in.datagram.local, in.datagram.remote, base::to_vector(in.message.bytes())};
  p.then = then;
  p.busy = true;
  machine.services().start_job({sa.serial, !sa.initiator}, std::move(job));
  return true;
}

void on_opened(Machine& machine, IsakmpSa& sa, const std::vector<base::SecretBytes>& plaintexts) {
  Phase1& p = *sa.phase1;
  const session::Datagram closed = *std::exchange(p.closed, std::nullopt);
  const auto message = isakmp::read_v1_message(closed.data);
  PS_CHECK(message.has_value() && !plaintexts.empty());
  const Bytes nonce = plaintexts.front().bytes();
  std::optional<NonceCipher> cipher;
  if (is_revised(sa))
    cipher.emplace(machine, sa, nonce, sa.initiator ? sa.cookies.r : sa.cookies.i);
  bool behind = false;
  const ByteVector clear = rewritten(*message, [&](const PayloadView& payload) {
    if (payload.type == PayloadType::kV1Nonce) {
      behind = true;
      return base::to_vector(nonce);
    }
    if (!cipher && payload.type == PayloadType::kV1Identification)
      return base::to_vector(plaintexts.at(1).bytes());
    if (!cipher || !behind || is_clear_hash(sa, payload)) return base::to_vector(payload.body);
    ByteVector body = cipher->decrypt(payload.body);
    // Its length is the group's, whatever the padding says.
    if (payload.type == PayloadType::kV1KeyExchange)
      body.resize(crypto::find_dh(sa.agreed.group)->public_octets);
    return body;
  });
  const auto view = isakmp::MessageView::parse(clear);
  PS_CHECK(view.has_value());
  sa.local = closed.local;
  sa.remote = closed.remote;
  p.then(machine, sa, {closed, *message, view->payloads()});
}

void on_not_opened(Machine& machine, IsakmpSa& sa, const base::Error& why) {
  Phase1& p = *sa.phase1;
  p.closed.reset();
  machine.broken({V1Rule::kNonce, why.text});
  if (++p.failures >= kMaxFailures || sa.state == State::kStart)
    return machine.close(sa, EndReason::kFailed, why.text);
  if (sa.state == State::kOffered) sa.cookies.r = IkeSpi{};  // as if the answer had not come
}

void take_veiled_identity(IsakmpSa& sa, const isakmp::PayloadChain& payloads) {
  Phase1& p = *sa.phase1;
  const PayloadView& payload = *payloads.find(PayloadType::kV1Identification);
  p.decoy = !take_identity(sa, payload);
  if (!p.decoy) return;
  p.claimed = {};
  p.peer_id_body = base::to_vector(payload.body);
}

void settle_connection(Machine& machine, IsakmpSa& sa) {
  Phase1& p = *sa.phase1;
  const crypto::KeyId key = p.credential->key;
  for (session::Connection* c : open_connections(machine, sa)) {
    if (p.decoy || !c->config.remote.id.matches(p.claimed)) continue;
    const auto& all = c->config.local.credentials;
    const auto same = std::ranges::find(all, key, &Credential::key);
    if (same == all.end()) continue;
    p.credential = &*same;
    if (c != sa.connection) machine.set_connection(sa, c);
    return;
  }
  p.decoy = true;
}

}  // namespace penstock::ikev1
