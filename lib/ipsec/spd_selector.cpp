// SPDX-License-Identifier: BSD-3-Clause
// Turns pairs of traffic selectors into what the classifier compares. What ANY, OPAQUE and ICMP
// types mean (RFC 4301 §4.4.1.1, §4.4.1.3, §7, appendix D.2) is decided here, once a policy, and
// lies in the flags: a packet meets only ranges and bits. Control core, when a policy or an SA is
// installed.
#include "lib/ipsec/spd_selector.h"

#include <fmt/format.h>

namespace penstock::ipsec {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;
using policy::TrafficSelector;

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0xffff;
};

/// ANY holds every value; OPAQUE compares with none, and its range is never asked.
PortRange range_of(const TrafficSelector& side) {
  return side.opaque_ports() ? PortRange{} : PortRange{side.first_port, side.last_port};
}

bool any_or_opaque(const TrafficSelector& side) { return side.any_port() || side.opaque_ports(); }

Result<void> check_side(const TrafficSelector& side) {
  if (side.first.family() != side.last.family() || side.last < side.first)
    return fail(ErrorCode::kMalformed, fmt::format("the address range {}-{} is empty",
                                                   side.first.to_string(), side.last.to_string()));
  // RFC 7296 §3.13.1: OPAQUE is 65535-0; any other range that runs backwards is a fault.
  if (side.opaque_ports() && !(side.first_port == 0xffff && side.last_port == 0))
    return fail(ErrorCode::kMalformed,
                fmt::format("the port range {}-{} is empty", side.first_port, side.last_port));
  return {};
}

/// The parts that both directions share; nothing if no packet has both protocols.
template <class Address>
Result<std::vector<SpdSelector<Address>>> pair_of(const TrafficSelector& local,
                                                  const TrafficSelector& remote, net::Vrf vrf) {
  std::vector<SpdSelector<Address>> out;
  if (local.protocol != 0 && remote.protocol != 0 && local.protocol != remote.protocol) return out;
  SpdSelector<Address> s{.local_first = Address::of(local.first),
                         .local_last = Address::of(local.last),
                         .remote_first = Address::of(remote.first),
                         .remote_last = Address::of(remote.last),
                         .vrf = vrf.value(),
                         .protocol = local.protocol != 0 ? local.protocol : remote.protocol};
  const bool without_ports = any_or_opaque(local) && any_or_opaque(remote);
  if (!without_ports && !has_port_selector(s.protocol))
    return fail(ErrorCode::kMalformed,
                fmt::format("ports are selected, but protocol {} has none (RFC 4301 appendix D.2)",
                            s.protocol == 0 ? "ANY" : std::to_string(s.protocol)));
  const auto emit = [&](unsigned directions, bool with_ports, PortRange l, PortRange r) {
    s.flags = static_cast<std::uint8_t>(directions | (with_ports ? kSelectorWithPorts : 0U) |
                                        (without_ports ? kSelectorWithoutPorts : 0U));
    s.local_port_first = l.first;
    s.local_port_last = l.last;
    s.remote_port_first = r.first;
    s.remote_port_last = r.last;
    if (with_ports || without_ports) out.push_back(s);
  };
  if (port_is_type(s.protocol) && !(local.any_port() && remote.any_port())) {
    // RFC 4301 §4.4.1.3 C, D: the type is compared with the sender's side; OPAQUE there means that
    // this side does not send.
    emit(kSelectorOutbound, !local.opaque_ports(), range_of(local), {});
    emit(kSelectorInbound, !remote.opaque_ports(), {}, range_of(remote));
  } else {
    emit(kSelectorOutbound | kSelectorInbound, !local.opaque_ports() && !remote.opaque_ports(),
         range_of(local), range_of(remote));
  }
  return out;
}

}  // namespace

template <class Address>
Result<std::vector<SpdSelector<Address>>> spd_selectors(const policy::TrafficSelectors& local,
                                                        const policy::TrafficSelectors& remote,
                                                        net::Vrf vrf) {
  for (const auto* side : {&local, &remote})
    for (const TrafficSelector& selector : *side) PS_TRY(check_side(selector));
  std::vector<SpdSelector<Address>> all;
  for (const TrafficSelector& l : local) {
    for (const TrafficSelector& r : remote) {
      if (net::bits_of(l.family()) != Address::kBits || r.family() != l.family()) continue;
      PS_ASSIGN(const auto pairs, pair_of<Address>(l, r, vrf));
      all.insert(all.end(), pairs.begin(), pairs.end());
    }
  }
  return all;
}

template Result<std::vector<SpdSelector<Ipv4Value>>> spd_selectors(const policy::TrafficSelectors&,
                                                                   const policy::TrafficSelectors&,
                                                                   net::Vrf);
template Result<std::vector<SpdSelector<Ipv6Value>>> spd_selectors(const policy::TrafficSelectors&,
                                                                   const policy::TrafficSelectors&,
                                                                   net::Vrf);

}  // namespace penstock::ipsec
