// SPDX-License-Identifier: BSD-3-Clause
// Strong: an integer that is an identifier, so that an SPI is never taken for a port.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>

namespace penstock::base {

/// A distinct type around an integer `T`; compares and hashes, but does no arithmetic.
template <class Tag, class T>
class Strong {
 public:
  using value_type = T;

  constexpr Strong() = default;
  constexpr explicit Strong(T value) : value_(value) {}

  [[nodiscard]] constexpr T value() const { return value_; }
  friend constexpr auto operator<=>(const Strong&, const Strong&) = default;

 private:
  T value_{};
};

}  // namespace penstock::base

template <class Tag, class T>
struct std::hash<penstock::base::Strong<Tag, T>> {
  std::size_t operator()(const penstock::base::Strong<Tag, T>& id) const noexcept {
    return std::hash<T>{}(id.value());
  }
};
