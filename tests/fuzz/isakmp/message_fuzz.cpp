// SPDX-License-Identifier: BSD-3-Clause
// A datagram from a stranger, and what a peer could have put into an SK payload: every chain is
// read, every payload in it described, and a message that reads is built again octet for octet.
#include "control/isakmp/describe.h"
#include "control/isakmp/payload/notify.h"
#include "lib/base/check.h"

namespace {

using namespace penstock;
using namespace penstock::isakmp;

bool lies_in(base::Bytes part, base::Bytes whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void look_through(const PayloadChain& chain, base::Bytes bytes) {
  PS_CHECK(chain.size() <= kMaxPayloads);
  for (const PayloadView& payload : chain) {
    PS_CHECK(lies_in(payload.body, bytes) && lies_in(payload.whole, bytes));
    PS_CHECK(payload.whole.size() == payload.body.size() + sizeof(GenericHeader));
    PS_CHECK(chain.find(payload.type) != nullptr && chain.count(payload.type) > 0);
    PS_CHECK(!describe(payload).empty());
  }
  if (const auto error = find_error_notify(chain)) PS_CHECK(error->is_error());
}

/// Payloads that were skipped or have reserved bits are not written again.
void build_again(const MessageView& message) {
  if (message.encrypted() || message.header().major != 2) return;
  MessageBuilder builder(message.header());
  for (const PayloadView& payload : message.payloads())
    builder.append(payload.type, payload.body, payload.critical);
  if (builder.payload_octets() + kHeaderOctets != message.bytes().size()) return;
  const base::ByteVector again = builder.finish();
  const auto reread = MessageView::parse(again);
  PS_CHECK(reread.has_value() && reread->payloads().size() == message.payloads().size());
  PS_CHECK(describe(*reread) == describe(message));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes input(reinterpret_cast<const std::byte*>(data), size);
  if (const auto message = MessageView::parse(input)) {
    PS_CHECK(message->header().length == size);
    PS_CHECK(!describe(*message).empty());
    look_through(message->payloads(), input);
    build_again(*message);
    if (message->encrypted() && message->version() == Version::kIkev2)
      PS_CHECK(message->encrypted()->aad.size() + message->encrypted()->body.size() == size);
  }
  if (size == 0) return 0;
  for (const ChainKind kind : {ChainKind::kV2Inside, ChainKind::kV1Clear, ChainKind::kV1Inside})
    if (const auto chain = PayloadChain::parse(PayloadType{data[0]}, input.subspan(1), kind))
      look_through(*chain, input);
  return 0;
}
