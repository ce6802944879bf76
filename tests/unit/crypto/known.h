// SPDX-License-Identifier: BSD-3-Clause
// What the known-answer tests of this room share.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "lib/base/bytes.h"

namespace penstock::test {

inline base::ByteVector hex(std::string_view text) {
  auto out = base::from_hex(text);
  EXPECT_TRUE(out.has_value()) << text;
  return out ? *std::move(out) : base::ByteVector{};
}

}  // namespace penstock::test
