// SPDX-License-Identifier: BSD-3-Clause
// Neighbour discovery (RFC 4861 §7.2) beside parse. The table is the control core's.
// Ways out: an advertisement in the packet's place; consumed; bad_nd, punt_neighbour_full.
#include "dataplane/neighbour_discovery.h"

#include "dataplane/addresses.h"
#include "dataplane/tx.h"
#include "lib/net/icmp6.h"
#include "lib/net/mld.h"

namespace penstock::dataplane {

namespace {

using dpdk::Packet;
using net::DropReason;

bool is_known(const WorkerContext& ctx, const fib::Interface& interface,
              const net::IpAddress& address) {
  const fib::NextHop& hop = ctx.fib->next_hop(ctx.fib->lookup(address));
  return hop.kind == fib::NextHopKind::kNeighbour && hop.address == address &&
         hop.interface == interface.index;
}

/// RFC 4862 §5.4.3, §5.4.4: whoever advertises an address of ours has it, and so may have who
/// probes for one that is tentative. What we said ourselves and a link brought back is no claim.
bool claims_ours(const fib::Interface& interface, const net::NdView& nd,
                 const net::MacAddress& from) {
  const auto state = interface.state_of(nd.target);
  if (!state || *state == fib::AddressState::kDuplicate || from == interface.mac) return false;
  return !nd.solicitation ||
         (net::is_unspecified_v6(nd.source) && *state == fib::AddressState::kTentative);
}

bool is_assigned(const fib::Interface& interface, const net::Ipv6Octets& address) {
  return interface.state_of(address) == fib::AddressState::kAssigned;
}

/// @return false if the control core could not be told
bool tell(WorkerContext& ctx, const fib::Interface& interface, const net::NdView& nd,
          const net::MacAddress& from) {
  if (claims_ours(interface, nd, from))
    return ctx.channel->send(channel::NeighbourEvent{.interface = interface.index,
                                                     .kind = channel::NeighbourEventKind::kClaimed,
                                                     .mac = nd.mac.value_or(from),
                                                     .address = net::IpAddress::v6(nd.target)},
                             ctx.now);
  // A solicitation tells of its source, an advertisement of its target.
  const net::Ipv6Octets& who = nd.solicitation ? nd.source : nd.target;
  const net::IpAddress address = net::IpAddress::v6(who);
  // Nobody speaks for our addresses; a probe (RFC 4862 §5.4.2) tells nothing.
  if (net::is_unspecified_v6(who) || is_own(interface, who)) return true;
  const bool asked = nd.solicitation ? is_assigned(interface, nd.target) : nd.solicited;
  // RFC 4861 §7.2.5: an advertisement that nobody asked for makes no entry. Which link-local
  // gateways there are (§7.2.6) the control core knows: they have no route of their own.
  const bool gateway = !nd.solicitation && address.is_link_local();
  if (!asked && !gateway && !is_known(ctx, interface, address)) return true;
  if (nd.solicitation && !nd.mac) return true;
  const channel::NeighbourEvent heard{.interface = interface.index,
                                      .kind = channel::NeighbourEventKind::kHeard,
                                      .reply = !nd.solicitation,
                                      .solicited = !nd.solicitation && nd.solicited,
                                      .overrides = nd.solicitation || nd.overrides,
                                      .mac = nd.mac.value_or(from),
                                      .address = address};
  return ctx.channel->send(heard, ctx.now);
}

/// The advertisement takes the solicitation's packet.
void advertise(WorkerContext& ctx, Packet* packet, const fib::Interface& interface,
               const net::NdView& nd, const net::MacAddress& from) {
  const net::NdFrame frame =
      net::neighbour_advertisement(interface.mac, nd.target, nd.source, nd.mac.value_or(from));
  dpdk::prepend(packet, sizeof(net::EthernetHeader));
  if (sizeof(frame) > packet->data_len + dpdk::tailroom(packet))
    return ctx.drop(packet, DropReason::kNoHeadroom);
  dpdk::resize(packet, sizeof(frame));
  std::memcpy(dpdk::data(packet), &frame, sizeof(frame));
  send_frame(ctx, packet, interface);
}

}  // namespace

bool is_own(const fib::Interface& interface, const net::Ipv6Octets& address) {
  const auto state = interface.state_of(address);
  return state && *state != fib::AddressState::kDuplicate;
}

void take_neighbour_discovery(WorkerContext& ctx, Packet* packet, const fib::Interface& interface,
                              const net::MacAddress& from) {
  const auto type = static_cast<std::uint8_t>(dpdk::meta(packet).destination_port >> 8);
  if (type != net::kIcmp6NeighbourSolicitation && type != net::kIcmp6NeighbourAdvertisement)
    return ctx.consume(packet, channel::Consumed::kNd);
  const auto nd = net::read_nd(dpdk::bytes(packet), dpdk::meta(packet).header_length);
  if (!nd || net::is_group(from)) return ctx.drop(packet, DropReason::kBadNd);
  const bool told = tell(ctx, interface, *nd, from);
  if (!told && !nd->solicitation) return ctx.drop(packet, DropReason::kPuntNeighbourFull);
  // RFC 4862 §5.4.3: solicitations for a tentative address are ignored.
  if (nd->solicitation && is_assigned(interface, nd->target))
    return advertise(ctx, packet, interface, *nd, from);
  ctx.consume(packet, channel::Consumed::kNd);
}

void take_mld_query(WorkerContext& ctx, Packet* packet, const fib::Interface& interface) {
  const auto query = net::read_mld_query(dpdk::bytes(packet), dpdk::meta(packet).header_length);
  if (!query) return ctx.drop(packet, DropReason::kMulticast);
  // Asked faster than we tell the control core, one answer serves all.
  ctx.channel->send(
      channel::NeighbourEvent{
          .interface = interface.index,
          .kind = channel::NeighbourEventKind::kMldQuery,
          .version1 = query->version1,
          .address = net::IpAddress::v6(query->group),
          .delay_ms = static_cast<std::uint32_t>(
              std::chrono::duration_cast<base::milliseconds>(query->longest_delay).count())},
      ctx.now);
  ctx.consume(packet, channel::Consumed::kMld);
}

}  // namespace penstock::dataplane
