// SPDX-License-Identifier: BSD-3-Clause
// The way out of the control core: IKE datagrams, ARP requests and neighbour solicitations, into
// the inject rings.
#include "control/bridge/transmitter.h"

#include <array>

#include "lib/net/arp.h"
#include "lib/net/icmp6.h"
#include "lib/net/udp.h"

namespace penstock::bridge {
namespace {

constexpr std::array<std::byte, net::kNonEspMarkerLength> kNonEspMarker{};
constexpr std::size_t kMinFrame = 60;  // IEEE 802.3, without FCS

struct ArpFrame {
  net::EthernetHeader ethernet;
  net::ArpPacket arp;
  std::array<std::uint8_t, kMinFrame - sizeof(net::EthernetHeader) - sizeof(net::ArpPacket)> pad;
};
static_assert(sizeof(ArpFrame) == kMinFrame);

ArpFrame arp_request(const AskNeighbour& question) {
  return {
      {question.to, question.sender_mac, net::kEtherTypeArp},
      {net::kArpHardwareEthernet, net::kEtherTypeIpv4, 6, 4, net::kArpRequest, question.sender_mac,
       question.sender.v4_value(), net::MacAddress{}, question.target.v4_value()},
      {}};
}

}  // namespace

channel::InjectRing& Transmitter::ring_for(const net::IpAddress& remote) const {
  return channels_[std::hash<net::IpAddress>{}(remote) % channels_.size()]->inject;
}

base::Result<void> Transmitter::send(const ike::Datagram& datagram) {
  if (!unusable_.empty() && unusable_.contains(datagram.local.address))
    return base::fail(base::ErrorCode::kRefused,
                      datagram.local.address.to_string() + " is a duplicate address");
  base::Bytes prefix;
  // RFC 3948 §2.2, §2.3: a keepalive is one octet and has no marker; no IKE message is as short.
  const bool keepalive = datagram.data.size() == 1 && datagram.data.front() == net::kNatKeepalive;
  if (datagram.local.port == net::Port{net::kIkeNatPort} && !keepalive) prefix = kNonEspMarker;
  return ring_for(datagram.remote.address)
      .put_udp(datagram.local, datagram.remote, prefix, datagram.data, pool_);
}

void Transmitter::set_usable(const net::IpAddress& local, bool usable) {
  if (usable)
    unusable_.erase(local);
  else
    unusable_.insert(local);
}

base::Result<void> Transmitter::probe(const ProbeAddress& question) {
  const auto frame = net::neighbour_probe(question.mac, question.target.octets());
  return channels_.front()->inject.put_frame(question.interface, base::bytes_of(frame), pool_);
}

base::Result<void> Transmitter::report(const ReportGroups& report) {
  channel::InjectRing& ring = channels_.front()->inject;
  if (!report.version1)
    return ring.put_frame(report.interface,
                          net::mld_report(report.mac, report.source, report.record, report.groups),
                          pool_);
  for (const net::Ipv6Octets& group : report.groups)
    PS_TRY(ring.put_frame(report.interface, net::mld_report1(report.mac, report.source, group),
                          pool_));
  return {};
}

base::Result<void> Transmitter::ask(const AskNeighbour& question) {
  channel::InjectRing& ring = channels_.front()->inject;
  if (question.target.is_v4())
    return ring.put_frame(question.interface, base::bytes_of(arp_request(question)), pool_);
  const net::Ipv6Octets& target = question.target.octets();
  if (question.sender == question.target)
    return ring.put_frame(
        question.interface,
        base::bytes_of(net::neighbour_advertisement(question.sender_mac, target, {}, {})), pool_);
  std::optional<net::MacAddress> to;
  if (question.to != net::kBroadcastMac) to = question.to;
  return ring.put_frame(question.interface,
                        base::bytes_of(net::neighbour_solicitation(
                            question.sender_mac, question.sender.octets(), target, to)),
                        pool_);
}

base::Result<void> Transmitter::send_dummy(policy::ChildSlot slot, std::uint16_t draw) {
  channel::InjectRing& ring = channels_[slot.value() % channels_.size()]->inject;
  return ring.put_dummy(slot.value(), draw, pool_);
}

}  // namespace penstock::bridge
