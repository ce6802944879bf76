// SPDX-License-Identifier: BSD-3-Clause
// Proposal words as an operator may write them: what is taken is told in words that mean the same.
#include <string_view>

#include "lib/base/check.h"
#include "lib/crypto/proposal.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace penstock;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto protocol :
       {crypto::ProtocolId::kIke, crypto::ProtocolId::kEsp, crypto::ProtocolId::kAh}) {
    const auto proposal = crypto::parse_proposal(protocol, text);
    if (!proposal) continue;
    const std::string told = proposal->to_string();
    const auto again = crypto::parse_proposal(protocol, told);
    PS_CHECK(again && again->to_string() == told);
  }
  return 0;
}
