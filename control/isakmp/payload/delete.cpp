// SPDX-License-Identifier: BSD-3-Clause
// Delete payload: the IKE SA, or child SAs by the sender's inbound SPIs.
#include "control/isakmp/payload/delete.h"

#include <fmt/format.h>

#include "lib/base/check.h"

namespace penstock::isakmp {
namespace {

using base::Be16;
using base::Be32;
using base::Bytes;
using base::ErrorCode;
using base::fail;

struct Fixed {
  std::uint8_t protocol;
  std::uint8_t spi_octets;
  Be16 count;
};
static_assert(sizeof(Fixed) == 4);
constexpr std::uint8_t kChildSpiOctets = 4;

}  // namespace

net::Spi DeletePayload::spi(std::size_t index) const {
  const auto wire = base::view<Be32>(spis.subspan(index * kChildSpiOctets));
  PS_CHECK(wire.has_value());
  return net::Spi{(*wire)->get()};
}

base::Result<DeletePayload> parse_delete(Bytes body) {
  PS_ASSIGN(const Fixed* fixed, base::view<Fixed>(body));
  const Bytes spis = body.subspan(sizeof(Fixed));
  const auto protocol = ProtocolId{fixed->protocol};
  // RFC 7296 §3.11: no SPI for the IKE SA, which the message is about; four octets for AH and ESP.
  if (protocol == ProtocolId::kIke) {
    if (fixed->spi_octets != 0 || fixed->count.get() != 0 || !spis.empty())
      return fail(ErrorCode::kMalformed, "D: the delete of an IKE SA holds SPIs");
    return DeletePayload{protocol, {}};
  }
  if (protocol != ProtocolId::kAh && protocol != ProtocolId::kEsp)
    return fail(ErrorCode::kMalformed, fmt::format("D: protocol {}", fixed->protocol));
  if (fixed->spi_octets != kChildSpiOctets ||
      spis.size() != std::size_t{fixed->count.get()} * kChildSpiOctets)
    return fail(ErrorCode::kMalformed, "D: SPI Size or Num of SPIs does not fit the payload");
  if (fixed->count.get() > kMaxDeletedSpis)
    return fail(ErrorCode::kLimit, "D: more SPIs than kMaxDeletedSpis");
  return DeletePayload{protocol, spis};
}

void append_delete_ike(MessageBuilder& builder) {
  builder.append(PayloadType::kDelete,
                 base::bytes_of(Fixed{static_cast<std::uint8_t>(ProtocolId::kIke), 0, {}}));
}

void append_delete_children(MessageBuilder& builder, ProtocolId protocol,
                            std::span<const net::Spi> spis) {
  PS_CHECK(spis.size() <= kMaxDeletedSpis);
  base::ByteWriter& out = builder.begin(PayloadType::kDelete);
  out.put(Fixed{static_cast<std::uint8_t>(protocol), kChildSpiOctets,
                Be16{static_cast<std::uint16_t>(spis.size())}});
  for (const net::Spi spi : spis) out.u32(spi.value());
  builder.end();
}

std::string describe(const DeletePayload& payload) {
  std::string out = "D[" + std::string(crypto::name_of(payload.protocol));
  constexpr std::size_t kShown = 8;
  for (std::size_t i = 0; i < payload.count() && i < kShown; ++i)
    out += " " + net::to_string(payload.spi(i));
  if (payload.count() > kShown) out += fmt::format(" and {} more", payload.count() - kShown);
  return out + "]";
}

}  // namespace penstock::isakmp
