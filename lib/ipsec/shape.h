// SPDX-License-Identifier: BSD-3-Clause
// What an SA does beside ESP in tunnel mode, which has none of these bits: one test of a worker
// keeps all of it off that path.
#pragma once

#include <cstdint>

#include "lib/policy/sa_spec.h"

namespace penstock::ipsec {

enum SaShape : std::uint8_t {
  kTransport = 1U << 0,    ///< RFC 4301 §4.1
  kAh = 1U << 1,           ///< RFC 4302
  kBundleInner = 1U << 2,  ///< ESP that is always inside of an AH SA of the same slot
  kBundleOuter = 1U << 3,  ///< AH that always has such an ESP inside
};

[[nodiscard]] inline std::uint8_t shape_of(const policy::SaSpec& spec) {
  unsigned shape = 0;
  if (spec.mode == policy::IpsecMode::kTransport) shape |= kTransport;
  if (spec.protocol == policy::IpsecProtocol::kAh) shape |= kAh;
  if (spec.bundle == policy::BundlePart::kInner) shape |= kBundleInner;
  if (spec.bundle == policy::BundlePart::kOuter) shape |= kBundleOuter;
  return static_cast<std::uint8_t>(shape);
}

}  // namespace penstock::ipsec
