// SPDX-License-Identifier: BSD-3-Clause
// Situations with labels. A level is a number in as many octets as its sender likes, categories are
// a bitmap; both are padded to whole words, and the padding is zero.
#include "control/isakmp/payload/v1_situation.h"

#include <fmt/format.h>

#include <algorithm>

namespace penstock::isakmp {
namespace {

using base::ByteReader;
using base::Bytes;
using base::ByteVector;
using base::ByteWriter;

constexpr std::size_t kWord = 4;

/// Length, RESERVED, octets, padding.
/// @param bits  the length counts bits, not octets
V1Result<Bytes> read_padded(ByteReader& in, bool bits, std::size_t& length) {
  const auto count = in.u16();
  const auto reserved = in.u16();
  if (!count || !reserved) return broken(V1Rule::kProposalSyntax, "a label is cut off");
  if (*reserved != 0) return broken(V1Rule::kReserved, "a label");
  length = *count;
  const std::size_t octets = bits ? (length + 7) / 8 : length;
  const auto value = in.take(octets);
  const auto padding = in.take((kWord - octets % kWord) % kWord);
  if (!value || !padding) return broken(V1Rule::kProposalSyntax, "a label is cut off");
  const auto zero = [](std::byte b) { return b == std::byte{0}; };
  if (!std::ranges::all_of(*padding, zero))
    return broken(V1Rule::kReserved, "the padding of a label");
  return *value;
}

V1Result<Label> read_label(ByteReader& in) {
  Label out;
  std::size_t length = 0;
  PS_ASSIGN(Bytes level, read_padded(in, false, length));
  while (!level.empty() && level.front() == std::byte{0}) level = level.subspan(1);
  if (level.size() > sizeof(out.level))
    return broken(V1Rule::kSituation, "a level of more than eight octets");
  for (const std::byte octet : level)
    out.level = out.level << 8U | std::to_integer<std::uint64_t>(octet);
  PS_ASSIGN(const Bytes bitmap, read_padded(in, true, length));
  for (unsigned bit = 0; bit < bitmap.size() * 8; ++bit) {
    const bool set = (bitmap[bit / 8U] & (std::byte{0x80} >> (bit % 8U))) != std::byte{0};
    if (set && bit >= length) return broken(V1Rule::kReserved, "the padding of a category bitmap");
    if (set) out.categories.push_back(bit);
  }
  return out;
}

void write_padded(ByteWriter& out, std::size_t length, const ByteVector& octets) {
  out.u16(static_cast<std::uint16_t>(length));
  out.u16(0);
  out.append(octets);
  out.zeros((kWord - octets.size() % kWord) % kWord);
}

void write_label(ByteWriter& out, const Label& label) {
  ByteVector level;
  for (std::uint64_t rest = label.level; rest != 0 || level.empty(); rest >>= 8U)
    level.insert(level.begin(), static_cast<std::byte>(rest));
  write_padded(out, level.size(), level);
  const std::size_t bits = label.categories.empty() ? 0 : label.categories.back() + 1U;
  ByteVector bitmap((bits + 7) / 8);
  for (const unsigned bit : label.categories) bitmap.at(bit / 8U) |= std::byte{0x80} >> (bit % 8U);
  write_padded(out, bits, bitmap);
}

std::string describe(std::string_view what, const Label& label) {
  std::string categories;
  for (const unsigned bit : label.categories)
    categories += fmt::format("{}{}", categories.empty() ? "" : ", ", bit);
  return fmt::format(", {} {} {{{}}}", what, label.level, categories);
}

}  // namespace

V1Result<Situation> read_v1_situation(ByteReader& in) {
  constexpr std::uint32_t kKnown = kSituationIdentityOnly | kSituationSecrecy | kSituationIntegrity;
  const auto bits = in.u32();
  if (!bits) return broken(V1Rule::kProposalSyntax, "an SA payload without its fixed part");
  // RFC 2407 §4.2.1: identities there are always.
  if ((*bits & ~kKnown) != 0 || (*bits & kSituationIdentityOnly) == 0)
    return broken(V1Rule::kSituation, std::to_string(*bits));
  Situation out;
  if (*bits == kSituationIdentityOnly) return out;
  const auto domain = in.u32();
  if (!domain) return broken(V1Rule::kProposalSyntax, "the labelled domain is cut off");
  // §4.6.1.1: 0 is reserved.
  if (*domain == 0) return broken(V1Rule::kSituation, "labels of no domain");
  out.domain = *domain;
  if ((*bits & kSituationSecrecy) != 0) {
    PS_ASSIGN(out.secrecy, read_label(in));
  }
  if ((*bits & kSituationIntegrity) != 0) {
    PS_ASSIGN(out.integrity, read_label(in));
  }
  return out;
}

void write_v1_situation(ByteWriter& out, const Situation& situation) {
  out.u32(kSituationIdentityOnly | (situation.secrecy ? kSituationSecrecy : 0U) |
          (situation.integrity ? kSituationIntegrity : 0U));
  if (!situation.has_labels()) return;
  out.u32(situation.domain);
  if (situation.secrecy) write_label(out, *situation.secrecy);
  if (situation.integrity) write_label(out, *situation.integrity);
}

std::string describe(const Situation& situation) {
  if (!situation.has_labels()) return "identity only";
  std::string out = fmt::format("domain {}", situation.domain);
  if (situation.secrecy) out += describe("secrecy", *situation.secrecy);
  if (situation.integrity) out += describe("integrity", *situation.integrity);
  return out;
}

}  // namespace penstock::isakmp
