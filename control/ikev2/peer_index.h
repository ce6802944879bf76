// SPDX-License-Identifier: BSD-3-Clause
// PeerIndex: authenticated IKE SAs by where their peer is, so that what the network says of an
// address costs the same at 10 and at 100,000 IKE SAs (design §4.6).
#pragma once

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "lib/net/address.h"

namespace penstock::ikev2 {

class PeerIndex {
 public:
  using Serial = std::uint64_t;

  void insert(const net::Endpoint& peer, Serial serial) { entries_.emplace(peer, serial); }
  /// @return false if it was not there
  bool erase(const net::Endpoint& peer, Serial serial) {
    return entries_.erase({peer, serial}) != 0;
  }
  /// Up to `most` at this endpoint or, if there is none, at its address: behind one NAT there may
  /// be many. The next call goes on where the last one ended.
  [[nodiscard]] std::vector<Serial> at(const net::Endpoint& peer, std::size_t most);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  using Entry = std::pair<net::Endpoint, Serial>;
  [[nodiscard]] std::vector<Serial> between(const Entry& first, const Entry& last,
                                            std::size_t most);

  std::set<Entry> entries_;
  Entry last_{};  ///< of the last answer
};

}  // namespace penstock::ikev2
