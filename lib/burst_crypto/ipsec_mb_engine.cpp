// SPDX-License-Identifier: BSD-3-Clause
// A worker's ipsec-mb engine. AES-GCM and AES-GMAC jobs are called directly, one after the other;
// all other jobs go through the multi-buffer manager, which runs up to 16 of them side by side, and
// are flushed before process() returns. On the path: between seal or open ESP (which write headers
// and jobs, and ask for the keys) and their closing stages (which read the status).

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "lib/base/check.h"
#include "lib/burst_crypto/ipsec_mb.h"
#include "lib/burst_crypto/ipsec_mb_manager.h"

namespace penstock::burst_crypto {
namespace {

constexpr std::size_t kMaxTagOctets = 64;  // what a manager may write before truncation
constexpr std::size_t kSlice = 64;         // jobs in the manager at a time; its queue holds 256
constexpr std::size_t kGcmTagOctets = 16;

/// AES-GMAC of one key length, in parts: init, update … update, finalize.
struct GmacRow {
  std::uint8_t key_octets;
  aes_gmac_init_t IMB_MGR::*init;
  aes_gmac_update_t IMB_MGR::*update;
  aes_gmac_finalize_t IMB_MGR::*finalize;
};
constexpr std::array kGmacTable{
    GmacRow{16, &IMB_MGR::gmac128_init, &IMB_MGR::gmac128_update, &IMB_MGR::gmac128_finalize},
    GmacRow{24, &IMB_MGR::gmac192_init, &IMB_MGR::gmac192_update, &IMB_MGR::gmac192_finalize},
    GmacRow{32, &IMB_MGR::gmac256_init, &IMB_MGR::gmac256_update, &IMB_MGR::gmac256_finalize},
};

/// Both of `octets` (8 to 16) octets; no branch depends on them.
inline bool equal_tags(const std::uint8_t* a, const std::uint8_t* b, std::size_t octets) {
  const auto load = [](const std::uint8_t* p) {
    std::uint64_t v;
    std::memcpy(&v, p, sizeof(v));
    return v;
  };
  const std::uint64_t difference =
      (load(a) ^ load(b)) | (load(a + octets - 8) ^ load(b + octets - 8));
  return difference == 0;
}

/// Of any length.
inline bool equal_icvs(const std::uint8_t* a, const std::uint8_t* b, std::size_t octets) {
  if (octets >= 8 && octets <= 16) [[likely]]
    return equal_tags(a, b, octets);
  return base::equal_constant_time(std::as_bytes(std::span(a, octets)),
                                   std::as_bytes(std::span(b, octets)));
}

/// Where an expanded GCM key has the powers of its hash key (gcm_key_data::ghash_keys): with VAES
/// and AVX-512 48 of them, the first one last; else eight, in their order.
KeyLines::Powers gcm_powers(const IMB_MGR& manager) {
  constexpr std::uint64_t kNeeded = IMB_FEATURE_VAES | IMB_FEATURE_VPCLMULQDQ;
  const bool vaes_avx512 =
      manager.used_arch == IMB_ARCH_AVX512 && (manager.features & kNeeded) == kNeeded;
  return {.at = offsetof(gcm_key_data, ghash_keys),
          .count = static_cast<std::uint16_t>(vaes_avx512 ? 48 : 8),
          .backwards = vaes_avx512};
}

class IpsecMbEngine final : public Engine {
 public:
  explicit IpsecMbEngine(Manager manager) : manager_(std::move(manager)) {
    key_lines_ = KeyLines(gcm_powers(*manager_));
  }

  std::string_view name() const override { return kIpsecMbName; }

  std::size_t process(std::span<Job> jobs) override {
    std::size_t queued = 0;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      Job& job = jobs[i];
      if (job.session->kind == SessionKind::kGcm) {
        run_gcm(job);
        continue;
      }
      if (job.session->kind == SessionKind::kGmac) {
        run_gmac(job);
        continue;
      }
      enqueue(job, queued++);
      if (queued == kSlice) {
        flush();
        queued = 0;
      }
    }
    if (queued != 0) flush();
    return jobs.size();
  }

 private:
  /// What is kept of a packet while the manager works.
  struct Kept {
    std::array<std::uint8_t, kMaxIcvOctets> received;
    std::array<std::uint8_t, sizeof(Job::sequence_high)> overlaid;  ///< by the ESN's upper half
    alignas(16) std::array<std::uint8_t, kMaxTagOctets> computed;
  };

  void run_gcm(Job& job) {
    const Session& session = *job.session;
    std::uint8_t* text = job.esp + kEspHeaderOctets + session.iv_octets;
    std::uint8_t* icv = text + job.cipher_octets;
    const auto* keys = &keys_of<gcm_key_data>(session);
    if (session.direction == CipherDirection::kSeal) {
      session.gcm(keys, &context_, text, text, job.cipher_octets, job.nonce, job.aad,
                  session.aad_octets, icv, session.icv_octets);
      job.status = JobStatus::kDone;
      return;
    }
    alignas(16) std::uint8_t tag[kGcmTagOctets];
    session.gcm(keys, &context_, text, text, job.cipher_octets, job.nonce, job.aad,
                session.aad_octets, tag, kGcmTagOctets);
    job.status =
        equal_tags(tag, icv, session.icv_octets) ? JobStatus::kDone : JobStatus::kIcvMismatch;
  }

  /// RFC 4543 §3.3: all of the payload is AAD, behind SPI and the whole sequence number. The parts
  /// are given one by one, so that the upper half needs no room in the packet.
  void run_gmac(Job& job) {
    const Session& session = *job.session;
    const auto& row = kGmacTable[session.key_octets / 8U - 2];
    const auto* keys = &keys_of<gcm_key_data>(session);
    const auto update = [&](const std::uint8_t* octets, std::size_t count) {
      (manager_.get()->*row.update)(keys, &context_, octets, count);
    };
    const bool seal = session.direction == CipherDirection::kSeal;
    std::uint8_t* icv = icv_of(job);
    std::array<std::uint8_t, kGcmTagOctets> received;
    std::memcpy(received.data(), icv, kGcmTagOctets);
    (manager_.get()->*row.init)(keys, &context_, job.nonce, sizeof(job.nonce));
    if (session.ah) {
      std::memset(icv - session.iv_octets, 0, std::size_t{session.iv_octets} + kGcmTagOctets);
      update(job.esp, job.cipher_octets);
      if (session.esn()) update(job.sequence_high, sizeof(job.sequence_high));
      if (seal) std::memcpy(icv - session.iv_octets, job.nonce + 4, session.iv_octets);
    } else {
      update(job.aad, session.aad_octets);
      update(job.esp + kEspHeaderOctets, std::size_t{session.iv_octets} + job.cipher_octets);
    }
    alignas(16) std::uint8_t tag[kGcmTagOctets];
    (manager_.get()->*row.finalize)(keys, &context_, tag, kGcmTagOctets);
    if (seal) std::memcpy(icv, tag, kGcmTagOctets);
    job.status = seal || equal_tags(tag, received.data(), kGcmTagOctets) ? JobStatus::kDone
                                                                         : JobStatus::kIcvMismatch;
  }

  void enqueue(Job& job, std::size_t place) {
    const Session& session = *job.session;
    IMB_JOB& imb = *IMB_GET_NEXT_JOB(manager_.get());
    const bool seal = session.direction == CipherDirection::kSeal;
    // RFC 4309 §2: CCM's MAC is of the plaintext; a MAC of its own is of the ciphertext.
    const bool cipher_first = seal != (session.kind == SessionKind::kCcm);
    Kept& kept = kept_[place];
    std::uint8_t* icv = icv_of(job);
    job.status = JobStatus::kPending;
    imb.user_data = &job;
    imb.user_data2 = &kept;
    imb.src = job.esp;
    imb.cipher_mode = static_cast<IMB_CIPHER_MODE>(session.cipher_mode);
    imb.hash_alg = static_cast<IMB_HASH_ALG>(session.hash_algorithm);
    imb.cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
    imb.chain_order = cipher_first ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    imb.auth_tag_output = icv;
    imb.auth_tag_output_len_in_bytes = session.tag_octets;
    if (!seal) std::memcpy(kept.received.data(), icv, session.icv_octets);
    if (!seal || session.tag_octets != session.icv_octets)
      imb.auth_tag_output = kept.computed.data();
    switch (session.kind) {
      case SessionKind::kChaCha:
        fill_chacha(imb, job);
        break;
      case SessionKind::kCcm:
        fill_ccm(imb, job);
        break;
      default:
        fill_chained(imb, job, kept);
    }
    take(IMB_SUBMIT_JOB_NOCHECK(manager_.get()));
    while (IMB_JOB* done = IMB_GET_COMPLETED_JOB(manager_.get())) take(done);
  }

  /// Of an AEAD: the same octets are ciphered and covered.
  static void fill_aead(IMB_JOB& imb, const Job& job) {
    std::uint8_t* text = text_of(job);
    imb.dst = text;
    imb.cipher_start_src_offset_in_bytes = imb.hash_start_src_offset_in_bytes =
        static_cast<std::uint64_t>(text - job.esp);
    imb.msg_len_to_cipher_in_bytes = imb.msg_len_to_hash_in_bytes = job.cipher_octets;
    imb.key_len_in_bytes = job.session->key_octets;
  }

  static void fill_chacha(IMB_JOB& imb, const Job& job) {
    fill_aead(imb, job);
    imb.enc_keys = imb.dec_keys = keys_of<ChaChaKeys>(*job.session).key;
    imb.iv = job.nonce;
    imb.iv_len_in_bytes = sizeof(job.nonce);
    imb.u.CHACHA20_POLY1305.aad = job.aad;
    imb.u.CHACHA20_POLY1305.aad_len_in_bytes = job.session->aad_octets;
  }

  static void fill_ccm(IMB_JOB& imb, const Job& job) {
    fill_aead(imb, job);
    imb.enc_keys = imb.dec_keys = keys_of<ChainedKeys>(*job.session).schedule;
    imb.iv = job.nonce + sizeof(job.nonce) - kCcmNonceOctets;
    imb.iv_len_in_bytes = kCcmNonceOctets;
    imb.u.CCM.aad = job.aad;
    imb.u.CCM.aad_len_in_bytes = job.session->aad_octets;
  }

  static void fill_mac(IMB_JOB& imb, const ChainedKeys& keys) {
    switch (imb.hash_alg) {
      case IMB_AUTH_AES_XCBC:
        imb.u.XCBC._k1_expanded = reinterpret_cast<const std::uint32_t*>(keys.mac_schedule);
        imb.u.XCBC._k2 = keys.inner;
        imb.u.XCBC._k3 = keys.outer;
        break;
      case IMB_AUTH_AES_CMAC:
        imb.u.CMAC._key_expanded = keys.mac_schedule;
        imb.u.CMAC._skey1 = keys.inner;
        imb.u.CMAC._skey2 = keys.outer;
        break;
      default:
        imb.u.HMAC._hashed_auth_key_xor_ipad = keys.inner;
        imb.u.HMAC._hashed_auth_key_xor_opad = keys.outer;
    }
  }

  static void fill_chained(IMB_JOB& imb, Job& job, Kept& kept) {
    const Session& session = *job.session;
    const auto& keys = keys_of<ChainedKeys>(session);
    std::uint8_t* text = text_of(job);
    std::uint8_t* end = covered_end(job);
    fill_mac(imb, keys);
    imb.hash_start_src_offset_in_bytes = 0;
    imb.msg_len_to_hash_in_bytes = static_cast<std::uint64_t>(end - job.esp);
    if (session.ah) std::memset(icv_of(job), 0, session.icv_octets);
    if (session.esn()) {
      // RFC 4303 §2.2.1: the upper half is not sent, but is hashed as if it followed the trailer.
      // It lies where the ICV was (kept) or will be; of AH, in the tailroom (RFC 4302 §2.5.1).
      std::memcpy(kept.overlaid.data(), end, kept.overlaid.size());
      std::memcpy(end, job.sequence_high, sizeof(job.sequence_high));
      imb.msg_len_to_hash_in_bytes += sizeof(job.sequence_high);
    }
    imb.enc_keys = imb.dec_keys = keys.schedule;
    if (session.cipher_mode == IMB_CIPHER_DES3) imb.enc_keys = imb.dec_keys = keys.des_keys;
    imb.key_len_in_bytes = session.key_octets;
    imb.msg_len_to_cipher_in_bytes = session.kind == SessionKind::kNull ? 0 : job.cipher_octets;
    imb.cipher_start_src_offset_in_bytes = static_cast<std::uint64_t>(text - job.esp);
    imb.dst = text;
    imb.iv = text - session.iv_octets;
    imb.iv_len_in_bytes = session.iv_octets;
    if (session.kind == SessionKind::kCtr) {
      // RFC 3686 §4: nonce, IV and a counter that the library starts at 1.
      imb.iv = job.nonce;
      imb.iv_len_in_bytes = sizeof(job.nonce);
    } else if (session.kind == SessionKind::kCbc && session.direction == CipherDirection::kSeal) {
      fill_cbc_iv(imb, job);
    }
  }

  /// RFC 3602 §3, RFC 2451 §3: the IV must not be predicted. SP 800-38A appendix C, first method:
  /// it is the cipher of a nonce under the same key. So the nonce goes where the IV is, the chain
  /// starts one block earlier from zero, and its first block of ciphertext is the IV.
  static void fill_cbc_iv(IMB_JOB& imb, const Job& job) {
    imb.dst = write_cbc_nonce(job);
    imb.iv = kZeroIv;
    imb.cipher_start_src_offset_in_bytes = kEspHeaderOctets;
    imb.msg_len_to_cipher_in_bytes += job.session->iv_octets;
  }

  void flush() {
    while (IMB_JOB* done = IMB_FLUSH_JOB(manager_.get())) take(done);
  }

  /// Takes the manager's verdict over; the ICV of an inbound packet is compared here.
  static void take(const IMB_JOB* imb) {
    if (imb == nullptr) return;
    Job& job = *static_cast<Job*>(imb->user_data);
    const Session& session = *job.session;
    const auto& kept = *static_cast<const Kept*>(imb->user_data2);
    const bool seal = session.direction == CipherDirection::kSeal;
    const bool chained = session.kind != SessionKind::kChaCha && session.kind != SessionKind::kCcm;
    if (chained && session.esn() && (!seal || session.ah))
      std::memcpy(covered_end(job), kept.overlaid.data(), kept.overlaid.size());
    job.status = JobStatus::kDone;
    if (imb->status != IMB_STATUS_COMPLETED) {
      job.status = JobStatus::kFailed;
    } else if (seal) {
      if (imb->auth_tag_output == kept.computed.data())
        std::memcpy(icv_of(job), kept.computed.data(), session.icv_octets);
    } else {
      if (!equal_icvs(kept.received.data(), kept.computed.data(), session.icv_octets))
        job.status = JobStatus::kIcvMismatch;
    }
  }

  Manager manager_;
  alignas(64) gcm_context_data context_{};
  alignas(64) std::array<Kept, kSlice> kept_{};
};

}  // namespace

base::Result<std::unique_ptr<Engine>> make_ipsec_mb_engine() {
  PS_ASSIGN(Manager manager, make_manager());
  return std::make_unique<IpsecMbEngine>(std::move(manager));
}

}  // namespace penstock::burst_crypto
