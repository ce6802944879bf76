// SPDX-License-Identifier: BSD-3-Clause
// SAs of every kind of cipher, with and without ESN, UDP and a window; policies of every action.
#include "tests/fuzz/dataplane/fuzz_world.h"

#include "lib/crypto/algorithms.h"
#include "lib/net/checksum.h"
#include "lib/net/ipv4.h"
#include "lib/net/udp.h"

namespace penstock::fuzz {

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
       "192.0.2.10",
       {"10.1.0.0/16"},
       {"10.5.0.0/16"}},
  }};
  return table;
}

const std::vector<PolicyRow>& policies() {
  using policy::PolicyAction;
  static const std::vector<PolicyRow> table = [] {
    std::vector<PolicyRow> t{
        {policy::kPriorityPassDrop, PolicyAction::kDiscard, 0, {"10.1.0.66/32"}, {"0.0.0.0/0"}},
        {policy::kPriorityPassDrop, PolicyAction::kBypass, 0, {"10.1.0.0/16"}, {"198.51.100.0/24"}},
        {policy::kPriorityTrap, PolicyAction::kProtect, kSas + 1, {"10.1.0.0/16"}, {"10.6.0.0/16"}},
    };
    for (std::uint32_t i = 0; i < kSas; ++i)
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

policy::SaSpec spec_of(policy::Direction direction, unsigned index) {
  const SaRow& row = rows()[index];
  policy::SaSpec spec;
  spec.direction = direction;
  spec.spi = spi_of(direction, index);
  spec.slot = policy::ChildSlot{index + 1};
  spec.local = net::IpAddress::v4(kOurWanAddress);
  spec.remote = must(net::IpAddress::parse(row.peer));
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
  // The last one's lives are short.
  if (index == kSas - 1) spec.lifetime = {.soft_packets = 3, .hard_packets = 6};
  spec.name = "fuzz";
  return spec;
}

ByteVector ip_packet(std::uint32_t source, std::uint32_t destination, std::uint8_t protocol,
                     Bytes payload, std::uint8_t tos) {
  ByteVector packet(sizeof(net::Ipv4Header));
  packet.insert(packet.end(), payload.begin(), payload.end());
  auto* ip = reinterpret_cast<net::Ipv4Header*>(packet.data());
  ip->version_ihl = 0x45;
  ip->tos = tos;
  ip->total_length = base::Be16{static_cast<std::uint16_t>(packet.size())};
  ip->ttl = 64;
  ip->protocol = protocol;
  ip->source = base::Be32{source};
  ip->destination = base::Be32{destination};
  ip->checksum = base::Be16{net::internet_checksum(Bytes(packet).first(sizeof(*ip)))};
  return packet;
}

ByteVector udp_packet(std::uint32_t source, std::uint32_t destination, std::uint16_t port,
                      Bytes payload, std::uint8_t tos) {
  ByteVector datagram(sizeof(net::UdpHeader));
  datagram.insert(datagram.end(), payload.begin(), payload.end());
  auto* udp = reinterpret_cast<net::UdpHeader*>(datagram.data());
  udp->source_port = udp->destination_port = base::Be16{port};
  udp->length = base::Be16{static_cast<std::uint16_t>(datagram.size())};
  return ip_packet(source, destination, net::kProtocolUdp, datagram, tos);
}

}  // namespace penstock::fuzz
