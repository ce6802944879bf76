// SPDX-License-Identifier: BSD-3-Clause
// VLAN tags, in software: the two addresses of a frame move by four octets.
#include "dataplane/vlan.h"

#include <cstring>

#include "lib/net/ethernet.h"

namespace penstock::dataplane {

using dpdk::Packet;
using net::DropReason;
using net::EthernetHeader;
using net::VlanTag;

namespace {

constexpr unsigned kAddresses = offsetof(EthernetHeader, ether_type);

bool refuse(WorkerContext& ctx, Packet* frame, DropReason reason) {
  ctx.drop(frame, reason);
  return false;
}

}  // namespace

bool take_tag_off(WorkerContext& ctx, Packet* frame, const fib::Interface& port) {
  if (frame->data_len < sizeof(EthernetHeader) + sizeof(VlanTag))
    return refuse(ctx, frame, DropReason::kTruncated);
  std::byte* front = dpdk::data(frame);
  const auto& tag = *reinterpret_cast<const VlanTag*>(front + kAddresses);
  const auto& behind = *reinterpret_cast<const base::Be16*>(front + kAddresses + sizeof(VlanTag));
  // A VLAN has no VLANs, so a second tag is of none.
  if (behind.get() == net::kEtherTypeVlan) return refuse(ctx, frame, DropReason::kUnknownVlan);
  const auto id = static_cast<std::uint16_t>(tag.control.get() & net::kVlanMask);
  if (id != 0) {
    const dpdk::InterfaceIndex index = ctx.fib->vlan(port.index, id);
    if (index == dpdk::kNoInterface) return refuse(ctx, frame, DropReason::kUnknownVlan);
    const fib::Interface& vlan = ctx.fib->interface(index);
    dpdk::PacketMeta& meta = dpdk::meta(frame);
    meta.ingress = index;
    meta.vrf = vlan.vrf.value();
    meta.flags = vlan.side == fib::Side::kOutside ? dpdk::kFromOutside : 0U;
  }
  std::memmove(front + sizeof(VlanTag), front, kAddresses);
  dpdk::trim_front(frame, sizeof(VlanTag));
  return true;
}

bool put_tag_on(Packet* frame, std::uint16_t vlan) {
  if (dpdk::headroom(frame) < sizeof(VlanTag)) return false;
  dpdk::prepend(frame, sizeof(VlanTag));
  std::byte* front = dpdk::data(frame);
  std::memmove(front, front + sizeof(VlanTag), kAddresses);
  auto& tag = *reinterpret_cast<VlanTag*>(front + kAddresses);
  tag.ether_type.set(net::kEtherTypeVlan);
  tag.control.set(vlan);
  return true;
}

}  // namespace penstock::dataplane
