// SPDX-License-Identifier: BSD-3-Clause
// From a datagram to views of its payloads: header, chain, encrypted part. What is in a payload is
// read by its own file in payload/, once somebody wants it.
#include "control/isakmp/message_view.h"

#include <algorithm>

#include "lib/base/byte_io.h"

namespace penstock::isakmp {
namespace {

using base::Bytes;
using base::ErrorCode;
using base::fail;
using base::Result;

constexpr std::uint8_t kMajorVersions[] = {1, 2};

bool is_encrypted(PayloadType type) {
  return type == PayloadType::kEncrypted || type == PayloadType::kEncryptedFragment;
}

Version version_of(ChainKind kind) {
  return kind == ChainKind::kV1Clear || kind == ChainKind::kV1Inside ? Version::kIkev1
                                                                     : Version::kIkev2;
}

/// The encrypted part of an IKEv2 message whose chain ended in SK or SKF.
Result<EncryptedView> encrypted_of(Bytes message, const PayloadView& payload, PayloadType inner) {
  EncryptedView out;
  out.inner_type = inner;
  out.body = payload.body;
  out.is_fragment = payload.type == PayloadType::kEncryptedFragment;
  if (out.is_fragment) {
    PS_ASSIGN(const FragmentHeader* fragment, base::view<FragmentHeader>(payload.body));
    out.fragment = fragment->number.get();
    out.fragments_total = fragment->total.get();
    // RFC 7383 §2.5: neither is zero, the number is not above the total, and only the first one
    // names the first payload inside.
    if (out.fragment == 0 || out.fragment > out.fragments_total)
      return fail(ErrorCode::kMalformed, "SKF: fragment number out of range");
    if (out.fragment > 1 && inner != PayloadType::kNone)
      return fail(ErrorCode::kMalformed, "SKF: a later fragment names a payload");
    out.body = payload.body.subspan(sizeof(FragmentHeader));
  }
  out.aad = message.first(message.size() - out.body.size());
  return out;
}

}  // namespace

Result<PayloadChain> PayloadChain::parse(PayloadType first, Bytes bytes, ChainKind kind) {
  const Version version = version_of(kind);
  PayloadChain out;
  PayloadType type = first;
  std::size_t seen = 0;
  while (type != PayloadType::kNone) {
    if (++seen > kMaxPayloads) return fail(ErrorCode::kLimit, "more payloads than kMaxPayloads");
    auto generic = base::view<GenericHeader>(bytes);
    if (!generic) return fail(ErrorCode::kTruncated, name_of(type) + ": no room for its header");
    const std::size_t length = (*generic)->length.get();
    if (length < sizeof(GenericHeader))
      return fail(ErrorCode::kMalformed, name_of(type) + ": its length is below its header's");
    if (length > bytes.size())
      return fail(ErrorCode::kTruncated, name_of(type) + ": its length exceeds the message");
    const auto next = PayloadType{(*generic)->next_payload};
    const PayloadView payload{
        type, version == Version::kIkev2 && ((*generic)->flags & kCriticalBit) != 0,
        bytes.subspan(sizeof(GenericHeader), length - sizeof(GenericHeader)), bytes.first(length)};
    bytes = bytes.subspan(length);
    if (is_known(version, type)) {
      out.payloads_[out.count_++] = payload;
    } else if (payload.critical && !out.unknown_critical_) {
      // RFC 7296 §3.2: without the bit the payload is skipped.
      out.unknown_critical_ = static_cast<std::uint8_t>(type);
    }
    if (version == Version::kIkev2 && is_encrypted(type)) {
      // RFC 7296 §3.14: SK is the last payload of a message, and never within another.
      if (kind == ChainKind::kV2Inside)
        return fail(ErrorCode::kMalformed, "an encrypted payload within another");
      out.inner_type_ = next;
      break;
    }
    type = next;
  }
  if (!bytes.empty() && kind != ChainKind::kV1Inside)
    return fail(ErrorCode::kMalformed, "octets are left after the last payload");
  return out;
}

const PayloadView* PayloadChain::find(PayloadType type) const {
  const auto found = std::ranges::find(payloads(), type, &PayloadView::type);
  return found == payloads().end() ? nullptr : &*found;
}

std::size_t PayloadChain::count(PayloadType type) const {
  return static_cast<std::size_t>(std::ranges::count(payloads(), type, &PayloadView::type));
}

Result<MessageView> MessageView::parse(Bytes message) {
  MessageView out;
  out.bytes_ = message;
  auto header = Header::parse(message);
  if (!header) return fail(ErrorCode::kTruncated, "shorter than an IKE header");
  out.header_ = *header;
  if (std::ranges::find(kMajorVersions, out.header_.major) == std::end(kMajorVersions))
    return fail(ErrorCode::kUnsupported, "IKE major version " + std::to_string(out.header_.major));
  // A UDP datagram holds one message (RFC 7296 §2): its length is known twice.
  if (out.header_.length != message.size())
    return fail(out.header_.length > message.size() ? ErrorCode::kTruncated : ErrorCode::kMalformed,
                "the header says " + std::to_string(out.header_.length) + " octets of " +
                    std::to_string(message.size()));
  const Bytes rest = message.subspan(kHeaderOctets);
  const bool v1 = out.version() == Version::kIkev1;
  if (v1 && (out.header_.flags & kFlagV1Encryption) != 0) {
    // RFC 2408 §3.1: all after the header is ciphertext, and Next Payload names what is in it.
    EncryptedView encrypted;
    encrypted.inner_type = out.header_.next_payload;
    encrypted.body = rest;
    out.encrypted_ = encrypted;
    return out;
  }
  PS_ASSIGN(out.chain_, PayloadChain::parse(out.header_.next_payload, rest,
                                            v1 ? ChainKind::kV1Clear : ChainKind::kV2Clear));
  if (!v1 && out.chain_.size() != 0 && is_encrypted(out.chain_.payloads().back().type)) {
    PS_ASSIGN(const EncryptedView encrypted,
              encrypted_of(message, out.chain_.payloads().back(), out.chain_.inner_type()));
    out.encrypted_ = encrypted;
  }
  return out;
}

}  // namespace penstock::isakmp
