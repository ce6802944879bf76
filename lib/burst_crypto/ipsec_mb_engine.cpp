// SPDX-License-Identifier: BSD-3-Clause
// A worker's ipsec-mb engine. AES-GCM jobs are called directly, one after the other, while the next
// job's keys are fetched; all other jobs go through the multi-buffer manager, which runs up to 16
// of them side by side, and are flushed before process() returns. On the path: between seal or open
// ESP (which write headers and jobs) and their closing stages (which read the status).

#include <algorithm>
#include <array>
#include <cstring>

#include "lib/base/check.h"
#include "lib/burst_crypto/ipsec_mb.h"
#include "lib/burst_crypto/ipsec_mb_manager.h"

namespace penstock::burst_crypto {
namespace {

constexpr std::size_t kEspHeaderOctets = 8;  // SPI and sequence number, RFC 4303 §2
constexpr std::size_t kMaxIcvOctets = 32;    // HMAC-SHA2-512-256
constexpr std::size_t kMaxTagOctets = 64;    // what a manager may write before truncation
constexpr std::size_t kSlice = 64;           // jobs in the manager at a time; its queue holds 256
constexpr std::size_t kKeyLines = 16;        // of a GCM key, fetched ahead
constexpr std::size_t kGcmTagOctets = 16;

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

inline void prefetch_keys(const Job& job) {
  const std::byte* keys = job.session->keys->octets;
  for (std::size_t line = 0; line < kKeyLines; ++line) __builtin_prefetch(keys + line * 64);
}

class IpsecMbEngine final : public Engine {
 public:
  explicit IpsecMbEngine(Manager manager) : manager_(std::move(manager)) {}

  std::string_view name() const override { return "ipsec-mb"; }

  std::size_t process(std::span<Job> jobs) override {
    std::size_t queued = 0;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      Job& job = jobs[i];
      if (i + 1 < jobs.size() && jobs[i + 1].session != job.session) prefetch_keys(jobs[i + 1]);
      if (job.session->kind == SessionKind::kDirectGcm) {
        run_gcm(job);
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
  /// What is kept of an inbound packet's ICV while the manager works.
  struct Icv {
    std::array<std::uint8_t, kMaxIcvOctets> received;
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

  void enqueue(Job& job, std::size_t place) {
    const Session& session = *job.session;
    IMB_JOB& imb = *IMB_GET_NEXT_JOB(manager_.get());
    const bool seal = session.direction == CipherDirection::kSeal;
    std::uint8_t* text = job.esp + kEspHeaderOctets + session.iv_octets;
    std::uint8_t* icv = text + job.cipher_octets;
    job.status = JobStatus::kPending;
    imb.user_data = &job;
    imb.user_data2 = &icvs_[place];
    imb.src = job.esp;
    imb.cipher_mode = static_cast<IMB_CIPHER_MODE>(session.cipher_mode);
    imb.hash_alg = static_cast<IMB_HASH_ALG>(session.hash_algorithm);
    imb.cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
    imb.chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    imb.auth_tag_output = icv;
    imb.auth_tag_output_len_in_bytes = session.icv_octets;
    if (!seal) {
      std::memcpy(icvs_[place].received.data(), icv, session.icv_octets);
      imb.auth_tag_output = icvs_[place].computed.data();
    }
    if (session.kind == SessionKind::kChaCha)
      fill_chacha(imb, job, text);
    else
      fill_chained(imb, job, text, icv);
    take(IMB_SUBMIT_JOB_NOCHECK(manager_.get()));
    while (IMB_JOB* done = IMB_GET_COMPLETED_JOB(manager_.get())) take(done);
  }

  static void fill_chacha(IMB_JOB& imb, Job& job, std::uint8_t* text) {
    const Session& session = *job.session;
    const auto offset = static_cast<std::uint64_t>(text - job.esp);
    imb.enc_keys = imb.dec_keys = keys_of<ChaChaKeys>(session).key;
    imb.key_len_in_bytes = session.key_octets;
    imb.dst = text;
    imb.iv = job.nonce;
    imb.iv_len_in_bytes = sizeof(job.nonce);
    imb.cipher_start_src_offset_in_bytes = imb.hash_start_src_offset_in_bytes = offset;
    imb.msg_len_to_cipher_in_bytes = imb.msg_len_to_hash_in_bytes = job.cipher_octets;
    imb.u.CHACHA20_POLY1305.aad = job.aad;
    imb.u.CHACHA20_POLY1305.aad_len_in_bytes = session.aad_octets;
  }

  static void fill_chained(IMB_JOB& imb, Job& job, std::uint8_t* text, std::uint8_t* icv) {
    const Session& session = *job.session;
    const auto& keys = keys_of<ChainedKeys>(session);
    imb.u.HMAC._hashed_auth_key_xor_ipad = keys.inner;
    imb.u.HMAC._hashed_auth_key_xor_opad = keys.outer;
    imb.hash_start_src_offset_in_bytes = 0;
    imb.msg_len_to_hash_in_bytes = static_cast<std::uint64_t>(icv - job.esp);
    if (session.esn()) {
      // RFC 4303 §2.2.1: the upper half is not sent, but is hashed as if it followed the trailer.
      // It lies where the ICV was (kept) or will be.
      std::memcpy(icv, job.sequence_high, sizeof(job.sequence_high));
      imb.msg_len_to_hash_in_bytes += sizeof(job.sequence_high);
    }
    imb.enc_keys = imb.dec_keys = keys.schedule;
    imb.key_len_in_bytes = session.key_octets;
    imb.msg_len_to_cipher_in_bytes = session.kind == SessionKind::kNull ? 0 : job.cipher_octets;
    imb.cipher_start_src_offset_in_bytes = static_cast<std::uint64_t>(text - job.esp);
    imb.dst = text;
    imb.iv = text - session.iv_octets;
    imb.iv_len_in_bytes = session.iv_octets;
    if (session.kind == SessionKind::kCbc && session.direction == CipherDirection::kSeal)
      fill_cbc_iv(imb, job);
  }

  /// RFC 3602 §3: the IV must not be predicted. SP 800-38A appendix C, first method: it is the
  /// cipher of a nonce under the same key. So the nonce goes where the IV is, the chain starts one
  /// block earlier from zero, and its first block of ciphertext is the IV.
  static void fill_cbc_iv(IMB_JOB& imb, const Job& job) {
    alignas(16) static constexpr std::uint8_t kZeroIv[16]{};
    std::uint8_t* iv = job.esp + kEspHeaderOctets;
    std::memset(iv, 0, sizeof(kZeroIv));
    std::memcpy(iv, job.nonce, sizeof(job.nonce));
    imb.dst = iv;
    imb.iv = kZeroIv;
    imb.cipher_start_src_offset_in_bytes = kEspHeaderOctets;
    imb.msg_len_to_cipher_in_bytes += sizeof(kZeroIv);
  }

  void flush() {
    while (IMB_JOB* done = IMB_FLUSH_JOB(manager_.get())) take(done);
  }

  /// Takes the manager's verdict over; the ICV of an inbound packet is compared here.
  static void take(const IMB_JOB* imb) {
    if (imb == nullptr) return;
    Job& job = *static_cast<Job*>(imb->user_data);
    if (imb->status != IMB_STATUS_COMPLETED) {
      job.status = JobStatus::kFailed;
      return;
    }
    job.status = JobStatus::kDone;
    const Session& session = *job.session;
    if (session.direction == CipherDirection::kSeal) return;
    const auto& icv = *static_cast<const Icv*>(imb->user_data2);
    const auto first = [&](const auto& octets) {
      return std::as_bytes(std::span(octets).first(session.icv_octets));
    };
    if (!base::equal_constant_time(first(icv.received), first(icv.computed)))
      job.status = JobStatus::kIcvMismatch;
  }

  Manager manager_;
  alignas(64) gcm_context_data context_{};
  alignas(64) std::array<Icv, kSlice> icvs_{};
};

}  // namespace

base::Result<std::unique_ptr<Engine>> make_ipsec_mb_engine() {
  PS_ASSIGN(Manager manager, make_manager());
  return std::make_unique<IpsecMbEngine>(std::move(manager));
}

}  // namespace penstock::burst_crypto
