// SPDX-License-Identifier: BSD-3-Clause
// Payloads that are octets alone: a row each.
#include "control/isakmp/payload/v1_octets.h"

#include <fmt/format.h>

#include "lib/base/check.h"

namespace penstock::isakmp {
namespace {

constexpr std::size_t kMost = 0xffff;
struct Row {
  PayloadType type;
  V1Rule rule;
  std::size_t least;
  std::size_t most;
};
constexpr Row kRows[] = {
    {PayloadType::kV1KeyExchange, V1Rule::kKeyInformation, 1, kMost},
    {PayloadType::kV1Hash, V1Rule::kHashInformation, 1, kMaxV1HashOctets},
    {PayloadType::kV1Signature, V1Rule::kSignature, 1, kMost},
    {PayloadType::kV1Nonce, V1Rule::kNonce, kMinV1NonceOctets, kMaxV1NonceOctets},
    {PayloadType::kV1NatD, V1Rule::kNat, 1, kMaxV1HashOctets},
};

}  // namespace

V1Result<base::Bytes> read_v1_octets(const PayloadView& payload) {
  for (const Row& row : kRows) {
    if (row.type != payload.type) continue;
    if (payload.body.size() < row.least || payload.body.size() > row.most)
      return broken(row.rule, fmt::format("{}: {} octets", name_of(row.type), payload.body.size()));
    return payload.body;
  }
  PS_CHECK(false);
  return broken(V1Rule::kNextPayload);
}

}  // namespace penstock::isakmp
