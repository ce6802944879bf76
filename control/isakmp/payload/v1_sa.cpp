// SPDX-License-Identifier: BSD-3-Clause
// SA payload of IKEv1. Proposals are payloads chained within it, transforms payloads chained within
// a proposal; what they mean is decided where they are negotiated.
#include "control/isakmp/payload/v1_sa.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/byte_io.h"
#include "lib/base/check.h"

namespace penstock::isakmp {
namespace {

using base::Be16;
using base::ByteReader;
using base::Bytes;

struct ProposalHeader {
  std::uint8_t next;
  std::uint8_t reserved;
  Be16 length;
  std::uint8_t number;
  std::uint8_t protocol;
  std::uint8_t spi_octets;
  std::uint8_t transforms;
};
static_assert(sizeof(ProposalHeader) == 8);

struct TransformHeader {
  std::uint8_t next;
  std::uint8_t reserved;
  Be16 length;
  std::uint8_t number;
  std::uint8_t id;
  Be16 reserved2;
};
static_assert(sizeof(TransformHeader) == 8);

constexpr std::uint16_t kBasic = 0x8000;
constexpr auto kNone = static_cast<std::uint8_t>(PayloadType::kNone);
constexpr auto kProposal = static_cast<std::uint8_t>(PayloadType::kV1Proposal);
constexpr auto kTransform = static_cast<std::uint8_t>(PayloadType::kV1Transform);
constexpr std::uint32_t kFirstFreeSpi = 256;  // RFC 2402 and RFC 2406: 1 to 255 are reserved

V1Result<V1Attribute> read_attribute(ByteReader& in) {
  const auto type = in.u16();
  const auto second = in.u16();
  if (!type || !second) return broken(V1Rule::kAttributes, "an attribute is cut off");
  if ((*type & kBasic) != 0)
    return V1Attribute::of(static_cast<std::uint16_t>(*type & ~kBasic), *second);
  const auto octets = in.take(*second);
  if (!octets || octets->empty()) return broken(V1Rule::kAttributes, "an attribute is cut off");
  V1Attribute out{*type, 0, false, base::to_vector(*octets)};
  const auto first = std::ranges::find_if(*octets, [](std::byte b) { return b != std::byte{0}; });
  // More than a number of ours can hold is a field or group element (RFC 2409 appendix A).
  if (octets->end() - first <= 8)
    for (auto it = first; it != octets->end(); ++it)
      out.value = out.value << 8U | std::to_integer<std::uint64_t>(*it);
  return out;
}

V1Result<V1Transform> read_transform(ByteReader& in, bool last) {
  const auto header = base::view<TransformHeader>(in.rest());
  if (!header) return broken(V1Rule::kTransformSyntax, "a transform is cut off");
  const TransformHeader& h = **header;
  if (h.reserved != 0 || h.reserved2.get() != 0) return broken(V1Rule::kReserved, "T");
  if (h.next != (last ? kNone : kTransform))
    return broken(V1Rule::kTransformSyntax, "Next Payload does not fit the number of transforms");
  const auto whole = in.take(h.length.get());
  if (!whole || whole->size() < sizeof(TransformHeader))
    return broken(V1Rule::kTransformSyntax, "the length of a transform does not fit");
  PS_ASSIGN(auto attributes, parse_v1_attributes(whole->subspan(sizeof(TransformHeader))));
  return V1Transform{h.number, h.id, std::move(attributes)};
}

/// RFC 2407 §4.4.1, RFC 2408 §3.5: ISAKMP's SPI is the pair of cookies and ignored here.
V1Result<void> check_spi(ProtocolId protocol, Bytes spi) {
  if (protocol == ProtocolId::kIke)
    return spi.size() <= 16 ? V1Result<void>{} : broken(V1Rule::kSpi, "longer than two cookies");
  if (protocol == kV1Ipcomp)  // RFC 3173 §4.1: a CPI, alone or in the lower half
    return spi.size() == 2 || spi.size() == 4 ? V1Result<void>{} : broken(V1Rule::kSpi, "no CPI");
  const auto value = ByteReader(spi).u32();
  if (spi.size() != 4 || !value || *value < kFirstFreeSpi)
    return broken(V1Rule::kSpi, "0x" + base::to_hex(spi));
  return {};
}

V1Result<V1Proposal> read_proposal(ByteReader& in) {
  const auto header = base::view<ProposalHeader>(in.rest());
  if (!header) return broken(V1Rule::kProposalSyntax, "a proposal is cut off");
  const ProposalHeader& h = **header;
  if (h.reserved != 0) return broken(V1Rule::kReserved, "P");
  const auto whole = in.take(h.length.get());
  if (!whole || whole->size() < sizeof(ProposalHeader))
    return broken(V1Rule::kProposalSyntax, "the length of a proposal does not fit");
  if (h.next != (in.empty() ? kNone : kProposal))
    return broken(V1Rule::kProposalSyntax, "Next Payload does not fit the length of the payload");
  if (h.protocol == 0 || ProtocolId{h.protocol} > kV1Ipcomp)
    return broken(V1Rule::kProtocol, std::to_string(h.protocol));
  if (h.transforms == 0) return broken(V1Rule::kProposalSyntax, "a proposal without transforms");
  V1Proposal out;
  out.number = h.number;
  out.protocol = ProtocolId{h.protocol};
  ByteReader body(whole->subspan(sizeof(ProposalHeader)));
  const auto spi = body.take(h.spi_octets);
  if (!spi) return broken(V1Rule::kProposalSyntax, "the SPI is cut off");
  PS_TRY(check_spi(out.protocol, *spi));
  out.spi = base::to_vector(*spi);
  for (std::size_t left = h.transforms; left > 0; --left) {
    PS_ASSIGN(V1Transform transform, read_transform(body, left == 1));
    // RFC 2408 §3.6: each has a number of its own, ascending (§4.2).
    if (!out.transforms.empty() && transform.number <= out.transforms.back().number)
      return broken(V1Rule::kTransformSyntax, "the numbers of transforms do not ascend");
    out.transforms.push_back(std::move(transform));
  }
  if (!body.empty()) return broken(V1Rule::kTransformSyntax, "octets are left over");
  return out;
}

}  // namespace

V1Attribute V1Attribute::of(std::uint16_t type, std::uint16_t value) {
  return {type, value, true, {}};
}

V1Attribute V1Attribute::of_u32(std::uint16_t type, std::uint32_t value) {
  base::ByteWriter out;
  out.u32(value);
  return {type, value, false, out.release()};
}

const V1Attribute* V1Transform::find(std::uint16_t type) const {
  const auto found = std::ranges::find(attributes, type, &V1Attribute::type);
  return found == attributes.end() ? nullptr : &*found;
}

V1Result<std::vector<V1Attribute>> parse_v1_attributes(Bytes octets) {
  std::vector<V1Attribute> out;
  for (ByteReader in(octets); !in.empty();) {
    if (out.size() == kMaxV1Attributes)
      return broken(V1Rule::kLimit, "more attributes than kMaxV1Attributes");
    PS_ASSIGN(V1Attribute attribute, read_attribute(in));
    out.push_back(std::move(attribute));
  }
  return out;
}

V1Result<V1SaPayload> parse_v1_sa(Bytes body) {
  ByteReader in(body);
  const auto doi = in.u32();
  if (!doi) return broken(V1Rule::kProposalSyntax, "an SA payload without its fixed part");
  // DOI 0 is generic ISAKMP, of no use without IPsec's attributes (RFC 2408 §3.4).
  if (*doi != kIpsecDoi) return broken(V1Rule::kDoi, std::to_string(*doi));
  V1SaPayload out;
  PS_ASSIGN(out.situation, read_v1_situation(in));
  do {
    if (out.proposals.size() == kMaxV1Proposals)
      return broken(V1Rule::kLimit, "more proposals than kMaxV1Proposals");
    PS_ASSIGN(V1Proposal proposal, read_proposal(in));
    // RFC 2408 §4.2: numbers ascend; the same number again: both protocols together.
    if (!out.proposals.empty() && proposal.number < out.proposals.back().number)
      return broken(V1Rule::kProposalSyntax, "the numbers of proposals descend");
    out.proposals.push_back(std::move(proposal));
  } while (!in.empty());
  return out;
}

namespace {

void write_transform(base::ByteWriter& out, const V1Transform& t, bool last) {
  const std::size_t start = out.size();
  out.put(TransformHeader{last ? kNone : kTransform, 0, {}, t.number, t.id, {}});
  out.append(v1_attribute_octets(t.attributes));
  out.patch_u16(start + 2, static_cast<std::uint16_t>(out.size() - start));
}

void write_proposal(base::ByteWriter& out, const V1Proposal& p, bool last) {
  const std::size_t start = out.size();
  out.put(ProposalHeader{last ? kNone : kProposal,
                         0,
                         {},
                         p.number,
                         static_cast<std::uint8_t>(p.protocol),
                         static_cast<std::uint8_t>(p.spi.size()),
                         static_cast<std::uint8_t>(p.transforms.size())});
  out.append(p.spi);
  for (const V1Transform& t : p.transforms) write_transform(out, t, &t == &p.transforms.back());
  out.patch_u16(start + 2, static_cast<std::uint16_t>(out.size() - start));
}

}  // namespace

base::ByteVector v1_attribute_octets(std::span<const V1Attribute> attributes) {
  base::ByteWriter out;
  for (const V1Attribute& a : attributes) {
    out.u16(static_cast<std::uint16_t>(a.type | (a.basic ? kBasic : 0U)));
    out.u16(static_cast<std::uint16_t>(a.basic ? a.value : a.octets.size()));
    if (!a.basic) out.append(a.octets);
  }
  return out.release();
}

void append_v1_sa(MessageBuilder& builder, const V1SaPayload& sa) {
  PS_CHECK(!sa.proposals.empty());
  base::ByteWriter& out = builder.begin(PayloadType::kV1Sa);
  out.u32(kIpsecDoi);
  write_v1_situation(out, sa.situation);
  for (const V1Proposal& p : sa.proposals) write_proposal(out, p, &p == &sa.proposals.back());
  builder.end();
}

std::string describe(const V1SaPayload& payload) {
  std::string out =
      payload.situation.has_labels() ? "SA(" + describe(payload.situation) + ")[" : "SA[";
  for (const V1Proposal& p : payload.proposals)
    out += fmt::format("{}{}: {} {} transforms", out.back() == '[' ? "" : "; ", p.number,
                       p.protocol == kV1Ipcomp ? "IPComp" : crypto::name_of(p.protocol),
                       p.transforms.size());
  return out + "]";
}

}  // namespace penstock::isakmp
