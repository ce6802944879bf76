// SPDX-License-Identifier: BSD-3-Clause
// SAs of every kind of cipher and of all four pairings of IP versions, with and without ESN, UDP
// and a window; policies of every action.
#include "tests/fuzz/dataplane/fuzz_world.h"

#include "lib/crypto/algorithms.h"

namespace penstock::fuzz {

namespace {

/// A host inside, us there, another one that policy discards; behind the peers, 2 to 6; us outside,
/// two peers; bypassed; in the VLAN; two that are never forwarded; a silent host inside.
Places places(const std::array<const char*, 16>& texts) {
  Places all;
  for (std::size_t i = 0; i < texts.size(); ++i) all[i] = must(net::IpAddress::parse(texts[i]));
  return all;
}

}  // namespace

const Places& places4() {
  static const Places table =
      places({"10.1.0.9", "10.1.0.1", "10.1.0.66", "10.2.0.9", "10.3.0.9", "10.4.0.9", "10.5.0.9",
              "10.6.0.9", "192.0.2.1", "192.0.2.9", "192.0.2.10", "198.51.100.7", "203.0.113.5",
              "10.1.255.255", "224.0.0.5", "10.1.0.77"});
  return table;
}

const Places& places6() {
  static const Places table =
      places({"2001:db8:1::9", "2001:db8:1::1", "2001:db8:1::42", "2001:db8:2::9", "2001:db8:3::9",
              "2001:db8:4::9", "2001:db8:5::9", "2001:db8:6::9", "2001:db8:f::1", "2001:db8:f::9",
              "2001:db8:f::a", "2001:db8:b::7", "2001:db8:9::5", "fe80::9", "ff02::1:ff00:1",
              "2001:db8:1::4d"});
  return table;
}

const net::IpAddress& our_address(unsigned interface, bool v6) {
  static const net::IpAddress vlan4 = must(net::IpAddress::parse("203.0.113.1"));
  static const net::IpAddress vlan6 = must(net::IpAddress::parse("2001:db8:9::1"));
  if (interface == kVlan) return v6 ? vlan6 : vlan4;
  return (v6 ? places6() : places4())[interface == kWan ? 8 : 1];
}

const std::array<SaRow, kSas>& rows() {
  static const std::array<SaRow, kSas> table{{
      {crypto::EncrId::kAesGcm16,
       128,
       20,
       crypto::IntegId::kNone,
       0,
       false,
       false,
       64,
       "192.0.2.9",
       {"10.1.0.0/16", "10.3.0.0/16"},
       {"10.2.0.0/16"}},
      {crypto::EncrId::kAesCbc,
       128,
       16,
       crypto::IntegId::kHmacSha256_128,
       32,
       true,
       true,
       1024,
       "192.0.2.10",
       {"10.1.0.0/16", "10.2.0.0/16"},
       {"10.3.0.0/16"}},
      {crypto::EncrId::kNull,
       0,
       0,
       crypto::IntegId::kHmacSha1_96,
       20,
       false,
       false,
       0,
       "192.0.2.9",
       {"10.1.0.0/16[tcp/80]", "10.1.0.0/16[icmp]"},
       {"10.4.0.0/16"}},
      {crypto::EncrId::kChaCha20Poly1305,
       256,
       36,
       crypto::IntegId::kNone,
       0,
       true,
       false,
       32,
       "2001:db8:f::a",
       {"10.1.0.0/16"},
       {"10.5.0.0/16"}},
      {crypto::EncrId::kAesGcm16,
       256,
       36,
       crypto::IntegId::kNone,
       0,
       true,
       false,
       128,
       "2001:db8:f::9",
       {"2001:db8:1::/48", "2001:db8:3::/48"},
       {"2001:db8:2::/48"}},
      {crypto::EncrId::kAesCcm12,
       192,
       27,
       crypto::IntegId::kNone,
       0,
       false,
       true,
       64,
       "2001:db8:f::a",
       {"2001:db8:1::/48", "2001:db8:2::/48", "10.1.0.0/16[udp]"},
       {"2001:db8:3::/48", "10.3.0.0/16[udp/603]"}},
      {crypto::EncrId::kNullAesGmac,
       128,
       20,
       crypto::IntegId::kNone,
       0,
       true,
       false,
       64,
       "192.0.2.9",
       {"2001:db8:1::/48[tcp/80]", "2001:db8:1::/48[icmpv6]"},
       {"2001:db8:4::/48"}},
      {crypto::EncrId::kAesCtr,
       128,
       20,
       crypto::IntegId::kAesXcbc96,
       16,
       false,
       true,
       256,
       "192.0.2.10",
       {"2001:db8:1::/48"},
       {"2001:db8:5::/48"}},
      // AH
      {crypto::EncrId::kNone,
       0,
       0,
       crypto::IntegId::kHmacSha256_128,
       32,
       true,
       false,
       64,
       "192.0.2.9",
       {"10.1.0.0/16[udp]", "2001:db8:1::/48[udp]"},
       {"10.2.0.0/16[udp/600]", "2001:db8:2::/48[udp/600]"}},
      {crypto::EncrId::kNone,
       0,
       0,
       crypto::IntegId::kAes128Gmac,
       20,
       false,
       false,
       64,
       "2001:db8:f::9",
       {"10.1.0.0/16[udp]", "2001:db8:1::/48[udp]"},
       {"10.2.0.0/16[udp/601]", "2001:db8:2::/48[udp/601]"}},
      // transport mode
      {crypto::EncrId::kAesGcm16,
       128,
       20,
       crypto::IntegId::kNone,
       0,
       false,
       false,
       64,
       "192.0.2.9",
       {"192.0.2.1/32[icmp]"},
       {"192.0.2.9/32[icmp]"},
       true},
      {crypto::EncrId::kNone,
       0,
       0,
       crypto::IntegId::kHmacSha1_96,
       20,
       false,
       false,
       64,
       "2001:db8:f::a",
       {"2001:db8:f::1/128[icmpv6]"},
       {"2001:db8:f::a/128[icmpv6]"},
       true},
      // AH around ESP
      {crypto::EncrId::kAesCbc,
       256,
       32,
       crypto::IntegId::kHmacSha1_96,
       20,
       false,
       false,
       64,
       "192.0.2.10",
       {"10.1.0.0/16[udp]"},
       {"10.3.0.0/16[udp/602]"}},
      {crypto::EncrId::kNone,
       0,
       0,
       crypto::IntegId::kAesCmac96,
       16,
       true,
       false,
       64,
       "192.0.2.10",
       {"192.0.2.1/32"},
       {"192.0.2.10/32"},
       true},
      // transport mode in UDP
      {crypto::EncrId::kAesCtr,
       256,
       36,
       crypto::IntegId::kHmacSha512_256,
       64,
       true,
       true,
       64,
       "2001:db8:f::9",
       {"2001:db8:f::1/128[icmpv6]"},
       {"2001:db8:f::9/128[icmpv6]"},
       true},
  }};
  return table;
}

const std::vector<PolicyRow>& policies() {
  using policy::PolicyAction;
  static const std::vector<PolicyRow> table = [] {
    std::vector<PolicyRow> t{
        {policy::kPriorityPassDrop, PolicyAction::kDiscard, 0, {"10.1.0.66/32"}, {"0.0.0.0/0"}},
        {policy::kPriorityPassDrop, PolicyAction::kBypass, 0, {kLan4}, {kBypass4}},
        {policy::kPriorityTrap, PolicyAction::kProtect, kSas + 1, {kLan4}, {"10.6.0.0/16"}},
        {policy::kPriorityPassDrop, PolicyAction::kDiscard, 0, {"2001:db8:1::42/128"}, {"::/0"}},
        {policy::kPriorityPassDrop,
         PolicyAction::kBypass,
         0,
         {"2001:db8:1::/48[udp]"},
         {"2001:db8:b::/64[udp/1000-2000]"}},
        {policy::kPriorityPassDrop,  // out: echo requests (RFC 4301 §4.4.1.3: the sender's side)
         PolicyAction::kBypass,
         0,
         {"2001:db8:1::/48[icmpv6/32768-33023]"},
         {"2001:db8:b::/64[icmpv6]"}},
        {policy::kPriorityTrap,  // behind those of transport mode
         PolicyAction::kBypass,
         0,
         {"2001:db8:f::/64[icmpv6]"},
         {"2001:db8:f::/64[icmpv6]"}},
        {policy::kPriorityTrap, PolicyAction::kProtect, kSas + 1, {kLan6}, {"2001:db8:6::/48"}},
    };
    // The later ones name what lies in the networks of those before.
    for (std::uint32_t i = kSas; i-- > 0;)
      if (i != kBundleAh)
        t.push_back({policy::kPriorityChild, PolicyAction::kProtect, i + 1, rows()[i].local_ts,
                     rows()[i].remote_ts});
    return t;
  }();
  return table;
}

policy::TrafficSelectors selectors(const std::vector<const char*>& texts) {
  policy::TrafficSelectors all;
  for (const char* text : texts) all.push_back(must(policy::TrafficSelector::parse(text)));
  return all;
}

ByteVector key_of(unsigned index, std::size_t octets, unsigned purpose) {
  ByteVector key(octets);
  for (std::size_t i = 0; i < octets; ++i)
    key[i] = static_cast<std::byte>(i * 7 + index * 31 + purpose * 101 + 1);
  return key;
}

net::Spi spi_of(policy::Direction direction, unsigned index) {
  return net::Spi{(direction == policy::Direction::kInbound ? 0x1000U : 0x2000U) + index};
}

namespace {

/// Every setting, on one SA or another.
policy::TunnelHeader tunnel_header_of(unsigned index) {
  using policy::DfBit;
  using policy::kFitsTunnel;
  switch (index) {
    case 0:
      return {.clamp_mss = kFitsTunnel};
    case 1:
      return {.df = DfBit::kSet, .cut_before = true, .tfc_padding = 256};
    case 3:
      return {.df = DfBit::kClear, .copy_dscp = false, .dscp = 46};
    case 4:
      return {.copy_ecn = false, .flow_label = true, .clamp_mss = kFitsTunnel};
    case 5:
      return {.tfc_padding = kFitsTunnel};
    case 7:
      return {.df = DfBit::kClear, .ttl = 1, .cut_before = true, .clamp_mss = 500};
    case 8:
      return {.cut_before = true, .clamp_mss = kFitsTunnel};
    case kBundleEsp:
      return {.cut_before = true, .tfc_padding = 1000};
    default:
      return {};
  }
}

}  // namespace

policy::SaSpec spec_of(policy::Direction direction, unsigned index) {
  const SaRow& row = rows()[index];
  policy::SaSpec spec;
  spec.direction = direction;
  spec.spi = spi_of(direction, index);
  spec.slot = policy::ChildSlot{index + 1};
  spec.protocol = row.ah() ? policy::IpsecProtocol::kAh : policy::IpsecProtocol::kEsp;
  spec.mode = row.transport ? policy::IpsecMode::kTransport : policy::IpsecMode::kTunnel;
  if (index == kBundleEsp) {
    spec.bundle = policy::BundlePart::kInner;
    spec.outer_slot = policy::ChildSlot{kBundleAh + 1};
  }
  if (index == kBundleAh) {
    spec.bundle = policy::BundlePart::kOuter;
    if (direction == policy::Direction::kInbound) spec.slot = policy::ChildSlot{kBundleEsp + 1};
  }
  spec.remote = must(net::IpAddress::parse(row.peer));
  spec.local = our_address(kWan, !spec.remote.is_v4());
  if (row.encap) spec.encap = policy::UdpEncapsulation{net::Port{4500}, net::Port{4500}};
  spec.encr = row.encr;
  spec.encr_key_bits = row.key_bits;
  spec.integ = row.integ;
  spec.enc_key = base::SecretBytes::copy_of(key_of(index, row.key_octets, 0));
  spec.auth_key = base::SecretBytes::copy_of(key_of(index, row.auth_octets, 1));
  spec.esn = row.esn;
  spec.replay_window = row.window;
  spec.local_ts = selectors(row.local_ts);
  spec.remote_ts = selectors(row.remote_ts);
  if (index == kShortLived) spec.lifetime = {.soft_packets = 3, .hard_packets = 6};
  spec.tunnel_header = tunnel_header_of(index);
  spec.name = "fuzz";
  return spec;
}

}  // namespace penstock::fuzz
