// SPDX-License-Identifier: BSD-3-Clause
// Injecting: octets of the control core become a packet in a worker's ring.
#include "lib/channel/inject.h"

#include <fmt/format.h>

#include <cstring>

#include "lib/net/udp.h"

namespace penstock::channel {

using base::ErrorCode;
using base::fail;
using base::Result;
using dpdk::Packet;

namespace {

/// RFC 2474: class selector 6, internetwork control, as for routing protocols.
constexpr std::uint8_t kDscpCs6 = 48U << 2;
constexpr std::uint8_t kTtl = 64;

struct FreePacket {
  void operator()(Packet* packet) const { rte_pktmbuf_free(packet); }
};
using OwnedPacket = std::unique_ptr<Packet, FreePacket>;

/// An empty packet with cleared meta and room for `length` octets behind its front.
Result<OwnedPacket> new_packet(const dpdk::PacketPool& pool, std::size_t length) {
  OwnedPacket packet(rte_pktmbuf_alloc(pool.get()));
  if (!packet) return fail(ErrorCode::kLimit, "the packet pool is empty");
  if (length > dpdk::tailroom(packet.get()))
    return fail(ErrorCode::kLimit, fmt::format("{} octets do not fit a packet of {}", length,
                                               dpdk::tailroom(packet.get())));
  auto& meta = dpdk::meta(packet.get());
  meta = dpdk::PacketMeta{};
  meta.flags = dpdk::kMadeHere;
  meta.ingress = dpdk::kNoInterface;
  meta.egress = dpdk::kNoInterface;
  return packet;
}

}  // namespace

Result<InjectRing> InjectRing::create(unsigned worker, int socket) {
  PS_ASSIGN(auto ring, dpdk::SpscRing<Packet*>::create(fmt::format("inject_{}", worker),
                                                       kInjectCapacity, socket));
  return InjectRing(std::move(ring));
}

Result<void> InjectRing::put(Packet* packet) {
  if (ring_.put(packet)) return {};
  rte_pktmbuf_free(packet);
  return fail(ErrorCode::kLimit, "the worker's inject ring is full");
}

Result<void> InjectRing::put_ip(base::Bytes octets, const dpdk::PacketPool& pool) {
  PS_ASSIGN(auto packet, new_packet(pool, octets.size()));
  std::memcpy(dpdk::data(packet.get()), octets.data(), octets.size());
  dpdk::resize(packet.get(), static_cast<unsigned>(octets.size()));
  dpdk::meta(packet.get()).flags |= dpdk::kOwnIke;
  return put(packet.release());
}

Result<void> InjectRing::put_udp(const net::Endpoint& local, const net::Endpoint& remote,
                                 base::Bytes prefix, base::Bytes payload,
                                 const dpdk::PacketPool& pool) {
  if (local.address.family() != remote.address.family())
    return fail(ErrorCode::kMalformed, "a datagram from one IP version to the other");
  PS_ASSIGN(auto packet, new_packet(pool, 0));
  const base::MutableBytes out{dpdk::data(packet.get()), dpdk::tailroom(packet.get())};
  const auto written =
      local.address.is_v4()
          ? net::write_udp_packet(out,
                                  net::UdpPacketV4{.source = local.address.v4_value(),
                                                   .destination = remote.address.v4_value(),
                                                   .source_port = local.port.value(),
                                                   .destination_port = remote.port.value(),
                                                   .identification = next_identification_++,
                                                   .tos = kDscpCs6,
                                                   .ttl = kTtl},
                                  prefix, payload)
          : net::write_udp_packet(out,
                                  net::UdpPacketV6{.source = local.address.octets(),
                                                   .destination = remote.address.octets(),
                                                   .source_port = local.port.value(),
                                                   .destination_port = remote.port.value(),
                                                   .traffic_class = kDscpCs6,
                                                   .hop_limit = kTtl},
                                  prefix, payload);
  if (!written) return tl::unexpected(written.error());
  dpdk::resize(packet.get(), static_cast<unsigned>(*written));
  dpdk::meta(packet.get()).flags |= dpdk::kOwnIke;
  return put(packet.release());
}

Result<void> InjectRing::put_frame(dpdk::InterfaceIndex egress, base::Bytes frame,
                                   const dpdk::PacketPool& pool) {
  PS_ASSIGN(auto packet, new_packet(pool, frame.size()));
  std::memcpy(dpdk::data(packet.get()), frame.data(), frame.size());
  dpdk::resize(packet.get(), static_cast<unsigned>(frame.size()));
  dpdk::meta(packet.get()).egress = egress;
  return put(packet.release());
}

Result<void> InjectRing::put_dummy(std::uint32_t child_slot, std::uint16_t draw,
                                   const dpdk::PacketPool& pool) {
  if (ring_.size() >= kInjectCapacity / 2)
    return fail(ErrorCode::kLimit, "the other half of the inject ring is for IKE");
  PS_ASSIGN(auto packet, new_packet(pool, 0));
  dpdk::PacketMeta& meta = dpdk::meta(packet.get());
  meta.flags |= dpdk::kDummy;
  meta.child_slot = child_slot;
  meta.total_length = draw;
  return put(packet.release());
}

}  // namespace penstock::channel
