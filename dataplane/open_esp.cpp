// SPDX-License-Identifier: BSD-3-Clause
// open ESP: from packet and SA to the job that the engine runs (RFC 4303 §3.4.4). Nothing of the
// packet changes. Way out: onward with its job.
#include <cstring>

#include "dataplane/ipsec_state.h"
#include "dataplane/open_ah.h"
#include "dataplane/stages.h"
#include "lib/net/esp.h"

namespace penstock::dataplane {

using burst_crypto::Job;
using burst_crypto::JobStatus;
using dpdk::PacketMeta;

void open_esp(WorkerContext& ctx, Burst& burst) {
  if (burst.empty()) return;
  IpsecState& state = *ctx.ipsec;
  for (unsigned i = 0; i < burst.size(); ++i) {
    const PacketMeta& meta = dpdk::meta(burst[i]);
    const burst_crypto::Session& session = state.inbound[i]->session;
    if (session.ah) [[unlikely]] {
      open_ah(burst[i], session, state.jobs[i]);
      continue;
    }
    std::uint8_t* esp = base::u8(dpdk::data(burst[i]) + meta.payload_offset);
    Job& job = state.jobs[i];
    job.session = &session;
    job.esp = esp;
    job.packet = burst[i];
    job.cipher_octets = meta.total_length - meta.payload_offset -
                        std::uint32_t{sizeof(net::EspHeader)} - session.iv_octets -
                        session.icv_octets;
    job.status = JobStatus::kPending;
    const base::Be32 high{static_cast<std::uint32_t>(meta.sequence >> 32)};
    std::memcpy(job.sequence_high, &high, sizeof(high));
    // RFC 4106 §4: salt and IV; §5: the AAD is SPI and sequence number, 8 or 12 octets.
    std::memcpy(job.nonce, session.salt, sizeof(session.salt));
    std::memcpy(job.nonce + 4, esp + sizeof(net::EspHeader), 8);
    if (session.esn()) {
      std::memcpy(job.aad, esp, 4);
      std::memcpy(job.aad + 4, &high, 4);
      std::memcpy(job.aad + 8, esp + 4, 4);
    } else {
      std::memcpy(job.aad, esp, sizeof(net::EspHeader));
    }
  }
}

}  // namespace penstock::dataplane
