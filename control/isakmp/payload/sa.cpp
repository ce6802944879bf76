// SPDX-License-Identifier: BSD-3-Clause
// SA payload of IKEv2: three nested lists, each entry with its own length. Reading keeps numbers
// that we do not know (they are logged and match nothing); to_proposal() applies RFC 7296 §3.3.6.
#include "control/isakmp/payload/sa.h"

#include <fmt/format.h>

#include "lib/base/check.h"

namespace penstock::isakmp {
namespace {

using base::Be16;
using base::ByteReader;
using base::Bytes;
using base::ErrorCode;
using base::fail;
using base::Result;

struct ProposalHeader {
  std::uint8_t last;
  std::uint8_t reserved;
  Be16 length;
  std::uint8_t number;
  std::uint8_t protocol;
  std::uint8_t spi_octets;
  std::uint8_t transforms;
};
static_assert(sizeof(ProposalHeader) == 8);

struct TransformHeader {
  std::uint8_t last;
  std::uint8_t reserved;
  Be16 length;
  std::uint8_t type;
  std::uint8_t reserved2;
  Be16 id;
};
static_assert(sizeof(TransformHeader) == 8);

struct AttributeHeader {
  Be16 type;  ///< first bit: the value is the next field
  Be16 value_or_length;
};
static_assert(sizeof(AttributeHeader) == 4);

constexpr std::uint8_t kNoMore = 0;  // Last Substruc
constexpr std::uint8_t kMoreProposals = 2;
constexpr std::uint8_t kMoreTransforms = 3;
constexpr std::uint16_t kShortFormat = 0x8000;
constexpr std::uint16_t kKeyLength = 14;

tl::unexpected<base::Error> bad(std::string why) {
  return fail(ErrorCode::kMalformed, "SA: " + std::move(why));
}

Result<void> read_attributes(TransformView& transform, ByteReader in) {
  for (std::size_t count = 0; !in.empty(); ++count) {
    if (count == kMaxAttributes)
      return fail(ErrorCode::kLimit, fmt::format("SA: more than {} attributes", kMaxAttributes));
    PS_ASSIGN(const AttributeHeader* attribute, in.take<AttributeHeader>());
    const bool is_short = (attribute->type.get() & kShortFormat) != 0;
    if (!is_short) PS_TRY(in.take(attribute->value_or_length.get()));
    // §3.3.5: Key Length is always in the short format, and there once.
    if (is_short && (attribute->type.get() & ~kShortFormat) == kKeyLength && !transform.key_bits)
      transform.key_bits = attribute->value_or_length.get();
    else
      transform.unknown_attribute = true;
  }
  return {};
}

Result<TransformView> read_transform(ByteReader& in, bool last) {
  PS_ASSIGN(const TransformHeader* header, base::view<TransformHeader>(in.rest()));
  if (header->length.get() < sizeof(TransformHeader)) return bad("Transform Length is too small");
  if (header->last != (last ? kNoMore : kMoreTransforms))
    return bad("Last Substruc does not fit Num Transforms");
  PS_ASSIGN(const Bytes whole, in.take(header->length.get()));
  TransformView out;
  out.type = header->type;
  out.id = header->id.get();
  PS_TRY(read_attributes(out, ByteReader(whole.subspan(sizeof(TransformHeader)))));
  return out;
}

/// §3.3.1: none or 8 octets for IKE, 4 for AH and ESP; what we do not know may have its own.
bool spi_size_fits(const ProposalHeader& header) {
  switch (ProtocolId{header.protocol}) {
    case ProtocolId::kIke:
      return header.spi_octets == 0 || header.spi_octets == sizeof(std::uint64_t);
    case ProtocolId::kAh:
    case ProtocolId::kEsp:
      return header.spi_octets == sizeof(std::uint32_t);
    default:
      return header.spi_octets <= kMaxSpiOctets;
  }
}

Result<ProposalView> read_proposal(ByteReader& in) {
  PS_ASSIGN(const ProposalHeader* header, base::view<ProposalHeader>(in.rest()));
  if (header->length.get() < sizeof(ProposalHeader)) return bad("Proposal Length is too small");
  PS_ASSIGN(const Bytes whole, in.take(header->length.get()));
  if (header->last != (in.empty() ? kNoMore : kMoreProposals))
    return bad("Last Substruc does not fit the payload's length");
  if (!spi_size_fits(*header)) return bad(fmt::format("SPI Size {}", header->spi_octets));
  if (header->transforms == 0) return bad("a proposal without transforms");
  if (header->transforms > kMaxTransforms)
    return fail(ErrorCode::kLimit, fmt::format("SA: more than {} transforms", kMaxTransforms));
  ProposalView out;
  out.number = header->number;
  out.protocol = ProtocolId{header->protocol};
  ByteReader body(whole.subspan(sizeof(ProposalHeader)));
  PS_ASSIGN(out.spi, body.take(header->spi_octets));
  out.transforms.reserve(header->transforms);
  for (std::size_t left = header->transforms; left > 0; --left) {
    PS_ASSIGN(const TransformView transform, read_transform(body, left == 1));
    out.transforms.push_back(transform);
  }
  if (!body.empty()) return bad("octets are left after the last transform");
  return out;
}

/// A transform that names itself an algorithm of its type's list, or stands there as unusable.
void add_transform(crypto::Proposal& out, const TransformView& t) {
  const bool key_length_fits = !t.key_bits || TransformType{t.type} == TransformType::kEncr;
  const bool usable = !t.unknown_attribute && key_length_fits;
  const std::uint16_t id = usable ? t.id : kUnusableTransformId;
  switch (TransformType{t.type}) {
    case TransformType::kEncr:
      out.encr.push_back({crypto::EncrId{id}, usable ? t.key_bits.value_or(0) : std::uint16_t{0}});
      break;
    case TransformType::kPrf:
      out.prf.push_back(crypto::PrfId{id});
      break;
    case TransformType::kInteg:
      out.integ.push_back(crypto::IntegId{id});
      break;
    case TransformType::kDh:
      out.dh.push_back(crypto::DhGroupId{id});
      break;
    case TransformType::kEsn:
      out.esn.push_back(crypto::EsnId{id});
      break;
  }
}

/// Appends the transforms of one proposal; counts them and remembers where the last one began.
class TransformWriter {
 public:
  explicit TransformWriter(base::ByteWriter& out) : out_(out) {}

  template <class Id>
  void add(TransformType type, Id id, std::uint16_t key_bits = 0) {
    last_ = out_.size();
    const std::size_t octets =
        sizeof(TransformHeader) + (key_bits != 0 ? sizeof(AttributeHeader) : 0U);
    out_.put(TransformHeader{kMoreTransforms, 0, Be16{static_cast<std::uint16_t>(octets)},
                             static_cast<std::uint8_t>(type), 0,
                             Be16{static_cast<std::uint16_t>(id)}});
    if (key_bits != 0)
      out_.put(AttributeHeader{Be16{static_cast<std::uint16_t>(kShortFormat | kKeyLength)},
                               Be16{key_bits}});
    ++count_;
  }
  /// @return how many there are
  std::uint8_t end() {
    PS_CHECK(count_ != 0 && count_ <= kMaxTransforms);
    out_.patch_u8(last_, kNoMore);
    return static_cast<std::uint8_t>(count_);
  }

 private:
  base::ByteWriter& out_;
  std::size_t last_ = 0;
  std::size_t count_ = 0;
};

void write_proposal(base::ByteWriter& out, const crypto::Proposal& proposal, std::uint8_t number,
                    Bytes spi, bool last) {
  const std::size_t start = out.size();
  out.put(ProposalHeader{last ? kNoMore : kMoreProposals, 0, Be16{}, number,
                         static_cast<std::uint8_t>(proposal.protocol),
                         static_cast<std::uint8_t>(spi.size()), 0});
  out.append(spi);
  TransformWriter transforms(out);
  for (const auto& encr : proposal.encr)
    transforms.add(TransformType::kEncr, encr.id, encr.key_bits);
  for (const auto id : proposal.prf) transforms.add(TransformType::kPrf, id);
  for (const auto id : proposal.integ) transforms.add(TransformType::kInteg, id);
  for (const auto id : proposal.dh) transforms.add(TransformType::kDh, id);
  for (const auto id : proposal.esn) transforms.add(TransformType::kEsn, id);
  const std::uint8_t count = transforms.end();
  out.patch_u16(start + offsetof(ProposalHeader, length),
                static_cast<std::uint16_t>(out.size() - start));
  out.patch_u8(start + offsetof(ProposalHeader, transforms), count);
}

}  // namespace

Result<SaPayload> parse_sa(Bytes body) {
  if (body.empty()) return bad("there is no proposal");
  SaPayload out;
  ByteReader in(body);
  while (!in.empty()) {
    if (out.proposals.size() == kMaxProposals)
      return fail(ErrorCode::kLimit, fmt::format("SA: more than {} proposals", kMaxProposals));
    PS_ASSIGN(ProposalView proposal, read_proposal(in));
    // §3.3.1: one more than the previous one. An answer begins with the number of its choice.
    if (!out.proposals.empty() && proposal.number != out.proposals.back().number + 1)
      return bad("the proposals are not numbered in order");
    out.proposals.push_back(std::move(proposal));
  }
  return out;
}

Result<crypto::Proposal> to_proposal(const ProposalView& view) {
  crypto::Proposal out;
  out.protocol = view.protocol;
  for (const TransformView& transform : view.transforms) {
    if (transform.type == 0 || transform.type > static_cast<std::uint8_t>(TransformType::kEsn))
      return fail(ErrorCode::kUnsupported,
                  fmt::format("proposal {} holds transform type {}", view.number, transform.type));
    add_transform(out, transform);
  }
  // RFC 7296 §3.3: with a combined-mode cipher, NONE alone is the same as no integrity transform.
  if (out.integ.size() == 1 && out.integ.front() == crypto::IntegId::kNone) out.integ.clear();
  return out;
}

void append_sa(MessageBuilder& builder, std::span<const crypto::Proposal> proposals, Bytes spi) {
  PS_CHECK(!proposals.empty() && proposals.size() <= kMaxProposals);
  base::ByteWriter& out = builder.begin(PayloadType::kSa);
  for (std::size_t i = 0; i < proposals.size(); ++i)
    write_proposal(out, proposals[i], static_cast<std::uint8_t>(i + 1), spi,
                   i + 1 == proposals.size());
  builder.end();
}

void append_sa_choice(MessageBuilder& builder, const crypto::Proposal& chosen, std::uint8_t number,
                      Bytes spi) {
  write_proposal(builder.begin(PayloadType::kSa), chosen, number, spi, true);
  builder.end();
}

std::string describe(const SaPayload& payload) {
  std::string out = "SA[";
  for (const ProposalView& view : payload.proposals) {
    if (out.back() != '[') out += "; ";
    const auto proposal = to_proposal(view);
    out += fmt::format("{}: {} {}", view.number, crypto::name_of(view.protocol),
                       proposal ? proposal->to_string() : proposal.error().text);
  }
  return out + "]";
}

}  // namespace penstock::isakmp
