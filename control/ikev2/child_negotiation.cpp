// SPDX-License-Identifier: BSD-3-Clause
// Negotiation of one child SA, without messages or state: offers in, choices out, keys into
// specifications. IKE_AUTH and CREATE_CHILD_SA call it.
#include "control/ikev2/child_negotiation.h"

#include <algorithm>

#include "control/isakmp/payload/notify.h"
#include "control/isakmp/payload/traffic_selectors.h"

namespace penstock::ikev2 {

using isakmp::NotifyType;
using isakmp::PayloadType;
using session::ChildConfig;
using session::IkeDrop;
using session::SelectorPair;

namespace {

base::Result<policy::TrafficSelectors> read_selectors(const isakmp::PayloadChain& payloads,
                                                      PayloadType which) {
  const isakmp::PayloadView* p = payloads.find(which);
  if (p == nullptr) return base::fail(base::ErrorCode::kMalformed, isakmp::name_of(which));
  PS_ASSIGN(const isakmp::TsPayload ts, isakmp::parse_traffic_selectors(p->body));
  return session::from_wire(ts.selectors);
}

/// Those of the child that can be had on this IKE SA, ESP first.
/// @return kRefused with a sentence: none
base::Result<crypto::Proposals> proposals_here(const IkeSa& sa, const ChildConfig& config) {
  crypto::Proposals all = config.esp_proposals;
  // RFC 3948 §1: what is in UDP passes a NAT, and that is ESP alone.
  if (!sa.encap) all.insert(all.end(), config.ah_proposals.begin(), config.ah_proposals.end());
  if (all.empty())
    return base::fail(base::ErrorCode::kRefused,
                      "AH cannot be in UDP, nor pass a NAT (RFC 3948 §1)");
  return all;
}

base::Result<ChildChoice> choose_algorithms(const ChildConfig& config,
                                            std::span<const crypto::Proposal> ours,
                                            const ChildOffer& offer,
                                            const session::ChoiceOptions& options) {
  PS_ASSIGN(const session::ProposalChoice choice,
            session::choose_proposal(ours, offer.proposals, options));
  const session::OfferedProposal& theirs = offer.proposals[choice.index];
  PS_ASSIGN(const net::Spi spi, child_spi_of(theirs));
  return ChildChoice{&config, choice.agreed, theirs.number, spi, {}};
}

/// §2.23.1: selectors of transport mode with the addresses that this end sees.
/// @return nothing if a NAT is there and they are not of one address each
std::optional<SelectorPair> as_seen_here(const IkeSa& sa, const SelectorPair& selectors) {
  return session::as_seen(selectors, sa.nat_here ? &sa.local.address : nullptr,
                          sa.nat_there ? &sa.remote.address : nullptr);
}

ChildRefusal unacceptable_selectors(const SelectorPair& asked) {
  return {NotifyType::kTsUnacceptable, IkeDrop::kTsUnacceptable,
          "no traffic selectors in common; the peer asks for " + session::to_string(asked.remote) +
              " on its side and " + session::to_string(asked.local) + " on ours"};
}

ChildRefusal no_proposal(const ChildConfig& config, const std::string& why) {
  return {NotifyType::kNoProposalChosen, IkeDrop::kNoProposal, config.name + ": " + why};
}

/// §3.10.1: the notify for a mode that is not acceptable.
ChildRefusal wants_transport(const ChildConfig& config) {
  return no_proposal(config, "it is in transport mode, and the peer asks for tunnel mode");
}

/// The best of the connection's children in one mode; `refusal` says why there is none, if more is
/// to be said than that no selectors are in common.
std::optional<ChildChoice> best_child(const IkeSa& sa, const ChildOffer& offer, bool transport,
                                      const session::ChoiceOptions& options,
                                      std::optional<ChildRefusal>& refusal) {
  std::optional<ChildChoice> best;
  session::Fit best_fit{};
  for (const ChildConfig& c : sa.connection->config.children) {
    if (!c.is_negotiated() || c.is_transport() != transport) continue;
    const auto narrowed = session::narrow(allowed_selectors(sa, c), offer.selectors);
    if (!narrowed || (best && narrowed->fit <= best_fit)) continue;
    if (transport && !offer.transport) {
      refusal = wants_transport(c);
      continue;
    }
    const auto ours = proposals_here(sa, c);
    auto choice = ours ? choose_algorithms(c, *ours, offer, options) : tl::unexpected(ours.error());
    if (!choice) {
      refusal = no_proposal(c, choice.error().text);
      continue;
    }
    best = *std::move(choice);
    best->selectors = narrowed->selectors;
    best_fit = narrowed->fit;
  }
  return best;
}

void fill_half(policy::SaSpec& spec, const IkeSa& sa, const session::ChildSa& child) {
  session::fill_half(spec, sa.connection->config, child, sa.local, sa.remote);
  if (sa.tfc_refused) spec.tunnel_header.tfc_padding = 0;  // §1.3.1
}

}  // namespace

base::Result<ChildOffer> read_child_offer(const isakmp::PayloadChain& payloads, bool from_peer) {
  PS_ASSIGN(auto proposals, offered_proposals(payloads));
  PS_ASSIGN(auto i, read_selectors(payloads, PayloadType::kTsInitiator));
  PS_ASSIGN(auto r, read_selectors(payloads, PayloadType::kTsResponder));
  if (from_peer) std::swap(i, r);
  const bool transport = isakmp::find_notify(payloads, NotifyType::kUseTransportMode).has_value();
  return ChildOffer{std::move(proposals), {std::move(i), std::move(r)}, transport};
}

base::Result<net::Spi> child_spi_of(const session::OfferedProposal& proposal) {
  base::ByteReader reader(proposal.spi);
  PS_ASSIGN(const std::uint32_t value, reader.u32());
  if (!reader.empty() || value < 256)
    return base::fail(base::ErrorCode::kMalformed, "a child SA's SPI is reserved");
  return net::Spi{value};
}

SelectorPair allowed_selectors(const IkeSa& sa, const ChildConfig& child) {
  SelectorPair allowed{session::or_dynamic(child.local_ts, sa.local.address),
                       session::or_dynamic(child.remote_ts, sa.remote.address)};
  if (child.is_transport()) {
    allowed.local = session::of_host(allowed.local, sa.local.address);
    allowed.remote = session::of_host(allowed.remote, sa.remote.address);
  }
  return allowed;
}

base::Result<ChildRequest> child_request(const IkeSa& sa, const ChildConfig& child,
                                         const std::optional<policy::PacketSelectors>& packet) {
  ChildRequest request;
  request.transport = child.is_transport();
  PS_ASSIGN(request.proposals, proposals_here(sa, child));
  SelectorPair& asked = request.selectors;
  asked = allowed_selectors(sa, child);
  if (asked.local.empty() || asked.remote.empty())
    return base::fail(base::ErrorCode::kRefused, "transport mode is for traffic between " +
                                                     sa.local.address.to_string() + " and " +
                                                     sa.remote.address.to_string() +
                                                     " themselves, which its selectors leave out");
  const bool fits = packet && (!request.transport || (packet->source == sa.local.address &&
                                                      packet->destination == sa.remote.address));
  if (fits) {
    asked.local.insert(asked.local.begin(), session::source_selector(*packet));
    asked.remote.insert(asked.remote.begin(), session::destination_selector(*packet));
  }
  return request;
}

ChildRequest successor_request(const session::ChildSa& old) {
  const crypto::Proposals& same = old.agreed.protocol == crypto::ProtocolId::kAh
                                      ? old.config->ah_proposals
                                      : old.config->esp_proposals;
  return {same, old.selectors, old.config->is_transport()};
}

ChildRefusal taken_selectors() {
  return {NotifyType::kTsUnacceptable, IkeDrop::kTsUnacceptable,
          "another peer behind the same NAT has these selectors in transport mode (RFC 3948 §5.2)"};
}

tl::expected<ChildChoice, ChildRefusal> choose_child(const IkeSa& sa, const ChildOffer& offer,
                                                     const session::ChoiceOptions& options) {
  std::optional<ChildRefusal> refusal;
  if (const auto seen = as_seen_here(sa, offer.selectors)) {
    const ChildOffer substituted{offer.proposals, *seen, offer.transport};
    auto best = best_child(sa, substituted, true, options, refusal);
    if (best) return *std::move(best);
  }
  // §2.23.1: tunnel mode is for the selectors as they came.
  auto best = best_child(sa, offer, false, options, refusal);
  if (best) return *std::move(best);
  return tl::unexpected(refusal ? *std::move(refusal) : unacceptable_selectors(offer.selectors));
}

tl::expected<ChildChoice, ChildRefusal> choose_successor(const IkeSa& sa,
                                                         const session::ChildSa& old,
                                                         const ChildOffer& offer,
                                                         const session::ChoiceOptions& options) {
  const ChildRequest same = successor_request(old);
  if (same.transport && !offer.transport) return tl::unexpected(wants_transport(*old.config));
  auto choice = choose_algorithms(*old.config, same.proposals, offer, options);
  if (!choice) return tl::unexpected(no_proposal(*old.config, choice.error().text));
  const auto seen = same.transport ? as_seen_here(sa, offer.selectors) : offer.selectors;
  const auto narrowed =
      seen ? session::narrow(allowed_selectors(sa, *old.config), *seen) : std::nullopt;
  // §2.9.2: what passed before the rekey passes after it.
  if (!narrowed || !session::covers(narrowed->selectors.local, old.selectors.local) ||
      !session::covers(narrowed->selectors.remote, old.selectors.remote))
    return tl::unexpected(unacceptable_selectors(offer.selectors));
  // The slot's policy stands, so the successor has exactly its selectors.
  choice->selectors = old.selectors;
  return *std::move(choice);
}

void append_child_offer(isakmp::MessageBuilder& builder, const ChildRequest& request,
                        net::Spi spi) {
  if (request.transport) isakmp::append_notify(builder, NotifyType::kUseTransportMode);
  base::ByteWriter octets;
  octets.u32(spi.value());
  isakmp::append_sa(builder, request.proposals, octets.bytes());
}

void append_child_answer(isakmp::MessageBuilder& builder, const session::ChildSa& child,
                         std::uint8_t number) {
  if (child.config->is_transport()) isakmp::append_notify(builder, NotifyType::kUseTransportMode);
  base::ByteWriter octets;
  octets.u32(child.spi_in.value());
  isakmp::append_sa_choice(builder, child.agreed.as_proposal(), number, octets.bytes());
}

void append_selectors(isakmp::MessageBuilder& builder, const SelectorPair& selectors,
                      bool we_initiate) {
  const auto local = session::to_wire(selectors.local);
  const auto remote = session::to_wire(selectors.remote);
  isakmp::append_traffic_selectors(builder, PayloadType::kTsInitiator,
                                   we_initiate ? local : remote);
  isakmp::append_traffic_selectors(builder, PayloadType::kTsResponder,
                                   we_initiate ? remote : local);
}

base::Result<ChildAnswer> read_child_answer(const isakmp::PayloadChain& payloads, const IkeSa& sa,
                                            const ChildRequest& asked,
                                            const session::ChoiceOptions& options) {
  PS_ASSIGN(ChildOffer answer, read_child_offer(payloads, false));
  PS_ASSIGN(const session::Agreed agreed,
            session::accept_answer(asked.proposals, answer.proposals, options));
  PS_ASSIGN(const net::Spi spi, child_spi_of(answer.proposals.front()));
  // §3.13.1: selectors of types that we do not know say nothing.
  if (answer.selectors.local.empty() || answer.selectors.remote.empty())
    return base::fail(base::ErrorCode::kRefused, "the answer holds no traffic selector of ours");
  // §1.3.1: without the notify the peer has made a tunnel, which is not what our policy says.
  if (asked.transport != answer.transport)
    return base::fail(base::ErrorCode::kRefused,
                      asked.transport ? "the peer declines transport mode"
                                      : "the peer answers with transport mode, and we did not ask "
                                        "for it");
  const auto seen = asked.transport ? as_seen_here(sa, answer.selectors) : answer.selectors;
  // §2.9: a responder narrows, it never widens.
  if (!seen || !session::covers(asked.selectors.local, seen->local) ||
      !session::covers(asked.selectors.remote, seen->remote))
    return base::fail(base::ErrorCode::kRefused,
                      "the answer's traffic selectors are wider than what we asked for");
  return ChildAnswer{agreed, spi, *seen};
}

crypto::ProtocolId protocol_of_answer(const isakmp::PayloadChain& payloads,
                                      const ChildRequest& asked) {
  const auto answered = offered_proposals(payloads);
  const crypto::ProtocolId theirs = answered && !answered->empty()
                                        ? answered->front().proposal.protocol
                                        : crypto::ProtocolId::kNone;
  const bool child = theirs == crypto::ProtocolId::kEsp || theirs == crypto::ProtocolId::kAh;
  return child ? theirs : asked.proposals.front().protocol;
}

base::Result<session::ChildSpecs> make_specs(const crypto::CryptoContext& context, const IkeSa& sa,
                                             const session::ChildSa& child, const Nonces& nonces,
                                             base::Bytes shared_secret, bool we_initiate) {
  const crypto::PrfRow* prf = crypto::find_prf(sa.agreed.prf);
  if (prf == nullptr) return base::fail(base::ErrorCode::kUnsupported, sa.agreed.to_string());
  PS_ASSIGN(ChildKeys keys,
            derive_child_keys(context, *prf, sa.sk_d.bytes(), shared_secret, nonces, child.agreed));
  session::ChildSpecs specs;
  specs.inbound.direction = policy::Direction::kInbound;
  specs.outbound.direction = policy::Direction::kOutbound;
  specs.inbound.spi = child.spi_in;
  specs.outbound.spi = child.spi_out;
  fill_half(specs.inbound, sa, child);
  fill_half(specs.outbound, sa, child);
  policy::SaSpec& i_to_r = we_initiate ? specs.outbound : specs.inbound;
  policy::SaSpec& r_to_i = we_initiate ? specs.inbound : specs.outbound;
  i_to_r.enc_key = std::move(keys.enc_i);
  i_to_r.auth_key = std::move(keys.auth_i);
  r_to_i.enc_key = std::move(keys.enc_r);
  r_to_i.auth_key = std::move(keys.auth_r);
  return specs;
}

}  // namespace penstock::ikev2
