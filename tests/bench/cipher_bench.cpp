// SPDX-License-Identifier: BSD-3-Clause
// The cipher alone: what ipsec-mb itself takes for the octets of ESP, without a gateway around it.
// One key, packets in cache. This is the bound that the packet path is measured against.
//   bench_cipher PROPOSAL seal|open OCTETS SECONDS
// OCTETS of the inner packet. Prints the nanoseconds a packet took of this thread's CPU time, and
// the frequency of the time-stamp counter in hertz.
#define NO_COMPAT_IMB_API_053
#include <fmt/format.h>
#include <intel-ipsec-mb.h>
#include <rte_cycles.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string_view>
#include <vector>

#include "lib/base/check.h"

namespace {

constexpr unsigned kBurst = 32;
constexpr unsigned kBurstsBetweenLooks = 64;
constexpr std::size_t kRoom = 2048;
constexpr std::size_t kAadOctets = 8;
constexpr std::size_t kTagOctets = 16;
constexpr std::size_t kTrailerOctets = 2;  // RFC 4303 §2: pad length, next header

struct Free {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, Free>;

struct Packet {
  alignas(64) std::uint8_t octets[kRoom];
  std::uint8_t iv[16];
  std::uint8_t aad[kAadOctets];
  std::uint8_t tag[64];
};

struct Work {
  bool seal;
  std::size_t octets;  ///< under the cipher
  std::vector<Packet> packets = std::vector<Packet>(kBurst);
};

std::size_t padded(std::size_t inner, std::size_t block) {
  return (inner + kTrailerOctets + block - 1) / block * block;
}

/// AES-GCM, called directly.
class Gcm {
 public:
  static constexpr std::size_t kBlock = 4;
  Gcm(IMB_MGR& manager, unsigned key_octets, bool seal) {
    const std::array<std::uint8_t, 32> key{1, 2, 3};
    if (key_octets == 16)
      IMB_AES128_GCM_PRE(&manager, key.data(), &keys_);
    else
      IMB_AES256_GCM_PRE(&manager, key.data(), &keys_);
    run_ = key_octets == 16 ? (seal ? manager.gcm128_enc : manager.gcm128_dec)
                            : (seal ? manager.gcm256_enc : manager.gcm256_dec);
  }
  void burst(Work& work) {
    for (Packet& packet : work.packets)
      run_(&keys_, &context_, packet.octets, packet.octets, work.octets, packet.iv, packet.aad,
           kAadOctets, packet.tag, kTagOctets);
  }

 private:
  alignas(64) gcm_key_data keys_;
  gcm_context_data context_;
  aes_gcm_enc_dec_t run_;
};

/// What goes through the multi-buffer manager: AES-CBC with HMAC-SHA2-256, ChaCha20-Poly1305.
class Jobs {
 public:
  Jobs(IMB_MGR& manager, unsigned key_octets, bool chacha) : manager_(manager), chacha_(chacha) {
    key_octets_ = key_octets;
    if (chacha) return;
    if (key_octets == 16)
      IMB_AES_KEYEXP_128(&manager, key_.data(), seal_keys_, open_keys_);
    else
      IMB_AES_KEYEXP_256(&manager, key_.data(), seal_keys_, open_keys_);
    std::array<std::uint8_t, IMB_SHA_256_BLOCK_SIZE> pad;
    pad.fill(0x36);
    IMB_SHA256_ONE_BLOCK(&manager, pad.data(), inner_);
    pad.fill(0x5c);
    IMB_SHA256_ONE_BLOCK(&manager, pad.data(), outer_);
  }
  [[nodiscard]] std::size_t block() const { return chacha_ ? 4 : 16; }

  void burst(Work& work) {
    unsigned done = 0;
    for (Packet& packet : work.packets) {
      fill(*IMB_GET_NEXT_JOB(&manager_), packet, work);
      for (const IMB_JOB* job = IMB_SUBMIT_JOB_NOCHECK(&manager_); job != nullptr;
           job = IMB_GET_COMPLETED_JOB(&manager_))
        done += job->status == IMB_STATUS_COMPLETED;
    }
    for (const IMB_JOB* job = IMB_FLUSH_JOB(&manager_); job != nullptr;
         job = IMB_FLUSH_JOB(&manager_))
      done += job->status == IMB_STATUS_COMPLETED;
    PS_CHECK(done == kBurst);
  }

 private:
  void fill(IMB_JOB& job, Packet& packet, const Work& work) const {
    job.cipher_direction = work.seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
    job.chain_order = work.seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    job.src = packet.octets;
    job.dst = packet.octets;
    job.iv = packet.iv;
    job.auth_tag_output = packet.tag;
    job.key_len_in_bytes = key_octets_;
    job.msg_len_to_cipher_in_bytes = work.octets;
    job.hash_start_src_offset_in_bytes = 0;
    job.cipher_start_src_offset_in_bytes = 0;
    if (chacha_) {
      job.cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
      job.hash_alg = IMB_AUTH_CHACHA20_POLY1305;
      job.enc_keys = job.dec_keys = key_.data();
      job.iv_len_in_bytes = 12;
      job.msg_len_to_hash_in_bytes = work.octets;
      job.u.CHACHA20_POLY1305.aad = packet.aad;
      job.u.CHACHA20_POLY1305.aad_len_in_bytes = kAadOctets;
      job.auth_tag_output_len_in_bytes = kTagOctets;
      return;
    }
    // The IV and the ESP header lie in front and are covered: 24 octets.
    job.cipher_mode = IMB_CIPHER_CBC;
    job.hash_alg = IMB_AUTH_HMAC_SHA_256;
    job.enc_keys = seal_keys_;
    job.dec_keys = open_keys_;
    job.iv_len_in_bytes = 16;
    job.cipher_start_src_offset_in_bytes = 24;
    job.dst = packet.octets + 24;
    job.msg_len_to_hash_in_bytes = work.octets + 24;
    job.u.HMAC._hashed_auth_key_xor_ipad = inner_;
    job.u.HMAC._hashed_auth_key_xor_opad = outer_;
    job.auth_tag_output_len_in_bytes = 16;
  }

  IMB_MGR& manager_;
  bool chacha_;
  unsigned key_octets_;
  std::array<std::uint8_t, 32> key_{1, 2, 3};
  alignas(16) std::uint32_t seal_keys_[15 * 4];
  alignas(16) std::uint32_t open_keys_[15 * 4];
  alignas(16) std::uint8_t inner_[32];
  alignas(16) std::uint8_t outer_[32];
};

double seconds_of(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}
double cpu_seconds() { return seconds_of(CLOCK_THREAD_CPUTIME_ID); }

double tsc_hertz() {
  constexpr double kLook = 0.05;
  const double begin = seconds_of(CLOCK_MONOTONIC_RAW);
  const std::uint64_t ticks = rte_rdtsc_precise();
  double now = begin;
  while (now < begin + kLook) now = seconds_of(CLOCK_MONOTONIC_RAW);
  return static_cast<double>(rte_rdtsc_precise() - ticks) / (now - begin);
}

template <class Cipher>
double nanoseconds_a_packet(Cipher& cipher, Work& work, double seconds) {
  cipher.burst(work);
  std::uint64_t packets = 0;
  const double begin = cpu_seconds();
  double now = begin;
  while (now < begin + seconds) {
    for (unsigned i = 0; i < kBurstsBetweenLooks; ++i) cipher.burst(work);
    packets += std::uint64_t{kBurstsBetweenLooks} * kBurst;
    now = cpu_seconds();
  }
  return (now - begin) * 1e9 / static_cast<double>(packets);
}

struct Row {
  std::string_view proposal;
  unsigned key_octets;
  bool gcm;
  bool chacha;
};
constexpr std::array kRows{
    Row{"aes128gcm16", 16, true, false},      Row{"aes256gcm16", 32, true, false},
    Row{"aes128-sha256", 16, false, false},   Row{"aes256-sha256", 32, false, false},
    Row{"chacha20poly1305", 32, false, true},
};

int run(const Row& row, bool seal, std::size_t inner, double seconds) {
  const Manager manager(alloc_mb_mgr(0));
  PS_CHECK(manager != nullptr);
  init_mb_mgr_auto(manager.get(), nullptr);
  double nanoseconds = 0;
  if (row.gcm) {
    const auto cipher = std::make_unique<Gcm>(*manager, row.key_octets, seal);
    Work work{.seal = seal, .octets = padded(inner, Gcm::kBlock)};
    nanoseconds = nanoseconds_a_packet(*cipher, work, seconds);
  } else {
    const auto cipher = std::make_unique<Jobs>(*manager, row.key_octets, row.chacha);
    Work work{.seal = seal, .octets = padded(inner, cipher->block())};
    nanoseconds = nanoseconds_a_packet(*cipher, work, seconds);
  }
  fmt::print("{:.3f} {:.0f}\n", nanoseconds, tsc_hertz());
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view direction = argc == 5 ? argv[2] : "";
  const long inner = argc == 5 ? std::strtol(argv[3], nullptr, 10) : 0;
  const double seconds = argc == 5 ? std::strtod(argv[4], nullptr) : 0;
  const bool fits = inner >= 20 && static_cast<std::size_t>(inner) + 64 < kRoom && seconds > 0;
  for (const Row& row : kRows)
    if (argc == 5 && row.proposal == argv[1] && fits &&
        (direction == "seal" || direction == "open"))
      return run(row, direction == "seal", static_cast<std::size_t>(inner), seconds);
  fmt::print(stderr, "bench_cipher PROPOSAL seal|open OCTETS SECONDS; PROPOSAL one of");
  for (const Row& row : kRows) fmt::print(stderr, " {}", row.proposal);
  fmt::print(stderr, "\n");
  return 2;
}
