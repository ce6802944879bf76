// SPDX-License-Identifier: BSD-3-Clause
// Notify payload, and the data of the notifies that carry some.
#include "control/isakmp/payload/notify.h"

#include <fmt/format.h>

#include "lib/crypto/prf.h"

namespace penstock::isakmp {
namespace {

using base::Be16;
using base::Be32;
using base::Be64;
using base::Bytes;
using base::ErrorCode;
using base::fail;
using base::Result;

struct Fixed {
  std::uint8_t protocol;
  std::uint8_t spi_octets;
  Be16 type;
};
static_assert(sizeof(Fixed) == 4);
constexpr std::size_t kChildSpiOctets = 4;

void append_any(MessageBuilder& builder, NotifyType type, ProtocolId protocol, Bytes spi,
                Bytes data) {
  base::ByteWriter& out = builder.begin(PayloadType::kNotify);
  out.put(Fixed{static_cast<std::uint8_t>(protocol), static_cast<std::uint8_t>(spi.size()),
                Be16{static_cast<std::uint16_t>(type)}});
  out.append(spi);
  out.append(data);
  builder.end();
}

tl::unexpected<base::Error> bad_data(const NotifyPayload& notify) {
  return fail(ErrorCode::kMalformed,
              fmt::format("{}: {} octets of data", name_of(notify.type), notify.data.size()));
}

/// The first notify that parses and for which `wanted` says yes.
template <class Wanted>
std::optional<NotifyPayload> find_if(const PayloadChain& chain, Wanted wanted) {
  for (const PayloadView& payload : chain) {
    if (payload.type != PayloadType::kNotify) continue;
    const auto notify = parse_notify(payload.body);
    if (notify && wanted(*notify)) return *notify;
  }
  return std::nullopt;
}

}  // namespace

Result<NotifyPayload> parse_notify(Bytes body) {
  PS_ASSIGN(const Fixed* fixed, base::view<Fixed>(body));
  const Bytes rest = body.subspan(sizeof(Fixed));
  if (rest.size() < fixed->spi_octets)
    return fail(ErrorCode::kMalformed, "N: SPI Size exceeds the payload");
  return NotifyPayload{ProtocolId{fixed->protocol}, NotifyType{fixed->type.get()},
                       rest.first(fixed->spi_octets), rest.subspan(fixed->spi_octets)};
}

void append_notify(MessageBuilder& builder, NotifyType type, Bytes data) {
  append_any(builder, type, ProtocolId::kNone, {}, data);
}

void append_child_notify(MessageBuilder& builder, NotifyType type, ProtocolId protocol,
                         net::Spi spi, Bytes data) {
  append_any(builder, type, protocol, base::bytes_of(Be32{spi.value()}), data);
}

std::string describe(const NotifyPayload& payload) {
  if (const auto child = child_of(payload))
    return fmt::format("N({} {} {})", name_of(payload.type), crypto::name_of(child->protocol),
                       net::to_string(child->spi));
  if (const auto group = invalid_ke_group_of(payload))
    return fmt::format("N({} {})", name_of(payload.type), crypto::name_of(*group));
  return fmt::format("N({})", name_of(payload.type));
}

std::optional<NotifyPayload> find_notify(const PayloadChain& chain, NotifyType type) {
  return find_if(chain, [type](const NotifyPayload& notify) { return notify.type == type; });
}

std::optional<NotifyPayload> find_error_notify(const PayloadChain& chain) {
  return find_if(chain, [](const NotifyPayload& notify) { return notify.is_error(); });
}

base::ByteVector nat_detection_hash(const crypto::CryptoContext& context, IkeSpi spi_i,
                                    IkeSpi spi_r, const net::Endpoint& endpoint) {
  return crypto::hash(context, "SHA1",
                      {base::bytes_of(Be64{spi_i.value()}), base::bytes_of(Be64{spi_r.value()}),
                       endpoint.address.bytes(), base::bytes_of(Be16{endpoint.port.value()})});
}

Result<Bytes> cookie_of(const NotifyPayload& notify) {
  if (notify.type != NotifyType::kCookie || notify.data.empty() ||
      notify.data.size() > kMaxCookieOctets)
    return bad_data(notify);
  return notify.data;
}

void append_invalid_ke(MessageBuilder& builder, crypto::DhGroupId wanted) {
  append_notify(builder, NotifyType::kInvalidKePayload,
                base::bytes_of(Be16{static_cast<std::uint16_t>(wanted)}));
}

Result<crypto::DhGroupId> invalid_ke_group_of(const NotifyPayload& notify) {
  if (notify.type != NotifyType::kInvalidKePayload || notify.data.size() != sizeof(Be16))
    return bad_data(notify);
  PS_ASSIGN(const Be16* group, base::view<Be16>(notify.data));
  return crypto::DhGroupId{group->get()};
}

void append_unsupported_critical(MessageBuilder& builder, std::uint8_t payload_type) {
  const auto octet = static_cast<std::byte>(payload_type);
  append_notify(builder, NotifyType::kUnsupportedCriticalPayload, Bytes(&octet, 1));
}

void append_window_size(MessageBuilder& builder, std::uint32_t messages) {
  append_notify(builder, NotifyType::kSetWindowSize, base::bytes_of(Be32{messages}));
}

Result<std::uint32_t> window_size_of(const NotifyPayload& notify) {
  if (notify.type != NotifyType::kSetWindowSize || notify.data.size() != sizeof(Be32))
    return bad_data(notify);
  PS_ASSIGN(const Be32* size, base::view<Be32>(notify.data));
  return size->get();
}

Result<ChildReference> child_of(const NotifyPayload& notify) {
  // RFC 7296 §3.10: AH and ESP SPIs are four octets.
  const bool child_protocol =
      notify.protocol == ProtocolId::kEsp || notify.protocol == ProtocolId::kAh;
  if (!child_protocol || notify.spi.size() != kChildSpiOctets)
    return fail(ErrorCode::kMalformed, name_of(notify.type) + ": it names no child SA");
  PS_ASSIGN(const Be32* spi, base::view<Be32>(notify.spi));
  return ChildReference{notify.protocol, net::Spi{spi->get()}};
}

}  // namespace penstock::isakmp
