// SPDX-License-Identifier: BSD-3-Clause
// icmp: errors about packets (RFC 1812 §4.3) and echo replies (RFC 792), beside forward. What is
// made goes to ctx.made, is routed after the burst, and passes the outbound SPD like any packet.
#include "dataplane/icmp.h"

#include "dataplane/ipsec_state.h"
#include "lib/net/icmp_error.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;

namespace {

/// Whether an error of ours from this address would be sealed.
bool is_protected(WorkerContext& ctx, std::uint32_t source, const PacketMeta& about,
                  std::uint16_t type_and_code) {
  if (ctx.ipsec == nullptr) return false;
  const ipsec::SpdKey key{.source = {source},
                          .destination = {about.source},
                          .source_port = type_and_code,
                          .protocol = net::kProtocolIcmp,
                          .vrf = net::Vrf{about.vrf}};
  const ipsec::SpdEntry* entry = nullptr;
  ctx.ipsec->policies.lookup_burst(policy::Direction::kOutbound, &key, &entry, 1);
  return entry != nullptr && entry->action == policy::PolicyAction::kProtect;
}

/// RFC 1812 §4.3.2.4: an address of the interface that it came by. A decapsulated packet came
/// through a tunnel: there it is the first inside address that the way back covers, and if none is
/// (RFC 4301 §6.2 sends the error by the SA of the packet then), the first.
std::uint32_t source_for(WorkerContext& ctx, const PacketMeta& meta, std::uint16_t type_and_code) {
  std::uint32_t first = 0;
  for (unsigned i = 0; (meta.flags & dpdk::kDecapsulated) != 0 && i < ctx.fib->interface_count();
       ++i) {
    const auto& interface = ctx.fib->interface(dpdk::InterfaceIndex{static_cast<std::uint16_t>(i)});
    if (interface.side != fib::Side::kInside) continue;
    for (const net::InterfaceAddress& own : interface.addresses) {
      if (!own.address.is_v4()) continue;
      const std::uint32_t address = own.address.v4_value();
      if (is_protected(ctx, address, meta, type_and_code)) return address;
      if (first == 0) first = address;
    }
  }
  if (first != 0) return first;
  return meta.ingress == dpdk::kNoInterface ? 0 : ctx.fib->interface(meta.ingress).address;
}

void send_error(WorkerContext& ctx, const Packet* about, std::uint8_t type, std::uint8_t code,
                std::uint32_t rest) {
  const PacketMeta& meta = dpdk::meta(about);
  // A sealed packet is one of ours too: its source would be told of what it cannot read.
  if ((meta.flags & (dpdk::kMadeHere | dpdk::kSealed)) != 0 || ctx.made.full()) return;
  if (!net::may_answer_with_error(dpdk::bytes(about))) return;
  if (!ctx.icmp_errors.take(ctx.now)) return;
  const std::uint32_t source = source_for(ctx, meta, static_cast<std::uint16_t>(type << 8 | code));
  if (source == 0) return;
  Packet* packet = ctx.make_packet();
  if (packet == nullptr) return;
  const net::IcmpError error{.type = type,
                             .code = code,
                             .rest = rest,
                             .source = source,
                             .identification = ctx.next_identification++};
  const std::size_t length = net::write_icmp_error({dpdk::data(packet), dpdk::tailroom(packet)},
                                                   error, dpdk::bytes(about));
  dpdk::resize(packet, static_cast<unsigned>(length));
  ctx.made.push(packet);
}

}  // namespace

void send_time_exceeded(WorkerContext& ctx, const Packet* packet) {
  send_error(ctx, packet, net::kIcmpTimeExceeded, 0, 0);
}

void send_reassembly_timeout(WorkerContext& ctx, const Packet* fragment) {
  send_error(ctx, fragment, net::kIcmpTimeExceeded, 1, 0);
}

void send_unreachable(WorkerContext& ctx, const Packet* packet, std::uint8_t code) {
  send_error(ctx, packet, net::kIcmpUnreachable, code, 0);
}

void send_fragmentation_needed(WorkerContext& ctx, const Packet* packet, std::uint16_t mtu) {
  send_error(ctx, packet, net::kIcmpUnreachable, net::kIcmpFragmentationNeeded, mtu);
}

void answer_echo(WorkerContext& ctx, Packet* packet) {
  PacketMeta& meta = dpdk::meta(packet);
  const base::MutableBytes message = dpdk::bytes(packet).subspan(meta.header_length);
  if (message.size() < sizeof(net::IcmpHeader) || net::internet_checksum(message) != 0)
    return ctx.drop(packet, net::DropReason::kBadIcmp);
  auto& icmp = *reinterpret_cast<net::IcmpHeader*>(message.data());
  if (icmp.type != net::kIcmpEchoRequest)
    return ctx.drop(packet, net::DropReason::kNotLocalService);
  if (ctx.made.full() || !ctx.echo_replies.take(ctx.now))
    return ctx.drop(packet, net::DropReason::kIcmpRate);

  icmp.type = net::kIcmpEchoReply;
  const auto code = static_cast<std::uint16_t>(icmp.code);
  icmp.checksum.set(net::updated_checksum(
      icmp.checksum.get(), static_cast<std::uint16_t>(net::kIcmpEchoRequest << 8 | code),
      static_cast<std::uint16_t>(net::kIcmpEchoReply << 8 | code)));
  auto& ip = *reinterpret_cast<net::Ipv4Header*>(dpdk::data(packet));
  std::swap(ip.source, ip.destination);
  ip.ttl = 64;
  ip.fragment.set(0);
  ip.identification.set(ctx.next_identification++);
  net::set_checksum(ip);
  meta.flags = dpdk::kMadeHere;
  meta.ingress = dpdk::kNoInterface;
  meta.nesting = 0;
  ctx.made.push(packet);
}

}  // namespace penstock::dataplane
