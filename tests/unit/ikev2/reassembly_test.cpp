// SPDX-License-Identifier: BSD-3-Clause
// Fragments of one message: RFC 7383 §2.6.
#include "control/ikev2/reassembly.h"

#include <gtest/gtest.h>

namespace penstock::ikev2 {
namespace {

using isakmp::PayloadType;

isakmp::EncryptedView fragment(std::uint16_t number, std::uint16_t total) {
  isakmp::EncryptedView view;
  view.is_fragment = true;
  view.fragment = number;
  view.fragments_total = total;
  if (number == 1) view.inner_type = PayloadType::kIdInitiator;
  return view;
}

struct Fragments : testing::Test {
  Reassembly r{base::MonoTime{}, 100, 3};

  bool add(std::uint16_t number, std::string_view content) {
    return r.add(fragment(number, 3), base::SecretBytes::copy_of(base::as_bytes(content)),
                 base::as_bytes(content));
  }
};

TEST_F(Fragments, InAnyOrderBecomeTheMessage) {
  EXPECT_TRUE(add(3, "cc"));
  EXPECT_TRUE(add(1, "aa"));
  EXPECT_FALSE(r.complete());
  EXPECT_TRUE(add(2, "b"));
  ASSERT_TRUE(r.complete());
  const OpenedMessage m = r.take();
  EXPECT_EQ(m.first, PayloadType::kIdInitiator);
  EXPECT_EQ(base::as_text(m.inside.bytes()), "aabcc");
}

TEST_F(Fragments, MayBeEmpty) {
  EXPECT_TRUE(add(1, ""));
  EXPECT_TRUE(add(2, "bb"));
  EXPECT_TRUE(add(3, ""));
  ASSERT_TRUE(r.complete());
  EXPECT_EQ(base::as_text(r.take().inside.bytes()), "bb");
}

TEST_F(Fragments, AreKnownOnceTheyAreThere) {
  EXPECT_TRUE(add(2, "bb"));
  EXPECT_TRUE(r.has(fragment(2, 3)));
  EXPECT_FALSE(r.has(fragment(1, 3)));
  EXPECT_FALSE(r.has(fragment(2, 4))) << "of another attempt";
}

TEST_F(Fragments, TooLongTogetherAreRefused) {
  EXPECT_TRUE(add(1, std::string(60, 'a')));
  EXPECT_TRUE(add(2, std::string(40, 'b')));
  EXPECT_FALSE(add(3, "c"));
}

TEST_F(Fragments, AreKnownAgainByTheFirst) {
  EXPECT_TRUE(add(2, "bb"));
  EXPECT_TRUE(add(1, "aa"));
  EXPECT_TRUE(add(3, "cc"));
  const OpenedMessage m = r.take();
  EXPECT_TRUE(m.beginning.is_repetition(base::as_bytes("aa")));
  EXPECT_FALSE(m.beginning.is_repetition(base::as_bytes("bb")));
}

}  // namespace
}  // namespace penstock::ikev2
