// SPDX-License-Identifier: BSD-3-Clause
// NAT-D: hashes of cookies, address and port by the hash that phase 1 agreed on (RFC 3947 §3.2).
#include "control/ikev1/nat.h"

#include "control/session/ends.h"
#include "lib/base/byte_io.h"

namespace penstock::ikev1 {
namespace {

base::ByteVector nat_d(const crypto::CryptoContext& context, const IsakmpSa& sa,
                       const net::Endpoint& endpoint) {
  base::ByteWriter out;
  out.u64(sa.cookies.i.value());
  out.u64(sa.cookies.r.value());
  out.append(endpoint.address.bytes());
  out.u16(endpoint.port.value());
  return crypto::hash(context, sa.algorithms.hash, {out.bytes()});
}

}  // namespace

void append_nat_detection(isakmp::MessageBuilder& builder, const crypto::CryptoContext& context,
                          const IsakmpSa& sa, bool force) {
  builder.append(isakmp::PayloadType::kV1NatD, nat_d(context, sa, sa.remote));
  base::ByteVector own = nat_d(context, sa, sa.local);
  if (force) own.front() ^= std::byte{0xff};
  builder.append(isakmp::PayloadType::kV1NatD, own);
}

void detect_nat(const crypto::CryptoContext& context, IsakmpSa& sa,
                const isakmp::PayloadChain& payloads) {
  sa.nat_here = sa.nat_there = false;
  if (!sa.nat_t) return;
  const base::ByteVector here = nat_d(context, sa, sa.local);
  const base::ByteVector there = nat_d(context, sa, sa.remote);
  std::size_t seen = 0;
  bool source_matches = false;
  for (const isakmp::PayloadView& p : payloads) {
    if (p.type != isakmp::PayloadType::kV1NatD) continue;
    // §3.2: the first is about us, the others about the peer, who may have several addresses.
    if (seen++ == 0) {
      sa.nat_here = !base::equal_constant_time(p.body, here);
    } else {
      source_matches |= base::equal_constant_time(p.body, there);
    }
  }
  sa.nat_there = seen > 1 && !source_matches;
}

void float_ports(IsakmpSa& sa, bool force) {
  sa.encap = sa.nat_t && (sa.nat_here || sa.nat_there || force);
  if (!sa.encap || !sa.initiator) return;
  if (sa.local.port == session::kIkePort) sa.local.port = session::kNatPort;
  if (sa.remote.port == session::kIkePort) sa.remote.port = session::kNatPort;
}

}  // namespace penstock::ikev1
