// SPDX-License-Identifier: BSD-3-Clause
// One ordered set: an address is a range of it, an endpoint a smaller one.
#include "control/ikev2/peer_index.h"

#include <limits>

namespace penstock::ikev2 {

std::vector<PeerIndex::Serial> PeerIndex::between(const Entry& first, const Entry& last,
                                                  std::size_t most) {
  std::vector<Serial> found;
  const auto begin = entries_.lower_bound(first);
  const auto end = entries_.upper_bound(last);
  if (begin == end) return found;
  const bool goes_on = first <= last_ && last_ < last;
  const auto start = goes_on ? entries_.upper_bound(last_) : begin;
  for (auto it = start; it != end && found.size() < most; ++it) {
    found.push_back(it->second);
    last_ = *it;
  }
  for (auto it = begin; it != start && found.size() < most; ++it) {
    found.push_back(it->second);
    last_ = *it;
  }
  return found;
}

std::vector<PeerIndex::Serial> PeerIndex::at(const net::Endpoint& peer, std::size_t most) {
  constexpr Serial kLast = std::numeric_limits<Serial>::max();
  constexpr net::Port kLastPort{std::numeric_limits<std::uint16_t>::max()};
  auto found = between({peer, 0}, {peer, kLast}, most);
  if (!found.empty()) return found;
  return between({{peer.address, net::Port{0}}, 0}, {{peer.address, kLastPort}, kLast}, most);
}

}  // namespace penstock::ikev2
