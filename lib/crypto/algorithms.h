// SPDX-License-Identifier: BSD-3-Clause
// THE algorithm table: one row an algorithm, with its names, its IKE numbers, its sizes and the RFC
// that defines it. Proposals are read from it, keys are cut by it, engines say which rows they
// have.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace penstock::crypto {

/// IKEv2 transform type 1 (RFC 7296 §3.3.2 and the IANA registry).
enum class EncrId : std::uint16_t {
  kNone = 0,
  k3Des = 3,
  kNull = 11,     ///< RFC 2410; never for an IKE SA
  kAesCbc = 12,   ///< RFC 3602
  kAesCtr = 13,   ///< RFC 3686
  kAesCcm8 = 14,  ///< RFC 4309
  kAesCcm12 = 15,
  kAesCcm16 = 16,
  kAesGcm8 = 18,  ///< RFC 4106
  kAesGcm12 = 19,
  kAesGcm16 = 20,
  kNullAesGmac = 21,       ///< RFC 4543
  kChaCha20Poly1305 = 28,  ///< RFC 7634
};

/// IKEv2 transform type 2.
enum class PrfId : std::uint16_t {
  kNone = 0,
  kHmacMd5 = 1,
  kHmacSha1 = 2,
  kAes128Xcbc = 4,
  kHmacSha256 = 5,
  kHmacSha384 = 6,
  kHmacSha512 = 7,
  kAes128Cmac = 8,
};

/// IKEv2 transform type 3.
enum class IntegId : std::uint16_t {
  kNone = 0,
  kHmacMd5_96 = 1,
  kHmacSha1_96 = 2,
  kAesXcbc96 = 5,
  kAesCmac96 = 8,
  kAes128Gmac = 9,  ///< AH only (RFC 4543)
  kAes192Gmac = 10,
  kAes256Gmac = 11,
  kHmacSha256_128 = 12,
  kHmacSha384_192 = 13,
  kHmacSha512_256 = 14,
  /// Private use (RFC 7296 §3.3.2), strongSwan's number: SHA2-256 cut as in
  /// draft-ietf-ipsec-ciph-sha-256-00, which old peers kept when RFC 4868 came.
  kHmacSha256_96 = 1026,
};

/// IKEv2 transform type 4 (and the IKEv1 groups of the same numbers).
enum class DhGroupId : std::uint16_t {
  kNone = 0,
  kModp768 = 1,
  kModp1024 = 2,
  kModp1536 = 5,
  kModp2048 = 14,
  kModp3072 = 15,
  kModp4096 = 16,
  kModp6144 = 17,
  kModp8192 = 18,
  kEcp256 = 19,
  kEcp384 = 20,
  kEcp521 = 21,
  kX25519 = 31,
  kX448 = 32,
};

/// IKEv2 transform type 5.
enum class EsnId : std::uint16_t { kNoEsn = 0, kEsn = 1 };

enum class CipherKind : std::uint8_t { kBlock, kCounter, kAead, kAuthOnly, kNull };

struct EncrRow {
  EncrId id;
  std::uint16_t key_bits;  ///< one row a key length; without the salt
  std::string_view name;   ///< the proposal word: "aes128gcm16", "aes256", "chacha20poly1305"
  CipherKind kind;
  std::uint8_t salt_octets;  ///< taken from the end of the keying material
  std::uint8_t iv_octets;    ///< explicit IV in the packet
  std::uint8_t
      block_octets;  ///< the ciphertext's unit: 16 for CBC, 4 for the others in ESP (RFC 4303 §2.4)
  std::uint8_t icv_octets;    ///< of an AEAD, else 0
  bool key_length_attribute;  ///< the transform carries KEY_LENGTH (RFC 7296 §3.3.5)
  bool for_ike;               ///< may protect an IKE SA
  bool for_esp;
  std::string_view rfc;
};

struct IntegRow {
  IntegId id;
  std::string_view name;  ///< "sha256", "sha1", …
  std::uint8_t key_octets;
  std::uint8_t icv_octets;          ///< after truncation
  std::uint8_t digest_octets;       ///< before it
  std::string_view openssl_digest;  ///< "SHA256"; empty for a cipher-based MAC
  bool for_ike;
  bool for_ipsec;
  std::string_view rfc;
  std::uint8_t salt_octets = 0;  ///< AES-GMAC in AH: behind the key in the keying material
  std::uint8_t iv_octets = 0;    ///< likewise: in front of the ICV in the packet (RFC 4543 §4)
};

struct PrfRow {
  PrfId id;
  std::string_view name;    ///< "prfsha256"; "sha256" of an IKE proposal implies it
  std::uint8_t key_octets;  ///< preferred key length (RFC 7296 §2.13)
  std::uint8_t output_octets;
  std::string_view openssl_digest;
  bool fixed_key;  ///< SKEYSEED takes 64 bits of each nonce (RFC 7296 §2.14)
  std::string_view rfc;
};

enum class DhKind : std::uint8_t { kModp, kEcp, kMontgomery };

struct DhRow {
  DhGroupId id;
  std::string_view name;  ///< "modp2048", "ecp256", "x25519"
  DhKind kind;
  std::uint16_t public_octets;  ///< of the KE payload's data: ECP is x | y (RFC 5903 §7)
  std::uint16_t secret_octets;  ///< of g^ir: ECP is x alone
  std::string_view openssl_name;
  bool weak;  ///< only when asked for by name
  std::string_view rfc;
};

[[nodiscard]] std::span<const EncrRow> encr_table();
[[nodiscard]] std::span<const IntegRow> integ_table();
[[nodiscard]] std::span<const PrfRow> prf_table();
[[nodiscard]] std::span<const DhRow> dh_table();

/// Rows by number; nullptr for what we do not have. `key_bits` 0 finds the row without a
/// KEY_LENGTH.
[[nodiscard]] const EncrRow* find_encr(EncrId id, std::uint16_t key_bits);
[[nodiscard]] const IntegRow* find_integ(IntegId id);
[[nodiscard]] const PrfRow* find_prf(PrfId id);
[[nodiscard]] const DhRow* find_dh(DhGroupId id);

}  // namespace penstock::crypto
