// SPDX-License-Identifier: BSD-3-Clause
// MessageView: a received message as views into the datagram. Nothing is copied, nothing grows:
// payloads lie in an array of kMaxPayloads.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>

#include "control/isakmp/header.h"
#include "lib/base/result.h"

namespace penstock::isakmp {

/// Payloads a chain may have. Real messages stay below 30 (MOBIKE addresses, many CERTREQs).
inline constexpr std::size_t kMaxPayloads = 64;

/// As on the wire, before each payload (RFC 7296 §3.2, RFC 2408 §3.2).
struct GenericHeader {
  std::uint8_t next_payload;
  std::uint8_t flags;  ///< bit 7: critical (IKEv2); the rest is reserved and ignored
  base::Be16 length;   ///< of the payload with this header, octets
};
static_assert(sizeof(GenericHeader) == 4 && alignof(GenericHeader) == 1);
inline constexpr std::uint8_t kCriticalBit = 0x80;

/// After the generic header of an SKF payload (RFC 7383 §2.5).
struct FragmentHeader {
  base::Be16 number;  ///< from 1
  base::Be16 total;
};
static_assert(sizeof(FragmentHeader) == 4 && alignof(FragmentHeader) == 1);
/// Of one message, both ways. With the least fragments that anybody asks for (576 octets, RFC 7383
/// §2.5.1) they carry more than a message may have.
inline constexpr std::size_t kMaxFragments = 160;

/// One payload of a chain.
struct PayloadView {
  PayloadType type = PayloadType::kNone;
  bool critical = false;
  base::Bytes body;   ///< after its generic header
  base::Bytes whole;  ///< with its generic header
};

/// Where a chain stands, which decides what may be in it and what may follow it.
enum class ChainKind : std::uint8_t {
  kV2Clear,   ///< after an IKEv2 header: SK or SKF may be the last payload
  kV2Inside,  ///< decrypted SK content: no SK within SK (RFC 7296 §3.14), no octet left over
  kV1Clear,   ///< after an IKEv1 header
  kV1Inside,  ///< decrypted IKEv1 content: padding may follow (RFC 2408 §3.1, RFC 2409 appendix B)
};

/// The payloads of a message or of an SK payload's content, in order. Unknown payloads are skipped:
/// those of IKEv2 with the critical bit are remembered (RFC 7296 §2.5, §3.2).
class PayloadChain {
 public:
  /// @param first  Next Payload of the header, or of the SK payload
  /// @return kTruncated, kMalformed or kLimit
  [[nodiscard]] static base::Result<PayloadChain> parse(PayloadType first, base::Bytes bytes,
                                                        ChainKind kind = ChainKind::kV2Inside);

  [[nodiscard]] std::span<const PayloadView> payloads() const { return {payloads_.data(), count_}; }
  [[nodiscard]] auto begin() const { return payloads().begin(); }
  [[nodiscard]] auto end() const { return payloads().end(); }
  [[nodiscard]] std::size_t size() const { return count_; }
  /// The first payload of the type, borrowed from this chain; nullptr if there is none.
  [[nodiscard]] const PayloadView* find(PayloadType type) const;
  [[nodiscard]] std::size_t count(PayloadType type) const;
  /// The first unknown payload that had its critical bit set: the whole message is to be rejected,
  /// a request with UNSUPPORTED_CRITICAL_PAYLOAD and this type (RFC 7296 §2.5).
  [[nodiscard]] std::optional<std::uint8_t> unknown_critical() const { return unknown_critical_; }
  /// The Next Payload field of the SK or SKF payload that ended the chain, else kNone.
  [[nodiscard]] PayloadType inner_type() const { return inner_type_; }

 private:
  std::array<PayloadView, kMaxPayloads> payloads_{};
  std::size_t count_ = 0;
  std::optional<std::uint8_t> unknown_critical_;
  PayloadType inner_type_ = PayloadType::kNone;
};

/// The protected part of a message, ready for SkCipher::open().
struct EncryptedView {
  PayloadType inner_type = PayloadType::kNone;  ///< first payload inside; kNone: it is empty
  base::Bytes aad;   ///< from the IKE header to the end of SK's generic header (RFC 5282 §5.1);
                     ///< for SKF to the end of Total Fragments. Empty for IKEv1
  base::Bytes body;  ///< IV | ciphertext | ICV; for IKEv1 the ciphertext alone
  std::uint16_t fragment = 1;         ///< SKF: 1 … fragments_total (RFC 7383 §2.5)
  std::uint16_t fragments_total = 1;  ///< 1 for SK
  bool is_fragment = false;
};

class MessageView {
 public:
  /// Checks the header (28 octets, major version 1 or 2, Length equal to the datagram) and the
  /// chain of payloads, not what is in them.
  /// @param message  a UDP payload without the non-ESP marker; outlives the view
  /// @return kTruncated, kMalformed, kLimit, or kUnsupported for another major version
  [[nodiscard]] static base::Result<MessageView> parse(base::Bytes message);

  [[nodiscard]] const Header& header() const { return header_; }
  [[nodiscard]] Version version() const { return static_cast<Version>(header_.major); }
  [[nodiscard]] base::Bytes bytes() const { return bytes_; }
  /// The payloads in clear; SK or SKF is the last of them. Empty for an encrypted IKEv1 message.
  [[nodiscard]] const PayloadChain& payloads() const { return chain_; }
  /// What is encrypted, or nothing.
  [[nodiscard]] const std::optional<EncryptedView>& encrypted() const { return encrypted_; }

 private:
  base::Bytes bytes_;
  Header header_;
  PayloadChain chain_;
  std::optional<EncryptedView> encrypted_;
};

}  // namespace penstock::isakmp
