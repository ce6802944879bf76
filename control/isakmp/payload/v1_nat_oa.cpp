// SPDX-License-Identifier: BSD-3-Clause
// NAT-OA: an address as an identity has it.
#include "control/isakmp/payload/v1_nat_oa.h"

#include "lib/base/byte_io.h"

namespace penstock::isakmp {
namespace {

constexpr std::uint8_t kIpv4 = 1;  // RFC 2407 §4.6.2.1
constexpr std::uint8_t kIpv6 = 5;
constexpr std::size_t kFixedOctets = 4;

std::uint8_t type_of(const net::IpAddress& address) {
  return address.family() == net::Family::kIpv4 ? kIpv4 : kIpv6;
}

}  // namespace

V1Result<net::IpAddress> parse_v1_nat_oa(base::Bytes body) {
  if (body.size() < kFixedOctets) return broken(V1Rule::kNat, "NAT-OA is cut off");
  for (const std::byte reserved : body.subspan(1, kFixedOctets - 1))
    if (reserved != std::byte{0}) return broken(V1Rule::kReserved, "NAT-OA");
  const auto address = net::IpAddress::from_bytes(body.subspan(kFixedOctets));
  if (!address || type_of(*address) != std::to_integer<std::uint8_t>(body.front()))
    return broken(V1Rule::kNat, "NAT-OA holds no address of its type");
  return *address;
}

void append_v1_nat_oa(MessageBuilder& builder, PayloadType which, const net::IpAddress& address) {
  base::ByteWriter& out = builder.begin(which);
  out.u8(type_of(address));
  out.zeros(kFixedOctets - 1);
  out.append(address.bytes());
  builder.end();
}

}  // namespace penstock::isakmp
