// SPDX-License-Identifier: BSD-3-Clause
// close AH: what it carries becomes the packet again (RFC 4302 §3.4.4), and of a bundle that must
// be its ESP. Lies in close (inbound), behind the verdict. Ways out: onward; a drop by name.
#include "dataplane/ah_fields.h"
#include "dataplane/close_inbound.h"
#include "dataplane/ipsec_state.h"
#include "dataplane/transport.h"
#include "lib/net/ah.h"
#include "lib/net/esp.h"
#include "lib/net/ipv4.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;
using net::DropReason;

namespace {

/// RFC 4301 §5.2: what AH alone has protected does not pass where policy asks for both. The ESP is
/// found by its SPI, so that a rekeyed one is the bundle's too.
std::optional<DropReason> check_bundle(WorkerContext& ctx, Packet* packet,
                                       const ipsec::InboundSa& sa) {
  PacketMeta& meta = dpdk::meta(packet);
  if (meta.protocol != net::kProtocolEsp ||
      meta.total_length < meta.header_length + sizeof(net::EspHeader))
    return DropReason::kBundleIncomplete;
  const auto& esp =
      *reinterpret_cast<const net::EspHeader*>(dpdk::data(packet) + meta.header_length);
  const ipsec::InboundSa* inner = ctx.ipsec->tables->find_inbound(esp.spi.get());
  if (inner == nullptr || !inner->has(ipsec::kBundleInner) || inner->slot != sa.slot)
    return DropReason::kBundleIncomplete;
  meta.flags |= dpdk::kAuthenticated;
  --meta.nesting;  // both are one
  return std::nullopt;
}

}  // namespace

std::optional<DropReason> close_ah(WorkerContext& ctx, Packet* packet, const ipsec::InboundSa& sa) {
  const PacketMeta& meta = dpdk::meta(packet);
  const unsigned front = meta.header_length;
  const auto& ah = *reinterpret_cast<const net::AhHeader*>(dpdk::data(packet) + front);
  const unsigned octets = ah.octets();
  const unsigned payload = meta.total_length - front - octets;
  const std::uint8_t carried = ah.next_header;
  std::optional<DropReason> fault;
  if (sa.has(ipsec::kTransport)) {
    show_fields(packet, front);
    fault = close_gap(packet, sa, front, octets, payload, carried);
  } else {
    const bool v6 = carried == net::kProtocolIpv6;
    if (carried != net::kProtocolIpv4 && !v6) return DropReason::kBadNextHeader;
    fault = decapsulate(packet, sa, front + octets, payload, v6);
  }
  if (fault || !sa.has(ipsec::kBundleOuter)) return fault;
  return check_bundle(ctx, packet, sa);
}

}  // namespace penstock::dataplane
