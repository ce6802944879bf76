// SPDX-License-Identifier: BSD-3-Clause
// Notification and Delete of IKEv1: both name a DOI, a protocol and SPIs.
#include "control/isakmp/payload/v1_notify.h"

#include <fmt/format.h>

#include "control/isakmp/payload/v1_sa.h"
#include "lib/base/byte_io.h"
#include "lib/base/check.h"

namespace penstock::isakmp {
namespace {

using base::Be16;
using base::Be32;
using base::Bytes;

struct NotifyHeader {
  Be32 doi;
  std::uint8_t protocol;
  std::uint8_t spi_octets;
  Be16 type;
};
static_assert(sizeof(NotifyHeader) == 8);

struct DeleteHeader {
  Be32 doi;
  std::uint8_t protocol;
  std::uint8_t spi_octets;
  Be16 count;
};
static_assert(sizeof(DeleteHeader) == 8);

constexpr std::size_t kChildSpiOctets = 4;

/// RFC 2408 §3.14: 0 is generic ISAKMP, which phase 1 may use.
V1Result<void> check_doi(std::uint32_t doi) {
  if (doi != 0 && doi != kIpsecDoi) return broken(V1Rule::kDoi, std::to_string(doi));
  return {};
}

}  // namespace

V1Result<V1NotifyPayload> parse_v1_notify(Bytes body) {
  const auto fixed = base::view<NotifyHeader>(body);
  if (!fixed) return broken(V1Rule::kNotification, "cut off");
  PS_TRY(check_doi((*fixed)->doi.get()));
  base::ByteReader rest(body.subspan(sizeof(NotifyHeader)));
  const auto spi = rest.take((*fixed)->spi_octets);
  if (!spi) return broken(V1Rule::kNotification, "SPI Size exceeds the payload");
  return V1NotifyPayload{(*fixed)->protocol, V1NotifyType{(*fixed)->type.get()}, *spi, rest.rest()};
}

void append_v1_notify(MessageBuilder& builder, const V1NotifyPayload& notify) {
  PS_CHECK(notify.spi.size() <= 0xff);
  base::ByteWriter& out = builder.begin(PayloadType::kV1Notification);
  out.put(NotifyHeader{Be32{kIpsecDoi}, notify.protocol,
                       static_cast<std::uint8_t>(notify.spi.size()),
                       Be16{static_cast<std::uint16_t>(notify.type)}});
  out.append(notify.spi);
  out.append(notify.data);
  builder.end();
}

std::string describe(const V1NotifyPayload& payload) {
  const auto protocol = ProtocolId{payload.protocol};
  const bool child = protocol == ProtocolId::kAh || protocol == ProtocolId::kEsp;
  return fmt::format("N({}{}{})", name_of(payload.type), child ? " " : "",
                     child ? crypto::name_of(protocol) : "");
}

base::ByteVector cookie_pair(IkeSpi initiator, IkeSpi responder) {
  base::ByteWriter out;
  out.u64(initiator.value());
  out.u64(responder.value());
  return out.release();
}

V1Result<V1DeletePayload> parse_v1_delete(Bytes body) {
  const auto fixed = base::view<DeleteHeader>(body);
  if (!fixed) return broken(V1Rule::kDelete, "cut off");
  PS_TRY(check_doi((*fixed)->doi.get()));
  V1DeletePayload out{ProtocolId{(*fixed)->protocol}, (*fixed)->spi_octets,
                      body.subspan(sizeof(DeleteHeader))};
  const std::size_t count = (*fixed)->count.get();
  const bool ike = out.protocol == ProtocolId::kIke;
  const bool child = out.protocol == ProtocolId::kAh || out.protocol == ProtocolId::kEsp;
  // RFC 2408 §3.15: of one protocol and size; an ISAKMP SA's is the pair of cookies.
  if ((!ike && !child) || out.spi_octets != (ike ? kCookiePairOctets : kChildSpiOctets))
    return broken(V1Rule::kDelete, fmt::format("protocol {} with SPIs of {} octets",
                                               (*fixed)->protocol, out.spi_octets));
  if (out.spis.size() != count * out.spi_octets || count == 0)
    return broken(V1Rule::kDelete, "the number of SPIs does not fit the payload");
  if (count > kMaxV1DeletedSpis) return broken(V1Rule::kLimit, "more SPIs than kMaxV1DeletedSpis");
  return out;
}

namespace {

void begin_delete(base::ByteWriter& out, ProtocolId protocol, std::size_t octets,
                  std::size_t count) {
  out.put(DeleteHeader{Be32{kIpsecDoi}, static_cast<std::uint8_t>(protocol),
                       static_cast<std::uint8_t>(octets), Be16{static_cast<std::uint16_t>(count)}});
}

}  // namespace

void append_v1_delete_isakmp(MessageBuilder& builder, IkeSpi initiator, IkeSpi responder) {
  base::ByteWriter& out = builder.begin(PayloadType::kV1Delete);
  begin_delete(out, ProtocolId::kIke, kCookiePairOctets, 1);
  out.append(cookie_pair(initiator, responder));
  builder.end();
}

void append_v1_delete_children(MessageBuilder& builder, ProtocolId protocol,
                               std::span<const net::Spi> spis) {
  PS_CHECK(!spis.empty() && spis.size() <= kMaxV1DeletedSpis);
  base::ByteWriter& out = builder.begin(PayloadType::kV1Delete);
  begin_delete(out, protocol, kChildSpiOctets, spis.size());
  for (const net::Spi spi : spis) out.u32(spi.value());
  builder.end();
}

std::string describe(const V1DeletePayload& payload) {
  std::string out = "D[" + std::string(crypto::name_of(payload.protocol));
  constexpr std::size_t kShown = 8;
  for (std::size_t i = 0; i < payload.count() && i < kShown; ++i)
    out += " 0x" + base::to_hex(payload.spi(i));
  if (payload.count() > kShown) out += fmt::format(" and {} more", payload.count() - kShown);
  return out + "]";
}

}  // namespace penstock::isakmp
