// SPDX-License-Identifier: BSD-3-Clause
// What IKE_AUTH and CREATE_CHILD_SA share in making a child SA: choosing the configured child for a
// request, building its specifications from KEYMAT.
#pragma once

#include "control/ikev2/machine.h"
#include "control/isakmp/payload/nonce.h"

namespace penstock::ikev2 {

/// The peer's SA, TSi and TSr, as we see them, and whether it speaks of transport mode.
struct ChildOffer {
  std::vector<session::OfferedProposal> proposals;
  session::SelectorPair selectors;
  bool transport = false;  ///< USE_TRANSPORT_MODE (§1.3.1)
};
/// @param from_peer  true: the peer is this exchange's initiator, TSi is its side
/// @return kMalformed, …: INVALID_SYNTAX
[[nodiscard]] base::Result<ChildOffer> read_child_offer(const isakmp::PayloadChain& payloads,
                                                        bool from_peer);

/// The inbound SPI that an offered proposal names.
/// @return kMalformed if it is not four octets or reserved (RFC 4303 §2.1)
[[nodiscard]] base::Result<net::Spi> child_spi_of(const session::OfferedProposal& proposal);

/// Why a child was refused.
struct ChildRefusal {
  isakmp::NotifyType type;
  session::IkeDrop why;
  std::string text;
};

struct ChildChoice {
  const session::ChildConfig* config = nullptr;
  session::Agreed agreed;
  std::uint8_t number = 1;
  net::Spi peer_spi;
  session::SelectorPair selectors;
};
/// RFC 3948 §5.2: Machine::is_taken().
[[nodiscard]] ChildRefusal taken_selectors();
/// As responder: the child of the connection that fits best (RFC 7296 §2.9). Transport mode, if it
/// is asked for, before tunnel mode, which declines it.
[[nodiscard]] tl::expected<ChildChoice, ChildRefusal> choose_child(
    const IkeSa& sa, const ChildOffer& offer, const session::ChoiceOptions& options);
/// As responder of a rekey: the same child, never narrower than it is (§2.9.2).
[[nodiscard]] tl::expected<ChildChoice, ChildRefusal> choose_successor(
    const IkeSa& sa, const session::ChildSa& old, const ChildOffer& offer,
    const session::ChoiceOptions& options);

/// What we allow for a child of ours, `dynamic` filled in.
[[nodiscard]] session::SelectorPair allowed_selectors(const IkeSa& sa,
                                                      const session::ChildConfig& child);
/// What we ask for: the packet's selectors first, if a packet asked (§2.9).
/// @return kRefused with a sentence: there is nothing that could be asked for
[[nodiscard]] base::Result<ChildRequest> child_request(
    const IkeSa& sa, const session::ChildConfig& child,
    const std::optional<policy::PacketSelectors>& packet);
/// What we ask for in place of a child: nothing else (§2.8).
[[nodiscard]] ChildRequest successor_request(const session::ChildSa& old);

/// Appends the mode and SA.
void append_child_offer(isakmp::MessageBuilder& builder, const ChildRequest& request, net::Spi spi);
void append_child_answer(isakmp::MessageBuilder& builder, const session::ChildSa& child,
                         std::uint8_t number);
/// Appends TSi and TSr.
void append_selectors(isakmp::MessageBuilder& builder, const session::SelectorPair& selectors,
                      bool we_initiate);

/// Judges the answer to our offer.
/// @return kRefused with a sentence
struct ChildAnswer {
  session::Agreed agreed;
  net::Spi peer_spi;
  session::SelectorPair selectors;
};
[[nodiscard]] base::Result<ChildAnswer> read_child_answer(const isakmp::PayloadChain& payloads,
                                                          const IkeSa& sa,
                                                          const ChildRequest& asked,
                                                          const session::ChoiceOptions& options);
/// Of the child SA that the peer has made by its answer, be it an answer that we cannot use.
[[nodiscard]] crypto::ProtocolId protocol_of_answer(const isakmp::PayloadChain& payloads,
                                                    const ChildRequest& asked);

/// The keyed pair.
/// @param we_initiate  of the exchange that made it
[[nodiscard]] base::Result<session::ChildSpecs> make_specs(
    const crypto::CryptoContext& context, const IkeSa& sa, const session::ChildSa& child,
    const Nonces& nonces, base::Bytes shared_secret, bool we_initiate);

}  // namespace penstock::ikev2
