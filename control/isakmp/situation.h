// SPDX-License-Identifier: BSD-3-Clause
// Situation: in what an SA of IKEv1 is wanted (RFC 2407 §4.2): by identities, and beside them with
// labels for secrecy and integrity, within a domain that gives both their meaning.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace penstock::isakmp {

/// A sensitivity level, and the compartments beside it.
struct Label {
  std::uint64_t level = 0;
  std::vector<unsigned> categories;  ///< bits of the bitmap, 0 the first, ascending, each once

  friend bool operator==(const Label&, const Label&) = default;
};

struct Situation {
  std::uint32_t domain = 0;  ///< RFC 2407 §4.6.1.1; 0 without labels
  std::optional<Label> secrecy;
  std::optional<Label> integrity;

  [[nodiscard]] bool has_labels() const { return secrecy.has_value() || integrity.has_value(); }
  friend bool operator==(const Situation&, const Situation&) = default;
};

}  // namespace penstock::isakmp
