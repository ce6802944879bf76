// SPDX-License-Identifier: BSD-3-Clause
// SessionTable: finds the IKE SA of a message, by our own SPI; while it is half open, a repeated
// first request by the peer's SPI and address; and counts half-open ones by source (RFC 7296 §2.6).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>

#include "control/session/values.h"

namespace penstock::session {

class SessionTable {
 public:
  using Serial = std::uint64_t;

  /// @return false if the SPI is taken: draw another
  [[nodiscard]] bool insert(IkeSpi own, Serial serial);
  void erase(IkeSpi own) { by_spi_.erase(own); }
  /// 0: nobody's.
  [[nodiscard]] Serial find(IkeSpi own) const;
  [[nodiscard]] std::size_t size() const { return by_spi_.size(); }

  // ---- half-open responders ----

  void open(IkeSpi peer, const net::Endpoint& source, Serial serial);
  /// It was authenticated, or it ended.
  void close(IkeSpi peer, const net::Endpoint& source);
  /// The half-open IKE SA that this first request began; 0: none.
  [[nodiscard]] Serial find_half_open(IkeSpi peer, const net::Endpoint& source) const;
  [[nodiscard]] std::size_t half_open() const { return half_open_.size(); }
  [[nodiscard]] std::size_t half_open_of(const net::IpAddress& source) const;

 private:
  std::unordered_map<IkeSpi, Serial> by_spi_;
  std::map<std::pair<IkeSpi, net::Endpoint>, Serial> half_open_;
  std::unordered_map<net::IpAddress, std::size_t> by_source_;
};

}  // namespace penstock::session
