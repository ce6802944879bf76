// SPDX-License-Identifier: BSD-3-Clause
// ARP (RFC 826, its packet reception algorithm) beside parse. The table is the control core's: it
// hears of senders that asked for us, answered us, or are in the table already.
#include "dataplane/arp.h"

#include <algorithm>

#include "dataplane/tx.h"
#include "lib/net/arp.h"

namespace penstock::dataplane {

namespace {

using net::ArpPacket;

struct ArpFrame {
  net::EthernetHeader ethernet;
  ArpPacket arp;
};
static_assert(sizeof(ArpFrame) == 42);

bool is_ours(const fib::Interface& interface, std::uint32_t address) {
  return std::any_of(interface.addresses.begin(), interface.addresses.end(), [&](const auto& own) {
    return own.address.is_v4() && own.address.v4_value() == address;
  });
}

bool is_known(const WorkerContext& ctx, const fib::Interface& interface, std::uint32_t address) {
  const fib::NextHop& hop = ctx.fib->next_hop(ctx.fib->lookup(address));
  return hop.kind == fib::NextHopKind::kNeighbour && hop.address == net::IpAddress::v4(address) &&
         hop.interface == interface.index;
}

bool is_well_formed(const ArpPacket& arp) {
  const std::uint16_t operation = arp.operation.get();
  return net::is_ethernet_ipv4(arp) && !net::is_group(arp.sender_mac) &&
         (operation == net::kArpRequest || operation == net::kArpReply);
}

/// The request's own packet is turned round (RFC 826).
void reply(WorkerContext& ctx, dpdk::Packet* packet, ArpFrame& frame,
           const fib::Interface& interface) {
  const base::Be32 asked = frame.arp.target_ip;
  frame.arp.operation.set(net::kArpReply);
  frame.arp.target_mac = frame.arp.sender_mac;
  frame.arp.target_ip = frame.arp.sender_ip;
  frame.arp.sender_mac = interface.mac;
  frame.arp.sender_ip = asked;
  frame.ethernet.destination = frame.arp.target_mac;
  frame.ethernet.source = interface.mac;
  dpdk::resize(packet, sizeof(ArpFrame));
  send_frame(ctx, packet, interface);
}

}  // namespace

void take_arp(WorkerContext& ctx, dpdk::Packet* packet, const fib::Interface& interface) {
  if (packet->data_len < sizeof(ArpFrame)) return ctx.drop(packet, net::DropReason::kBadArp);
  auto& frame = *reinterpret_cast<ArpFrame*>(dpdk::data(packet));
  if (!is_well_formed(frame.arp)) return ctx.drop(packet, net::DropReason::kBadArp);

  const std::uint32_t sender = frame.arp.sender_ip.get();
  const std::uint32_t target = frame.arp.target_ip.get();
  const bool is_reply = frame.arp.operation.get() == net::kArpReply;
  const bool for_us = is_ours(interface, target);
  // RFC 5227 §2.1.1: a probe has sender 0 and teaches nothing; nobody speaks for our addresses.
  const bool teaches =
      sender != 0 && !is_ours(interface, sender) && (for_us || is_known(ctx, interface, sender));
  if (teaches) {
    const channel::NeighbourEvent heard{.interface = interface.index,
                                        .kind = channel::NeighbourEventKind::kHeard,
                                        .reply = is_reply,
                                        .solicited = is_reply && for_us,
                                        .mac = frame.arp.sender_mac,
                                        .address = net::IpAddress::v4(sender)};
    if (!ctx.channel->send(heard, ctx.now) && is_reply)
      return ctx.drop(packet, net::DropReason::kPuntNeighbourFull);
  }
  if (for_us && !is_reply) return reply(ctx, packet, frame, interface);
  ctx.consume(packet, channel::Consumed::kArp);
}

}  // namespace penstock::dataplane
