// SPDX-License-Identifier: BSD-3-Clause
// Negotiation of one child by Quick Mode: identities in, choices out, keys into specifications.
#include "control/ikev1/children.h"

#include <algorithm>
#include <limits>

#include "control/ikev1/nat.h"
#include "control/isakmp/payload/identification.h"
#include "control/session/narrowing.h"
#include "lib/base/byte_io.h"

namespace penstock::ikev1 {

using crypto::ProtocolId;
using policy::IdType;
using policy::TrafficSelector;
using session::ChildConfig;
using session::IkeDrop;
using session::SelectorPair;

namespace {

base::ByteVector mask_of(const net::Prefix& prefix) {
  base::ByteVector mask(net::bits_of(prefix.address.family()) / 8U);
  for (unsigned bit = 0; bit < prefix.length; ++bit)
    mask.at(bit / 8U) |= std::byte{0x80} >> (bit % 8U);
  return mask;
}

/// @return nothing if the ones do not come first
std::optional<std::uint8_t> length_of(base::Bytes mask) {
  unsigned length = 0;
  bool ended = false;
  for (const std::byte octet : mask)
    for (unsigned bit = 0; bit < 8; ++bit) {
      const bool one = (octet & (std::byte{0x80} >> bit)) != std::byte{0};
      if (one && ended) return std::nullopt;
      ended = !one;
      if (one) ++length;
    }
  return static_cast<std::uint8_t>(length);
}

base::Result<TrafficSelector> from_prefix(base::Bytes data) {
  const base::Bytes half = data.first(data.size() / 2);
  PS_ASSIGN(const net::IpAddress address, net::IpAddress::from_bytes(half));
  const auto length = length_of(data.subspan(half.size()));
  if (!length) return base::fail(base::ErrorCode::kMalformed, "ID: the mask has holes");
  return TrafficSelector::of({address, *length});
}

base::Result<TrafficSelector> from_range(base::Bytes data) {
  TrafficSelector out;
  PS_ASSIGN(out.first, net::IpAddress::from_bytes(data.first(data.size() / 2)));
  PS_ASSIGN(out.last, net::IpAddress::from_bytes(data.subspan(data.size() / 2)));
  if (out.last < out.first) return base::fail(base::ErrorCode::kMalformed, "ID: an empty range");
  return out;
}

base::Result<TrafficSelector> addresses_of(IdType type, base::Bytes data) {
  switch (type) {
    case IdType::kIpv4Addr:
    case IdType::kIpv6Addr: {
      PS_ASSIGN(const net::IpAddress address, net::IpAddress::from_bytes(data));
      return TrafficSelector::of(
          {address, static_cast<std::uint8_t>(net::bits_of(address.family()))});
    }
    case IdType::kIpv4AddrSubnet:
    case IdType::kIpv6AddrSubnet:
      return from_prefix(data);
    case IdType::kIpv4AddrRange:
    case IdType::kIpv6AddrRange:
      return from_range(data);
    default:
      return base::fail(base::ErrorCode::kUnsupported, "ID: it is no address");
  }
}

}  // namespace

base::ByteVector client_id(const TrafficSelector& selector) {
  const bool v4 = selector.family() == net::Family::kIpv4;
  const auto prefixes = policy::prefixes_of_range(selector.first, selector.last);
  IdType type = v4 ? IdType::kIpv4AddrRange : IdType::kIpv6AddrRange;
  base::ByteVector data = base::to_vector(selector.first.bytes());
  base::ByteVector more = base::to_vector(selector.last.bytes());
  if (selector.first == selector.last) {
    type = v4 ? IdType::kIpv4Addr : IdType::kIpv6Addr;
    more.clear();
  } else if (prefixes.size() == 1) {
    type = v4 ? IdType::kIpv4AddrSubnet : IdType::kIpv6AddrSubnet;
    more = mask_of(prefixes.front());
  }
  data.insert(data.end(), more.begin(), more.end());
  return isakmp::identification_body(static_cast<std::uint8_t>(type), data, selector.protocol,
                                     selector.any_port() ? std::uint16_t{0} : selector.first_port);
}

base::Result<TrafficSelector> selector_of(base::Bytes id_body) {
  PS_ASSIGN(const isakmp::IdPayload id, isakmp::parse_identification(id_body));
  PS_ASSIGN(TrafficSelector out, addresses_of(IdType{id.type}, id.data));
  out.protocol = id.protocol;
  // RFC 2407 §4.6.2: 0 is any.
  if (id.port != 0) out.first_port = out.last_port = id.port;
  return out;
}

std::vector<base::Bytes> sa_bodies(const isakmp::PayloadChain& payloads) {
  std::vector<base::Bytes> bodies;
  for (const isakmp::PayloadView& p : payloads)
    if (p.type == isakmp::PayloadType::kV1Sa) bodies.push_back(p.body);
  return bodies;
}

bool can_be_said(const ChildConfig& child) {
  const auto sayable = [](const policy::TrafficSelectors& side) {
    if (side.size() > 1) return false;
    return side.empty() || side.front().any_port() ||
           (side.front().first_port == side.front().last_port && side.front().first_port != 0);
  };
  return sayable(child.local_ts) && sayable(child.remote_ts);
}

SelectorPair selectors_of(const IsakmpSa& sa, const ChildConfig& child) {
  SelectorPair pair{session::or_dynamic(child.local_ts, sa.local.address),
                    session::or_dynamic(child.remote_ts, sa.remote.address)};
  pair.local.resize(1);
  pair.remote.resize(1);
  return pair;
}

Encapsulation encapsulation(const IsakmpSa& sa, const ChildConfig& child, bool encap) {
  if (child.is_transport()) return encap ? sa.nat->transport : Encapsulation::kTransport;
  return encap ? sa.nat->tunnel : Encapsulation::kTunnel;
}

namespace {

/// What is asked for, as it is of the child's mode: transport mode is between the addresses that
/// this end sees, whatever a NAT made of them (RFC 3948 §5.2).
std::optional<SelectorPair> as_seen_here(const IsakmpSa& sa, const ChildConfig& child,
                                         const SelectorPair& asked) {
  if (!child.is_transport()) return asked;
  return session::as_seen(asked, sa.nat_here ? &sa.local.address : nullptr,
                          sa.nat_there ? &sa.remote.address : nullptr);
}

}  // namespace

namespace {

/// @param again  among those that are used alone, else among the others alone
tl::expected<ChildChoice, ChildRefusal> choose_among(const IsakmpSa& sa, const SelectorPair& asked,
                                                     crypto::DhGroupId group,
                                                     const isakmp::V1SaPayload& offer,
                                                     std::span<const ChildConfig* const> used,
                                                     bool again) {
  ChildRefusal refusal{isakmp::V1NotifyType::kInvalidIdInformation, IkeDrop::kTsUnacceptable,
                       "no child allows " + session::to_string(asked.remote) +
                           " on the peer's side and " + session::to_string(asked.local) +
                           " on ours"};
  for (const ChildConfig& c : sa.connection->config.children) {
    const bool is_used = std::ranges::find(used, &c) != used.end();
    if (!c.is_negotiated() || is_used != again) continue;
    const SelectorPair allowed{session::or_dynamic(c.local_ts, sa.local.address),
                               session::or_dynamic(c.remote_ts, sa.remote.address)};
    auto seen = as_seen_here(sa, c, asked);
    if (!seen || !session::covers(allowed.local, seen->local) ||
        !session::covers(allowed.remote, seen->remote))
      continue;
    if (offer.situation != c.situation) {
      refusal = {isakmp::V1NotifyType::kSituationNotSupported, IkeDrop::kNoProposal,
                 c.name + ": the situation differs: ours " + isakmp::describe(c.situation) +
                     "; theirs " + isakmp::describe(offer.situation)};
      continue;
    }
    // NAT-D is not authenticated (RFC 3947 §3.2), so the ends may differ about it: the peer's view
    // counts.
    for (const bool encap : {sa.encap, !sa.encap}) {
      if (encap && (sa.nat == nullptr || c.bundle)) continue;
      auto choice = choose_for(c, encapsulation(sa, c, encap), group, offer);
      if (choice) return ChildChoice{&c, *std::move(choice), encap, *std::move(seen)};
      if (encap == sa.encap)
        refusal = {isakmp::V1NotifyType::kNoProposalChosen, IkeDrop::kNoProposal,
                   c.name + ": " + choice.error().text};
    }
  }
  return tl::unexpected(std::move(refusal));
}

}  // namespace

tl::expected<ChildChoice, ChildRefusal> choose_child(const IsakmpSa& sa, const SelectorPair& asked,
                                                     crypto::DhGroupId group,
                                                     const isakmp::V1SaPayload& offer,
                                                     std::span<const ChildConfig* const> used) {
  auto fresh = choose_among(sa, asked, group, offer, used, false);
  if (fresh || used.empty()) return fresh;
  auto again = choose_among(sa, asked, group, offer, used, true);
  return again ? std::move(again) : std::move(fresh);
}

session::ChildSa* predecessor(Machine& machine, IsakmpSa& sa, Exchange& x,
                              const ChildConfig& config) {
  const SelectorPair& selectors = x.selectors;
  const auto made_here = [&](net::Spi spi) {
    return std::ranges::any_of(x.sas(), [&](const QuickSa* q) { return q->child == spi; });
  };
  session::ChildSa* best = nullptr;
  IsakmpSa* owner = nullptr;
  int best_rank = 0;
  for (IsakmpSa* sibling : machine.siblings(sa))
    for (const auto& c : sibling->children) {
      const session::Slot* slot = machine.services().slots.find(c->slot);
      if (slot == nullptr || c->config != &config || c->selectors.local != selectors.local ||
          c->selectors.remote != selectors.remote || made_here(c->spi_in))
        continue;
      // One that seals, one that could, one that both ends are making at once.
      int rank = 0;
      if (c->state == session::ChildState::kInstalling && sibling == &sa) rank = 1;
      if (c->live()) rank = slot->sealing == c->spi_in ? 3 : 2;
      if (rank <= best_rank) continue;
      best = c.get();
      owner = sibling;
      best_rank = rank;
    }
  // A slot belongs to one ISAKMP SA: all that share it go on there.
  if (best != nullptr && owner != &sa) machine.take_over(sa, *owner, *best);
  return best;
}

namespace {

/// KEYMAT of one protocol and direction; the cipher's key comes first (RFC 2409 §5.5).
base::Result<void> key_half(policy::SaSpec& spec, const crypto::CryptoContext& context,
                            const IsakmpSa& sa, const session::Agreed& agreed, const Exchange& x,
                            base::Bytes shared_secret) {
  const bool ah = agreed.protocol == ProtocolId::kAh;
  const crypto::EncrRow* encr =
      ah ? nullptr : crypto::find_encr(agreed.encr.id, agreed.encr.key_bits);
  const bool own_integrity = agreed.integ == crypto::IntegId::kNone;
  const crypto::IntegRow* integ = own_integrity ? nullptr : crypto::find_integ(agreed.integ);
  if ((encr == nullptr && !ah) || (!own_integrity && integ == nullptr))
    return base::fail(base::ErrorCode::kUnsupported, agreed.to_string());
  const std::size_t encr_octets = ah ? 0 : encr->key_bits / 8U + encr->salt_octets;
  const std::size_t octets = encr_octets + (integ != nullptr ? integ->key_octets : 0U);
  // The SPI in KEYMAT is the receiver's: the two directions have different keys.
  const KeymatOf what{
      shared_secret, static_cast<std::uint8_t>(agreed.protocol), spec.spi.value(), {x.ni, x.nr}};
  const base::SecretBytes material =
      keymat(context, *sa.algorithms.prf, sa.keys.d.bytes(), what, octets);
  spec.enc_key = base::SecretBytes::copy_of(material.bytes().first(encr_octets));
  spec.auth_key = base::SecretBytes::copy_of(material.bytes().subspan(encr_octets));
  return {};
}

/// RFC 2407 §4.5: kilobytes.
void limit_traffic(policy::TrafficLifetime& lifetime, const std::optional<std::uint64_t>& kb) {
  if (!kb || *kb > (std::numeric_limits<std::uint64_t>::max() >> 10U)) return;
  const std::uint64_t hard = *kb << 10U;
  if (lifetime.hard_bytes != 0 && lifetime.hard_bytes <= hard) return;
  lifetime.hard_bytes = hard;
  const std::uint64_t soft = hard - hard / 10;
  if (lifetime.soft_bytes == 0 || lifetime.soft_bytes > soft) lifetime.soft_bytes = soft;
}

void name_halves(session::SpecPair& pair, net::Spi in, net::Spi out) {
  pair.inbound.direction = policy::Direction::kInbound;
  pair.outbound.direction = policy::Direction::kOutbound;
  pair.inbound.spi = in;
  pair.outbound.spi = out;
}

}  // namespace

base::Result<session::ChildSpecs> make_specs(const crypto::CryptoContext& context,
                                             const IsakmpSa& sa, const session::ChildSa& child,
                                             const Exchange& x, const QuickSa& q,
                                             base::Bytes shared_secret) {
  const session::ConnectionConfig& config = sa.connection->config;
  session::ChildSpecs specs;
  name_halves(specs, child.spi_in, child.spi_out);
  for (policy::SaSpec* spec : {&specs.inbound, &specs.outbound}) {
    session::fill_half(*spec, config, child, sa.local, sa.remote);
    limit_traffic(spec->lifetime, q.choice.lives.life_kb);
    PS_TRY(key_half(*spec, context, sa, child.agreed, x, shared_secret));
  }
  if (child.outer == nullptr) return specs;
  session::SpecPair& outer = specs.outer.emplace();
  name_halves(outer, child.outer->spi_in, child.outer->spi_out);
  for (policy::SaSpec* spec : {&outer.inbound, &outer.outbound}) {
    session::fill_outer_half(*spec, config, child, sa.local, sa.remote);
    PS_TRY(key_half(*spec, context, sa, child.outer->agreed, x, shared_secret));
  }
  return specs;
}

}  // namespace penstock::ikev1
