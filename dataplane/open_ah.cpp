// SPDX-License-Identifier: BSD-3-Clause
// open AH: the whole packet is covered, with what routers may change as zeros (RFC 4302 §3.4.4).
// Lies in open ESP. Way out: onward with its job.
#include "dataplane/open_ah.h"

#include <cstring>

#include "dataplane/ah_fields.h"
#include "lib/net/ah.h"

namespace penstock::dataplane {

void open_ah(dpdk::Packet* packet, const burst_crypto::Session& session, burst_crypto::Job& job) {
  const dpdk::PacketMeta& meta = dpdk::meta(packet);
  const unsigned icv = meta.header_length + unsigned{sizeof(net::AhHeader)};
  std::uint8_t* ip = base::u8(dpdk::data(packet));
  job.session = &session;
  job.esp = ip;
  job.packet = packet;
  job.cipher_octets = meta.total_length;
  job.icv_offset = static_cast<std::uint16_t>(icv);
  job.status = burst_crypto::JobStatus::kPending;
  const base::Be32 high{static_cast<std::uint32_t>(meta.sequence >> 32)};
  std::memcpy(job.sequence_high, &high, sizeof(high));
  // RFC 4543 §4: of AES-GMAC the field begins with the IV.
  std::memcpy(job.nonce, session.salt, sizeof(session.salt));
  std::memcpy(job.nonce + 4, ip + icv, 8);
  hide_fields(packet, meta.header_length);
}

}  // namespace penstock::dataplane
