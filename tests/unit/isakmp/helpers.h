// SPDX-License-Identifier: BSD-3-Clause
// What the tests of this room share.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "control/isakmp/message_builder.h"
#include "control/isakmp/message_view.h"
#include "lib/base/bytes.h"

namespace penstock::test {

inline base::ByteVector hex(std::string_view text) {
  auto out = base::from_hex(text);
  EXPECT_TRUE(out.has_value()) << text;
  return out ? *std::move(out) : base::ByteVector{};
}

/// A header in hexadecimal.
inline std::string message_hex(std::string_view next, std::string_view exchange,
                               std::size_t length) {
  return fmt::format("0102030405060708 1112131415161718 {} 20 {} 08 00000000 {:08x}", next,
                     exchange, length);
}

/// The body of the one payload that `append` adds to a message.
template <class Append>
base::ByteVector body_of(Append append, std::uint8_t major = 2) {
  isakmp::Header header;
  header.major = major;
  isakmp::MessageBuilder builder{header};
  append(builder);
  const base::ByteVector message = builder.finish();
  const auto view = isakmp::MessageView::parse(message);
  EXPECT_TRUE(view.has_value() && view->payloads().size() == 1);
  if (!view || view->payloads().size() != 1) return {};
  return base::to_vector(view->payloads().payloads()[0].body);
}

}  // namespace penstock::test
