// SPDX-License-Identifier: BSD-3-Clause
// NAT-D: hashes of cookies, address and port by the hash that phase 1 agreed on (RFC 3947 §3.2).
#include "control/ikev1/nat.h"

#include <algorithm>

#include "control/isakmp/payload/v1_nat_oa.h"
#include "control/isakmp/payload/vendor_id.h"
#include "control/session/ends.h"
#include "lib/base/byte_io.h"

namespace penstock::ikev1 {
namespace {

using isakmp::PayloadType;

// Private numbers (RFC 2408 §3.1), of the drafts.
constexpr PayloadType kDraftNatD{130};
constexpr PayloadType kDraftNatOa{131};

/// A draft with its vendor id.
constexpr NatTraversal draft(const std::array<std::uint8_t, 16>& vendor) {
  return {vendor, kDraftNatD, kDraftNatOa, Encapsulation::kDraftUdpTunnel,
          Encapsulation::kDraftUdpTransport};
}

/// The most wanted first: RFC 3947, drafts -03, -02 with the end of the line in its hash, as most
/// said it, and -02.
constexpr std::array kWays{
    NatTraversal{{0x4a, 0x13, 0x1c, 0x81, 0x07, 0x03, 0x58, 0x45, 0x5c, 0x57, 0x28, 0xf2, 0x0e,
                  0x95, 0x45, 0x2f},
                 PayloadType::kV1NatD,
                 PayloadType::kV1NatOa,
                 Encapsulation::kUdpTunnel,
                 Encapsulation::kUdpTransport},
    draft({0x7d, 0x94, 0x19, 0xa6, 0x53, 0x10, 0xca, 0x6f, 0x2c, 0x17, 0x9d, 0x92, 0x15, 0x52, 0x9d,
           0x56}),
    draft({0x90, 0xcb, 0x80, 0x91, 0x3e, 0xbb, 0x69, 0x6e, 0x08, 0x63, 0x81, 0xb5, 0xec, 0x42, 0x7b,
           0x1f}),
    draft({0xcd, 0x60, 0x46, 0x43, 0x35, 0xdf, 0x21, 0xf8, 0x7c, 0xfd, 0xb2, 0xfc, 0x68, 0xb6, 0xa4,
           0x48}),
};

base::Bytes bytes_of(const NatTraversal& way) {
  return std::as_bytes(std::span<const std::uint8_t>(way.vendor));
}

base::ByteVector nat_d(const crypto::CryptoContext& context, const IsakmpSa& sa,
                       const net::Endpoint& endpoint) {
  base::ByteWriter out;
  out.u64(sa.cookies.i.value());
  out.u64(sa.cookies.r.value());
  out.append(endpoint.address.bytes());
  out.u16(endpoint.port.value());
  return crypto::hash(context, sa.algorithms.hash, {out.bytes()});
}

}  // namespace

void append_nat_vendor_ids(isakmp::MessageBuilder& builder, const IsakmpSa& sa) {
  for (const NatTraversal& way : kWays)
    if (sa.initiator || &way == sa.nat)
      isakmp::append_vendor_id(builder, PayloadType::kV1VendorId, bytes_of(way));
}

void note_nat_vendor_id(IsakmpSa& sa, base::Bytes vendor) {
  const auto is_it = [&](const NatTraversal& way) {
    return std::ranges::equal(bytes_of(way), vendor);
  };
  const auto* found = std::ranges::find_if(kWays, is_it);
  if (found != kWays.end() && (sa.nat == nullptr || found < sa.nat)) sa.nat = found;
}

void append_nat_detection(isakmp::MessageBuilder& builder, const crypto::CryptoContext& context,
                          const IsakmpSa& sa, bool force) {
  builder.append(sa.nat->nat_d, nat_d(context, sa, sa.remote));
  base::ByteVector own = nat_d(context, sa, sa.local);
  if (force) own.front() ^= std::byte{0xff};
  builder.append(sa.nat->nat_d, own);
}

void detect_nat(const crypto::CryptoContext& context, IsakmpSa& sa,
                const isakmp::PayloadChain& payloads) {
  sa.nat_here = sa.nat_there = false;
  if (sa.nat == nullptr) return;
  const base::ByteVector here = nat_d(context, sa, sa.local);
  const base::ByteVector there = nat_d(context, sa, sa.remote);
  std::size_t seen = 0;
  bool source_matches = false;
  for (const isakmp::PayloadView& p : payloads) {
    if (p.type != sa.nat->nat_d) continue;
    // §3.2: the first is about us, the others about the peer, who may have several addresses.
    if (seen++ == 0) {
      sa.nat_here = !base::equal_constant_time(p.body, here);
    } else {
      source_matches |= base::equal_constant_time(p.body, there);
    }
  }
  sa.nat_there = seen > 1 && !source_matches;
}

void float_ports(IsakmpSa& sa, bool force) {
  sa.encap = sa.nat != nullptr && (sa.nat_here || sa.nat_there || force);
  if (!sa.encap || !sa.initiator) return;
  if (sa.local.port == session::kIkePort) sa.local.port = session::kNatPort;
  if (sa.remote.port == session::kIkePort) sa.remote.port = session::kNatPort;
}

void append_original_addresses(isakmp::MessageBuilder& builder, const IsakmpSa& sa, bool ours) {
  isakmp::append_v1_nat_oa(builder, sa.nat->nat_oa, (ours ? sa.local : sa.remote).address);
  isakmp::append_v1_nat_oa(builder, sa.nat->nat_oa, (ours ? sa.remote : sa.local).address);
}

isakmp::V1Result<void> check_original_addresses(const IsakmpSa& sa,
                                                const isakmp::PayloadChain& payloads) {
  for (const isakmp::PayloadView& p : payloads)
    if (sa.nat != nullptr && p.type == sa.nat->nat_oa) {
      const auto address = isakmp::parse_v1_nat_oa(p.body);
      if (!address) return tl::unexpected(address.error());
    }
  return {};
}

}  // namespace penstock::ikev1
