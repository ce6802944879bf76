// SPDX-License-Identifier: BSD-3-Clause
// What the IPsec stages share, made once a worker.
#include "dataplane/ipsec_state.h"

#include <algorithm>
#include <bit>

namespace penstock::dataplane {

namespace {

/// One for each tunnel that there may be; a busy one has more, an idle one none.
std::size_t flows_for(const ipsec::Tables& tables) {
  constexpr std::size_t kMost = std::size_t{1} << 18U;
  return std::clamp(std::bit_ceil(tables.slot_count()), ipsec::kSpdFlows, kMost);
}

}  // namespace

IpsecState::IpsecState(const ipsec::Tables& t, std::unique_ptr<burst_crypto::Engine> e,
                       const fib::Fib& fib)
    : tables(&t),
      policies(t.spd(), flows_for(t)),
      policies6(t.spd(), flows_for(t)),
      engine(std::move(e)),
      asynchronous(!engine->fifos().empty()),
      smallest_mtu(net::kIpv4MaxPacket) {
  for (unsigned i = 0; i < fib.interface_count(); ++i)
    smallest_mtu = std::min<unsigned>(
        smallest_mtu, fib.interface(dpdk::InterfaceIndex{static_cast<std::uint16_t>(i)}).mtu);
}

}  // namespace penstock::dataplane
