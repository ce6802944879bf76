// SPDX-License-Identifier: BSD-3-Clause
// From payloads to a message. A payload's length is patched when it ends, its predecessor's Next
// Payload when it begins.
#include "control/isakmp/message_builder.h"

#include <algorithm>

#include "lib/base/check.h"

namespace penstock::isakmp {
namespace {

constexpr std::size_t kNextPayloadOffset = 0;  // in a generic header
constexpr std::size_t kLengthOffset = 2;
constexpr std::size_t kMaxPayloadOctets = 0xffff;

void write_header(base::ByteWriter& out, const Header& header, PayloadType first,
                  std::size_t message_octets) {
  WireHeader wire{};
  wire.initiator_spi.set(header.initiator_spi.value());
  wire.responder_spi.set(header.responder_spi.value());
  wire.next_payload = static_cast<std::uint8_t>(first);
  wire.version = static_cast<std::uint8_t>(header.major << 4U | header.minor);
  wire.exchange = static_cast<std::uint8_t>(header.exchange);
  wire.flags = header.flags;
  wire.message_id.set(header.message_id.value());
  wire.length.set(static_cast<std::uint32_t>(message_octets));
  out.put(wire);
}

}  // namespace

MessageBuilder::MessageBuilder(const Header& header) : header_(header) {}

base::ByteWriter& MessageBuilder::begin(PayloadType type, bool critical) {
  PS_CHECK(!open_);
  if (empty())
    first_ = type;
  else
    payloads_.patch_u8(last_ + kNextPayloadOffset, static_cast<std::uint8_t>(type));
  last_ = payloads_.size();
  payloads_.put(GenericHeader{static_cast<std::uint8_t>(PayloadType::kNone),
                              critical ? kCriticalBit : std::uint8_t{0}, base::Be16{}});
  open_ = true;
  return payloads_;
}

void MessageBuilder::end() {
  const std::size_t octets = payloads_.size() - last_;
  PS_CHECK(open_ && octets <= kMaxPayloadOctets);
  payloads_.patch_u16(last_ + kLengthOffset, static_cast<std::uint16_t>(octets));
  open_ = false;
}

void MessageBuilder::append(PayloadType type, base::Bytes body, bool critical) {
  begin(type, critical).append(body);
  end();
}

base::ByteVector MessageBuilder::finish() {
  PS_CHECK(!open_);
  base::ByteWriter out;
  write_header(out, header_, first_, kHeaderOctets + payloads_.size());
  out.append(take_payloads());
  return out.release();
}

base::ByteVector MessageBuilder::take_payloads() {
  first_ = PayloadType::kNone;
  return std::exchange(payloads_, {}).release();
}

base::ByteVector MessageBuilder::seal(const crypto::SkCipher& cipher, std::uint64_t message_counter,
                                      base::RandomSource& iv_source) {
  PS_CHECK(!open_);
  const std::size_t payload_octets =
      sizeof(GenericHeader) + payloads_.size() + cipher.overhead(payloads_.size());
  PS_CHECK(payload_octets <= kMaxPayloadOctets);
  base::ByteWriter out;
  // The lengths are authenticated, so they are final before the cipher runs.
  write_header(out, header_, PayloadType::kEncrypted, kHeaderOctets + payload_octets);
  out.put(GenericHeader{static_cast<std::uint8_t>(first_), 0,
                        base::Be16{static_cast<std::uint16_t>(payload_octets)}});
  out.append(cipher.seal(out.bytes(), payloads_.bytes(), message_counter, iv_source));
  PS_CHECK(out.size() == kHeaderOctets + payload_octets);
  static_cast<void>(take_payloads());
  return out.release();
}

std::size_t MessageBuilder::sealed_octets(const crypto::SkCipher& cipher) const {
  return kHeaderOctets + sizeof(GenericHeader) + payloads_.size() +
         cipher.overhead(payloads_.size());
}

namespace {

/// What of the content fits into a fragment. Padding grows in steps, so it is searched for: a block
/// down at most.
std::size_t chunk_octets(const crypto::SkCipher& cipher, std::size_t most_octets,
                         std::size_t content_octets) {
  const std::size_t least = content_octets / kMaxFragments + 1;
  const std::size_t fixed = kHeaderOctets + sizeof(GenericHeader) + sizeof(FragmentHeader);
  std::size_t chunk = std::max(most_octets, fixed + least) - fixed;
  while (chunk > least && fixed + chunk + cipher.overhead(chunk) > most_octets) --chunk;
  return chunk;
}

}  // namespace

base::ByteVector MessageBuilder::seal_fragments(const crypto::SkCipher& cipher,
                                                std::uint64_t& sealed,
                                                base::RandomSource& iv_source,
                                                std::size_t most_octets) {
  PS_CHECK(!open_);
  const std::size_t chunk = chunk_octets(cipher, most_octets, payloads_.size());
  // Only the first fragment names the first payload inside (RFC 7383 §2.5).
  PayloadType inner = first_;
  const base::ByteVector content = take_payloads();
  const std::size_t total = std::max<std::size_t>(1, (content.size() + chunk - 1) / chunk);
  PS_CHECK(total <= kMaxFragments);
  base::ByteVector all;
  for (std::size_t number = 1; number <= total; ++number) {
    const base::Bytes rest = base::Bytes(content).subspan((number - 1) * chunk);
    const base::Bytes part = rest.first(std::min(chunk, rest.size()));
    const std::size_t octets =
        sizeof(GenericHeader) + sizeof(FragmentHeader) + part.size() + cipher.overhead(part.size());
    PS_CHECK(octets <= kMaxPayloadOctets);
    base::ByteWriter out;
    write_header(out, header_, PayloadType::kEncryptedFragment, kHeaderOctets + octets);
    out.put(GenericHeader{static_cast<std::uint8_t>(std::exchange(inner, PayloadType::kNone)), 0,
                          base::Be16{static_cast<std::uint16_t>(octets)}});
    out.put(FragmentHeader{base::Be16{static_cast<std::uint16_t>(number)},
                           base::Be16{static_cast<std::uint16_t>(total)}});
    out.append(cipher.seal(out.bytes(), part, ++sealed, iv_source));
    const base::ByteVector message = out.release();
    all.insert(all.end(), message.begin(), message.end());
  }
  return all;
}

base::Bytes next_message(base::Bytes messages) {
  const auto header = Header::parse(messages);
  PS_CHECK(header && header->length >= kHeaderOctets && header->length <= messages.size());
  return messages.first(header->length);
}

}  // namespace penstock::isakmp
