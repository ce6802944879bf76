// SPDX-License-Identifier: BSD-3-Clause
// Several SA payloads in one Quick Mode (RFC 2409 §5.5): nonces, key exchange and identities are
// the same for all, SPIs and KEYMAT are each one's own.
#include <gtest/gtest.h>

#include <set>

#include "tests/lib/ikev1_pair.h"

namespace penstock::ikev1 {
namespace {

using session::ConnectionConfig;
using session::Datagram;
using test::Ikev1End;
using test::Ikev1Pair;

bool is_quick(const Datagram& d) { return d.data.at(18) == std::byte{32}; }

/// Children net and more, between the same networks.
void make_two(ConnectionConfig& c) {
  c.several_sas = true;
  c.children.push_back(c.children.front());
  c.children.back().name = "more";
  c.children.back().esp_proposals =
      crypto::parse_proposals(crypto::ProtocolId::kEsp, "aes256-sha256-ecp256").value();
}

/// @return messages of Quick Mode
std::size_t run(Ikev1Pair& pair) {
  std::size_t n = 0;
  pair.run([&](Ikev1End&, const Datagram& d, std::size_t) { n += is_quick(d) ? 1U : 0U; });
  return n;
}

/// Hands all over; the first message of Quick Mode from A, or its answer, has other SA payloads.
void run_with(Ikev1Pair& pair, bool answer,
              const std::function<void(std::vector<isakmp::V1SaPayload>&)>& edit) {
  bool done = false;
  for (std::size_t n = 0; n < 64 && !(pair.a.sent.empty() && pair.b.sent.empty()); ++n) {
    const bool from_a = !pair.a.sent.empty();
    auto& queue = from_a ? pair.a.sent : pair.b.sent;
    Datagram d = std::move(queue.front());
    queue.pop_front();
    Ikev1End& to = from_a ? pair.b : pair.a;
    if (is_quick(d) && from_a != answer && !std::exchange(done, true))
      d = test::with_v1_sas(to, d, edit);
    to.receive(d);
  }
  EXPECT_TRUE(done);
}

TEST(SeveralSas, OfChildrenThatStartAtOnceAreOneExchange) {
  Ikev1Pair pair(61, make_two);
  pair.a.begin(2);
  EXPECT_EQ(run(pair), 3U);
  for (Ikev1End* end : {&pair.a, &pair.b}) {
    ASSERT_EQ(end->children(), 2U);
    std::set<std::string> names;
    std::set<net::Spi> spis;
    std::set<policy::ChildSlot> slots;
    for (const auto& c : end->sa()->children) {
      names.insert(c->config->name);
      spis.insert({c->spi_in, c->spi_out});
      slots.insert(c->slot);
    }
    EXPECT_EQ(names, (std::set<std::string>{"net", "more"}));
    EXPECT_EQ(spis.size(), 4U);
    EXPECT_EQ(slots.size(), 2U);
  }
  EXPECT_EQ(pair.a.sa()->children[1]->agreed.encr.key_bits, 256U);
}

TEST(SeveralSas, AreAskedForOneByOneUnlessConfigured) {
  Ikev1Pair pair(62, [](ConnectionConfig& c) {
    make_two(c);
    c.several_sas = false;
  });
  pair.a.begin(2);
  EXPECT_EQ(run(pair), 6U);
  EXPECT_EQ(pair.a.children(), 2U);
  EXPECT_EQ(pair.b.children(), 2U);
}

TEST(SeveralSas, OfOtherSelectorsOrAnotherGroupStayApart) {
  for (const bool group : {false, true}) {
    Ikev1Pair pair(63, [&](ConnectionConfig& c) {
      make_two(c);
      if (group)
        c.children[1].esp_proposals =
            crypto::parse_proposals(crypto::ProtocolId::kEsp, "aes256-sha256").value();
      else
        c.children[1].local_ts[0].protocol = c.children[1].remote_ts[0].protocol = 17;
    });
    pair.a.begin(2);
    EXPECT_EQ(run(pair), 6U);
    EXPECT_EQ(pair.b.children(), 2U);
  }
}

TEST(SeveralSas, AreMadeWholeOrNotAtAll) {
  Ikev1Pair pair(64, make_two);
  pair.a.begin(2);
  run_with(pair, false, [](std::vector<isakmp::V1SaPayload>& sas) {
    for (auto& t : sas.back().proposals[0].transforms) t.id = 99;
  });
  EXPECT_TRUE(pair.a.said("NO_PROPOSAL_CHOSEN"));
  for (Ikev1End* end : {&pair.a, &pair.b}) {
    EXPECT_TRUE(end->sa()->children.empty());
    EXPECT_EQ(end->services.slots.size(), 0U);
    EXPECT_EQ(end->sa()->state, State::kEstablished);
  }
}

TEST(SeveralSas, AnAnswerToFewerOfThemIsRefused) {
  Ikev1Pair pair(65, make_two);
  pair.a.begin(2);
  run_with(pair, true, [](std::vector<isakmp::V1SaPayload>& sas) { sas.pop_back(); });
  EXPECT_TRUE(pair.a.said("the answer has not as many SA payloads as the offer"));
  EXPECT_TRUE(pair.a.sa()->children.empty());
}

TEST(SeveralSas, OfOneChildAreEachMade) {
  Ikev1Pair pair(66);
  pair.a.begin();
  run_with(pair, false, [](std::vector<isakmp::V1SaPayload>& sas) {
    sas.push_back(sas.front());
    sas.back().proposals[0].spi = base::from_hex("20000001").value();
  });
  // A sees two SA payloads where it asked for one; B has made both.
  ASSERT_EQ(pair.b.sa()->children.size(), 2U);
  EXPECT_NE(pair.b.sa()->children[0]->spi_in, pair.b.sa()->children[1]->spi_in);
  EXPECT_NE(pair.b.sa()->children[0]->slot, pair.b.sa()->children[1]->slot);
}

TEST(SeveralSas, MoreThanTheLimitAreRefused) {
  Ikev1Pair pair(67);
  pair.a.begin();
  run_with(pair, false, [](std::vector<isakmp::V1SaPayload>& sas) {
    sas.resize(kMaxQuickSas + 1, sas.front());
  });
  EXPECT_TRUE(pair.b.said("more SA payloads than kMaxQuickSas"));
  EXPECT_TRUE(pair.b.sa()->children.empty());
}

}  // namespace
}  // namespace penstock::ikev1
