// SPDX-License-Identifier: BSD-3-Clause
// Negotiation of one child SA, without messages or state: offers in, choices out, keys into
// specifications. IKE_AUTH and CREATE_CHILD_SA call it.
#include "control/ikev2/child_negotiation.h"

#include <algorithm>

#include "control/ikev2/nat.h"
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

base::Result<ChildChoice> choose_algorithms(const ChildConfig& config, const ChildOffer& offer,
                                            const session::ChoiceOptions& options) {
  PS_ASSIGN(const session::ProposalChoice choice,
            session::choose_proposal(config.esp_proposals, offer.proposals, options));
  const session::OfferedProposal& theirs = offer.proposals[choice.index];
  PS_ASSIGN(const net::Spi spi, child_spi_of(theirs));
  return ChildChoice{&config, choice.agreed, theirs.number, spi, {}};
}

bool is_negotiated(const ChildConfig& c) { return c.mode == session::ChildMode::kTunnel; }

ChildRefusal unacceptable_selectors(const SelectorPair& asked) {
  return {NotifyType::kTsUnacceptable, IkeDrop::kTsUnacceptable,
          "no traffic selectors in common; the peer asks for " + session::to_string(asked.remote) +
              " on its side and " + session::to_string(asked.local) + " on ours"};
}

void fill_half(policy::SaSpec& spec, const IkeSa& sa, const session::ChildSa& child) {
  const ChildConfig& c = *child.config;
  spec.local = sa.local.address;
  spec.remote = sa.remote.address;
  if (child.encap) spec.encap = encapsulation_of(sa);
  spec.encr = child.esp.encr.id;
  spec.encr_key_bits = child.esp.encr.key_bits;
  spec.integ = child.esp.integ;
  // What old peers mean by SHA2-256: a switch, because the negotiation is the same.
  if (c.sha256_96 && spec.integ == crypto::IntegId::kHmacSha256_128)
    spec.integ = crypto::IntegId::kHmacSha256_96;
  spec.esn = child.esp.esn == crypto::EsnId::kEsn;
  spec.replay_window = c.replay_window;
  spec.local_ts = child.selectors.local;
  spec.remote_ts = child.selectors.remote;
  spec.lifetime = {c.rekey_bytes, c.life_bytes, c.rekey_packets, c.life_packets};
  spec.tunnel_header = c.tunnel_header;
  if (sa.tfc_refused) spec.tunnel_header.tfc_padding = 0;  // §1.3.1
  spec.name = Machine::label(sa, c);
}

}  // namespace

base::Result<ChildOffer> read_child_offer(const isakmp::PayloadChain& payloads, bool from_peer) {
  PS_ASSIGN(auto proposals, offered_proposals(payloads));
  PS_ASSIGN(auto i, read_selectors(payloads, PayloadType::kTsInitiator));
  PS_ASSIGN(auto r, read_selectors(payloads, PayloadType::kTsResponder));
  if (from_peer) std::swap(i, r);
  return ChildOffer{std::move(proposals), {std::move(i), std::move(r)}};
}

base::Result<net::Spi> child_spi_of(const session::OfferedProposal& proposal) {
  base::ByteReader reader(proposal.spi);
  PS_ASSIGN(const std::uint32_t value, reader.u32());
  if (!reader.empty() || value < 256)
    return base::fail(base::ErrorCode::kMalformed, "a child SA's SPI is reserved");
  return net::Spi{value};
}

SelectorPair allowed_selectors(const IkeSa& sa, const ChildConfig& child) {
  return {session::or_dynamic(child.local_ts, sa.local.address),
          session::or_dynamic(child.remote_ts, sa.remote.address)};
}

SelectorPair asked_selectors(const IkeSa& sa, const ChildConfig& child,
                             const std::optional<policy::PacketSelectors>& packet) {
  SelectorPair asked = allowed_selectors(sa, child);
  if (packet) {
    asked.local.insert(asked.local.begin(), session::source_selector(*packet));
    asked.remote.insert(asked.remote.begin(), session::destination_selector(*packet));
  }
  return asked;
}

tl::expected<ChildChoice, ChildRefusal> choose_child(const IkeSa& sa, const ChildOffer& offer,
                                                     const session::ChoiceOptions& options) {
  std::optional<ChildChoice> best;
  session::Fit best_fit{};
  ChildRefusal refusal = unacceptable_selectors(offer.selectors);
  for (const ChildConfig& c : sa.connection->config.children) {
    if (!is_negotiated(c)) continue;
    const auto narrowed = session::narrow(allowed_selectors(sa, c), offer.selectors);
    if (!narrowed || (best && narrowed->fit <= best_fit)) continue;
    auto choice = choose_algorithms(c, offer, options);
    if (!choice) {
      refusal = {NotifyType::kNoProposalChosen, IkeDrop::kNoProposal,
                 c.name + ": " + choice.error().text};
      continue;
    }
    best = *std::move(choice);
    best->selectors = narrowed->selectors;
    best_fit = narrowed->fit;
  }
  if (!best) return tl::unexpected(std::move(refusal));
  return *std::move(best);
}

tl::expected<ChildChoice, ChildRefusal> choose_successor(const IkeSa& sa,
                                                         const session::ChildSa& old,
                                                         const ChildOffer& offer,
                                                         const session::ChoiceOptions& options) {
  auto choice = choose_algorithms(*old.config, offer, options);
  if (!choice)
    return tl::unexpected(ChildRefusal{NotifyType::kNoProposalChosen, IkeDrop::kNoProposal,
                                       old.config->name + ": " + choice.error().text});
  const auto narrowed = session::narrow(allowed_selectors(sa, *old.config), offer.selectors);
  // §2.9.2: what passed before the rekey passes after it.
  if (!narrowed || !session::covers(narrowed->selectors.local, old.selectors.local) ||
      !session::covers(narrowed->selectors.remote, old.selectors.remote))
    return tl::unexpected(unacceptable_selectors(offer.selectors));
  // The slot's policy stands, so the successor has exactly its selectors.
  choice->selectors = old.selectors;
  return *std::move(choice);
}

void append_child_offer(isakmp::MessageBuilder& builder,
                        std::span<const crypto::Proposal> proposals, net::Spi spi) {
  base::ByteWriter octets;
  octets.u32(spi.value());
  isakmp::append_sa(builder, proposals, octets.bytes());
}

void append_child_answer(isakmp::MessageBuilder& builder, const session::Agreed& agreed,
                         std::uint8_t number, net::Spi spi) {
  base::ByteWriter octets;
  octets.u32(spi.value());
  isakmp::append_sa_choice(builder, agreed.as_proposal(), number, octets.bytes());
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

base::Result<ChildAnswer> read_child_answer(const isakmp::PayloadChain& payloads,
                                            std::span<const crypto::Proposal> offered,
                                            const SelectorPair& asked,
                                            const session::ChoiceOptions& options) {
  PS_ASSIGN(ChildOffer answer, read_child_offer(payloads, false));
  PS_ASSIGN(const session::Agreed agreed,
            session::accept_answer(offered, answer.proposals, options));
  PS_ASSIGN(const net::Spi spi, child_spi_of(answer.proposals.front()));
  // §3.13.1: selectors of types that we do not know say nothing.
  if (answer.selectors.local.empty() || answer.selectors.remote.empty())
    return base::fail(base::ErrorCode::kRefused, "the answer holds no traffic selector of ours");
  // §2.9: a responder narrows, it never widens.
  if (!session::covers(asked.local, answer.selectors.local) ||
      !session::covers(asked.remote, answer.selectors.remote))
    return base::fail(base::ErrorCode::kRefused,
                      "the answer's traffic selectors are wider than what we asked for");
  return ChildAnswer{agreed, spi, std::move(answer.selectors)};
}

base::Result<session::ChildSpecs> make_specs(const crypto::CryptoContext& context, const IkeSa& sa,
                                             const session::ChildSa& child, const Nonces& nonces,
                                             base::Bytes shared_secret, bool we_initiate) {
  const crypto::PrfRow* prf = crypto::find_prf(sa.agreed.prf);
  if (prf == nullptr) return base::fail(base::ErrorCode::kUnsupported, sa.agreed.to_string());
  PS_ASSIGN(ChildKeys keys,
            derive_child_keys(context, *prf, sa.sk_d.bytes(), shared_secret, nonces, child.esp));
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
