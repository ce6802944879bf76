// SPDX-License-Identifier: BSD-3-Clause
// The session table: serial numbers by SPI, and the half-open ones by source. The IKE SAs
// themselves belong to the exchanges' room.
#include "control/session/session_table.h"

namespace penstock::session {

bool SessionTable::insert(IkeSpi own, Serial serial) {
  // RFC 7296 §3.1: an SPI is not zero.
  return own.value() != 0 && by_spi_.emplace(own, serial).second;
}

SessionTable::Serial SessionTable::find(IkeSpi own) const {
  const auto found = by_spi_.find(own);
  return found == by_spi_.end() ? 0 : found->second;
}

void SessionTable::open(IkeSpi peer, const net::Endpoint& source, Serial serial) {
  if (half_open_.emplace(std::pair{peer, source}, serial).second) ++by_source_[source.address];
}

void SessionTable::close(IkeSpi peer, const net::Endpoint& source) {
  if (half_open_.erase({peer, source}) == 0) return;
  const auto found = by_source_.find(source.address);
  if (--found->second == 0) by_source_.erase(found);
}

SessionTable::Serial SessionTable::find_half_open(IkeSpi peer, const net::Endpoint& source) const {
  const auto found = half_open_.find({peer, source});
  return found == half_open_.end() ? 0 : found->second;
}

std::size_t SessionTable::half_open_of(const net::IpAddress& source) const {
  const auto found = by_source_.find(source);
  return found == by_source_.end() ? 0 : found->second;
}

}  // namespace penstock::session
