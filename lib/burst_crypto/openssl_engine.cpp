// SPDX-License-Identifier: BSD-3-Clause
// A worker's openssl engine: one packet after the other under contexts that are keyed already. A
// packet sets an IV and lets the cipher run; nothing is allocated. On the path: between seal or
// open and their closing stages.
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "lib/base/bytes.h"
#include "lib/burst_crypto/openssl.h"
#include "lib/burst_crypto/openssl_keys.h"

namespace penstock::burst_crypto {
namespace {

constexpr std::size_t kBlock = 16;
constexpr std::size_t kScratch = 512;         // of a CBC-MAC, whose text is not wanted
constexpr std::uint8_t kCcmLengthOctets = 4;  // RFC 4309 §4: what the nonce leaves

bool set_iv(EVP_CIPHER_CTX* ctx, const std::uint8_t* iv) {
  return EVP_CipherInit_ex2(ctx, nullptr, nullptr, iv, -1, nullptr) == 1;
}

bool update(EVP_CIPHER_CTX* ctx, std::uint8_t* out, const std::uint8_t* in, std::size_t octets) {
  int n = 0;
  return EVP_CipherUpdate(ctx, out, &n, in, static_cast<int>(octets)) == 1;
}

bool finish(EVP_CIPHER_CTX* ctx) {
  std::uint8_t rest[kBlock];
  int n = 0;
  return EVP_CipherFinal_ex(ctx, rest, &n) == 1;
}

bool tag_control(EVP_CIPHER_CTX* ctx, int what, std::uint8_t* tag, std::size_t octets) {
  return EVP_CIPHER_CTX_ctrl(ctx, what, static_cast<int>(octets), tag) == 1;
}

class OpensslEngine final : public Engine {
 public:
  explicit OpensslEngine(unsigned worker) : worker_(worker) {}

  std::string_view name() const override { return kOpensslName; }

  std::size_t process(std::span<Job> jobs) override {
    for (Job& job : jobs) job.status = run(job);
    return jobs.size();
  }

 private:
  JobStatus run(Job& job) {
    const Session& session = *job.session;
    EVP_CIPHER_CTX* const* contexts = openssl_keys(session).cipher;
    EVP_CIPHER_CTX* ctx = contexts != nullptr ? contexts[worker_] : nullptr;
    switch (session.kind) {
      case SessionKind::kGcm:
      case SessionKind::kChaCha:
        return run_aead(job, ctx);
      case SessionKind::kGmac:
        return run_gmac(job, ctx);
      case SessionKind::kCcm:
        return run_ccm(job, ctx);
      default:
        return session.direction == CipherDirection::kSeal ? seal_chained(job, ctx)
                                                           : open_chained(job, ctx);
    }
  }

  static JobStatus run_aead(Job& job, EVP_CIPHER_CTX* ctx) {
    const Session& session = *job.session;
    const bool seal = session.direction == CipherDirection::kSeal;
    std::uint8_t* text = text_of(job);
    if (!set_iv(ctx, job.nonce) ||
        (!seal && !tag_control(ctx, EVP_CTRL_AEAD_SET_TAG, icv_of(job), session.icv_octets)) ||
        !update(ctx, nullptr, job.aad, session.aad_octets) ||
        !update(ctx, text, text, job.cipher_octets))
      return JobStatus::kFailed;
    return conclude(job, ctx);
  }

  /// RFC 4543 §3.3: all of the payload is AAD, behind SPI and the whole sequence number.
  static JobStatus run_gmac(Job& job, EVP_CIPHER_CTX* ctx) {
    const Session& session = *job.session;
    const bool seal = session.direction == CipherDirection::kSeal;
    if (!set_iv(ctx, job.nonce) ||
        (!seal && !tag_control(ctx, EVP_CTRL_AEAD_SET_TAG, icv_of(job), session.icv_octets)))
      return JobStatus::kFailed;
    bool covered;
    if (session.ah) {
      std::uint8_t* field = job.esp + job.icv_offset;
      std::memset(field, 0, std::size_t{session.iv_octets} + session.icv_octets);
      covered =
          update(ctx, nullptr, job.esp, job.cipher_octets) &&
          (!session.esn() || update(ctx, nullptr, job.sequence_high, sizeof(job.sequence_high)));
      if (seal) std::memcpy(field, job.nonce + 4, session.iv_octets);
    } else {
      covered = update(ctx, nullptr, job.aad, session.aad_octets) &&
                update(ctx, nullptr, job.esp + kEspHeaderOctets,
                       std::size_t{session.iv_octets} + job.cipher_octets);
    }
    return covered ? conclude(job, ctx) : JobStatus::kFailed;
  }

  /// The tag is written, or was given and is compared.
  static JobStatus conclude(Job& job, EVP_CIPHER_CTX* ctx) {
    const bool finished = finish(ctx);
    if (job.session->direction == CipherDirection::kOpen)
      return finished ? JobStatus::kDone : JobStatus::kIcvMismatch;
    return finished && tag_control(ctx, EVP_CTRL_AEAD_GET_TAG, icv_of(job), job.session->icv_octets)
               ? JobStatus::kDone
               : JobStatus::kFailed;
  }

  /// RFC 4309 §2: a CBC-MAC of header and text, and AES-CTR of MAC and text. It is put together
  /// here because EVP's own allocates for its error queue when a packet is forged.
  JobStatus run_ccm(Job& job, EVP_CIPHER_CTX* ctx) {
    const Session& session = *job.session;
    std::uint8_t* text = text_of(job);
    std::array<std::uint8_t, kBlock> counter{kCcmLengthOctets - 1};  // and zeros: the MAC's block
    std::memcpy(counter.data() + 1, ccm_nonce(job), kCcmNonceOctets);
    std::array<std::uint8_t, kBlock> tag{};
    const bool seal = session.direction == CipherDirection::kSeal;
    if (seal && !ccm_mac(job, tag.data())) return JobStatus::kFailed;
    if (!set_iv(ctx, counter.data()) || !update(ctx, tag.data(), tag.data(), kBlock) ||
        !update(ctx, text, text, job.cipher_octets))
      return JobStatus::kFailed;
    if (seal) {
      std::memcpy(icv_of(job), tag.data(), session.icv_octets);
      return JobStatus::kDone;
    }
    std::array<std::uint8_t, kBlock> computed;
    if (!ccm_mac(job, computed.data())) return JobStatus::kFailed;
    for (std::size_t i = 0; i < kBlock; ++i) computed[i] ^= tag[i];
    return CRYPTO_memcmp(computed.data(), icv_of(job), session.icv_octets) == 0
               ? JobStatus::kDone
               : JobStatus::kIcvMismatch;
  }

  static const std::uint8_t* ccm_nonce(const Job& job) {
    return job.nonce + sizeof(job.nonce) - kCcmNonceOctets;
  }

  /// SP 800-38C appendix A.2: the first block, the AAD behind its length, the text; zeros between.
  bool ccm_mac(const Job& job, std::uint8_t* tag) {
    const Session& session = *job.session;
    EVP_CIPHER_CTX* ctx = openssl_keys(session).cbc_mac[worker_];
    std::array<std::uint8_t, 2 * kBlock> head{};
    const bool covers_more = session.aad_octets != 0;
    head[0] = static_cast<std::uint8_t>((covers_more ? 0x40 : 0) |
                                        (session.icv_octets - 2) / 2 << 3 | (kCcmLengthOctets - 1));
    const std::size_t head_octets = covers_more ? head.size() : kBlock;
    std::memcpy(head.data() + 1, ccm_nonce(job), kCcmNonceOctets);
    for (std::size_t i = 0; i < kCcmLengthOctets; ++i)
      head[kBlock - 1 - i] = static_cast<std::uint8_t>(job.cipher_octets >> (8 * i));
    head[kBlock + 1] = session.aad_octets;
    std::memcpy(head.data() + kBlock + 2, job.aad, session.aad_octets);
    std::array<std::uint8_t, kScratch> scratch;
    if (!set_iv(ctx, kZeroIv) || !update(ctx, scratch.data(), head.data(), head_octets))
      return false;
    const std::uint8_t* text = text_of(job);
    const std::size_t whole = job.cipher_octets / kBlock * kBlock;
    std::size_t some = head_octets;
    for (std::size_t at = 0; at < whole; at += some) {
      some = std::min(kScratch, whole - at);
      if (!update(ctx, scratch.data(), text + at, some)) return false;
    }
    if (whole != job.cipher_octets) {
      std::array<std::uint8_t, kBlock> last{};
      std::memcpy(last.data(), text + whole, job.cipher_octets - whole);
      some = kBlock;
      if (!update(ctx, scratch.data(), last.data(), kBlock)) return false;
    }
    std::memcpy(tag, scratch.data() + some - kBlock, kBlock);
    return true;
  }

  JobStatus seal_chained(Job& job, EVP_CIPHER_CTX* ctx) {
    if (!seal_text(job, ctx)) return JobStatus::kFailed;
    if (job.session->ah) std::memset(icv_of(job), 0, job.session->icv_octets);
    std::array<std::uint8_t, kMaxTagOctets> tag;
    if (!compute_mac(job, tag.data())) return JobStatus::kFailed;
    std::memcpy(icv_of(job), tag.data(), job.session->icv_octets);
    return JobStatus::kDone;
  }

  JobStatus open_chained(Job& job, EVP_CIPHER_CTX* ctx) {
    const Session& session = *job.session;
    std::array<std::uint8_t, kMaxIcvOctets> received;
    std::memcpy(received.data(), icv_of(job), session.icv_octets);
    if (session.ah) std::memset(icv_of(job), 0, session.icv_octets);
    std::array<std::uint8_t, kMaxTagOctets> tag;
    if (!compute_mac(job, tag.data())) return JobStatus::kFailed;
    if (CRYPTO_memcmp(received.data(), tag.data(), session.icv_octets) != 0)
      return JobStatus::kIcvMismatch;
    if (ctx == nullptr) return JobStatus::kDone;
    std::uint8_t* text = text_of(job);
    std::array<std::uint8_t, kBlock> counter;
    const std::uint8_t* iv =
        session.kind == SessionKind::kCtr ? first_counter(job, counter) : text - session.iv_octets;
    return set_iv(ctx, iv) && update(ctx, text, text, job.cipher_octets) ? JobStatus::kDone
                                                                         : JobStatus::kFailed;
  }

  static bool seal_text(const Job& job, EVP_CIPHER_CTX* ctx) {
    if (ctx == nullptr) return true;
    std::uint8_t* text = text_of(job);
    if (job.session->kind == SessionKind::kCtr) {
      std::array<std::uint8_t, kBlock> counter;
      return set_iv(ctx, first_counter(job, counter)) && update(ctx, text, text, job.cipher_octets);
    }
    // The chain begins with the nonce: its cipher is the IV (README, "AES-CBC's IV").
    std::uint8_t* iv = write_cbc_nonce(job);
    return set_iv(ctx, kZeroIv) &&
           update(ctx, iv, iv, std::size_t{job.session->iv_octets} + job.cipher_octets);
  }

  /// RFC 3686 §4: nonce, IV and a counter that starts at 1.
  static const std::uint8_t* first_counter(const Job& job,
                                           std::array<std::uint8_t, kBlock>& block) {
    std::memcpy(block.data(), job.nonce, sizeof(job.nonce));
    std::ranges::fill(std::span(block).last(4), std::uint8_t{0});
    block.back() = 1;
    return block.data();
  }

  bool compute_mac(const Job& job, std::uint8_t* tag) {
    const std::span covered(job.esp, static_cast<std::size_t>(covered_end(job) - job.esp));
    const std::span high(job.sequence_high, job.session->esn() ? sizeof(job.sequence_high) : 0);
    const OpensslKeys& keys = openssl_keys(*job.session);
    if (keys.digest == nullptr) return cbc_mac(keys, covered, high, tag);
    DigestState state = keys.inner;
    keys.digest->update(state, covered.data(), covered.size());
    keys.digest->update(state, high.data(), high.size());
    keys.digest->final(state, tag);
    state = keys.outer;
    keys.digest->update(state, tag, keys.digest->digest_octets);
    keys.digest->final(state, tag);
    return true;
  }

  /// AES-XCBC-MAC (RFC 3566 §4) and AES-CMAC (RFC 4493 §2.4): a CBC-MAC whose last block, padded
  /// if it has to be, is changed first. `high` is at most four octets behind `covered`.
  bool cbc_mac(const OpensslKeys& keys, std::span<const std::uint8_t> covered,
               std::span<const std::uint8_t> high, std::uint8_t* tag) {
    EVP_CIPHER_CTX* ctx = keys.cbc_mac[worker_];
    if (!set_iv(ctx, kZeroIv)) return false;
    // Of the covered octets, what is surely not part of the last block; the rest is gathered.
    const std::size_t total = covered.size() + high.size();
    const std::size_t ahead = std::min((total - 1) / kBlock, covered.size() / kBlock) * kBlock;
    std::array<std::uint8_t, kScratch> scratch;
    for (std::size_t at = 0; at < ahead;) {
      const std::size_t some = std::min(kScratch, ahead - at);
      if (!update(ctx, scratch.data(), covered.data() + at, some)) return false;
      at += some;
    }
    std::array<std::uint8_t, 2 * kBlock> tail{};
    std::memcpy(tail.data(), covered.data() + ahead, covered.size() - ahead);
    std::memcpy(tail.data() + covered.size() - ahead, high.data(), high.size());
    const std::size_t rest = total - ahead;
    const std::size_t last = (rest - 1) / kBlock * kBlock;
    const bool whole = rest % kBlock == 0;
    if (!whole) tail[rest] = 0x80;
    for (std::size_t i = 0; i < kBlock; ++i)
      tail[last + i] ^= whole ? keys.whole_block[i] : keys.part_block[i];
    if (!update(ctx, scratch.data(), tail.data(), last + kBlock)) return false;
    std::memcpy(tag, scratch.data() + last, kBlock);
    return true;
  }

  static constexpr std::size_t kMaxTagOctets = 64;

  unsigned worker_;
};

}  // namespace

base::Result<std::unique_ptr<Engine>> make_openssl_engine(unsigned worker) {
  return std::make_unique<OpensslEngine>(worker);
}

}  // namespace penstock::burst_crypto
