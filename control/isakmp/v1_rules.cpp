// SPDX-License-Identifier: BSD-3-Clause
// The rules of the header and of the generic payload header, walked before a MessageView is made:
// the view judges structure only and says less precisely what is wrong.
#include "control/isakmp/v1_rules.h"

#include <fmt/format.h>

#include "lib/base/byte_io.h"

namespace penstock::isakmp {
namespace {

using base::Bytes;

constexpr std::uint8_t kKnownFlags = kFlagV1Encryption | kFlagV1Commit | kFlagV1AuthenticationOnly;
constexpr std::uint8_t kFirstPrivatePayload = 128;  // RFC 2408 §3.1

/// An exchange and which message ids it has: phase 1 has 0 (RFC 2408 §3.1), phase 2 another.
enum class Ids : std::uint8_t { kZero, kNotZero, kAny };
struct ExchangeRow {
  ExchangeType type;
  Ids ids;
};
constexpr ExchangeRow kExchanges[] = {
    {ExchangeType::kV1Base, Ids::kZero},
    {ExchangeType::kV1MainMode, Ids::kZero},
    {ExchangeType::kV1AuthenticationOnly, Ids::kZero},
    {ExchangeType::kV1AggressiveMode, Ids::kZero},
    // Before there is an SA it may have 0: peers differ (RFC 2409 §5.7).
    {ExchangeType::kV1Informational, Ids::kAny},
    {ExchangeType::kV1Transaction, Ids::kNotZero},
    {ExchangeType::kV1QuickMode, Ids::kNotZero},
    {ExchangeType::kV1NewGroupMode, Ids::kNotZero},
};

/// Proposal and Transform stand within an SA payload alone (RFC 2408 §3.5, §3.6).
bool may_stand(PayloadType type) {
  if (static_cast<std::uint8_t>(type) >= kFirstPrivatePayload) return true;
  return type != PayloadType::kV1Proposal && type != PayloadType::kV1Transform &&
         is_known(Version::kIkev1, type);
}

V1Result<void> check_header(const Header& h, std::size_t octets) {
  if (h.initiator_spi.value() == 0) return broken(V1Rule::kCookie, "the initiator's cookie is 0");
  if (h.major != 1) return broken(V1Rule::kMajorVersion, std::to_string(h.major));
  if (h.minor != 0) return broken(V1Rule::kMinorVersion, std::to_string(h.minor));
  const ExchangeRow* row = nullptr;
  for (const ExchangeRow& r : kExchanges)
    if (r.type == h.exchange) row = &r;
  if (row == nullptr) return broken(V1Rule::kExchangeType, name_of(h.exchange));
  const bool encrypted = (h.flags & kFlagV1Encryption) != 0;
  // §3.1: Authentication Only is for messages in clear.
  if ((h.flags & ~kKnownFlags) != 0 || (encrypted && (h.flags & kFlagV1AuthenticationOnly) != 0))
    return broken(V1Rule::kFlags, fmt::format("{:#04x}", h.flags));
  const bool zero = h.message_id.value() == 0;
  if ((row->ids == Ids::kZero && !zero) || (row->ids == Ids::kNotZero && zero))
    return broken(V1Rule::kMessageId,
                  fmt::format("{:#x} in {}", h.message_id.value(), name_of(h.exchange)));
  if (h.length != octets)
    return broken(V1Rule::kLength, fmt::format("{} octets said, {} there", h.length, octets));
  if (h.next_payload == PayloadType::kNone || !may_stand(h.next_payload))
    return broken(V1Rule::kNextPayload, name_of(h.next_payload));
  return {};
}

V1Result<void> check_chain(PayloadType first, Bytes bytes, bool padded) {
  PayloadType type = first;
  for (std::size_t seen = 0; type != PayloadType::kNone; ++seen) {
    if (seen == kMaxPayloads) return broken(V1Rule::kLimit, "more payloads than kMaxPayloads");
    if (!may_stand(type)) return broken(V1Rule::kNextPayload, name_of(type));
    const auto generic = base::view<GenericHeader>(bytes);
    if (!generic) return broken(V1Rule::kLength, name_of(type) + ": no room for its header");
    if ((*generic)->flags != 0) return broken(V1Rule::kReserved, name_of(type));
    const std::size_t length = (*generic)->length.get();
    if (length < sizeof(GenericHeader) || length > bytes.size())
      return broken(V1Rule::kLength,
                    fmt::format("{}: {} of {} octets", name_of(type), length, bytes.size()));
    type = PayloadType{(*generic)->next_payload};
    bytes = bytes.subspan(length);
  }
  if (!bytes.empty() && !padded) return broken(V1Rule::kLength, "octets are left over");
  return {};
}

}  // namespace

V1Result<MessageView> read_v1_message(Bytes message) {
  const auto header = Header::parse(message);
  if (!header) return broken(V1Rule::kLength, "shorter than an ISAKMP header");
  PS_TRY(check_header(*header, message.size()));
  if ((header->flags & kFlagV1Encryption) == 0)
    PS_TRY(check_chain(header->next_payload, message.subspan(kHeaderOctets), false));
  auto view = MessageView::parse(message);
  if (!view) return broken(V1Rule::kLength, view.error().text);
  return *std::move(view);
}

V1Result<PayloadChain> read_v1_inside(PayloadType first, Bytes plaintext) {
  PS_TRY(check_chain(first, plaintext, true));
  auto chain = PayloadChain::parse(first, plaintext, ChainKind::kV1Inside);
  if (!chain) return broken(V1Rule::kLength, chain.error().text);
  return *std::move(chain);
}

}  // namespace penstock::isakmp
