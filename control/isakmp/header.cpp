// SPDX-License-Identifier: BSD-3-Clause
// The 28 octets in front of every IKE message.
#include "control/isakmp/header.h"

#include <fmt/format.h>

#include "lib/base/byte_io.h"

namespace penstock::isakmp {

base::Result<Header> Header::parse(base::Bytes message) {
  PS_ASSIGN(const WireHeader* wire, base::view<WireHeader>(message));
  Header out;
  out.initiator_spi = IkeSpi{wire->initiator_spi.get()};
  out.responder_spi = IkeSpi{wire->responder_spi.get()};
  out.next_payload = PayloadType{wire->next_payload};
  out.major = static_cast<std::uint8_t>(wire->version >> 4U);
  out.minor = static_cast<std::uint8_t>(wire->version & 0x0fU);
  out.exchange = ExchangeType{wire->exchange};
  out.flags = wire->flags;
  out.message_id = MessageId{wire->message_id.get()};
  out.length = wire->length.get();
  return out;
}

std::string describe(const Header& header) {
  if (header.major != 2)
    return fmt::format("{} {:#010x}", name_of(header.exchange), header.message_id.value());
  return fmt::format("{} {} {}", name_of(header.exchange),
                     header.is_response() ? "response" : "request", header.message_id.value());
}

std::string to_string(IkeSpi spi) { return fmt::format("{:#018x}", spi.value()); }

}  // namespace penstock::isakmp
