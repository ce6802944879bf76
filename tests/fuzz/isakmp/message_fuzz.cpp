// SPDX-License-Identifier: BSD-3-Clause
// A datagram from a stranger through the codec: header, chain, every payload (describe() parses
// each by its type), and the content of an SK payload as a peer could put it there.
#include "control/isakmp/describe.h"
#include "control/isakmp/message_view.h"
#include "lib/base/check.h"

namespace {

using namespace penstock;

bool lies_in(base::Bytes part, base::Bytes whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_chain(const isakmp::PayloadChain& chain, base::Bytes bytes) {
  PS_CHECK(chain.size() <= isakmp::kMaxPayloads);
  for (const isakmp::PayloadView& payload : chain) {
    PS_CHECK(lies_in(payload.body, bytes) && lies_in(payload.whole, bytes));
    PS_CHECK(!isakmp::describe(payload).empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes input(reinterpret_cast<const std::byte*>(data), size);
  if (const auto message = isakmp::MessageView::parse(input)) {
    check_chain(message->payloads(), input);
    PS_CHECK(!isakmp::describe(*message).empty());
    if (message->encrypted().has_value())
      PS_CHECK(lies_in(message->encrypted()->body, input) &&
               lies_in(message->encrypted()->aad, input));
  }
  // Behind the decryption: the first octet names the first payload.
  if (size == 0) return 0;
  const base::Bytes inside = input.subspan(1);
  for (const auto kind : {isakmp::ChainKind::kV2Inside, isakmp::ChainKind::kV1Inside}) {
    const auto chain =
        isakmp::PayloadChain::parse(static_cast<isakmp::PayloadType>(data[0]), inside, kind);
    if (chain) check_chain(*chain, inside);
  }
  return 0;
}
