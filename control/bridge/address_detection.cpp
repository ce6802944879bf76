// SPDX-License-Identifier: BSD-3-Clause
// Probes go out after a random delay, so that those who came up with the same switch do not all
// speak at once (RFC 4862 §5.4.2). The workers tell who claims an address; what becomes of it is
// written to the FIB by network.cpp.
#include "control/bridge/address_detection.h"

namespace penstock::bridge {

using fib::AddressState;

AddressDetection::AddressDetection(const DetectionOptions& options,
                                   const std::vector<OwnAddress>& own, base::RandomSource& random)
    : options_(options), random_(random) {
  for (const OwnAddress& one : own)
    if (!one.address.address.is_v4()) addresses_.push_back({.own = one});
}

void AddressDetection::set(std::size_t place, AddressState state) {
  Address& address = addresses_[place];
  address.state = state;
  outputs_.push_back(AddressChanged{{address.own.interface, address.own.address.address}, state});
}

void AddressDetection::wait(std::size_t place, std::optional<base::MonoTime> until) {
  Address& address = addresses_[place];
  if (address.due) due_.erase({*address.due, place});
  address.due = until;
  if (until) due_.emplace(*until, place);
}

void AddressDetection::link_up(base::MonoTime now, dpdk::InterfaceIndex interface) {
  const auto delay = base::Duration(static_cast<std::int64_t>(
      random_.below(static_cast<std::uint64_t>(options_.longest_delay.count() + 1))));
  for (std::size_t place = 0; place < addresses_.size(); ++place) {
    Address& address = addresses_[place];
    if (address.own.interface != interface) continue;
    if (!options_.enabled || options_.transmits == 0) {
      set(place, AddressState::kAssigned);
      continue;
    }
    address.probes = 0;
    set(place, AddressState::kTentative);
    wait(place, now + delay);
  }
}

bool AddressDetection::claimed(const NeighbourKey& key) {
  for (std::size_t place = 0; place < addresses_.size(); ++place) {
    const Address& address = addresses_[place];
    if (address.own.interface != key.interface || address.own.address.address != key.address)
      continue;
    if (address.state != AddressState::kTentative || !options_.enabled) return false;
    wait(place, std::nullopt);
    set(place, AddressState::kDuplicate);
    return true;
  }
  return false;
}

void AddressDetection::tick(base::MonoTime now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const std::size_t place = due_.begin()->second;
    Address& address = addresses_[place];
    if (address.probes == options_.transmits) {  // RFC 4862 §5.4: nobody has objected
      wait(place, std::nullopt);
      set(place, AddressState::kAssigned);
      continue;
    }
    ++address.probes;
    outputs_.push_back(
        ProbeAddress{address.own.interface, address.own.mac, address.own.address.address});
    wait(place, now + options_.retransmit);
  }
}

std::optional<DetectionOutput> AddressDetection::poll_output() {
  if (outputs_.empty()) return std::nullopt;
  std::optional<DetectionOutput> first(std::move(outputs_.front()));
  outputs_.pop_front();
  return first;
}

std::optional<base::MonoTime> AddressDetection::next_deadline() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

}  // namespace penstock::bridge
