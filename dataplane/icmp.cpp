// SPDX-License-Identifier: BSD-3-Clause
// icmp: errors about packets (RFC 1812 §4.3, RFC 4443 §3) and echo replies (RFC 792, RFC 4443 §4),
// beside forward. What is made goes to ctx.made, is routed after the burst, and passes the outbound
// SPD like any packet.
#include "dataplane/icmp.h"

#include <algorithm>

#include "dataplane/addresses.h"
#include "dataplane/find_rules.h"
#include "lib/net/icmp6.h"
#include "lib/net/icmp_error.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;

namespace {

struct ComplaintRow {
  Complaint complaint;
  std::uint8_t type;   ///< RFC 792
  std::uint8_t code;   ///< RFC 792, RFC 1122 §3.2.2.1, RFC 1191 §4
  std::uint8_t type6;  ///< RFC 4443 §3
  std::uint8_t code6;
};
constexpr ComplaintRow kComplaints[] = {
    {Complaint::kNoRoute, net::kIcmpUnreachable, net::kIcmpNetUnreachable, net::kIcmp6Unreachable,
     net::kIcmp6NoRoute},
    {Complaint::kHostUnreachable, net::kIcmpUnreachable, net::kIcmpHostUnreachable,
     net::kIcmp6Unreachable, net::kIcmp6AddressUnreachable},
    {Complaint::kNoProtocol, net::kIcmpUnreachable, net::kIcmpProtocolUnreachable,
     net::kIcmp6ParameterProblem, net::kIcmp6UnknownNextHeader},
    {Complaint::kNoPort, net::kIcmpUnreachable, net::kIcmpPortUnreachable, net::kIcmp6Unreachable,
     net::kIcmp6PortUnreachable},
    {Complaint::kTooBig, net::kIcmpUnreachable, net::kIcmpFragmentationNeeded,
     net::kIcmp6PacketTooBig, 0},
    {Complaint::kTimeExceeded, net::kIcmpTimeExceeded, 0, net::kIcmp6TimeExceeded, 0},
    {Complaint::kNotReassembled, net::kIcmpTimeExceeded, 1, net::kIcmp6TimeExceeded, 1},
};
static_assert([] {
  for (std::size_t i = 0; i < std::size(kComplaints); ++i)
    if (static_cast<std::size_t>(kComplaints[i].complaint) != i) return false;
  return std::size(kComplaints) == static_cast<std::size_t>(Complaint::kCount);
}());

const ComplaintRow& row_of(Complaint complaint) {
  return kComplaints[static_cast<std::size_t>(complaint)];
}

/// Whether an error of ours from this address would be sealed.
bool is_protected(WorkerContext& ctx, const net::IpAddress& source, const Packet* about,
                  const ComplaintRow& row) {
  const bool v6 = is_ipv6(dpdk::meta(about));
  const policy::PacketSelectors error{
      .source = source,
      .destination = source_of(about),
      .protocol = v6 ? net::kProtocolIcmpv6 : net::kProtocolIcmp,
      .destination_port =
          static_cast<std::uint16_t>(v6 ? row.type6 << 8 | row.code6 : row.type << 8 | row.code)};
  const ipsec::SpdEntry* entry =
      find_rule(ctx, policy::Direction::kOutbound, error, net::Vrf{dpdk::meta(about).vrf});
  return entry != nullptr && entry->action == policy::PolicyAction::kProtect;
}

/// RFC 4862 §5.4.5: not from an address that is somebody else's.
bool may_complain_from(const fib::Interface& interface, std::size_t place, bool v6) {
  const net::IpAddress& own = interface.addresses[place].address;
  return own.is_v4() != v6 && !own.is_link_local() &&
         interface.state_at(place) != fib::AddressState::kDuplicate;
}

/// The first address of an interface of this version; a link-local one tells nobody farther away.
std::optional<net::IpAddress> address_of(const fib::Interface& interface, bool v6) {
  for (std::size_t place = 0; place < interface.addresses.size(); ++place)
    if (may_complain_from(interface, place, v6)) return interface.addresses[place].address;
  return std::nullopt;
}

/// RFC 1812 §4.3.2.4, RFC 4443 §2.2: an address of the interface that it came by. A decapsulated
/// packet came through a tunnel: there it is the first inside address that the way back covers, and
/// if none is (RFC 4301 §6.2 sends the error by the SA of the packet then), the first.
std::optional<net::IpAddress> source_for(WorkerContext& ctx, const Packet* about,
                                         const ComplaintRow& row) {
  const PacketMeta& meta = dpdk::meta(about);
  const bool v6 = is_ipv6(meta);
  std::optional<net::IpAddress> first;
  for (unsigned i = 0; (meta.flags & dpdk::kDecapsulated) != 0 && i < ctx.fib->interface_count();
       ++i) {
    const auto& interface = ctx.fib->interface(dpdk::InterfaceIndex{static_cast<std::uint16_t>(i)});
    if (interface.side != fib::Side::kInside) continue;
    for (std::size_t place = 0; place < interface.addresses.size(); ++place) {
      if (!may_complain_from(interface, place, v6)) continue;
      const net::IpAddress& own = interface.addresses[place].address;
      if (is_protected(ctx, own, about, row)) return own;
      if (!first) first = own;
    }
  }
  if (first || meta.ingress == dpdk::kNoInterface) return first;
  return address_of(ctx.fib->interface(meta.ingress), v6);
}

std::uint32_t rest6_of(const Packet* about, Complaint complaint, unsigned mtu) {
  if (complaint == Complaint::kTooBig) return std::max(mtu, net::kIpv6MinMtu);  // RFC 8200 §5
  net::Ipv6Chain chain;
  // RFC 4443 §3.4: the field that is not understood.
  if (complaint == Complaint::kNoProtocol && !net::follow_chain(dpdk::bytes(about), chain))
    return chain.named_at;
  return 0;
}

std::size_t write_error(WorkerContext& ctx, base::MutableBytes out, const Packet* about,
                        const ComplaintRow& row, unsigned mtu, const net::IpAddress& from) {
  const base::Bytes original = dpdk::bytes(about);
  if (is_ipv6(dpdk::meta(about)))
    return net::write_icmp6_error(out,
                                  {.type = row.type6,
                                   .code = row.code6,
                                   .rest = rest6_of(about, row.complaint, mtu),
                                   .source = from.octets()},
                                  original);
  return net::write_icmp_error(out,
                               {.type = row.type,
                                .code = row.code,
                                .rest = mtu,
                                .source = from.v4_value(),
                                .identification = ctx.next_identification++},
                               original);
}

/// From request to reply, checksum and all: only the type changes (RFC 1624 §3).
void turn_round(net::IcmpHeader& icmp, std::uint8_t reply) {
  const auto before = static_cast<std::uint16_t>(icmp.type << 8 | icmp.code);
  const auto after = static_cast<std::uint16_t>(reply << 8 | icmp.code);
  icmp.type = reply;
  icmp.checksum.set(net::updated_checksum(icmp.checksum.get(), before, after));
}

void turn_round_ipv4(WorkerContext& ctx, Packet* packet) {
  auto& ip = *reinterpret_cast<net::Ipv4Header*>(dpdk::data(packet));
  std::swap(ip.source, ip.destination);
  ip.ttl = 64;
  ip.fragment.set(0);
  ip.identification.set(ctx.next_identification++);
  net::set_checksum(ip);
}

/// The reply has no extension headers: they were the request's.
void turn_round_ipv6(Packet* packet, unsigned header) {
  net::Ipv6Header ip = ipv6_of(packet);
  std::swap(ip.source, ip.destination);
  ip.hop_limit = net::kIpv6HopLimit;
  ip.next_header = net::kProtocolIcmpv6;
  dpdk::trim_front(packet, header - unsigned{sizeof(ip)});
  ip.payload_length.set(static_cast<std::uint16_t>(packet->data_len - sizeof(ip)));
  std::memcpy(dpdk::data(packet), &ip, sizeof(ip));
}

}  // namespace

void send_error(WorkerContext& ctx, const Packet* about, Complaint complaint, unsigned mtu) {
  const PacketMeta& meta = dpdk::meta(about);
  // A sealed packet is one of ours too: its source would be told of what it cannot read.
  if ((meta.flags & (dpdk::kMadeHere | dpdk::kSealed)) != 0 || ctx.made.full()) return;
  if (!(is_ipv6(meta) ? net::may_answer_with_error6(dpdk::bytes(about))
                      : net::may_answer_with_error(dpdk::bytes(about))))
    return;
  if (!ctx.icmp_errors.take(ctx.now)) return;
  const ComplaintRow& row = row_of(complaint);
  const auto from = source_for(ctx, about, row);
  if (!from) return;
  Packet* packet = ctx.make_packet();
  if (packet == nullptr) return;
  const std::size_t length =
      write_error(ctx, {dpdk::data(packet), dpdk::tailroom(packet)}, about, row, mtu, *from);
  dpdk::resize(packet, static_cast<unsigned>(length));
  ctx.made.push(packet);
}

void answer_echo(WorkerContext& ctx, Packet* packet) {
  PacketMeta& meta = dpdk::meta(packet);
  const bool v6 = is_ipv6(meta);
  const base::MutableBytes message = dpdk::bytes(packet).subspan(meta.header_length);
  const std::uint16_t sum = v6 ? net::upper_checksum(ipv6_of(packet), net::kProtocolIcmpv6, message)
                               : net::internet_checksum(message);
  if (message.size() < sizeof(net::IcmpHeader) || sum != 0)
    return ctx.drop(packet, net::DropReason::kBadIcmp);
  auto& icmp = *reinterpret_cast<net::IcmpHeader*>(message.data());
  if (icmp.type != (v6 ? net::kIcmp6EchoRequest : net::kIcmpEchoRequest))
    return ctx.drop(packet, net::DropReason::kNotLocalService);
  if (ctx.made.full() || !ctx.echo_replies.take(ctx.now))
    return ctx.drop(packet, net::DropReason::kIcmpRate);

  turn_round(icmp, v6 ? net::kIcmp6EchoReply : net::kIcmpEchoReply);
  if (v6)
    turn_round_ipv6(packet, meta.header_length);
  else
    turn_round_ipv4(ctx, packet);
  meta.flags = dpdk::kMadeHere;
  meta.ingress = dpdk::kNoInterface;
  meta.nesting = 0;
  ctx.made.push(packet);
}

}  // namespace penstock::dataplane
