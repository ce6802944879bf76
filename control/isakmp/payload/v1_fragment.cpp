// SPDX-License-Identifier: BSD-3-Clause
// Fragment payloads of IKEv1, and messages into them.
#include "control/isakmp/payload/v1_fragment.h"

#include <algorithm>

#include "lib/base/check.h"

namespace penstock::isakmp {
namespace {

/// Behind the generic header.
struct V1FragmentHeader {
  base::Be16 id;
  std::uint8_t number;
  std::uint8_t flags;
};
static_assert(sizeof(V1FragmentHeader) == 4 && alignof(V1FragmentHeader) == 1);
constexpr std::uint8_t kLastFragment = 0x01;
constexpr std::size_t kFixedOctets =
    kHeaderOctets + sizeof(GenericHeader) + sizeof(V1FragmentHeader);

/// The same for each transmission of a message, another for another message: what is left over of
/// one does not mix with the next.
std::uint16_t id_of(base::Bytes message) {
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const std::byte b : message) hash = (hash ^ std::to_integer<std::uint32_t>(b)) * 16777619U;
  const auto id = static_cast<std::uint16_t>(hash ^ (hash >> 16U));
  return id == 0 ? std::uint16_t{1} : id;
}

}  // namespace

V1Result<V1FragmentPayload> read_v1_fragment(const MessageView& message) {
  PayloadChain chain = message.payloads();
  if (message.encrypted()) {
    PS_ASSIGN(chain, read_v1_inside(PayloadType::kV1Fragment, message.encrypted()->body));
  }
  if (chain.size() != 1 || chain.payloads().front().type != PayloadType::kV1Fragment)
    return broken(V1Rule::kFragment, "it does not stand alone");
  const base::Bytes body = chain.payloads().front().body;
  const auto fixed = base::view<V1FragmentHeader>(body);
  if (!fixed || (*fixed)->number == 0 || body.size() == sizeof(V1FragmentHeader))
    return broken(V1Rule::kFragment, "it has no number or no data");
  return V1FragmentPayload{(*fixed)->id.get(), (*fixed)->number,
                           ((*fixed)->flags & kLastFragment) != 0,
                           body.subspan(sizeof(V1FragmentHeader))};
}

base::ByteVector cut_v1_message(base::Bytes message, ExchangeType exchange,
                                std::size_t most_octets) {
  auto header = Header::parse(message);
  PS_CHECK(header && most_octets > kFixedOctets);
  const std::size_t part_octets =
      std::max(most_octets - kFixedOctets, message.size() / kMaxV1Fragments + 1);
  header->exchange = exchange;
  header->message_id = MessageId{0};
  header->flags = 0;
  const std::uint16_t id = id_of(message);
  base::ByteVector all;
  for (std::uint8_t number = 1; !message.empty(); ++number) {
    const base::Bytes part = message.first(std::min(part_octets, message.size()));
    message = message.subspan(part.size());
    MessageBuilder builder(*header);
    base::ByteWriter& out = builder.begin(PayloadType::kV1Fragment);
    out.put(V1FragmentHeader{base::Be16{id}, number,
                             message.empty() ? kLastFragment : std::uint8_t{0}});
    out.append(part);
    builder.end();
    const base::ByteVector one = builder.finish();
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

}  // namespace penstock::isakmp
