// SPDX-License-Identifier: BSD-3-Clause
// PayloadSet: which payloads a message has or must have; tables of transitions of both versions are
// made of it.
#pragma once

#include <initializer_list>

#include "control/isakmp/message_view.h"

namespace penstock::isakmp {

/// A set of payload types, a bit each; private numbers are in none.
class PayloadSet {
 public:
  constexpr PayloadSet() = default;
  constexpr PayloadSet(std::initializer_list<PayloadType> types) {
    for (const PayloadType t : types) bits_ |= bit(t);
  }
  static constexpr std::uint64_t bit(PayloadType type) {
    constexpr unsigned kBits = 64;
    const auto number = static_cast<unsigned>(type);
    return number < kBits ? std::uint64_t{1} << number : 0;
  }
  [[nodiscard]] static PayloadSet of(const PayloadChain& chain) {
    PayloadSet set;
    for (const PayloadView& p : chain) set.bits_ |= bit(p.type);
    return set;
  }
  [[nodiscard]] constexpr bool includes(const PayloadSet& other) const {
    return (bits_ & other.bits_) == other.bits_;
  }
  [[nodiscard]] constexpr bool disjoint(const PayloadSet& other) const {
    return (bits_ & other.bits_) == 0;
  }
  [[nodiscard]] constexpr std::uint64_t bits() const { return bits_; }

 private:
  std::uint64_t bits_ = 0;
};

}  // namespace penstock::isakmp
