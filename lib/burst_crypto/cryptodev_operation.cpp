// SPDX-License-Identifier: BSD-3-Clause
// What a device is given of a packet: offsets in the mbuf, IV and AAD behind the operation, and
// where an ICV lies meanwhile. Octets that are covered and not sent are overlaid in the packet and
// taken away again (README, "Octets that are not in the packet").
#include "lib/burst_crypto/cryptodev_operation.h"

#include <cstring>

#include "lib/base/check.h"
#include "lib/dpdk/packet.h"

namespace penstock::burst_crypto {
namespace {

constexpr std::size_t kHighOctets = sizeof(Job::sequence_high);

std::uint32_t offset_of(const rte_mbuf* packet, const std::uint8_t* octet) {
  return static_cast<std::uint32_t>(octet - rte_pktmbuf_mtod(packet, const std::uint8_t*));
}

template <class Digest>
void place_digest(rte_crypto_op& op, Slot& slot, bool apart, Digest& digest) {
  slot.digest_apart = apart;
  if (apart) {
    digest.data = slot.digest;
    digest.phys_addr = rte_crypto_op_ctophys_offset(&op, kDigestOffset);
    return;
  }
  rte_mbuf* packet = sym_of(op).m_src;
  digest.data = icv_of(slot.job);
  digest.phys_addr = rte_pktmbuf_iova_offset(packet, offset_of(packet, digest.data));
}

/// Writes over octets of the packet that conclude() puts back.
void overlay(Slot& slot, std::uint8_t* at, const std::uint8_t* octets, std::size_t count) {
  PS_CHECK(slot.overlaid == nullptr && count <= sizeof(slot.kept));
  slot.overlaid = at;
  slot.kept_octets = static_cast<std::uint8_t>(count);
  std::memcpy(slot.kept, at, count);
  std::memcpy(at, octets, count);
}

void prepare_aead(rte_crypto_op& op, Slot& slot) {
  const Job& job = slot.job;
  const Session& session = *job.session;
  auto& aead = sym_of(op).aead;
  aead.data.offset = offset_of(sym_of(op).m_src, text_of(job));
  aead.data.length = job.cipher_octets;
  place_digest(op, slot, false, aead.digest);
  aead.aad.data = slot.aad;
  aead.aad.phys_addr = rte_crypto_op_ctophys_offset(&op, kAadOffset);
  if (session.kind == SessionKind::kCcm) {
    // rte_crypto_sym.h: the first octet of the IV is the device's, and 18 in front of the AAD.
    std::memcpy(slot.iv + 1, job.nonce + sizeof(job.nonce) - kCcmNonceOctets, kCcmNonceOctets);
    std::memset(slot.aad, 0, sizeof(slot.aad));
    std::memcpy(slot.aad + kCcmAadOffset, job.aad, session.aad_octets);
    return;
  }
  std::memcpy(slot.iv, job.nonce, sizeof(job.nonce));
  std::memcpy(slot.aad, job.aad, sizeof(job.aad));
}

/// Of AH: the ICV field is zero where it is covered (RFC 4302 §3.3.3.1.2.1); the ICV is apart.
void clear_icv_field(rte_crypto_op& op, Slot& slot) {
  const Job& job = slot.job;
  const Session& session = *job.session;
  if (session.direction == CipherDirection::kOpen)
    std::memcpy(slot.digest, icv_of(job), session.icv_octets);
  std::memset(job.esp + job.icv_offset, 0, std::size_t{session.iv_octets} + session.icv_octets);
  place_digest(op, slot, true, sym_of(op).auth.digest);
}

/// Behind all that is covered goes the upper half of an ESN (RFC 4302 §2.5.1, RFC 4303 §2.2.1). Of
/// ESP that is where the ICV begins, so the ICV is apart; of AH it is behind the packet's data,
/// which is longer by it meanwhile.
void append_high(rte_crypto_op& op, Slot& slot) {
  const Job& job = slot.job;
  rte_mbuf* packet = sym_of(op).m_src;
  if (!job.session->ah) {
    std::memcpy(slot.digest, icv_of(job), job.session->icv_octets);
    place_digest(op, slot, true, sym_of(op).auth.digest);
  }
  overlay(slot, covered_end(job), job.sequence_high, kHighOctets);
  const std::uint32_t end = offset_of(packet, covered_end(job)) + std::uint32_t{kHighOctets};
  if (end > packet->data_len) {
    slot.grown = static_cast<std::uint8_t>(end - packet->data_len);
    dpdk::resize(packet, end);
  }
  sym_of(op).auth.data.length += std::uint32_t{kHighOctets};
}

/// RFC 4543 §3.3: of ESP the upper half is covered between SPI and lower half. So the SPI goes four
/// octets forward, over the end of the header in front.
void insert_high(rte_crypto_op& op, Slot& slot) {
  const Job& job = slot.job;
  std::uint8_t front[2 * kHighOctets];
  std::memcpy(front, job.esp, kHighOctets);
  std::memcpy(front + kHighOctets, job.sequence_high, kHighOctets);
  PS_CHECK(offset_of(sym_of(op).m_src, job.esp) >= kHighOctets);  // there is an IP header in front
  overlay(slot, job.esp - kHighOctets, front, sizeof(front));
  sym_of(op).auth.data.offset -= std::uint32_t{kHighOctets};
  sym_of(op).auth.data.length += std::uint32_t{kHighOctets};
}

void prepare_auth(rte_crypto_op& op, Slot& slot) {
  const Job& job = slot.job;
  const Session& session = *job.session;
  auto& auth = sym_of(op).auth;
  auth.data.offset = offset_of(sym_of(op).m_src, job.esp);
  auth.data.length = static_cast<std::uint32_t>(covered_end(job) - job.esp);
  if (session.ah)
    clear_icv_field(op, slot);
  else
    place_digest(op, slot, false, auth.digest);
  if (!session.esn()) return;
  if (session.kind == SessionKind::kGmac && !session.ah)
    insert_high(op, slot);
  else
    append_high(op, slot);
}

void prepare_cipher(rte_crypto_op& op, Slot& slot) {
  const Job& job = slot.job;
  const Session& session = *job.session;
  auto& cipher = sym_of(op).cipher;
  cipher.data.offset = offset_of(sym_of(op).m_src, text_of(job));
  cipher.data.length = job.cipher_octets;
  if (session.kind == SessionKind::kCtr) {
    // RFC 3686 §4: nonce, IV and a counter that starts at 1.
    static constexpr std::uint8_t kFirst[4]{0, 0, 0, 1};
    std::memcpy(slot.iv, job.nonce, sizeof(job.nonce));
    std::memcpy(slot.iv + sizeof(job.nonce), kFirst, sizeof(kFirst));
  } else if (session.direction == CipherDirection::kOpen) {
    std::memcpy(slot.iv, text_of(job) - session.iv_octets, session.iv_octets);
  } else {
    // The chain begins with the nonce: its cipher is the IV (README, "AES-CBC's IV").
    write_cbc_nonce(job);
    std::memset(slot.iv, 0, sizeof(slot.iv));
    cipher.data.offset -= session.iv_octets;
    cipher.data.length += session.iv_octets;
  }
}

}  // namespace

void prepare(rte_crypto_op& op, const Job& job) {
  Slot& slot = slot_of(&op);
  slot.job = job;
  slot.job.status = JobStatus::kPending;
  slot.overlaid = nullptr;
  slot.grown = 0;
  slot.lost = false;
  op.type = RTE_CRYPTO_OP_TYPE_SYMMETRIC;
  op.status = RTE_CRYPTO_OP_STATUS_NOT_PROCESSED;
  op.sess_type = RTE_CRYPTO_OP_WITH_SESSION;
  sym_of(op).m_src = static_cast<rte_mbuf*>(job.packet);
  sym_of(op).m_dst = nullptr;
  sym_of(op).session =
      static_cast<decltype(sym_of(op).session)>(cryptodev_keys(*job.session).session);
  switch (job.session->kind) {
    case SessionKind::kGcm:
    case SessionKind::kCcm:
    case SessionKind::kChaCha:
      prepare_aead(op, slot);
      return;
    case SessionKind::kGmac:
      std::memcpy(slot.iv, job.nonce, sizeof(job.nonce));
      break;
    case SessionKind::kNull:
      break;
    default:
      prepare_cipher(op, slot);
  }
  prepare_auth(op, slot);
}

JobStatus conclude(rte_crypto_op& op) {
  Slot& slot = slot_of(&op);
  Job& job = slot.job;
  const Session& session = *job.session;
  if (slot.overlaid != nullptr) std::memcpy(slot.overlaid, slot.kept, slot.kept_octets);
  if (slot.grown != 0)
    dpdk::resize(sym_of(op).m_src, sym_of(op).m_src->data_len - unsigned{slot.grown});
  switch (op.status) {
    case RTE_CRYPTO_OP_STATUS_SUCCESS:
      job.status = JobStatus::kDone;
      break;
    case RTE_CRYPTO_OP_STATUS_AUTH_FAILED:
      job.status = JobStatus::kIcvMismatch;
      break;
    default:
      job.status = JobStatus::kFailed;
  }
  if (job.status == JobStatus::kDone && session.direction == CipherDirection::kSeal) {
    if (slot.digest_apart) std::memcpy(icv_of(job), slot.digest, session.icv_octets);
    if (session.ah) std::memcpy(job.esp + job.icv_offset, job.nonce + 4, session.iv_octets);
  }
  return job.status;
}

}  // namespace penstock::burst_crypto
