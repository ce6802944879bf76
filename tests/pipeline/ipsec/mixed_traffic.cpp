// SPDX-License-Identifier: BSD-3-Clause
#include "tests/pipeline/ipsec/mixed_traffic.h"

#include <algorithm>
#include <numeric>

namespace penstock::pipeline {

namespace {

constexpr unsigned kInside = 0;
constexpr unsigned kOutside = 1;

bool is_v6(const ByteVector& packet) {
  return !packet.empty() && std::to_integer<unsigned>(packet[0]) >> 4 == 6;
}

/// What peer_seal() makes, over IPv6.
ByteVector over_ipv6(const ByteVector& sealed) {
  const auto& ip = *reinterpret_cast<const net::Ipv4Header*>(sealed.data());
  return ipv6({.source = "2001:db8:f::9",
               .destination = "2001:db8:f::1",
               .next_header = ip.protocol,
               .traffic_class = ip.tos},
              Bytes(sealed).subspan(sizeof(ip)));
}

/// The fragments of an IPv6 packet without extension headers (RFC 8200 §4.5).
std::vector<ByteVector> cut6(const ByteVector& packet, std::size_t step, std::uint32_t id) {
  constexpr std::size_t kHeader = sizeof(net::Ipv6Header);
  std::vector<ByteVector> pieces;
  for (std::size_t at = kHeader; at < packet.size(); at += step) {
    const std::size_t size = std::min(step, packet.size() - at);
    ByteVector piece = base::to_vector(Bytes(packet).first(kHeader));
    auto& ip = *reinterpret_cast<net::Ipv6Header*>(piece.data());
    const ByteVector header = fragment_header(ip.next_header, static_cast<unsigned>(at - kHeader),
                                              at + size != packet.size(), id);
    ip.next_header = net::kExtensionFragment;
    ip.payload_length.set(static_cast<std::uint16_t>(header.size() + size));
    piece.insert(piece.end(), header.begin(), header.end());
    const Bytes part = Bytes(packet).subspan(at, size);
    piece.insert(piece.end(), part.begin(), part.end());
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

}  // namespace

const std::array<MixedTraffic::Kind, 18> MixedTraffic::kKinds{{
    {30, &MixedTraffic::outbound},
    {4, &MixedTraffic::outbound_refused},
    {2, &MixedTraffic::outbound_fragments},
    {1, &MixedTraffic::too_big},
    {30, &MixedTraffic::sealed},
    {3, &MixedTraffic::sealed_oddly},
    {4, &MixedTraffic::forged},
    {4, &MixedTraffic::replayed},
    {3, &MixedTraffic::unknown_spi},
    {3, &MixedTraffic::truncated},
    {2, &MixedTraffic::sealed_in_fragments},
    {3, &MixedTraffic::local},
    {3, &MixedTraffic::martian},
    {2, &MixedTraffic::link},
    {2, &MixedTraffic::extension_chain},
    {3, &MixedTraffic::in_clear},
    {3, &MixedTraffic::flipped},
    {2, &MixedTraffic::noise},
}};

void MixedTraffic::next(std::vector<Frame>& out) {
  static const auto total = std::accumulate(
      kKinds.begin(), kKinds.end(), 0U, [](unsigned sum, const Kind& k) { return sum + k.weight; });
  out_ = &out;
  std::uint64_t at = below(total);
  for (const Kind& kind : kKinds) {
    if (at < kind.weight) return (this->*kind.make)();
    at -= kind.weight;
  }
}

ByteVector MixedTraffic::octets(std::size_t most) {
  ByteVector all(below(most + 1));
  random_.fill(all);
  return all;
}

void MixedTraffic::put(unsigned port, const ByteVector& packet) {
  const std::uint16_t type = is_v6(packet) ? net::kEtherTypeIpv6 : net::kEtherTypeIpv4;
  out_->push_back({port, frame(Gateway::mac(port), Gateway::peer_mac(port), type, packet)});
}

/// All of them in some order; sometimes one is missing, or comes twice.
void MixedTraffic::put_pieces(unsigned port, std::vector<ByteVector> pieces) {
  for (std::size_t i = pieces.size(); i > 1; --i) std::swap(pieces[i - 1], pieces[below(i)]);
  const std::uint64_t fault = below(8);
  if (fault == 0) pieces.pop_back();
  if (fault == 1) pieces.push_back(pieces.front());
  for (const ByteVector& piece : pieces) put(port, piece);
}

// ---- from inside ----

void MixedTraffic::outbound() {
  const bool v6 = coin();
  constexpr std::array<std::string_view, 4> kTo{"10.2.0.7", "10.3.0.7", "198.51.100.7",
                                                "203.0.113.7"};
  constexpr std::array<std::string_view, 4> kTo6{"2001:db8:2::7", "2001:db8:2::8", "2001:db8:b::7",
                                                 "2001:db8:c::7"};
  // The last one's neighbour is never found; it is not asked for often.
  const std::size_t to = below(64) == 0 ? 3 : below(3);
  const auto port = static_cast<std::uint16_t>(below(65536));
  const ByteVector payload = octets(1300);
  put(kInside, v6 ? udp6("2001:db8:1::9", kTo6[to], port, 53, payload)
                  : udp("10.1.0.9", kTo[to], port, 53, payload,
                        {.tos = static_cast<std::uint8_t>(below(256))}));
}

void MixedTraffic::outbound_refused() {
  const ByteVector payload = octets(200);
  switch (below(5)) {
    case 0:  // policy discards
      return put(kInside, udp("10.1.0.66", "10.2.0.7", 1, 2, payload));
    case 1:  // no policy
      return put(kInside, coin() ? udp("10.9.0.9", "10.2.0.7", 1, 2, payload)
                                 : udp6("2001:db8:9::9", "2001:db8:2::7", 1, 2, payload));
    case 2:  // no route
      return put(kInside, coin() ? udp("10.1.0.9", "172.16.0.1", 1, 2, payload)
                                 : udp6("2001:db8:1::9", "2001:db8:dead::1", 1, 2, payload));
    case 3:  // its time is over
      return put(kInside,
                 coin() ? udp("10.1.0.9", "10.2.0.7", 1, 2, payload, {.ttl = 1})
                        : udp6("2001:db8:1::9", "2001:db8:2::7", 1, 2, payload, {.hop_limit = 1}));
    default:  // no outbound SA
      return put(kInside, udp("10.1.0.9", "10.4.0.7", 1, 2, payload));
  }
}

void MixedTraffic::outbound_fragments() {
  ByteVector payload(1200 + below(200));
  random_.fill(payload);
  const auto id = static_cast<std::uint16_t>(below(65536));
  if (coin())
    return put_pieces(kInside, cut6(udp6("2001:db8:1::9", "2001:db8:2::7", 1, 53, payload),
                                    8 * (1 + below(60)), id));
  put_pieces(kInside, cut(udp("10.1.0.9", "10.2.0.7", 1, 53, payload, {.identification = id}),
                          static_cast<unsigned>(200 + below(600))));
}

void MixedTraffic::too_big() {
  ByteVector payload(1440);
  random_.fill(payload);
  if (coin()) return put(kInside, udp6("2001:db8:1::9", "2001:db8:2::7", 1, 53, payload));
  put(kInside, udp("10.1.0.9", "10.2.0.7", 1, 53, payload,
                   {.fragment = coin() ? net::kIpv4DontFragment : std::uint16_t{0}}));
}

// ---- ESP from outside ----

ByteVector MixedTraffic::inner(bool v6, std::size_t most) {
  const ByteVector payload = octets(most);
  const auto port = static_cast<std::uint16_t>(below(65536));
  if (v6) return udp6("2001:db8:2::7", "2001:db8:1::9", 53, port, payload);
  // Some are for another spoke.
  return udp("10.2.0.7", below(8) == 0 ? "10.3.0.7" : "10.1.0.9", 53, port, payload);
}

ByteVector MixedTraffic::seal(Bytes inner, bool over6, PeerOptions options) {
  options.spi = over6 ? kSpiOver6 : kSpiOver4;
  options.encap = over6;
  options.sequence = ++sequence_[over6 ? 1 : 0];
  const ByteVector packet = peer_seal(inner, options);
  return over6 ? over_ipv6(packet) : packet;
}

ByteVector MixedTraffic::good_esp() {
  const bool v6 = coin();
  ByteVector packet =
      seal(inner(v6), coin(), {.next_header = v6 ? net::kProtocolIpv6 : net::kProtocolIpv4});
  sent_[sent_count_++ % sent_.size()] = packet;
  return packet;
}

void MixedTraffic::sealed() { put(kOutside, good_esp()); }

void MixedTraffic::sealed_oddly() {
  const bool over6 = coin();
  switch (below(8)) {
    case 0:
      return put(kOutside, seal(octets(60), over6, {.next_header = net::kProtocolNone}));
    case 1:
      return put(kOutside, seal(inner(false, 200), over6, {.tfc = below(400)}));
    case 2:
      return put(kOutside, seal(inner(false, 40), over6, {.pad_length = 254}));
    case 3:
      return put(kOutside, seal(octets(60), over6, {.next_header = net::kProtocolTcp}));
    case 4:
      return put(kOutside, seal(octets(60), over6, {}));
    case 5:
      return put(kOutside, seal(udp("127.0.0.1", "10.1.0.9", 1, 2, octets(60)), over6, {}));
    case 6:
      return put(kOutside, seal(udp("10.3.0.7", "10.1.0.9", 1, 2, octets(60)), over6, {}));
    default:
      return put(kOutside, seal(inner(false, 60), over6, {.outer_tos = 3}));
  }
}

void MixedTraffic::forged() {
  ByteVector packet = good_esp();
  const std::size_t header = is_v6(packet) ? 48 : 20;
  packet[header + below(packet.size() - header)] ^= static_cast<std::byte>(1 + below(255));
  put(kOutside, packet);
}

void MixedTraffic::replayed() {
  const ByteVector& packet = sent_[below(sent_.size())];
  if (packet.empty()) return sealed();
  put(kOutside, packet);
}

void MixedTraffic::unknown_spi() {
  const PeerOptions options{.spi = static_cast<std::uint32_t>(0x10000 + below(1U << 30U)),
                            .sequence = below(1U << 30U)};
  const ByteVector packet = peer_seal(inner(false, 100), options);
  put(kOutside, coin() ? packet : over_ipv6(packet));
}

void MixedTraffic::truncated() {
  ByteVector packet = good_esp();
  const bool v6 = is_v6(packet);
  const std::size_t header = v6 ? sizeof(net::Ipv6Header) : sizeof(net::Ipv4Header);
  packet.resize(header + below(packet.size() - header));
  if (coin()) {  // the IP header knows of it
    if (v6) {
      auto& ip = *reinterpret_cast<net::Ipv6Header*>(packet.data());
      ip.payload_length.set(static_cast<std::uint16_t>(packet.size() - header));
    } else {
      auto& ip = *reinterpret_cast<net::Ipv4Header*>(packet.data());
      ip.total_length.set(static_cast<std::uint16_t>(packet.size()));
      net::set_checksum(ip);
    }
  }
  put(kOutside, packet);
}

void MixedTraffic::sealed_in_fragments() {
  const ByteVector packet = good_esp();
  if (is_v6(packet))
    return put_pieces(
        kOutside, cut6(packet, 8 * (4 + below(100)), static_cast<std::uint32_t>(below(1U << 31U))));
  ByteVector named = packet;
  auto& ip = *reinterpret_cast<net::Ipv4Header*>(named.data());
  ip.identification.set(static_cast<std::uint16_t>(below(65536)));
  put_pieces(kOutside, cut(named, static_cast<unsigned>(100 + below(900))));
}

// ---- either side ----

void MixedTraffic::local() {
  const unsigned port = coin() ? kInside : kOutside;
  const std::string_view from = port == kInside ? "10.1.0.9" : "192.0.2.9";
  const std::string_view us = port == kInside ? "10.1.0.1" : "192.0.2.1";
  const std::string_view from6 = port == kInside ? "2001:db8:1::9" : "2001:db8:f::9";
  const std::string_view us6 = port == kInside ? "2001:db8:1::1" : "2001:db8:f::1";
  const bool v6 = coin();
  const ByteVector payload = octets(100);
  switch (below(5)) {
    case 0:
      return put(port, v6 ? icmp6(from6, us6, net::kIcmp6EchoRequest, 0, 1, payload)
                          : icmp(from, us, net::kIcmpEchoRequest, 0, 1, payload));
    case 1:
      return put(port, v6 ? udp6(from6, us6, 500, 500, payload) : udp(from, us, 500, 500, payload));
    case 2:
      return put(port, v6 ? udp6(from6, us6, 4500, 4500, ByteVector{std::byte{0xff}})
                          : udp(from, us, 4500, 4500, ByteVector{std::byte{0xff}}));
    case 3:
      return put(port, v6 ? icmp6(from6, us6, net::kIcmp6PacketTooBig, 0, 1280, payload)
                          : icmp(from, us, net::kIcmpUnreachable, 4, 1280, payload));
    default:
      return put(port, v6 ? udp6(from6, us6, 9, 9, payload) : udp(from, us, 9, 9, payload));
  }
}

void MixedTraffic::martian() {
  constexpr std::array<std::string_view, 5> kSources{"127.0.0.1", "0.1.2.3", "224.0.0.5",
                                                     "240.0.0.1", "255.255.255.255"};
  constexpr std::array<std::string_view, 5> kSources6{"::1", "::", "ff02::1", "::ffff:10.1.0.9",
                                                      "fe80::9"};
  const unsigned port = coin() ? kInside : kOutside;
  const std::size_t which = below(kSources.size());
  const bool reversed = coin();
  if (coin())
    put(port, reversed ? udp("10.1.0.9", kSources[which], 1, 2, octets(60))
                       : udp(kSources[which], "10.2.0.7", 1, 2, octets(60)));
  else
    put(port, reversed ? udp6("2001:db8:1::9", kSources6[which], 1, 2, octets(60))
                       : udp6(kSources6[which], "2001:db8:2::7", 1, 2, octets(60)));
}

/// ARP and neighbour discovery, right or with an octet wrong; other EtherTypes, other MACs.
void MixedTraffic::link() {
  const unsigned port = coin() ? kInside : kOutside;
  const auto me = Gateway::mac(port);
  const auto peer = Gateway::peer_mac(port);
  const std::string_view us6 = port == kInside ? "2001:db8:1::1" : "2001:db8:f::1";
  const std::string_view from6 = port == kInside ? "2001:db8:1::9" : "2001:db8:f::9";
  ByteVector made;
  switch (below(4)) {
    case 0:
      made = arp(net::kArpRequest, peer, port == kInside ? "10.1.0.9" : "192.0.2.9", {},
                 port == kInside ? "10.1.0.1" : "192.0.2.1");
      break;
    case 1:
      made = base::to_vector(
          base::bytes_of(net::neighbour_solicitation(peer, ip6(from6), ip6(us6), std::nullopt)));
      break;
    case 2:
      made = frame(peer, peer, net::kEtherTypeIpv4, inner(false, 60));
      break;
    default:
      made = frame(me, peer, static_cast<std::uint16_t>(below(65536)), octets(100));
      break;
  }
  if (below(3) == 0) made[below(made.size())] ^= static_cast<std::byte>(1 + below(255));
  out_->push_back({port, std::move(made)});
}

void MixedTraffic::extension_chain() {
  constexpr std::array<std::uint8_t, 4> kKinds6{net::kExtensionHopByHop, net::kExtensionRouting,
                                                net::kExtensionFragment,
                                                net::kExtensionDestination};
  const std::uint64_t headers = 1 + below(10);
  const std::uint8_t first = kKinds6[below(kKinds6.size())];
  ByteVector chain;
  for (std::uint64_t i = 0; i < headers; ++i) {
    const bool last = i + 1 == headers;
    const auto next = last     ? net::kProtocolUdp
                      : coin() ? net::kExtensionDestination
                               : kKinds6[below(kKinds6.size())];
    chain.push_back(static_cast<std::byte>(next));
    chain.push_back(std::byte{0});
    chain.push_back(std::byte{1});  // PadN of four octets, or a routing type
    chain.push_back(static_cast<std::byte>(below(8) == 0 ? 1 : 0));
    chain.insert(chain.end(), 4, std::byte{0});
  }
  put(kInside, udp6("2001:db8:1::9", "2001:db8:2::7", 1, 53, octets(60),
                    {.next_header = first, .extensions = chain}));
}

void MixedTraffic::in_clear() {
  const bool v6 = coin();
  const bool bypassed = coin();
  const ByteVector payload = octets(300);
  put(kOutside,
      v6 ? udp6(bypassed ? "2001:db8:b::7" : "2001:db8:2::7", "2001:db8:1::9", 53, 9, payload)
         : udp(bypassed ? "198.51.100.7" : "10.2.0.7", "10.1.0.9", 53, 9, payload));
}

/// A good packet with some bits turned anywhere.
void MixedTraffic::flipped() {
  const bool inside = coin();
  ByteVector packet = inside ? udp("10.1.0.9", "10.2.0.7", 1, 53, octets(100)) : good_esp();
  if (inside && coin()) packet = udp6("2001:db8:1::9", "2001:db8:2::7", 1, 53, octets(100));
  const bool v6 = is_v6(packet);
  for (std::uint64_t i = 1 + below(3); i != 0; --i)
    packet[below(std::min<std::size_t>(packet.size(), 64))] ^=
        static_cast<std::byte>(1U << below(8));
  auto& ip4 = *reinterpret_cast<net::Ipv4Header*>(packet.data());
  if (!v6 && coin() && ip4.header_length() <= packet.size()) net::set_checksum(ip4);
  put(inside ? kInside : kOutside, packet);
}

void MixedTraffic::noise() {
  const unsigned port = coin() ? kInside : kOutside;
  ByteVector packet = octets(200);
  if (!packet.empty()) packet[0] = static_cast<std::byte>(coin() ? 0x45 : 0x60);
  if (below(4) == 0) {
    out_->push_back({port, std::move(packet)});
    return;
  }
  put(port, packet);
}

}  // namespace penstock::pipeline
