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
using dpdk::Packet;
using dpdk::PacketMeta;

namespace {

/// Jobs of packets of one SA that follow one another.
class Opening {
 public:
  explicit Opening(const burst_crypto::Session& session)
      : session_(&session),
        fixed_(unsigned{sizeof(net::EspHeader)} + session.iv_octets + session.icv_octets),
        esn_(session.esn()) {
    std::memcpy(&salt_, session.salt, sizeof(salt_));
  }

  [[gnu::always_inline]] void fill(Job& job, Packet* packet) const {
    const PacketMeta& meta = dpdk::meta(packet);
    std::uint8_t* const esp = base::u8(dpdk::data(packet) + meta.payload_offset);
    std::uint64_t spi_and_number;
    std::uint64_t iv;
    std::memcpy(&spi_and_number, esp, sizeof(spi_and_number));
    std::memcpy(&iv, esp + sizeof(net::EspHeader), sizeof(iv));
    const base::Be32 high{static_cast<std::uint32_t>(meta.sequence >> 32)};
    const unsigned octets = static_cast<unsigned>(meta.total_length) - meta.payload_offset - fixed_;
    job.session = session_;
    job.esp = esp;
    job.packet = packet;
    job.cipher_octets = octets;
    job.status = JobStatus::kPending;
    std::memcpy(job.sequence_high, &high, sizeof(high));
    // RFC 4106 §4: salt and IV; §5: the AAD is SPI and sequence number, 8 or 12 octets.
    std::memcpy(job.nonce, &salt_, sizeof(salt_));
    std::memcpy(job.nonce + sizeof(salt_), &iv, sizeof(iv));
    std::memcpy(job.aad, &spi_and_number, sizeof(spi_and_number));
    if (!esn_) return;
    std::memcpy(job.aad + 4, &high, sizeof(high));
    std::memcpy(job.aad + 8, reinterpret_cast<const std::byte*>(&spi_and_number) + 4, 4);
  }

 private:
  const burst_crypto::Session* session_;
  unsigned fixed_;
  std::uint32_t salt_;
  bool esn_;
};

}  // namespace

void open_esp(WorkerContext& ctx, Burst& burst) {
  if (burst.empty()) return;
  IpsecState& state = *ctx.ipsec;
  Packet* const* const packets = burst.begin();
  const unsigned size = burst.size();
  for (unsigned i = 0; i < size;) {
    const ipsec::InboundSa* const sa = state.inbound[i];
    const bool ah = sa->session.ah;
    const Opening opening(sa->session);
    for (; i < size && state.inbound[i] == sa; ++i) {
      if (ah) [[unlikely]]
        open_ah(packets[i], sa->session, state.jobs[i]);
      else
        opening.fill(state.jobs[i], packets[i]);
    }
  }
}

}  // namespace penstock::dataplane
