// SPDX-License-Identifier: BSD-3-Clause
// Phase 1 without its messages' order: each exchange's file calls this in its own.
#include "control/ikev1/phase1.h"

#include <algorithm>
#include <array>

#include "control/ikev1/exchanges.h"
#include "control/ikev1/nat.h"
#include "control/ikev1/proof.h"
#include "control/isakmp/payload/v1_octets.h"
#include "control/isakmp/payload/vendor_id.h"
#include "control/session/authentication.h"
#include "control/session/ends.h"
#include "control/session/signatures.h"
#include "lib/base/byte_io.h"

namespace penstock::ikev1 {

using base::LogLevel;
using isakmp::PayloadType;
using isakmp::V1NotifyType;
using policy::Identity;
using session::EndReason;
using session::IkeDrop;

namespace {

using Vendor = std::array<std::uint8_t, 16>;
/// RFC 3706 §5.1, version 1.0.
constexpr Vendor kDeadPeerDetection{0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9,
                                    0x6b, 0x86, 0x96, 0xfc, 0x77, 0x57, 0x01, 0x00};

/// Whose own fragments are cut as Cisco and Microsoft do it. Cisco adds four octets that say in
/// which exchanges; Microsoft may leave them out.
constexpr std::array<std::uint8_t, 20> kFragmentation{0x40, 0x48, 0xb7, 0xd5, 0x6e, 0xbc, 0xe8,
                                                      0x85, 0x25, 0xe7, 0xde, 0x7f, 0x00, 0xd6,
                                                      0xc2, 0xd3, 0x80, 0x00, 0x00, 0x00};
constexpr std::size_t kFragmentationName = 16;
constexpr auto kFragmentsOfPhase1 = std::byte{0x80};

base::Bytes bytes_of(const Vendor& vendor) {
  return std::as_bytes(std::span<const std::uint8_t>(vendor));
}

/// RFC 2409 §5.4: in Main Mode with a pre-shared key the peer must be known before it says who it
/// is: by the connection's identity if that is one, else by its address.
Identity presumed_identity(const IsakmpSa& sa, const session::ConnectionConfig& config) {
  const auto expected = session::expected_identity(config);
  return expected ? *expected : session::identity_of(sa.remote.address);
}

}  // namespace

isakmp::ExchangeType exchange_of(session::Phase1Exchange exchange) {
  using session::Phase1Exchange;
  using enum isakmp::ExchangeType;
  switch (exchange) {
    case Phase1Exchange::kMain:
      return kV1MainMode;
    case Phase1Exchange::kAggressive:
      return kV1AggressiveMode;
    case Phase1Exchange::kBase:
      return kV1Base;
    case Phase1Exchange::kAuthenticationOnly:
      return kV1AuthenticationOnly;
  }
  return kV1MainMode;
}

namespace {

/// Does the peer say who it is before HASH must be keyed?
bool knows_peer(const IsakmpSa& sa) {
  return is_aggressive(sa) ||
         sa.exchange == (sa.initiator ? isakmp::ExchangeType::kV1AuthenticationOnly
                                      : isakmp::ExchangeType::kV1Base);
}

}  // namespace

bool is_aggressive(const IsakmpSa& sa) {
  return sa.exchange == isakmp::ExchangeType::kV1AggressiveMode;
}

base::Duration renewal_time(const session::ConnectionConfig& config) {
  const base::Duration rekey = config.rekey_time;
  const base::Duration reauth = config.reauth_time;
  if (rekey.count() == 0 || reauth.count() == 0) return std::max(rekey, reauth);
  return std::min(rekey, reauth);
}

base::Duration configured_life(const session::ConnectionConfig& config) {
  const base::Duration renewal = renewal_time(config);
  return renewal.count() == 0 ? base::Duration{} : renewal + config.over_time;
}

const session::SharedSecret* secret_for(Machine& machine, const IsakmpSa& sa,
                                        const session::ConnectionConfig& config) {
  const auto own = own_identity(sa, config);
  if (!own) return nullptr;
  return machine.services().secrets.find(
      *own, knows_peer(sa) ? sa.phase1->claimed : presumed_identity(sa, config));
}

namespace {

bool takes_fragments(const IsakmpSa& sa) {
  return sa.connection->config.fragmentation != session::Fragmentation::kNo;
}

/// Does the vendor id say that its sender takes fragments?
bool says_fragments(base::Bytes vendor) {
  const base::Bytes known = std::as_bytes(std::span(kFragmentation));
  if (vendor.size() != kFragmentationName && vendor.size() != known.size()) return false;
  if (!std::ranges::equal(vendor.first(kFragmentationName), known.first(kFragmentationName)))
    return false;
  return vendor.size() == kFragmentationName ||
         (vendor[kFragmentationName] & kFragmentsOfPhase1) != std::byte{};
}

}  // namespace

void append_vendor_ids(const IsakmpSa& sa, isakmp::MessageBuilder& builder) {
  // RFC 3947 has NAT traversal for Main and Aggressive Mode.
  if (proves_with_shared_secret(sa.exchange)) append_nat_vendor_ids(builder, sa);
  isakmp::append_vendor_id(builder, PayloadType::kV1VendorId, bytes_of(kDeadPeerDetection));
  const bool fragments = sa.initiator ? takes_fragments(sa) : sa.fragmentation;
  if (fragments)
    isakmp::append_vendor_id(builder, PayloadType::kV1VendorId,
                             std::as_bytes(std::span(kFragmentation)));
}

void note_vendor_ids(IsakmpSa& sa, const isakmp::PayloadChain& payloads) {
  // RFC 3706 §5.1: the last two octets are the version; a minor one changes nothing.
  const base::Bytes dpd = bytes_of(kDeadPeerDetection).first(15);
  for (const isakmp::PayloadView& p : payloads) {
    if (p.type != PayloadType::kV1VendorId) continue;
    if (proves_with_shared_secret(sa.exchange)) note_nat_vendor_id(sa, p.body);
    sa.fragmentation |= takes_fragments(sa) && says_fragments(p.body);
    const std::string_view name = isakmp::name_of_vendor_id(p.body);
    if (!name.empty() && std::ranges::find(sa.vendors, name) == sa.vendors.end())
      sa.vendors.push_back(name);
    sa.dpd |= p.body.size() == 16 && std::ranges::equal(p.body.first(15), dpd);
  }
}

base::ByteVector first_body(base::Bytes message) {
  const auto view = isakmp::MessageView::parse(message);
  return base::to_vector(view->payloads().payloads().front().body);
}

void accept_message(Machine& machine, IsakmpSa& sa, base::Bytes message) {
  sa.answered.begin(message);
  sa.phase1->sent.stop();
  sa.phase1->refusal.clear();
  sa.last_heard = machine.now();
}

// ---- the offer ----

namespace {

/// Nothing is kept: one answer goes out, within its allowance, and the SA goes away.
void refuse_offer(Machine& machine, IsakmpSa& sa, const Inbound& in, IkeDrop why,
                  isakmp::V1NotifyType type, const std::string& text) {
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
    isakmp::append_v1_notify(builder, {1, type, {}, {}});
    services.send(in.datagram.local, in.datagram.remote, builder.finish());
  }
  machine.close(sa, EndReason::kFailed, text);
}

}  // namespace

namespace {

struct Fit {
  session::Connection* connection = nullptr;
  Choice choice;
  bool decoy = false;
  // Where nothing fits:
  std::string why;
  V1NotifyType notify = V1NotifyType::kNoProposalChosen;
};

std::string refusal_of(const session::Connection& c, const isakmp::V1SaPayload& offer,
                       const base::Result<Choice>& choice) {
  if (!choice) return choice.error().text;
  return "the situation differs: ours " + describe(c.config.situation) + "; theirs " +
         describe(offer.situation);
}

/// Aggressive Mode says who asks before anything is chosen. Who is not known gets what the first
/// connection that fits would say, and fails at its proof: identities are not to be tried out.
Fit find_fit(Machine& machine, const IsakmpSa& sa, const isakmp::V1SaPayload& offer) {
  Fit best;
  for (session::Connection* c : machine.services().connections.candidates(
           sa.local.address, sa.remote.address, session::IkeVersion::kIkev1)) {
    if (sa.exchange != isakmp::ExchangeType::kV1MainMode &&
        sa.exchange != exchange_of(c->config.dialled_by()))
      continue;
    auto choice = choose_phase1(c->config.proposals, methods_for(sa.exchange, c->config),
                                crypto::DhGroupId::kNone, offer);
    const bool labelled = offer.situation == c->config.situation;
    if (!choice || !labelled) {
      if (best.why.empty()) best.why = c->config.name + ": " + refusal_of(*c, offer, choice);
      // RFC 2407 §4.2.2, §4.2.3: what else there is would do.
      if (choice) best.notify = V1NotifyType::kSituationNotSupported;
      continue;
    }
    // Nothing of an identity under a public key is known yet.
    const bool veiled = method_of(choice->auth).veil != Veil::kNone;
    if (veiled && steps_of(sa).veiled == nullptr) continue;
    const bool decoy = is_aggressive(sa) && !veiled &&
                       (!c->config.remote.id.matches(sa.phase1->claimed) ||
                        (method_of(choice->auth).skeyid == SkeyidForm::kPsk &&
                         secret_for(machine, sa, c->config) == nullptr));
    if (best.connection != nullptr && (decoy || !best.decoy)) continue;
    best = {c, *std::move(choice), decoy, {}, V1NotifyType::kNoProposalChosen};
  }
  return best;
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
  Fit fit = find_fit(machine, sa, *offer);
  if (fit.connection == nullptr) {
    const bool none = fit.why.empty();
    refuse_offer(machine, sa, in, none ? IkeDrop::kNoConnection : IkeDrop::kNoProposal, fit.notify,
                 none ? "no connection is configured for these addresses" : fit.why);
    return std::nullopt;
  }
  machine.set_connection(sa, fit.connection);
  sa.phase1->decoy = fit.decoy;
  sa.phase1->sai_b = base::to_vector(payload.body);
  note_vendor_ids(sa, in.payloads);
  if (!set_agreed(machine, sa, fit.choice)) return std::nullopt;
  return std::move(fit.choice);
}

std::optional<Choice> read_choice(Machine& machine, IsakmpSa& sa, const Inbound& in,
                                  crypto::DhGroupId group) {
  const auto answer = isakmp::parse_v1_sa(in.payloads.find(PayloadType::kV1Sa)->body);
  if (!answer) {
    machine.broken(answer.error());
    return std::nullopt;
  }
  const session::ConnectionConfig& config = sa.connection->config;
  auto single = check_single(*answer);
  if (answer->situation != config.situation)
    single = base::fail(base::ErrorCode::kRefused,
                        "its situation is " + isakmp::describe(answer->situation));
  auto choice =
      single ? choose_phase1(config.proposals, methods_for(sa.exchange, config), group, *answer)
             : base::Result<Choice>(tl::unexpected(single.error()));
  if (choice) return *std::move(choice);
  sa.phase1->refusal = "the answer is not what we offered: " + choice.error().text;
  machine.drop(IkeDrop::kNoProposal);
  return std::nullopt;
}

bool set_agreed(Machine& machine, IsakmpSa& sa, const Choice& choice) {
  sa.agreed = choice.agreed;
  sa.auth = choice.auth;
  sa.life = choice.lives.life;
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

isakmp::V1Result<void> take_keys(IsakmpSa& sa, const Inbound& in) {
  PS_ASSIGN(const base::Bytes ke,
            isakmp::read_v1_octets(*in.payloads.find(PayloadType::kV1KeyExchange)));
  PS_ASSIGN(const base::Bytes nonce,
            isakmp::read_v1_octets(*in.payloads.find(PayloadType::kV1Nonce)));
  const crypto::DhRow* group = crypto::find_dh(sa.agreed.group);
  if (group == nullptr || ke.size() != group->public_octets)
    return isakmp::broken(isakmp::V1Rule::kKeyInformation,
                          std::to_string(ke.size()) + " octets are not of the group");
  sa.phase1->peer_public = base::to_vector(ke);
  (sa.initiator ? sa.phase1->nr : sa.phase1->ni) = base::to_vector(nonce);
  return {};
}

void append_keys(Machine& machine, IsakmpSa& sa, isakmp::MessageBuilder& builder) {
  Phase1& p = *sa.phase1;
  base::ByteVector& nonce = sa.initiator ? p.ni : p.nr;
  nonce = machine.services().random_bytes(kOwnNonceOctets);
  p.own_public = p.pair.public_value;
  builder.append(PayloadType::kV1KeyExchange, p.own_public);
  builder.append(PayloadType::kV1Nonce, nonce);
}

void start_key_pair(Machine& machine, IsakmpSa& sa) {
  sa.phase1->busy = true;
  machine.services().start_job({sa.serial, !sa.initiator},
                               session::GenerateKeyPair{sa.agreed.group});
}

void start_shared_secret(Machine& machine, IsakmpSa& sa) {
  Phase1& p = *sa.phase1;
  p.busy = p.sharing = true;
  machine.services().start_job({sa.serial, !sa.initiator},
                               session::ComputeSharedSecret{std::move(p.pair), p.peer_public});
}

bool derive_early_skeyid(Machine& machine, IsakmpSa& sa) {
  const Phase1& p = *sa.phase1;
  if (method_of(sa.auth).skeyid == SkeyidForm::kNonces) {
    sa.keys.skeyid =
        skeyid_of_encryption(machine.services().crypto, sa.algorithms, {p.ni, p.nr}, sa.cookies);
    return true;
  }
  const session::SharedSecret* secret = secret_for(machine, sa, sa.connection->config);
  if (p.decoy) {
    const base::ByteVector nobodys = machine.services().random_bytes(kOwnNonceOctets);
    sa.keys.skeyid =
        skeyid_of_psk(machine.services().crypto, *sa.algorithms.prf, nobodys, {p.ni, p.nr});
    return true;
  }
  if (secret == nullptr) {
    const std::string why = "there is no secret for us and " + sa.remote.address.to_string();
    machine.report(sa, LogLevel::kError, "no_secret", why);
    machine.close(sa, EndReason::kFailed, why);
    return false;
  }
  sa.keys.skeyid = skeyid_of_psk(machine.services().crypto, *sa.algorithms.prf,
                                 secret->secret.bytes(), {p.ni, p.nr});
  return true;
}

bool derive_keys(Machine& machine, IsakmpSa& sa, base::Bytes g_xy) {
  const crypto::CryptoContext& crypto = machine.services().crypto;
  const Phase1& p = *sa.phase1;
  if (needs_shared_secret(sa)) {
    sa.keys.skeyid = skeyid_of_signatures(crypto, *sa.algorithms.prf, {p.ni, p.nr}, g_xy);
  } else if (sa.keys.skeyid.empty() && !derive_early_skeyid(machine, sa)) {
    return false;
  }
  if (!set_own_identity(machine, sa)) return false;
  sa.keys = derive_skeyids(crypto, *sa.algorithms.prf, std::move(sa.keys.skeyid), g_xy, sa.cookies);
  sa.cipher_key = ikev1::cipher_key(crypto, *sa.algorithms.prf, sa.keys.e.bytes(),
                                    sa.algorithms.encr->key_bits / 8U);
  const base::ByteVector& g_xi = sa.initiator ? p.own_public : p.peer_public;
  const base::ByteVector& g_xr = sa.initiator ? p.peer_public : p.own_public;
  sa.iv = phase1_iv(crypto, sa.algorithms, g_xi, g_xr);
  return true;
}

}  // namespace penstock::ikev1
