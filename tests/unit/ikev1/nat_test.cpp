// SPDX-License-Identifier: BSD-3-Clause
// NAT traversal of IKEv1 between two machines with a NAT between them: the drafts' numbers, NAT-OA,
// transport mode.
#include "control/ikev1/nat.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "control/isakmp/payload/v1_nat_oa.h"
#include "control/isakmp/v1_rules.h"
#include "tests/lib/ikev1_pair.h"

namespace penstock::ikev1 {
namespace {

using isakmp::PayloadType;
using session::Datagram;
using test::Ikev1End;
using test::Ikev1Pair;

net::IpAddress address(std::string_view text) { return net::IpAddress::parse(text).value(); }

/// A NAT in front of who begins: 203.0.113.7 outside, and another port each.
class NatPair : public testing::Test {
 protected:
  static session::ConnectionConfig edited(session::ConnectionConfig c) {
    const bool inside = c.remote_addrs.front().address == address("192.0.2.2");
    if (!inside) c.remote_addrs = {{address("203.0.113.7"), 32}};
    return c;
  }
  static void edit(session::ConnectionConfig& c) { c = edited(std::move(c)); }
  static void edit_transport(session::ConnectionConfig& c) {
    edit(c);
    c.children.front().mode = session::ChildMode::kTransport;
    c.children.front().local_ts.clear();
    c.children.front().remote_ts.clear();
  }

  Datagram out(Datagram d) const {
    d.remote = {address("203.0.113.7"),
                net::Port{static_cast<std::uint16_t>(d.remote.port.value() + port_shift)}};
    return d;
  }
  Datagram in(const Ikev1End& to, Datagram d) const {
    d.local = {to.connection.config.local_addrs.front(),
               net::Port{static_cast<std::uint16_t>(d.local.port.value() - port_shift)}};
    return d;
  }

  void run(Ikev1End& a, Ikev1End& b) {
    for (std::size_t n = 0; n < 64 && !(a.sent.empty() && b.sent.empty()); ++n) {
      const bool from_a = !a.sent.empty();
      auto& queue = from_a ? a.sent : b.sent;
      Datagram d = std::move(queue.front());
      queue.pop_front();
      Ikev1End& to = from_a ? b : a;
      d = from_a ? out(std::move(d)) : in(a, std::move(d));
      if (change) change(to, d);
      to.receive(d);
    }
  }

  std::uint16_t port_shift = 10'000;
  std::function<void(Ikev1End& to, Datagram&)> change;
};

constexpr std::array<std::array<std::uint8_t, 16>, 4> kVendors{{
    {0x4a, 0x13, 0x1c, 0x81, 0x07, 0x03, 0x58, 0x45, 0x5c, 0x57, 0x28, 0xf2, 0x0e, 0x95, 0x45,
     0x2f},
    {0x7d, 0x94, 0x19, 0xa6, 0x53, 0x10, 0xca, 0x6f, 0x2c, 0x17, 0x9d, 0x92, 0x15, 0x52, 0x9d,
     0x56},
    {0x90, 0xcb, 0x80, 0x91, 0x3e, 0xbb, 0x69, 0x6e, 0x08, 0x63, 0x81, 0xb5, 0xec, 0x42, 0x7b,
     0x1f},
    {0xcd, 0x60, 0x46, 0x43, 0x35, 0xdf, 0x21, 0xf8, 0x7c, 0xfd, 0xb2, 0xfc, 0x68, 0xb6, 0xa4,
     0x48},
}};

/// Where one is in a message; its end if it is not there.
base::ByteVector::iterator find_vendor(base::ByteVector& message, std::size_t which) {
  const auto octets = std::as_bytes(std::span(kVendors.at(which)));
  return std::search(message.begin(), message.end(), octets.begin(), octets.end());
}

TEST_F(NatPair, TheBestThatBothSpeakIsTakenAndItAloneAnswered) {
  for (const bool aggressive : {false, true})
    for (std::size_t gone = 0; gone < kVendors.size(); ++gone) {
      SCOPED_TRACE(gone);
      Ikev1Pair pair(7, [&](session::ConnectionConfig& c) {
        edit(c);
        c.aggressive = c.aggressive_psk = aggressive;
      });
      // B is a peer that hears of the older ones alone.
      std::size_t answered = 0;
      change = [&](Ikev1End& to, Datagram& d) {
        for (std::size_t i = 0; i < kVendors.size(); ++i) {
          const auto at = find_vendor(d.data, i);
          if (at == d.data.end()) continue;
          if (&to == &pair.b && i < gone) *at ^= std::byte{0xff};
          if (&to != &pair.a) continue;
          EXPECT_EQ(i, gone);
          ++answered;
        }
      };
      pair.a.begin();
      run(pair.a, pair.b);
      ASSERT_TRUE(pair.is_up());
      EXPECT_EQ(answered, 1U);
      const IsakmpSa& a = *pair.a.sa();
      EXPECT_TRUE(std::ranges::equal(a.nat->vendor, kVendors.at(gone)));
      EXPECT_EQ(a.nat, pair.b.sa()->nat);
      EXPECT_EQ(static_cast<unsigned>(a.nat->nat_d), gone == 0 ? 20U : 130U);
      EXPECT_EQ(static_cast<unsigned>(a.nat->nat_oa), gone == 0 ? 21U : 131U);
      EXPECT_EQ(static_cast<unsigned>(a.nat->tunnel), gone == 0 ? 3U : 61443U);
      EXPECT_TRUE(a.nat_here);
      EXPECT_FALSE(a.nat_there);
      EXPECT_TRUE(pair.b.sa()->nat_there);
      EXPECT_EQ(pair.b.sa()->remote.port, net::Port{14500});
      EXPECT_TRUE(pair.a.sa()->children.front()->encap);
      EXPECT_TRUE(pair.b.sa()->children.front()->encap);
      EXPECT_EQ(std::ranges::count(pair.b.sa()->vendors, "NAT-Traversal"), gone == 0 ? 1 : 0);
      EXPECT_EQ(std::ranges::count(pair.b.sa()->vendors, "Dead Peer Detection"), 1);
    }
}

TEST_F(NatPair, APeerThatSpeaksNoneIsNotAnsweredWithOne) {
  Ikev1Pair pair(8, edit);
  change = [&](Ikev1End& to, Datagram& d) {
    for (std::size_t i = 0; i < kVendors.size(); ++i) {
      const auto at = find_vendor(d.data, i);
      if (at == d.data.end()) continue;
      EXPECT_EQ(&to, &pair.b);
      *at ^= std::byte{0xff};
    }
  };
  pair.a.begin();
  run(pair.a, pair.b);
  EXPECT_EQ(pair.a.sa()->nat, nullptr);
  EXPECT_EQ(pair.b.sa()->nat, nullptr);
  EXPECT_FALSE(pair.a.sa()->encap);
}

/// Addresses of the NAT-OA payloads of a message of Quick Mode.
std::vector<std::string> original_addresses(Ikev1End& to, const Datagram& d, PayloadType type) {
  std::vector<std::string> all;
  const base::ByteVector plain = test::open_phase2(to, d.data);
  const auto chain = isakmp::read_v1_inside(PayloadType::kV1Hash, plain);
  if (!chain) return all;
  for (const isakmp::PayloadView& p : *chain)
    if (p.type == type) all.push_back(isakmp::parse_v1_nat_oa(p.body).value().to_string());
  return all;
}

TEST_F(NatPair, TransportModeSaysTheOriginalAddresses) {
  for (const bool draft : {false, true}) {
    SCOPED_TRACE(draft);
    Ikev1Pair pair(9, edit_transport);
    std::vector<std::vector<std::string>> said;
    change = [&](Ikev1End& to, Datagram& d) {
      if (auto at = find_vendor(d.data, 0); draft && at != d.data.end()) *at ^= std::byte{0xff};
      if (d.data.at(18) != std::byte{32}) return;  // Quick Mode
      said.push_back(original_addresses(to, d, draft ? PayloadType{131} : PayloadType::kV1NatOa));
    };
    pair.a.begin();
    run(pair.a, pair.b);
    ASSERT_TRUE(pair.is_up());
    // RFC 3947 §5.2, its first example.
    ASSERT_EQ(said.size(), 3U);
    EXPECT_EQ(said[0], (std::vector<std::string>{"192.0.2.1", "192.0.2.2"}));
    EXPECT_EQ(said[1], (std::vector<std::string>{"203.0.113.7", "192.0.2.2"}));
    EXPECT_TRUE(said[2].empty());
    const session::ChildSa& a = *pair.a.sa()->children.front();
    const session::ChildSa& b = *pair.b.sa()->children.front();
    EXPECT_TRUE(a.encap && b.encap);
    EXPECT_EQ(a.selectors.local.front().first, address("192.0.2.1"));
    EXPECT_EQ(b.selectors.remote.front().first, address("203.0.113.7"));
    EXPECT_EQ(b.selectors.local.front().first, address("192.0.2.2"));
  }
}

TEST_F(NatPair, TunnelModeSaysNone) {
  Ikev1Pair pair(10, edit);
  std::size_t said = 0;
  change = [&](Ikev1End& to, Datagram& d) {
    if (d.data.at(18) == std::byte{32})
      said += original_addresses(to, d, PayloadType::kV1NatOa).size();
  };
  pair.a.begin();
  run(pair.a, pair.b);
  EXPECT_TRUE(pair.is_up());
  EXPECT_EQ(said, 0U);
}

TEST_F(NatPair, TransportModeIsForOnePeerBehindANat) {
  Ikev1Pair pair(11, edit_transport);
  pair.a.begin();
  run(pair.a, pair.b);
  ASSERT_TRUE(pair.is_up());
  session::ConnectionConfig config = pair.a.connection.config;
  config.local_addrs = {address("192.0.2.3")};
  Ikev1End other(77, {address("192.0.2.3"), net::Port{500}}, std::move(config));
  port_shift = 20'000;
  other.begin();
  run(other, pair.b);
  // RFC 3948 §5.2: who of both a packet is for could not be told.
  EXPECT_TRUE(pair.b.said("another peer behind the same NAT"));
  EXPECT_EQ(other.sa()->state, State::kEstablished);
  EXPECT_EQ(other.children(), 0U);
  EXPECT_EQ(pair.b.children(), 1U);
}

TEST_F(NatPair, AMalformedOriginalAddressIsRefused) {
  Ikev1Pair pair(12, edit_transport);
  change = [&](Ikev1End& to, Datagram& d) {
    if (d.data.at(18) != std::byte{32} || &to != &pair.b) return;
    base::ByteVector plain = test::open_phase2(to, d.data);
    const auto chain = isakmp::read_v1_inside(PayloadType::kV1Hash, plain);
    const isakmp::PayloadView* first = chain->find(PayloadType::kV1NatOa);
    if (first == nullptr) return;
    plain.at(static_cast<std::size_t>(first->body.data() - plain.data())) = std::byte{9};
    const base::Bytes last = chain->payloads().back().body;
    plain.resize(static_cast<std::size_t>(last.data() + last.size() - plain.data()));
    const auto header = isakmp::Header::parse(d.data);
    d = test::seal_phase2(to, d, plain, header->message_id.value());
  };
  pair.a.begin();
  run(pair.a, pair.b);
  EXPECT_EQ(pair.b.children(), 0U);
  EXPECT_TRUE(pair.b.said("NAT-OA holds no address of its type"));
}

}  // namespace
}  // namespace penstock::ikev1
