// SPDX-License-Identifier: BSD-3-Clause
// What strangers send, and what operators write, through lib/net: ICMP errors about any packet,
// what a datagram on the ports of IKE is, and addresses that read back as they were written.
#include <array>
#include <string_view>

#include "lib/base/check.h"
#include "lib/net/address.h"
#include "lib/net/icmp6.h"
#include "lib/net/icmp_error.h"
#include "lib/net/udp.h"

namespace {

using namespace penstock;

/// RFC 1812 §4.3.2.3: whatever the packet, the error is a whole one of at most 576 octets.
void icmp_error(base::Bytes packet) {
  const auto* header = base::view<net::Ipv4Header>(packet).value_or(nullptr);
  if (header == nullptr || header->version() != 4 || header->header_length() < sizeof(*header) ||
      header->header_length() > packet.size() || header->total_length.get() != packet.size())
    return;
  if (!net::may_answer_with_error(packet)) return;
  std::array<std::byte, net::kIcmpErrorMaxPacket> out{};
  const std::size_t length = net::write_icmp_error(
      out, {.type = 3, .code = 4, .rest = 1400, .source = 1, .identification = 7}, packet);
  PS_CHECK(length <= out.size());
  PS_CHECK(net::internet_checksum(base::Bytes(out).first(20)) == 0);
}

/// RFC 4443 §2.4 (c), RFC 8200 §4: the chain stays within the packet, an error within 1,280 octets.
void ipv6(base::Bytes packet) {
  const auto* header = base::view<net::Ipv6Header>(packet).value_or(nullptr);
  if (header == nullptr || header->version() != 6 ||
      header->payload_length.get() + sizeof(*header) != packet.size())
    return;
  net::Ipv6Chain chain;
  if (net::follow_chain(packet, chain)) return;
  PS_CHECK(chain.octets <= packet.size() && chain.octets <= net::kMaxIpv6Headers);
  static_cast<void>(net::has_forbidding_option(packet));
  static_cast<void>(net::read_nd(packet, chain.octets));
  if (!net::may_answer_with_error6(packet)) return;
  std::array<std::byte, net::kIpv6MinMtu> out{};
  const std::size_t length =
      net::write_icmp6_error(out, {.type = 2, .code = 0, .rest = 1400, .source = {}}, packet);
  PS_CHECK(length <= out.size());
  PS_CHECK(net::upper_checksum(*reinterpret_cast<const net::Ipv6Header*>(out.data()),
                               net::kProtocolIcmpv6,
                               base::Bytes(out).first(length).subspan(40)) == 0);
}

void ike_ports(base::Bytes payload) {
  const auto content = net::content_of_ike_port(net::kIkeNatPort, payload);
  // RFC 3948 §2.2: an SPI of 0 marks IKE, so it is never taken for ESP.
  if (content == net::IkePortContent::kEsp)
    PS_CHECK(payload.size() >= 4 &&
             (payload[0] | payload[1] | payload[2] | payload[3]) != std::byte{0});
  static_cast<void>(net::content_of_ike_port(net::kIkePort, payload));
}

void texts(std::string_view text) {
  if (const auto address = net::IpAddress::parse(text))
    PS_CHECK(net::IpAddress::parse(address->to_string()) == *address);
  if (const auto prefix = net::Prefix::parse(text, true)) {
    PS_CHECK(net::Prefix::parse(prefix->to_string()) == *prefix);
    PS_CHECK(prefix->contains(prefix->first()) && prefix->contains(prefix->last()));
  }
  if (const auto own = net::InterfaceAddress::parse(text))
    PS_CHECK(own->prefix().contains(own->address));
  if (const auto mac = net::parse_mac(text)) PS_CHECK(net::parse_mac(net::to_string(*mac)) == *mac);
  if (const auto spi = net::parse_spi(text)) PS_CHECK(net::parse_spi(net::to_string(*spi)) == *spi);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes input(reinterpret_cast<const std::byte*>(data), size);
  icmp_error(input);
  ipv6(input);
  ike_ports(input);
  texts({reinterpret_cast<const char*>(data), size});
  return 0;
}
