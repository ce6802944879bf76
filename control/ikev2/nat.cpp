// SPDX-License-Identifier: BSD-3-Clause
// NAT detection in IKE_SA_INIT. Each end hashes the addresses as it sees them; a hash that differs
// at the other end tells which of them a NAT has changed.
#include "control/ikev2/nat.h"

#include "control/isakmp/payload/notify.h"

namespace penstock::ikev2 {

using isakmp::NotifyType;

void append_nat_detection(isakmp::MessageBuilder& builder, const crypto::CryptoContext& context,
                          const IkeSa& sa, bool force) {
  base::ByteVector source = isakmp::nat_detection_hash(context, sa.spi_i, sa.spi_r, sa.local);
  if (force) source.front() ^= std::byte{0xff};
  isakmp::append_notify(builder, NotifyType::kNatDetectionSourceIp, source);
  isakmp::append_notify(builder, NotifyType::kNatDetectionDestinationIp,
                        isakmp::nat_detection_hash(context, sa.spi_i, sa.spi_r, sa.remote));
}

void detect_nat(const crypto::CryptoContext& context, IkeSa& sa,
                const isakmp::PayloadChain& payloads) {
  // The peer's message was hashed with its SPIs: SPIr is 0 in a request.
  const IkeSpi responder = sa.initiator ? sa.spi_r : IkeSpi{};
  const base::ByteVector there =
      isakmp::nat_detection_hash(context, sa.spi_i, responder, sa.remote);
  const base::ByteVector here = isakmp::nat_detection_hash(context, sa.spi_i, responder, sa.local);
  bool any_source = false;
  bool source_matches = false;
  for (const isakmp::PayloadView& p : payloads) {
    if (p.type != isakmp::PayloadType::kNotify) continue;
    const auto notify = isakmp::parse_notify(p.body);
    if (!notify) continue;
    if (notify->type == NotifyType::kNatDetectionSourceIp) {
      // A peer with several addresses sends several; one that fits is enough.
      any_source = true;
      source_matches |= base::equal_constant_time(notify->data, there);
    } else if (notify->type == NotifyType::kNatDetectionDestinationIp) {
      sa.nat_here = !base::equal_constant_time(notify->data, here);
    }
  }
  sa.nat_there = any_source && !source_matches;
}

}  // namespace penstock::ikev2
