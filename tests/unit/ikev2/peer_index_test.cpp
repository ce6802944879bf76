// SPDX-License-Identifier: BSD-3-Clause
// Who is at an endpoint, and who at an address.
#include "control/ikev2/peer_index.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace penstock::ikev2 {
namespace {

using Serials = std::vector<PeerIndex::Serial>;

net::Endpoint at(std::uint32_t address, std::uint16_t port) {
  return {net::IpAddress::v4(address), net::Port{port}};
}

TEST(PeerIndex, AnEndpointIsMoreThanItsAddress) {
  PeerIndex index;
  index.insert(at(1, 4500), 10);
  index.insert(at(1, 61000), 11);
  index.insert(at(2, 4500), 12);
  EXPECT_EQ(index.at(at(1, 61000), 8), Serials{11});
  EXPECT_EQ(index.at(at(1, 0), 8), (Serials{10, 11}));
  EXPECT_EQ(index.at(at(3, 4500), 8), Serials{});
  EXPECT_TRUE(index.erase(at(1, 61000), 11));
  EXPECT_FALSE(index.erase(at(1, 61000), 11));
  EXPECT_EQ(index.at(at(1, 61000), 8), Serials{10});
}

TEST(PeerIndex, OneAnswerIsBoundedAndTheNextGoesOn) {
  PeerIndex index;
  for (PeerIndex::Serial i = 0; i < 10; ++i) index.insert(at(1, 4500), i);
  index.insert(at(2, 1), 99);
  EXPECT_EQ(index.at(at(1, 4500), 4), (Serials{0, 1, 2, 3}));
  EXPECT_EQ(index.at(at(1, 4500), 4), (Serials{4, 5, 6, 7}));
  EXPECT_EQ(index.at(at(1, 4500), 4), (Serials{8, 9, 0, 1}));
  EXPECT_EQ(index.at(at(1, 4500), 100).size(), 10U);
}

}  // namespace
}  // namespace penstock::ikev2
