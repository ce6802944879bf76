// SPDX-License-Identifier: BSD-3-Clause
// What the IPsec stages share, made once a worker.
#include "dataplane/ipsec_state.h"

#include <algorithm>

namespace penstock::dataplane {

IpsecState::IpsecState(const ipsec::Tables& t, std::unique_ptr<burst_crypto::Engine> e,
                       const fib::Fib& fib)
    : tables(&t),
      policies(t.spd()),
      policies6(t.spd()),
      engine(std::move(e)),
      asynchronous(!engine->fifos().empty()),
      smallest_mtu(net::kIpv4MaxPacket) {
  for (unsigned i = 0; i < fib.interface_count(); ++i)
    smallest_mtu = std::min<unsigned>(
        smallest_mtu, fib.interface(dpdk::InterfaceIndex{static_cast<std::uint16_t>(i)}).mtu);
}

}  // namespace penstock::dataplane
