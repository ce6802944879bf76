// SPDX-License-Identifier: BSD-3-Clause
// Building SA records, on the control core. What a packet would otherwise have to ask again and
// again is decided here: limits, header bits, selector pairs, the cipher's routine.
#include "lib/ipsec/sa_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "lib/base/byte_io.h"
#include "lib/base/secret.h"
#include "lib/ipsec/ecn.h"
#include "lib/ipsec/spd.h"
#include "lib/net/ah.h"

namespace penstock::ipsec {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;
using burst_crypto::CipherDirection;

using Prefix6Words = Latch<kPrefix6Words>::Words;

constexpr std::uint32_t kReservedSpis = 256;  // RFC 4303 §2.1: 0 to 255

/// "net/branch: SPI 0x…" for error texts.
std::string label(const policy::SaSpec& spec) {
  return fmt::format("{} (SPI {})", spec.name.empty() ? "SA" : spec.name, net::to_string(spec.spi));
}

Result<void> check_shape(const policy::SaSpec& spec) {
  const auto malformed = [&](std::string_view what) {
    return fail(ErrorCode::kMalformed, fmt::format("{}: {}", label(spec), what));
  };
  const bool ah = spec.protocol == policy::IpsecProtocol::kAh;
  // RFC 3948 §1: what a NAT changes is what AH protects.
  if (ah && spec.encap) return malformed("AH cannot be in UDP, nor pass a NAT (RFC 3948 §1)");
  if (ah ? spec.bundle == policy::BundlePart::kInner : spec.bundle == policy::BundlePart::kOuter)
    return malformed("in a bundle AH is around ESP");
  if (spec.bundle != policy::BundlePart::kAlone && spec.encap)
    return malformed("a bundle with AH cannot be in UDP (RFC 3948 §1)");
  if (spec.spi.value() < kReservedSpis)
    return malformed("SPIs below 256 are reserved (RFC 4303 §2.1)");
  if (spec.local.is_unspecified() || spec.remote.is_unspecified())
    return malformed("both outer addresses are needed");
  if (spec.local.family() != spec.remote.family())
    return malformed("one outer address is IPv4, the other IPv6");
  if (spec.slot.value() == 0) return malformed("it names no slot");
  return {};
}

/// @return nullptr for AH
Result<const crypto::EncrRow*> encr_of(const policy::SaSpec& spec) {
  if (spec.protocol == policy::IpsecProtocol::kAh) return nullptr;
  const crypto::EncrRow* encr = crypto::find_encr(spec.encr, spec.encr_key_bits);
  // A cipher of one key length may be named with or without it (RFC 7296 §3.3.5).
  if (encr == nullptr) encr = crypto::find_encr(spec.encr, 0);
  if (encr == nullptr || !encr->for_esp)
    return fail(ErrorCode::kUnsupported,
                fmt::format("{}: ESP has no encryption algorithm {} with {} key bits", label(spec),
                            static_cast<unsigned>(spec.encr), spec.encr_key_bits));
  return encr;
}

Result<void> build_session(const policy::SaSpec& spec, CipherDirection direction,
                           const burst_crypto::SessionFactory& sessions,
                           burst_crypto::Session& session, burst_crypto::KeyMaterial& keys) {
  burst_crypto::SessionSpec wanted;
  PS_ASSIGN(wanted.encr, encr_of(spec));
  if (spec.integ != crypto::IntegId::kNone) {
    wanted.integ = crypto::find_integ(spec.integ);
    if (wanted.integ == nullptr || !wanted.integ->for_ipsec)
      return fail(
          ErrorCode::kUnsupported,
          fmt::format("{}: {} has no integrity algorithm {}", label(spec),
                      wanted.encr != nullptr ? "ESP" : "AH", static_cast<unsigned>(spec.integ)));
  } else if (wanted.encr == nullptr) {
    return fail(ErrorCode::kMalformed,
                fmt::format("{}: AH needs an integrity algorithm", label(spec)));
  }
  wanted.direction = direction;
  wanted.esn = spec.esn;
  wanted.enc_key = spec.enc_key.bytes();
  wanted.auth_key = spec.auth_key.bytes();
  auto built = sessions.build(wanted, session, keys);
  if (!built)
    return fail(built.error().code, fmt::format("{}: {}", label(spec), built.error().text));
  return {};
}

void release_session(const burst_crypto::SessionFactory& sessions, burst_crypto::Session& session,
                     burst_crypto::KeyMaterial& keys) {
  if (session.keys == nullptr) return;
  sessions.release(session, keys);
  session = {};
}

/// 0 means no limit.
constexpr std::uint64_t limit_of(std::uint64_t value) {
  return value == 0 ? ~std::uint64_t{0} : value;
}

template <class Sa>
void set_limits(const policy::TrafficLifetime& lifetime, Sa& sa) {
  sa.soft_packets = limit_of(lifetime.soft_packets);
  sa.hard_packets = limit_of(lifetime.hard_packets);
  sa.soft_bytes = limit_of(lifetime.soft_bytes);
  sa.hard_bytes = limit_of(lifetime.hard_bytes);
}

/// What decapsulated packets of one IP version may be.
template <class Address>
Result<std::vector<SpdSelector<Address>>> inbound_pairs(const policy::SaSpec& spec) {
  auto pairs = spd_selectors<Address>(spec.local_ts, spec.remote_ts, spec.vrf);
  if (!pairs)
    return fail(pairs.error().code, fmt::format("{}: {}", label(spec), pairs.error().text));
  std::erase_if(*pairs, [](const auto& s) { return (s.flags & kSelectorInbound) == 0; });
  if (pairs->size() > kSpdSelectorsPerPolicy)
    return fail(ErrorCode::kLimit, fmt::format("{}: {} pairs of selectors, at most {} are taken",
                                               label(spec), pairs->size(), kSpdSelectorsPerPolicy));
  return pairs;
}

/// Into memory of their own.
template <class Address>
Result<const SpdSelector<Address>*> keep(const std::vector<SpdSelector<Address>>& pairs,
                                         const policy::SaSpec& spec, SaMemory& memory) {
  auto* place =
      static_cast<SpdSelector<Address>*>(memory.allocate(pairs.size() * sizeof(pairs.front())));
  if (place == nullptr)
    return fail(ErrorCode::kLimit, fmt::format("{}: no memory for its selectors", label(spec)));
  std::ranges::copy(pairs, place);
  return place;
}

Result<void> set_selectors(const policy::SaSpec& spec, SaMemory& memory, InboundSa& sa) {
  PS_ASSIGN(const auto v4, inbound_pairs<Ipv4Value>(spec));
  PS_ASSIGN(const auto v6, inbound_pairs<Ipv6Value>(spec));
  if (v4.empty() && v6.empty())
    return fail(ErrorCode::kUnsupported, fmt::format("{}: no pair of traffic selectors that a "
                                                     "packet can fit",
                                                     label(spec)));
  sa.more_selectors = nullptr;
  sa.selectors6 = nullptr;
  if (v4.size() > kInlineSelectors) {
    PS_ASSIGN(sa.more_selectors, keep(v4, spec, memory));
  } else {
    std::ranges::copy(v4, sa.inline_selectors);
  }
  if (!v6.empty()) {
    PS_ASSIGN(sa.selectors6, keep(v6, spec, memory));
  }
  sa.selector_count = static_cast<std::uint16_t>(v4.size());
  sa.selector6_count = static_cast<std::uint16_t>(v6.size());
  return {};
}

Result<void> set_window(const policy::SaSpec& spec, SaMemory& memory, InboundSa& sa) {
  if (spec.replay_window > kMaxReplayWindow)
    return fail(ErrorCode::kLimit,
                fmt::format("{}: a replay window of {} packets, at most {} are taken", label(spec),
                            spec.replay_window, kMaxReplayWindow));
  const std::uint32_t words = ReplayWindow::words_for(spec.replay_window);
  std::uint64_t* place = sa.inline_window;
  std::ranges::fill(sa.inline_window, 0);
  if (words > kInlineWindowWords) {
    place = static_cast<std::uint64_t*>(memory.allocate(words * sizeof(std::uint64_t)));
    if (place == nullptr)
      return fail(ErrorCode::kLimit, fmt::format("{}: no memory for its window", label(spec)));
    sa.more_window = place;
  }
  sa.window.reset(spec.replay_window, place);
  return {};
}

std::uint8_t wire_protocol(const policy::SaSpec& spec) {
  if (spec.encap) return net::kProtocolUdp;
  return spec.protocol == policy::IpsecProtocol::kAh ? net::kProtocolAh : net::kProtocolEsp;
}

/// The header that all packets of the SA share; RFC 4301 §5.1.2.1 says where each field is from.
void write_prefix(const policy::SaSpec& spec, OutboundSa& sa) {
  net::Ipv4Header ip{};
  ip.version_ihl = 0x45;
  ip.ttl = spec.tunnel_header.ttl;
  ip.protocol = wire_protocol(spec);
  ip.source.set(spec.local.v4_value());
  // The destination is added to the sum with each packet: it may change (RFC 7296 §2.23).
  sa.header_sum = static_cast<std::uint16_t>(~net::internet_checksum(base::bytes_of(ip)));
  std::memcpy(sa.prefix.front, &ip, sizeof(sa.prefix.front));
  const base::Be32 spi{spec.spi.value()};
  std::memset(sa.prefix.back, 0, sizeof(sa.prefix.back));  // RFC 3948 §2.1: the UDP checksum is 0
  std::memcpy(sa.prefix.back + 4, &spi, sizeof(spi));
  struct {
    base::Be32 destination;
    base::Be32 behind;  // both ports, or the SPI
  } const path{spec.remote.v4_value(),
               spec.encap
                   ? std::uint32_t{spec.encap->local.value()} << 16U | spec.encap->remote.value()
                   : spec.spi.value()};
  sa.prefix.path.store(std::bit_cast<std::uint64_t>(path), std::memory_order_relaxed);
  sa.prefix_octets = static_cast<std::uint8_t>(sizeof(net::Ipv4Header) +
                                               (spec.encap ? sizeof(net::UdpHeader) : 0));
}

/// RFC 4301 §5.1.2.2. Note 8: a gateway copies no flow label; 0 says that there is none.
void write_prefix6(const policy::SaSpec& spec, OutboundSa& sa) {
  const net::Ipv6Header ip{6U << 28,
                           std::uint16_t{0},
                           wire_protocol(spec),
                           spec.tunnel_header.ttl,
                           spec.local.octets(),
                           spec.remote.octets()};
  const base::Be32 spi{spec.spi.value()};
  sa.header_sum = 0;
  sa.prefix.path.store(0, std::memory_order_relaxed);
  std::memcpy(sa.prefix.back + 4, &spi, sizeof(spi));  // wire_spi()
  TunnelPrefix6 prefix;
  std::uint8_t* out = prefix.octets;
  std::memcpy(out, &ip, sizeof(ip));
  out += sizeof(ip);
  if (spec.encap) {
    // RFC 8200 §8.1: the checksum is computed when the packet is sealed.
    const net::UdpHeader udp{spec.encap->local.value(), spec.encap->remote.value(), 0, 0};
    std::memcpy(out, &udp, sizeof(udp));
    out += sizeof(udp);
  }
  std::memcpy(out, &spi, sizeof(spi));
  sa.prefix_octets = static_cast<std::uint8_t>(out - prefix.octets);
  sa.prefix6.store(std::bit_cast<Prefix6Words>(prefix));
}

bool names_ports(const policy::TrafficSelectors& selectors) {
  return std::ranges::any_of(selectors, [](const policy::TrafficSelector& s) {
    return !s.any_port() && !s.opaque_ports();
  });
}

/// What the outer header takes from the inner one: RFC 4301 §5.1.2.1, §8.1, RFC 6040 §4.1.
void set_tunnel_header(const policy::SaSpec& spec, OutboundSa& sa) {
  const policy::TunnelHeader& options = spec.tunnel_header;
  sa.df_copied = options.df == policy::DfBit::kCopy ? net::kIpv4DontFragment : std::uint16_t{0};
  sa.df_set = options.df == policy::DfBit::kSet ? net::kIpv4DontFragment : std::uint16_t{0};
  sa.tos_copied = static_cast<std::uint8_t>((options.copy_dscp ? kDscpMask : 0) |
                                            (options.copy_ecn ? kEcnMask : 0));
  sa.tos_set = options.copy_dscp ? std::uint8_t{0} : static_cast<std::uint8_t>(options.dscp << 2);
  sa.flow_label = options.flow_label;
  sa.clamp_mss = options.clamp_mss;
  const bool plain = shape_of(spec) == 0;
  // RFC 4303 §2.7: only an inner packet tells its own length.
  sa.tfc_padding = plain ? options.tfc_padding : std::uint16_t{0};
  // RFC 4301 §7: later pieces show no ports, so the peer would refuse them where its SA names some.
  sa.cut_before =
      plain && options.cut_before && !names_ports(spec.local_ts) && !names_ports(spec.remote_ts);
}

/// AH or ESP, and how much of it goes around a packet.
void set_shape(const policy::SaSpec& spec, OutboundSa& sa) {
  sa.shape = shape_of(spec);
  sa.outer_slot = spec.outer_slot.value();
  const unsigned icv = unsigned{sa.session.iv_octets} + sa.session.icv_octets;
  const unsigned alignment = sa.v6 || !spec.align4 ? net::kAhAlignment6 : net::kAhAlignment;
  sa.ah_octets =
      sa.has(kAh) ? static_cast<std::uint8_t>(net::ah_octets(icv, alignment)) : std::uint8_t{0};
  const unsigned added = sa.has(kAh) ? sa.ah_octets : unsigned{sizeof(net::EspHeader)} + icv;
  const unsigned headers = sa.has(kTransport) ? sa.udp_octets() : sa.prefix_octets;
  sa.overhead_octets = static_cast<std::uint8_t>(headers + added);
  if (!sa.has(kTransport)) return;
  sa.df_copied = net::kIpv4DontFragment;  // the packet's own header stays as it is
  sa.df_set = 0;
}

Result<void> fill_inbound(const policy::SaSpec& spec, const burst_crypto::SessionFactory& sessions,
                          SaMemory& memory, InboundSa& sa) {
  PS_TRY(check_shape(spec));
  PS_TRY(build_session(spec, CipherDirection::kOpen, sessions, sa.session, sa.keys));
  PS_TRY(set_selectors(spec, memory, sa));
  PS_TRY(set_window(spec, memory, sa));
  sa.spi = spec.spi.value();
  const bool v6 = !spec.local.is_v4();
  sa.local = v6 ? 0 : spec.local.v4_value();
  sa.remote.store(v6 ? 0 : spec.remote.v4_value(), std::memory_order_relaxed);
  sa.local6 = spec.local.octets();
  sa.remote6.store(std::bit_cast<Latch<2>::Words>(spec.remote.octets()));
  sa.slot = spec.slot.value();
  sa.vrf = spec.vrf.value();
  sa.encap_local_port = spec.encap ? spec.encap->local.value() : std::uint16_t{0};
  sa.encap_remote_port.store(spec.encap ? spec.encap->remote.value() : std::uint16_t{0},
                             std::memory_order_relaxed);
  const unsigned behind =
      unsigned{sa.session.iv_octets} + sa.session.block_octets + sa.session.icv_octets;
  sa.shape = shape_of(spec);
  sa.min_esp_octets =
      sa.has(kAh) ? std::uint8_t{0} : static_cast<std::uint8_t>(sizeof(net::EspHeader) + behind);
  const bool plain = (sa.shape & (kAh | kBundleInner)) == 0;
  sa.plain_protocol = plain ? wire_protocol(spec) : std::uint8_t{0};
  set_limits(spec.lifetime, sa);
  for (base::Counter* counter : {&sa.packets, &sa.bytes, &sa.replays, &sa.icv_failures, &sa.errors})
    counter->set(0);
  sa.clamp_mss = spec.tunnel_header.clamp_mss;
  sa.moved_raised_at_ns = 0;
  sa.raised = 0;
  return {};
}

Result<void> fill_outbound(const policy::SaSpec& spec, const burst_crypto::SessionFactory& sessions,
                           bool shared, OutboundSa& sa) {
  PS_TRY(check_shape(spec));
  PS_TRY(build_session(spec, CipherDirection::kSeal, sessions, sa.session, sa.keys));
  sa.spi = spec.spi.value();
  sa.slot = spec.slot.value();
  sa.shared = shared;
  sa.v6 = !spec.remote.is_v4();
  if (sa.v6)
    write_prefix6(spec, sa);
  else
    write_prefix(spec, sa);
  set_tunnel_header(spec, sa);
  set_shape(spec, sa);
  // Packets and sequence numbers are one count, so one comparison guards both limits.
  set_limits(spec.lifetime, sa);
  sa.soft_packets = std::min(sa.soft_packets, soft_sequence(spec.esn));
  sa.hard_packets = std::min(sa.hard_packets, last_sequence(spec.esn));
  // RFC 6864 §5.3: identifications of one pair of addresses shall not meet; SAs start apart.
  sa.identification = static_cast<std::uint16_t>(sa.spi ^ sa.spi >> 16);
  sa.path_mtu.store(kNoPathMtu, std::memory_order_relaxed);
  sa.sequence.restart(0);
  sa.iv_start = spec.iv_start;
  sa.bytes.store(0, std::memory_order_relaxed);
  sa.errors.store(0, std::memory_order_relaxed);
  sa.raised.store(0, std::memory_order_relaxed);
  return {};
}

}  // namespace

Result<void> build_inbound(const policy::SaSpec& spec, const burst_crypto::SessionFactory& sessions,
                           SaMemory& memory, InboundSa& sa) {
  auto built = fill_inbound(spec, sessions, memory, sa);
  if (!built) clear_inbound(sessions, memory, sa);  // keys may be in it
  return built;
}

Result<void> build_outbound(const policy::SaSpec& spec,
                            const burst_crypto::SessionFactory& sessions, bool shared,
                            OutboundSa& sa) {
  auto built = fill_outbound(spec, sessions, shared, sa);
  if (!built) clear_outbound(sessions, sa);
  return built;
}

void move(InboundSa& sa, const net::Endpoint& to) {
  if (sa.is_v6())
    sa.remote6.store(std::bit_cast<Latch<2>::Words>(to.address.octets()));
  else
    sa.remote.store(to.address.v4_value(), std::memory_order_relaxed);
  if (sa.encap_local_port != 0)
    sa.encap_remote_port.store(to.port.value(), std::memory_order_relaxed);
}

namespace {

void move6(OutboundSa& sa, const net::Endpoint& to) {
  TunnelPrefix6 prefix = sa.outer6();
  reinterpret_cast<net::Ipv6Header*>(prefix.octets)->destination = to.address.octets();
  if (sa.prefix_octets != sizeof(net::Ipv6Header))
    reinterpret_cast<net::UdpHeader*>(prefix.octets + sizeof(net::Ipv6Header))
        ->destination_port.set(to.port.value());
  sa.prefix6.store(std::bit_cast<Prefix6Words>(prefix));
}

}  // namespace

void move(OutboundSa& sa, const net::Endpoint& to) {
  if (sa.v6) return move6(sa, to);
  auto octets =
      std::bit_cast<std::array<std::uint8_t, 8>>(sa.prefix.path.load(std::memory_order_relaxed));
  const base::Be32 destination{to.address.v4_value()};
  std::memcpy(octets.data(), &destination, sizeof(destination));
  const base::Be16 port{to.port.value()};
  const bool in_udp = sa.prefix_octets != sizeof(net::Ipv4Header);
  if (in_udp) std::memcpy(octets.data() + 6, &port, sizeof(port));
  sa.prefix.path.store(std::bit_cast<std::uint64_t>(octets), std::memory_order_relaxed);
}

void clear_inbound(const burst_crypto::SessionFactory& sessions, SaMemory& memory, InboundSa& sa) {
  release_session(sessions, sa.session, sa.keys);
  if (sa.more_window != nullptr) memory.free(sa.more_window);
  if (sa.more_selectors != nullptr)
    memory.free(const_cast<SpdSelector<Ipv4Value>*>(sa.more_selectors));
  if (sa.selectors6 != nullptr) memory.free(const_cast<SpdSelector<Ipv6Value>*>(sa.selectors6));
  sa.more_window = nullptr;
  sa.more_selectors = nullptr;
  sa.selectors6 = nullptr;
  sa.selector_count = 0;
  sa.selector6_count = 0;
}

void clear_outbound(const burst_crypto::SessionFactory& sessions, OutboundSa& sa) {
  release_session(sessions, sa.session, sa.keys);
}

}  // namespace penstock::ipsec
