// SPDX-License-Identifier: BSD-3-Clause
// Labels in both phases (RFC 2407 §4.2): the same at both ends or nothing; and IPComp, which is
// refused by its name.
#include <gtest/gtest.h>

#include "tests/lib/ikev1_pair.h"

namespace penstock::ikev1 {
namespace {

using isakmp::Label;
using isakmp::Situation;
using session::ConnectionConfig;
using session::Datagram;
using test::Ikev1End;
using test::Ikev1Pair;

Situation situation(std::uint64_t secrecy, std::vector<unsigned> categories) {
  return {7, Label{secrecy, std::move(categories)}, Label{2, {}}};
}

/// Of the two ends only B, the responder, has a local address ending in 2.
bool is_b(const ConnectionConfig& c) {
  return c.local_addrs.front() == net::IpAddress::parse("192.0.2.2").value();
}

TEST(Situation, TheSameLabelsAtBothEndsAreNegotiatedInBothPhases) {
  for (const bool aggressive : {false, true}) {
    Ikev1Pair pair(31, [&](ConnectionConfig& c) {
      c.aggressive = c.aggressive_psk = aggressive;
      c.situation = situation(3, {1, 40});
      c.children[0].situation = situation(1, {});
    });
    pair.a.begin();
    pair.run([](Ikev1End&, const Datagram& d, std::size_t n) {
      // RFC 2407 §4.6.1: behind header, generic header and DOI.
      if (n < 2) {
        EXPECT_EQ(std::to_integer<unsigned>(d.data.at(39)), 7U) << "labels are said in phase 1";
      }
    });
    EXPECT_TRUE(pair.is_up());
  }
}

TEST(Situation, OfPhase1ThatDiffersInAnythingIsRefused) {
  const Situation ours = situation(3, {1, 40});
  for (const Situation& other : {Situation{}, situation(4, {1, 40}), situation(3, {1}),
                                 Situation{8, ours.secrecy, ours.integrity},
                                 Situation{7, ours.secrecy, {}}, Situation{7, {}, ours.integrity}})
    for (const bool at_b : {false, true}) {
      Ikev1Pair pair(32,
                     [&](ConnectionConfig& c) { c.situation = is_b(c) == at_b ? other : ours; });
      pair.a.begin();
      pair.run();
      EXPECT_FALSE(pair.is_up());
      EXPECT_TRUE(pair.b.said("the situation differs: ours")) << describe(other);
      EXPECT_TRUE(pair.a.said("SITUATION_NOT_SUPPORTED"));
      EXPECT_TRUE(pair.b.machine.all().empty()) << "something is kept";
    }
}

TEST(Situation, OfAChildThatDiffersIsRefusedAndPhase1Stays) {
  for (const bool at_b : {false, true}) {
    Ikev1Pair pair(33, [&](ConnectionConfig& c) {
      if (is_b(c) == at_b) c.children[0].situation = situation(3, {});
    });
    pair.a.begin();
    pair.run();
    EXPECT_FALSE(pair.is_up());
    EXPECT_TRUE(pair.a.said("SITUATION_NOT_SUPPORTED"));
    EXPECT_EQ(pair.a.sa()->state, State::kEstablished);
    EXPECT_EQ(pair.b.sa()->state, State::kEstablished);
  }
}

TEST(Situation, AnAnswerWithOtherLabelsIsRefused) {
  // The responder's answer to the first message of phase 1, with integrity left out.
  Ikev1Pair pair(34, [](ConnectionConfig& c) { c.situation = situation(3, {}); });
  pair.a.begin();
  pair.b.receive(Datagram{pair.a.sent.front()});
  pair.a.sent.clear();
  Datagram answer = pair.b.sent.front();
  pair.b.sent.clear();
  const auto view = isakmp::MessageView::parse(answer.data);
  isakmp::MessageBuilder builder(view->header());
  auto sa = isakmp::parse_v1_sa(view->payloads().payloads().front().body).value();
  sa.situation.integrity.reset();
  isakmp::append_v1_sa(builder, sa);
  answer.data = builder.finish();
  pair.a.receive(answer);
  EXPECT_EQ(pair.a.sa()->state, State::kOffered);
  EXPECT_NE(pair.a.sa()->phase1->refusal.find("its situation is domain 7, secrecy 3 {}"),
            std::string::npos);
}

/// The first message of Quick Mode with its SA payload changed by a peer that has the keys.
void run_with_offer(Ikev1Pair& pair, const std::function<void(isakmp::V1SaPayload&)>& edit) {
  bool done = false;
  pair.a.begin();
  for (std::size_t n = 0; n < 64 && !(pair.a.sent.empty() && pair.b.sent.empty()); ++n) {
    const bool from_a = !pair.a.sent.empty();
    auto& queue = from_a ? pair.a.sent : pair.b.sent;
    Datagram d = std::move(queue.front());
    queue.pop_front();
    Ikev1End& to = from_a ? pair.b : pair.a;
    if (from_a && d.data.at(18) == std::byte{32} && !std::exchange(done, true))
      d = test::with_v1_sa(to, d, edit);
    to.receive(d);
  }
  EXPECT_TRUE(done);
}

TEST(Ipcomp, AloneOrBesideEspIsRefusedByName) {
  // DEFLATE, with the group of the KE payload.
  const isakmp::V1Proposal ipcomp{1,
                                  isakmp::kV1Ipcomp,
                                  base::from_hex("1234").value(),
                                  {{1, 2, {isakmp::V1Attribute::of(3, 19)}}}};
  for (const bool alone : {false, true}) {
    Ikev1Pair pair(35);
    run_with_offer(pair, [&](isakmp::V1SaPayload& sa) {
      if (alone) sa.proposals.clear();
      sa.proposals.push_back(ipcomp);
    });
    EXPECT_FALSE(pair.is_up());
    EXPECT_TRUE(pair.b.said("IPComp is refused (RFC 3173)"));
    EXPECT_TRUE(pair.a.said("NO_PROPOSAL_CHOSEN"));
    EXPECT_EQ(pair.a.sa()->state, State::kEstablished);
    EXPECT_EQ(pair.b.sa()->state, State::kEstablished);
  }
}

TEST(Ipcomp, AnAlternativeWithoutItIsTaken) {
  Ikev1Pair pair(36);
  run_with_offer(pair, [&](isakmp::V1SaPayload& sa) {
    isakmp::V1Proposal second = sa.proposals.front();
    second.number = 2;
    sa.proposals.push_back({1, isakmp::kV1Ipcomp, base::from_hex("1234").value(), {{1, 2, {}}}});
    sa.proposals.push_back(std::move(second));
  });
  EXPECT_EQ(pair.b.sa()->children.size(), 1U);
  EXPECT_FALSE(pair.b.said("IPComp"));
}

}  // namespace
}  // namespace penstock::ikev1
