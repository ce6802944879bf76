// SPDX-License-Identifier: BSD-3-Clause
// Every way in which a packet is lost: a name, a sentence and the clause that asks for it.
// A row here is the one place to add a reason: counter, metric, CLI and trace follow.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock::net {

enum class DropReason : std::uint8_t {
  // receive and parse
  kTruncated,
  kBadEtherType,
  kUnknownVlan,
  kNotForUsMac,
  kBadIpVersion,
  kBadIpHeaderLength,
  kBadIpTotalLength,
  kBadIpChecksum,
  kTtlExpired,
  kMartianSource,
  kMartianDestination,
  kIpOptions,
  kChainedMbuf,
  kExtensionHeaders,
  kSourceRoute,
  kLinkLocal,
  kBadUdpLength,
  kBadUdpChecksum,
  kBadArp,
  kBadNd,
  kBadIcmp,
  kIcmpRate,
  kIcmpErrorIgnored,
  kMulticast,
  // reassembly
  kFragmentOverlap,
  kFragmentTooLong,
  kFragmentTimeout,
  kFragmentTableFull,
  kFragmentEvicted,
  kFragmentNotReassembled,
  // inbound IPsec
  kIpsecFromInside,
  kNoSa,
  kLarvalSa,
  kSaProtocolMismatch,
  kSaAddressMismatch,
  kEncapMismatch,
  kEspTruncated,
  kEspBadLength,
  kReplay,
  kSequenceZero,
  kIcvMismatch,
  kBadPadding,
  kBadNextHeader,
  kInnerMalformed,
  kEcnIllegal,
  kSaHardExpired,
  kDecryptFailed,
  // policy
  kInboundPolicyMismatch,
  kPolicyDiscard,
  kNoPolicy,
  kProtectedInClear,
  kNesting,
  // outbound IPsec
  kNoOutboundSa,
  kSequenceExhausted,
  kTooBig,
  kEncryptFailed,
  kNoHeadroom,
  // forwarding
  kNoRoute,
  kNoNeighbour,
  kNeighbourQueueFull,
  kNeighbourTimeout,
  kPortDown,
  kTxFull,
  kNoMbuf,
  kFragmentNeeded,
  kNotLocalService,
  // punt and inject
  kPuntIkeKnownFull,
  kPuntIkeFirstFull,
  kPuntNeighbourFull,
  kPuntOtherFull,
  kPuntRate,
  kInjectBad,
  kHandoffFull,
  kShutdown,
  kCount
};

inline constexpr std::size_t kDropReasons = static_cast<std::size_t>(DropReason::kCount);

struct DropReasonRow {
  DropReason reason;
  std::string_view name;    ///< stable: `show drops --json`, metrics
  std::string_view clause;  ///< RFC and section, or "design" for a limit of ours
  std::string_view text;    ///< one sentence for the operator
};

/// One row a reason, in the order of the enumerators.
inline constexpr std::array<DropReasonRow, kDropReasons> kDropReasonTable{{
    {DropReason::kTruncated, "truncated", "RFC 1812 §5.2.2",
     "the frame ends before its headers do"},
    {DropReason::kBadEtherType, "bad_ethertype", "design", "the EtherType is none that we forward"},
    {DropReason::kUnknownVlan, "unknown_vlan", "IEEE 802.1Q §8.6.2",
     "the frame's VLAN is none of this port's, or it has two tags"},
    {DropReason::kNotForUsMac, "not_for_us_mac", "RFC 1812 §5.2.3",
     "the frame's destination MAC is not this port's"},
    {DropReason::kBadIpVersion, "bad_ip_version", "RFC 1812 §5.2.2",
     "the IP version does not fit the EtherType"},
    {DropReason::kBadIpHeaderLength, "bad_ip_header_length", "RFC 1812 §5.2.2",
     "the IP header is shorter than 20 octets or longer than the packet"},
    {DropReason::kBadIpTotalLength, "bad_ip_total_length", "RFC 1812 §5.2.2",
     "the IP total length is below the header or beyond the frame"},
    {DropReason::kBadIpChecksum, "bad_ip_checksum", "RFC 1812 §5.2.2",
     "the IP header checksum is wrong"},
    {DropReason::kTtlExpired, "ttl_expired", "RFC 1812 §5.3.1",
     "the time to live ran out; ICMP type 11 was sent"},
    {DropReason::kMartianSource, "martian_source", "RFC 1812 §5.3.7",
     "the source address cannot be a source"},
    {DropReason::kMartianDestination, "martian_destination", "RFC 1812 §5.3.7",
     "the destination address cannot be forwarded to"},
    {DropReason::kIpOptions, "ip_options", "RFC 1812 §5.2.4",
     "source routes and unreadable options are not forwarded"},
    {DropReason::kChainedMbuf, "chained_mbuf", "design",
     "the packet lies in several segments and does not fit one"},
    {DropReason::kExtensionHeaders, "extension_headers", "RFC 8200 §4",
     "IPv6 extension headers that are malformed, out of order, too many, or not to be ignored"},
    {DropReason::kSourceRoute, "source_route", "RFC 5095 §3",
     "an IPv6 routing header that is still to be followed"},
    {DropReason::kLinkLocal, "link_local", "RFC 4291 §2.5.6",
     "a link-local address outside of neighbour discovery; nothing else is taken or forwarded"},
    {DropReason::kBadUdpLength, "bad_udp_length", "RFC 768",
     "the UDP length is below 8 or beyond the packet"},
    {DropReason::kBadUdpChecksum, "bad_udp_checksum", "RFC 1122 §4.1.3.4",
     "the UDP checksum of a datagram for us is wrong"},
    {DropReason::kBadArp, "bad_arp", "RFC 826",
     "an ARP packet that is malformed or not Ethernet over IPv4"},
    {DropReason::kBadNd, "bad_nd", "RFC 4861 §7.1",
     "a message of IPv6 neighbour discovery that is malformed or not from this link"},
    {DropReason::kBadIcmp, "bad_icmp", "RFC 792, RFC 4443",
     "an ICMP message that is too short or has a wrong checksum"},
    {DropReason::kIcmpRate, "icmp_rate", "RFC 1812 §4.3.2.8",
     "an echo request beyond the rate at which we answer"},
    {DropReason::kIcmpErrorIgnored, "icmp_error_ignored", "RFC 4301 §6.1.1",
     "an ICMP error for our own address; none is acted on"},
    {DropReason::kMulticast, "multicast", "design", "multicast and broadcast are not forwarded"},
    {DropReason::kFragmentOverlap, "fragment_overlap", "RFC 5722",
     "fragments overlap; the whole packet is discarded"},
    {DropReason::kFragmentTooLong, "fragment_too_long", "RFC 791",
     "a fragment ends beyond 65,535 octets or beyond our largest packet"},
    {DropReason::kFragmentTimeout, "fragment_timeout", "RFC 1122 §3.3.2",
     "not all fragments came in time"},
    {DropReason::kFragmentTableFull, "fragment_table_full", "design",
     "one packet came in too many fragments"},
    {DropReason::kFragmentEvicted, "fragment_evicted", "design",
     "the reassembly table was full, and the packet that had waited longest made room"},
    {DropReason::kFragmentNotReassembled, "fragment_not_reassembled", "RFC 4301 §7",
     "a fragment where only whole packets are taken"},
    {DropReason::kIpsecFromInside, "ipsec_from_inside", "design",
     "IKE or ESP for us at an inside port; SAs end at outside ports"},
    {DropReason::kNoSa, "no_sa", "RFC 4303 §3.4.2", "no SA for the SPI"},
    {DropReason::kLarvalSa, "larval_sa", "design", "the SPI was offered and was not keyed in time"},
    {DropReason::kSaProtocolMismatch, "sa_protocol_mismatch", "RFC 4301 §4.1",
     "the SA of this SPI is for the other protocol"},
    {DropReason::kSaAddressMismatch, "sa_address_mismatch", "RFC 4301 §4.1",
     "the outer destination is not the SA's"},
    {DropReason::kEncapMismatch, "encap_mismatch", "RFC 3948 §2.1",
     "ESP in UDP for an SA without it, or without it for an SA with it"},
    {DropReason::kEspTruncated, "esp_truncated", "RFC 4303 §2",
     "too short for header, IV, trailer and ICV"},
    {DropReason::kEspBadLength, "esp_bad_length", "RFC 4303 §2.4",
     "the ciphertext is no multiple of the block size"},
    {DropReason::kReplay, "replay", "RFC 4303 §3.4.3",
     "the sequence number was seen before or lies left of the window"},
    {DropReason::kSequenceZero, "sequence_zero", "RFC 4303 §3.3.3",
     "sequence number 0 is never sent"},
    {DropReason::kIcvMismatch, "icv_mismatch", "RFC 4303 §3.4.4",
     "the integrity check value is wrong"},
    {DropReason::kBadPadding, "bad_padding", "RFC 4303 §2.4",
     "the padding is longer than the payload or not 1, 2, 3 …"},
    {DropReason::kBadNextHeader, "bad_next_header", "RFC 4303 §2.6",
     "the next header is none that the SA's mode allows"},
    {DropReason::kInnerMalformed, "inner_malformed", "RFC 4301 §5.2",
     "the decapsulated packet is no well-formed IP packet"},
    {DropReason::kEcnIllegal, "ecn_illegal", "RFC 6040 §4.2",
     "congestion was marked outside on a packet that is not ECN-capable inside"},
    {DropReason::kSaHardExpired, "sa_hard_expired", "RFC 4301 §4.4.2.1",
     "the SA's hard lifetime has ended"},
    {DropReason::kDecryptFailed, "decrypt_failed", "design",
     "the crypto engine failed to open the packet"},
    {DropReason::kInboundPolicyMismatch, "inbound_policy_mismatch", "RFC 4301 §5.2",
     "the decapsulated packet does not fit its SA's selectors"},
    {DropReason::kPolicyDiscard, "policy_discard", "RFC 4301 §4.4.1", "a DISCARD policy matched"},
    {DropReason::kNoPolicy, "no_policy", "RFC 4301 §5",
     "no policy matched, so the packet is discarded"},
    {DropReason::kProtectedInClear, "protected_in_clear", "RFC 4301 §5.2",
     "it came in clear where policy asks for IPsec"},
    {DropReason::kNesting, "nesting", "design",
     "enciphered and deciphered more often than kMaxNesting"},
    {DropReason::kNoOutboundSa, "no_outbound_sa", "RFC 4301 §5.1",
     "policy asks for an SA and there is none yet"},
    {DropReason::kSequenceExhausted, "sequence_exhausted", "RFC 4303 §3.3.3",
     "the sequence number would wrap"},
    {DropReason::kTooBig, "too_big", "RFC 4301 §8.2",
     "too big after encapsulation and DF is set; ICMP was sent"},
    {DropReason::kEncryptFailed, "encrypt_failed", "design",
     "the crypto engine failed to seal the packet"},
    {DropReason::kNoHeadroom, "no_headroom", "design",
     "no room in the buffer for the added headers"},
    {DropReason::kNoRoute, "no_route", "RFC 1812 §5.2.7.1",
     "no route to the destination; ICMP type 3 was sent"},
    {DropReason::kNoNeighbour, "no_neighbour", "RFC 1812 §3.3.2", "the next hop does not answer"},
    {DropReason::kNeighbourQueueFull, "neighbour_queue_full", "design",
     "too many packets wait for this next hop"},
    {DropReason::kNeighbourTimeout, "neighbour_timeout", "RFC 1122 §2.3.2.2",
     "the next hop did not answer in time"},
    {DropReason::kPortDown, "port_down", "design", "the port's link is down"},
    {DropReason::kTxFull, "tx_full", "design", "the port did not take the packet"},
    {DropReason::kNoMbuf, "no_mbuf", "design", "the packet pool is empty"},
    {DropReason::kFragmentNeeded, "fragment_needed", "RFC 1191",
     "too big for the next hop and DF is set; ICMP was sent"},
    {DropReason::kNotLocalService, "not_local_service", "RFC 1122 §3.2.2.1",
     "for our own address, but nothing here takes it"},
    {DropReason::kPuntIkeKnownFull, "punt_ike_known_full", "design",
     "the ring for IKE of known SPIs is full"},
    {DropReason::kPuntIkeFirstFull, "punt_ike_first_full", "design",
     "the ring for first IKE messages is full"},
    {DropReason::kPuntNeighbourFull, "punt_neighbour_full", "design",
     "the ring for neighbour messages is full"},
    {DropReason::kPuntOtherFull, "punt_other_full", "design",
     "the ring for other punted packets is full"},
    {DropReason::kPuntRate, "punt_rate", "design", "the rate of this punt class is used up"},
    {DropReason::kInjectBad, "inject_bad", "design",
     "a packet of the control plane that names no port or route"},
    {DropReason::kHandoffFull, "handoff_full", "design",
     "the ring to the SA's owner worker is full"},
    {DropReason::kShutdown, "shutdown", "design", "the gateway stopped while the packet waited"},
}};

consteval bool drop_reason_table_is_sound() {
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const DropReasonRow& row = kDropReasonTable[i];
    if (static_cast<std::size_t>(row.reason) != i || row.name.empty() || row.clause.empty() ||
        row.text.empty())
      return false;
  }
  return true;
}
static_assert(drop_reason_table_is_sound());

[[nodiscard]] constexpr const DropReasonRow& row_of(DropReason reason) {
  return kDropReasonTable[static_cast<std::size_t>(reason)];
}

}  // namespace penstock::net
