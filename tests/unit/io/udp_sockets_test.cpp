// SPDX-License-Identifier: BSD-3-Clause
#include "control/io/udp_sockets.h"

#include <gtest/gtest.h>

#include "control/io/clock.h"

namespace penstock::io {
namespace {

net::Endpoint loopback(std::uint16_t port) {
  return {net::IpAddress::v4(0x7f000001), net::Port{port}};
}

/// Two sets of sockets that talk over the loopback interface.
struct Pair {
  explicit Pair(bool marker) {
    EXPECT_TRUE(a.bind(loopback(14500), marker));
    EXPECT_TRUE(b.bind(loopback(14501), marker));
  }
  void run() {
    auto end = loop.make_timer([this] { loop.stop(); });
    loop.set_timer(*end, monotonic_now() + base::milliseconds{200});
    loop.run(nullptr);
  }
  EventLoop loop;
  std::vector<ike::Datagram> got;
  UdpSockets a{loop, [](const ike::Datagram&) {}};
  UdpSockets b{loop, [this](const ike::Datagram& d) {
                 got.push_back(d);
                 loop.stop();
               }};
};

TEST(UdpSockets, CarryADatagramWithBothEndpoints) {
  for (const bool marker : {false, true}) {
    Pair pair(marker);
    ASSERT_TRUE(
        pair.a.send({loopback(14500), loopback(14501), base::to_vector(base::as_bytes("hello"))}));
    pair.run();
    ASSERT_EQ(pair.got.size(), 1U);
    EXPECT_EQ(base::as_text(pair.got[0].data), "hello");
    EXPECT_EQ(pair.got[0].remote, loopback(14500));
    EXPECT_EQ(pair.got[0].local, loopback(14501));
  }
}

TEST(UdpSockets, EspInUdpIsNotIke) {
  Pair pair(true);
  UdpSockets plain(pair.loop, [](const ike::Datagram&) {});
  ASSERT_TRUE(plain.bind(loopback(14502), false));
  ASSERT_TRUE(plain.send(
      {loopback(14502), loopback(14501), base::to_vector(base::as_bytes("\x01\x02\x03\x04 esp"))}));
  pair.run();
  EXPECT_TRUE(pair.got.empty());
  EXPECT_EQ(pair.b.esp_packets(), 1U);
}

TEST(UdpSockets, SendOnlyFromAnAddressThatIsBound) {
  Pair pair(false);
  const auto sent = pair.a.send({loopback(1), loopback(14501), {}});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, base::ErrorCode::kNotFound);
}

}  // namespace
}  // namespace penstock::io
