// SPDX-License-Identifier: BSD-3-Clause
// From a packet's meta to the key that policy compares (RFC 4301 §4.4.1.1).
#pragma once

#include "lib/dpdk/packet.h"
#include "lib/ipsec/spd_key.h"

namespace penstock::dataplane {

[[nodiscard]] inline ipsec::SpdKey spd_key(const dpdk::PacketMeta& meta) {
  const bool type = ipsec::port_is_type(meta.protocol);
  ipsec::SpdKey key;
  key.source.value = meta.source;
  key.destination.value = meta.destination;
  key.source_port = type ? meta.destination_port : meta.source_port;
  key.destination_port = type ? std::uint16_t{0} : meta.destination_port;
  key.protocol = meta.protocol;
  key.has_ports = (meta.flags & dpdk::kHasPorts) != 0;
  key.vrf = net::Vrf{meta.vrf};
  return key;
}

}  // namespace penstock::dataplane
