// SPDX-License-Identifier: BSD-3-Clause
// The way out of the control core: IKE datagrams and ARP requests, into the inject rings.
#include "control/bridge/transmitter.h"

#include <array>

#include "lib/net/arp.h"
#include "lib/net/udp.h"

namespace penstock::bridge {
namespace {

constexpr std::array<std::byte, net::kNonEspMarkerLength> kNonEspMarker{};
constexpr std::size_t kMinFrame = 60;  // IEEE 802.3, without FCS

}  // namespace

channel::InjectRing& Transmitter::ring_for(const net::IpAddress& remote) const {
  return channels_[std::hash<net::IpAddress>{}(remote) % channels_.size()]->inject;
}

base::Result<void> Transmitter::send(const ike::Datagram& datagram) {
  base::Bytes prefix;
  if (datagram.local.port == net::Port{net::kIkeNatPort}) prefix = kNonEspMarker;
  return ring_for(datagram.remote.address)
      .put_udp(datagram.local, datagram.remote, prefix, datagram.data, pool_);
}

base::Result<void> Transmitter::send_arp_request(dpdk::InterfaceIndex interface,
                                                 const net::MacAddress& to,
                                                 const net::MacAddress& sender_mac,
                                                 const net::IpAddress& sender,
                                                 const net::IpAddress& target) {
  struct Frame {
    net::EthernetHeader ethernet;
    net::ArpPacket arp;
    std::array<std::uint8_t, kMinFrame - sizeof(net::EthernetHeader) - sizeof(net::ArpPacket)> pad;
  };
  static_assert(sizeof(Frame) == kMinFrame);
  const Frame frame{{to, sender_mac, net::kEtherTypeArp},
                    {net::kArpHardwareEthernet, net::kEtherTypeIpv4, 6, 4, net::kArpRequest,
                     sender_mac, sender.v4_value(), net::MacAddress{}, target.v4_value()},
                    {}};
  return channels_.front()->inject.put_frame(interface, base::bytes_of(frame), pool_);
}

}  // namespace penstock::bridge
