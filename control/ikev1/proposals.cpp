// SPDX-License-Identifier: BSD-3-Clause
// A transform of IKEv1 is a whole suite. So each of theirs becomes a proposal with one entry a
// list, and the chooser of both versions compares them with ours.
#include "control/ikev1/proposals.h"

#include <algorithm>

#include "lib/base/byte_io.h"

namespace penstock::ikev1 {
namespace {

using crypto::DhGroupId;
using crypto::EncrId;
using crypto::IntegId;
using crypto::PrfId;
using crypto::ProtocolId;
using isakmp::V1Attribute;
using isakmp::V1Proposal;
using isakmp::V1SaPayload;
using isakmp::V1Transform;

// RFC 2409 appendix A.
constexpr std::uint16_t kEncryption = 1;
constexpr std::uint16_t kHash = 2;
constexpr std::uint16_t kAuthentication = 3;
constexpr std::uint16_t kGroup = 4;
constexpr std::uint16_t kLifeType = 11;
constexpr std::uint16_t kPrf = 13;
constexpr std::uint16_t kKeyLength = 14;
constexpr std::uint8_t kKeyIke = 1;  // RFC 2407 §4.4.2.1

// RFC 2407 §4.5, RFC 4304 §3.
constexpr std::uint16_t kChildLifeType = 1;
constexpr std::uint16_t kChildGroup = 3;
constexpr std::uint16_t kEncapsulation = 4;
constexpr std::uint16_t kChildAuth = 5;
constexpr std::uint16_t kChildKeyLength = 6;
constexpr std::uint16_t kEsn = 11;

constexpr std::uint64_t kSeconds = 1;
constexpr std::uint64_t kKilobytes = 2;

template <class Id>
struct Number {
  Id id;
  std::uint16_t number;
};
constexpr Number<EncrId> kIkeCiphers[] = {{EncrId::k3Des, 5}, {EncrId::kAesCbc, 7}};
constexpr Number<IntegId> kHashes[] = {{IntegId::kHmacMd5_96, 1},
                                       {IntegId::kHmacSha1_96, 2},
                                       {IntegId::kHmacSha256_128, 4},
                                       {IntegId::kHmacSha384_192, 5},
                                       {IntegId::kHmacSha512_256, 6}};
constexpr Number<PrfId> kHashPrfs[] = {{PrfId::kHmacMd5, 1},
                                       {PrfId::kHmacSha1, 2},
                                       {PrfId::kHmacSha256, 4},
                                       {PrfId::kHmacSha384, 5},
                                       {PrfId::kHmacSha512, 6}};
// No PRF has a number (RFC 2409 appendix A): these are of the private range.
constexpr Number<PrfId> kPrfs[] = {{PrfId::kAes128Xcbc, 65001}, {PrfId::kAes128Cmac, 65002}};
// RFC 2407 §4.4.4 and the IANA registry "IPSEC ESP Transform Identifiers".
constexpr Number<EncrId> kEspCiphers[] = {
    {EncrId::k3Des, 3},      {EncrId::kNull, 11},       {EncrId::kAesCbc, 12},
    {EncrId::kAesCtr, 13},   {EncrId::kAesCcm8, 14},    {EncrId::kAesCcm12, 15},
    {EncrId::kAesCcm16, 16}, {EncrId::kAesGcm8, 18},    {EncrId::kAesGcm12, 19},
    {EncrId::kAesGcm16, 20}, {EncrId::kNullAesGmac, 23}};
constexpr Number<IntegId> kEspAuths[] = {
    {IntegId::kHmacMd5_96, 1},     {IntegId::kHmacSha1_96, 2},    {IntegId::kHmacSha256_128, 5},
    {IntegId::kHmacSha384_192, 6}, {IntegId::kHmacSha512_256, 7}, {IntegId::kAesXcbc96, 9}};

// RFC 2407 §4.4.3 and the IANA registry "IPSEC AH Transform Identifiers"; the attribute says the
// same once more, by the numbers of ESP.
constexpr Number<IntegId> kAhTransforms[] = {
    {IntegId::kHmacMd5_96, 2},     {IntegId::kHmacSha1_96, 3},    {IntegId::kHmacSha256_128, 5},
    {IntegId::kHmacSha384_192, 6}, {IntegId::kHmacSha512_256, 7}, {IntegId::kAesXcbc96, 9}};

template <class Id, std::size_t N>
std::optional<std::uint16_t> number_of(const Number<Id> (&rows)[N], Id id) {
  for (const Number<Id>& row : rows)
    if (row.id == id) return row.number;
  return std::nullopt;
}
template <class Id, std::size_t N>
std::optional<Id> id_of(const Number<Id> (&rows)[N], std::uint64_t number) {
  for (const Number<Id>& row : rows)
    if (row.number == number) return row.id;
  return std::nullopt;
}

V1Attribute attribute(std::uint16_t type, std::uint64_t value) {
  return value <= 0xffff ? V1Attribute::of(type, static_cast<std::uint16_t>(value))
                         : V1Attribute::of_u32(type, static_cast<std::uint32_t>(value));
}

void add_life(V1Transform& t, std::uint16_t type, std::uint64_t unit, std::uint64_t amount) {
  if (amount == 0) return;
  constexpr std::uint64_t kMost = 0xffff'ffff;
  t.attributes.push_back(attribute(type, unit));
  t.attributes.push_back(attribute(static_cast<std::uint16_t>(type + 1), std::min(amount, kMost)));
}

/// Whole seconds.
std::uint64_t seconds_of(base::Duration d) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(d).count());
}

Lifetimes lifetimes_of(const std::vector<V1Attribute>& attributes, std::uint16_t type_attribute) {
  Lifetimes out;
  std::uint64_t unit = 0;
  for (const V1Attribute& a : attributes) {
    // RFC 2407 §4.5: each duration follows its type.
    if (a.type == type_attribute) unit = a.value;
    if (a.type != type_attribute + 1 || a.value == 0) continue;
    constexpr std::uint64_t kMost = 0xffff'ffff;
    if (unit == kSeconds) out.life = base::seconds{std::min(a.value, kMost)};
    if (unit == kKilobytes) out.life_kb = a.value;
  }
  return out;
}

/// Every attribute is one that we know, none is there twice but for lifetimes.
bool is_understood(const V1Transform& t, std::initializer_list<std::uint16_t> known,
                   std::uint16_t life_type) {
  for (const V1Attribute& a : t.attributes) {
    if (a.type == life_type || a.type == life_type + 1) continue;
    if (std::ranges::find(known, a.type) == known.end()) return false;
    if (std::ranges::count(t.attributes, a.type, &V1Attribute::type) != 1) return false;
  }
  return true;
}

std::uint64_t value_of(const V1Transform& t, std::uint16_t type) {
  const V1Attribute* a = t.find(type);
  return a == nullptr ? 0 : a->value;
}

/// The key length attribute and the cipher's own fit.
bool key_length_fits(EncrId id, std::uint64_t bits) {
  return bits <= 0xffff && crypto::find_encr(id, static_cast<std::uint16_t>(bits)) != nullptr;
}

AuthMethod auth_of(const V1Transform& t) {
  return AuthMethod{static_cast<std::uint16_t>(value_of(t, kAuthentication))};
}

std::optional<crypto::Proposal> phase1_suite(const V1Transform& t,
                                             std::span<const AuthMethod> methods, DhGroupId only) {
  if (t.id != kKeyIke ||
      !is_understood(t, {kEncryption, kHash, kAuthentication, kGroup, kPrf, kKeyLength}, kLifeType))
    return std::nullopt;
  const auto encr = id_of(kIkeCiphers, value_of(t, kEncryption));
  const auto hash = id_of(kHashes, value_of(t, kHash));
  const auto implied = id_of(kHashPrfs, value_of(t, kHash));
  const bool named = t.find(kPrf) != nullptr;
  const auto prf = named ? id_of(kPrfs, value_of(t, kPrf)) : implied;
  const std::uint64_t bits = value_of(t, kKeyLength);
  const DhGroupId group{static_cast<std::uint16_t>(value_of(t, kGroup))};
  if (!encr || !hash || !prf || std::ranges::find(methods, auth_of(t)) == methods.end() ||
      (only != DhGroupId::kNone && only != group) || !key_length_fits(*encr, bits))
    return std::nullopt;
  crypto::Proposal p;
  p.encr = {{*encr, static_cast<std::uint16_t>(bits)}};
  p.integ = {*hash};
  p.prf = {*prf};
  p.dh = {group};
  return p;
}

std::optional<crypto::Proposal> phase2_suite(const V1Proposal& from, const V1Transform& t,
                                             Encapsulation encapsulation, DhGroupId group) {
  const bool ah = from.protocol == ProtocolId::kAh;
  if ((from.protocol != ProtocolId::kEsp && !ah) ||
      !is_understood(t, {kChildGroup, kEncapsulation, kChildAuth, kChildKeyLength, kEsn},
                     kChildLifeType))
    return std::nullopt;
  // RFC 2407 §4.5: without the attribute the mode is whatever the host likes: here, tunnel.
  const V1Attribute* mode = t.find(kEncapsulation);
  if (mode != nullptr ? mode->value != static_cast<std::uint16_t>(encapsulation)
                      : encapsulation != Encapsulation::kTunnel)
    return std::nullopt;
  const auto encr = ah ? std::optional(EncrId::kNone) : id_of(kEspCiphers, t.id);
  const std::uint64_t bits = value_of(t, kChildKeyLength);
  const V1Attribute* auth = t.find(kChildAuth);
  const auto integ =
      auth == nullptr ? std::optional(IntegId::kNone) : id_of(kEspAuths, auth->value);
  const bool cipher = ah ? bits == 0 : encr && key_length_fits(*encr, bits);
  if (!cipher || !integ || (ah && id_of(kAhTransforms, t.id) != integ) ||
      value_of(t, kChildGroup) != static_cast<std::uint16_t>(group) || value_of(t, kEsn) > 1)
    return std::nullopt;
  crypto::Proposal p;
  p.protocol = from.protocol;
  if (!ah) p.encr = {{*encr, static_cast<std::uint16_t>(bits)}};
  if (*integ != IntegId::kNone) p.integ = {*integ};
  if (group != DhGroupId::kNone) p.dh = {group};
  p.esn = {crypto::EsnId{static_cast<std::uint16_t>(value_of(t, kEsn))}};
  return p;
}

/// Offers of theirs that can be compared, each with where it stands.
struct Suites {
  std::vector<session::OfferedProposal> list;
  std::vector<std::pair<const V1Proposal*, const V1Transform*>> from;
};

template <class ToSuite>
void add_suites(Suites& out, const V1Proposal& p, ToSuite to_suite) {
  for (const V1Transform& t : p.transforms) {
    auto suite = to_suite(p, t);
    if (!suite) continue;
    out.list.push_back({p.number, p.spi, *std::move(suite)});
    out.from.emplace_back(&p, &t);
  }
}

template <class ToSuite>
Suites suites_of(const V1SaPayload& theirs, ToSuite to_suite) {
  Suites out;
  // Several with one number are to be taken together (RFC 2408 §4.2): see choose_for().
  for (const V1Proposal& p : theirs.proposals)
    if (std::ranges::count(theirs.proposals, p.number, &V1Proposal::number) == 1)
      add_suites(out, p, to_suite);
  return out;
}

base::Result<Choice> choose(const crypto::Proposals& ours, const Suites& suites,
                            std::uint16_t life_type) {
  if (suites.list.empty())
    return base::fail(base::ErrorCode::kRefused,
                      "the peer offers nothing that we could say ourselves (protocol, mode, "
                      "authentication, group or algorithms)");
  PS_ASSIGN(const session::ProposalChoice choice, session::choose_proposal(ours, suites.list));
  const auto& [proposal, transform] = suites.from[choice.index];
  Choice out;
  out.agreed = choice.agreed;
  out.answer = {proposal->number, proposal->protocol, proposal->spi, {*transform}};
  out.lives = lifetimes_of(transform->attributes, life_type);
  if (proposal->protocol != ProtocolId::kIke) {
    PS_ASSIGN(const std::uint32_t spi, base::ByteReader(proposal->spi).u32());
    out.spi = net::Spi{spi};
  }
  return out;
}

/// @return nothing if a number is missing
std::optional<V1Transform> phase1_transform(const crypto::EncrTransform& encr, IntegId integ,
                                            PrfId prf, DhGroupId group) {
  const auto cipher = number_of(kIkeCiphers, encr.id);
  const auto hash = number_of(kHashes, integ);
  const auto implied = number_of(kHashPrfs, prf);
  const auto named = number_of(kPrfs, prf);
  // An HMAC of another hash than the negotiated one cannot be said.
  if (!cipher || !hash || (implied ? *implied != *hash : !named)) return std::nullopt;
  V1Transform t;
  t.id = kKeyIke;
  t.attributes.push_back(attribute(kEncryption, *cipher));
  if (encr.key_bits != 0) t.attributes.push_back(attribute(kKeyLength, encr.key_bits));
  t.attributes.push_back(attribute(kHash, *hash));
  if (named) t.attributes.push_back(attribute(kPrf, *named));
  t.attributes.push_back(attribute(kGroup, static_cast<std::uint16_t>(group)));
  return t;
}

void add_phase1(V1Proposal& out, const crypto::Proposal& p, AuthMethod auth, DhGroupId only,
                base::Duration life) {
  for (const crypto::EncrTransform& encr : p.encr)
    for (const IntegId integ : p.integ)
      for (const PrfId prf : p.prf)
        for (const DhGroupId group : p.dh) {
          auto t = phase1_transform(encr, integ, prf, group);
          if (!t || out.transforms.size() == kMaxOffered ||
              (only != DhGroupId::kNone && only != group))
            continue;
          t->number = static_cast<std::uint8_t>(out.transforms.size() + 1);
          t->attributes.push_back(attribute(kAuthentication, static_cast<std::uint16_t>(auth)));
          add_life(*t, kLifeType, kSeconds, seconds_of(life));
          out.transforms.push_back(*std::move(t));
        }
}

}  // namespace

V1SaPayload phase1_offer(const crypto::Proposals& proposals, std::span<const AuthMethod> methods,
                         DhGroupId group, base::Duration life) {
  V1Proposal out;
  out.number = 1;
  out.protocol = ProtocolId::kIke;
  for (const AuthMethod auth : methods)
    for (const crypto::Proposal& p : proposals) add_phase1(out, p, auth, group, life);
  V1SaPayload sa;
  if (!out.transforms.empty()) sa.proposals.push_back(std::move(out));
  return sa;
}

base::Result<Choice> choose_phase1(const crypto::Proposals& ours,
                                   std::span<const AuthMethod> methods, DhGroupId group,
                                   const V1SaPayload& theirs) {
  const Suites suites = suites_of(theirs, [&](const V1Proposal& p, const V1Transform& t) {
    return p.protocol == ProtocolId::kIke ? phase1_suite(t, methods, group) : std::nullopt;
  });
  PS_ASSIGN(Choice choice, choose(ours, suites, kLifeType));
  choice.auth = auth_of(choice.answer.transforms.front());
  return choice;
}

namespace {

void add_phase2(V1Proposal& out, const session::ChildConfig& child, const crypto::Proposal& p,
                Encapsulation encapsulation, DhGroupId group) {
  const std::vector<IntegId> none{IntegId::kNone};
  const std::vector<crypto::EsnId> no_esn{crypto::EsnId::kNoEsn};
  const std::vector<crypto::EncrTransform> no_cipher{{EncrId::kNone, 0}};
  const bool ah = p.protocol == ProtocolId::kAh;
  for (const crypto::EncrTransform& encr : ah ? no_cipher : p.encr)
    for (const IntegId integ : p.integ.empty() ? none : p.integ)
      for (const crypto::EsnId esn : p.esn.empty() ? no_esn : p.esn) {
        const auto cipher = ah ? number_of(kAhTransforms, integ) : number_of(kEspCiphers, encr.id);
        const auto auth = number_of(kEspAuths, integ);
        if (!cipher || (integ != IntegId::kNone && !auth) || out.transforms.size() == kMaxOffered)
          continue;
        V1Transform t;
        t.number = static_cast<std::uint8_t>(out.transforms.size() + 1);
        t.id = static_cast<std::uint8_t>(*cipher);
        if (encr.key_bits != 0) t.attributes.push_back(attribute(kChildKeyLength, encr.key_bits));
        t.attributes.push_back(
            attribute(kEncapsulation, static_cast<std::uint16_t>(encapsulation)));
        if (auth) t.attributes.push_back(attribute(kChildAuth, *auth));
        if (group != DhGroupId::kNone)
          t.attributes.push_back(attribute(kChildGroup, static_cast<std::uint16_t>(group)));
        if (esn == crypto::EsnId::kEsn) t.attributes.push_back(attribute(kEsn, 1));
        add_life(t, kChildLifeType, kSeconds, seconds_of(child.life_time));
        add_life(t, kChildLifeType, kKilobytes, child.life_bytes / 1024);
        out.transforms.push_back(std::move(t));
      }
}

V1Proposal proposal_of(ProtocolId protocol, net::Spi spi) {
  base::ByteWriter octets;
  octets.u32(spi.value());
  V1Proposal out;
  out.protocol = protocol;
  out.spi = octets.release();
  return out;
}

bool has_group(const crypto::Proposal& p, DhGroupId group) {
  const DhGroupId wanted = group;
  return p.dh.empty() ? wanted == DhGroupId::kNone : std::ranges::find(p.dh, wanted) != p.dh.end();
}

}  // namespace

crypto::Proposals proposals_of(const session::ChildConfig& child) {
  crypto::Proposals all = child.esp_proposals;
  all.insert(all.end(), child.ah_proposals.begin(), child.ah_proposals.end());
  return all;
}

V1SaPayload phase2_offer(const session::ChildConfig& child, const OwnSpis& spis,
                         Encapsulation encapsulation, DhGroupId group) {
  V1SaPayload sa;
  sa.situation = child.situation;
  std::uint8_t number = 1;
  for (const crypto::Proposal& p : child.bundle ? child.esp_proposals : proposals_of(child)) {
    // RFC 2409 §5.5: one Quick Mode has one group, that of its KE payloads.
    if (!has_group(p, group)) continue;
    V1Proposal inner = proposal_of(p.protocol, spis.inner);
    add_phase2(inner, child, p, encapsulation, group);
    if (inner.transforms.empty()) continue;
    if (!child.bundle) {
      inner.number = number++;
      sa.proposals.push_back(std::move(inner));
      continue;
    }
    // RFC 2408 §4.2: AH and ESP under one number, each pair of them under its own.
    for (const crypto::Proposal& q : child.ah_proposals) {
      V1Proposal outer = proposal_of(q.protocol, spis.outer);
      add_phase2(outer, child, q, encapsulation, group);
      if (outer.transforms.empty()) continue;
      inner.number = outer.number = number++;
      sa.proposals.push_back(std::move(outer));
      sa.proposals.push_back(inner);
    }
  }
  return sa;
}

base::Result<Choice> choose_phase2(const crypto::Proposals& ours, Encapsulation encapsulation,
                                   DhGroupId group, const V1SaPayload& theirs) {
  const Suites suites = suites_of(theirs, [&](const V1Proposal& p, const V1Transform& t) {
    return phase2_suite(p, t, encapsulation, group);
  });
  auto choice = choose(ours, suites, kChildLifeType);
  if (!choice && std::ranges::find(theirs.proposals, isakmp::kV1Ipcomp, &V1Proposal::protocol) !=
                     theirs.proposals.end())
    return base::fail(choice.error().code, "IPComp is refused (RFC 3173): " + choice.error().text);
  return choice;
}

namespace {

struct Bundle {
  const V1Proposal* ah = nullptr;
  const V1Proposal* esp = nullptr;
};

/// AH and ESP alone under one number; else nothing.
std::optional<Bundle> bundle_of(const V1SaPayload& theirs, const V1Proposal& first) {
  Bundle out;
  for (const V1Proposal& p : theirs.proposals) {
    if (p.number != first.number) continue;
    const V1Proposal*& place = p.protocol == ProtocolId::kAh ? out.ah : out.esp;
    if (place != nullptr || (p.protocol != ProtocolId::kAh && p.protocol != ProtocolId::kEsp))
      return std::nullopt;
    place = &p;
  }
  return out.ah == nullptr || out.esp == nullptr ? std::nullopt : std::optional(out);
}

/// One mode is for both: AH around the tunnel is in transport mode then, whichever it names.
std::optional<crypto::Proposal> outer_suite(const V1Proposal& p, const V1Transform& t,
                                            Encapsulation encapsulation, DhGroupId group) {
  auto suite = phase2_suite(p, t, encapsulation, group);
  if (!suite) suite = phase2_suite(p, t, Encapsulation::kTransport, group);
  if (suite) suite->dh.clear();  // ESP's counts
  return suite;
}

base::Result<Choice> choose_bundle(const session::ChildConfig& child, Encapsulation encapsulation,
                                   DhGroupId group, const V1SaPayload& theirs) {
  base::Error why{base::ErrorCode::kRefused, "the peer offers no AH and ESP together"};
  const V1Proposal* last = nullptr;
  for (const V1Proposal& p : theirs.proposals) {
    if (last != nullptr && last->number == p.number) continue;
    last = &p;
    const auto bundle = bundle_of(theirs, p);
    if (!bundle) continue;
    Suites esp, ah;
    add_suites(esp, *bundle->esp, [&](const V1Proposal& q, const V1Transform& t) {
      return phase2_suite(q, t, encapsulation, group);
    });
    add_suites(ah, *bundle->ah, [&](const V1Proposal& q, const V1Transform& t) {
      return outer_suite(q, t, encapsulation, group);
    });
    auto inner = choose(child.esp_proposals, esp, kChildLifeType);
    auto outer = choose(child.ah_proposals, ah, kChildLifeType);
    if (inner && outer) {
      inner->lives = shorter(inner->lives, outer->lives);
      inner->outer = OuterChoice{outer->agreed, std::move(outer->answer), outer->spi};
      inner->outer_first = bundle->ah < bundle->esp;
      return inner;
    }
    why = inner ? outer.error() : inner.error();
  }
  return tl::unexpected(std::move(why));
}

}  // namespace

base::Result<Choice> choose_for(const session::ChildConfig& child, Encapsulation encapsulation,
                                DhGroupId group, const V1SaPayload& theirs) {
  if (!child.bundle) return choose_phase2(proposals_of(child), encapsulation, group, theirs);
  return choose_bundle(child, encapsulation, group, theirs);
}

V1SaPayload phase2_answer(const Choice& choice, const OwnSpis& spis,
                          const isakmp::Situation& situation) {
  const auto with = [](V1Proposal p, net::Spi spi) {
    p.spi = proposal_of(p.protocol, spi).spi;
    return p;
  };
  V1SaPayload sa{{with(choice.answer, spis.inner)}, situation};
  if (choice.outer)
    sa.proposals.insert(choice.outer_first ? sa.proposals.begin() : sa.proposals.end(),
                        with(choice.outer->answer, spis.outer));
  return sa;
}

DhGroupId phase2_group(const V1SaPayload& sa) {
  for (const V1Proposal& p : sa.proposals)
    for (const V1Transform& t : p.transforms)
      if (const V1Attribute* a = t.find(kChildGroup))
        return DhGroupId{static_cast<std::uint16_t>(a->value)};
  return DhGroupId::kNone;
}

base::Result<void> check_single(const V1SaPayload& answer, bool bundle) {
  const auto single = [](const V1Proposal& p) { return p.transforms.size() == 1; };
  if (answer.proposals.size() != (bundle ? 2U : 1U) ||
      !std::ranges::all_of(answer.proposals, single))
    return base::fail(base::ErrorCode::kRefused,
                      bundle ? "the answer is not AH and ESP with one transform each"
                             : "the answer is not one proposal with one transform");
  return {};
}

Lifetimes shorter(const Lifetimes& a, const Lifetimes& b) {
  const auto least = [](const auto& x, const auto& y) {
    return x && y ? std::min(x, y) : (x ? x : y);
  };
  return {least(a.life, b.life), least(a.life_kb, b.life_kb)};
}

Lifetimes to_be_told(const Lifetimes& ours, const Lifetimes& offered) {
  Lifetimes out;
  if (ours.life && offered.life && *ours.life < *offered.life) out.life = ours.life;
  if (ours.life_kb && offered.life_kb && *ours.life_kb < *offered.life_kb)
    out.life_kb = ours.life_kb;
  return out;
}

Lifetimes responder_lifetime(std::uint8_t protocol, base::Bytes data) {
  const auto attributes = isakmp::parse_v1_attributes(data);
  if (!attributes) return {};
  const bool ike = ProtocolId{protocol} == ProtocolId::kIke;
  return lifetimes_of(*attributes, ike ? kLifeType : kChildLifeType);
}

base::ByteVector responder_lifetime_of(std::uint8_t protocol, const Lifetimes& lives) {
  const std::uint16_t type = ProtocolId{protocol} == ProtocolId::kIke ? kLifeType : kChildLifeType;
  V1Transform t;
  if (lives.life) add_life(t, type, kSeconds, seconds_of(*lives.life));
  if (lives.life_kb) add_life(t, type, kKilobytes, *lives.life_kb);
  return isakmp::v1_attribute_octets(t.attributes);
}

bool can_be_said(const crypto::Proposal& proposal) {
  if (proposal.protocol == ProtocolId::kIke)
    return !phase1_offer({proposal}, {{AuthMethod::kPsk}}, DhGroupId::kNone, {}).proposals.empty();
  session::ChildConfig child;
  child.esp_proposals = {proposal};
  const DhGroupId group = proposal.dh.empty() ? DhGroupId::kNone : proposal.dh.front();
  return !phase2_offer(child, {net::Spi{256}, {}}, Encapsulation::kTunnel, group).proposals.empty();
}

}  // namespace penstock::ikev1
