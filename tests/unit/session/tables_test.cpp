// SPDX-License-Identifier: BSD-3-Clause
// Deadlines, session table, connections, retransmission.
#include <gtest/gtest.h>

#include <map>

#include "control/session/connections.h"
#include "control/session/deadlines.h"
#include "control/session/retransmission.h"
#include "control/session/session_table.h"
#include "lib/base/random.h"

namespace penstock::session {
namespace {

using base::milliseconds;
using base::MonoTime;
using base::seconds;

TEST(Deadlines, AgreesWithASortedMapOverRandomMovesAndClears) {
  base::SeededRandom random(3);
  Deadlines heap;
  std::map<Deadlines::Key, MonoTime> model;
  for (int i = 0; i < 20'000; ++i) {
    const Deadlines::Key key = random.below(200);
    const MonoTime at{seconds{random.below(1000)}};
    switch (random.below(4)) {
      case 0:
        heap.clear(key);
        model.erase(key);
        break;
      case 1: {
        const auto due = heap.pop_due(at);
        const auto first = std::min_element(model.begin(), model.end(), [](auto& a, auto& b) {
          return std::pair{a.second, a.first} < std::pair{b.second, b.first};
        });
        const bool any = first != model.end() && first->second <= at;
        ASSERT_EQ(due.has_value(), any);
        if (!any) break;
        ASSERT_EQ(*due, first->first);
        model.erase(first);
        break;
      }
      default:
        heap.set(key, at);
        model[key] = at;
    }
    ASSERT_EQ(heap.size(), model.size());
  }
}

TEST(SessionTable, AnSpiIsNeverZeroAndNeverTakenTwice) {
  SessionTable table;
  EXPECT_FALSE(table.insert(IkeSpi{0}, 1));
  EXPECT_TRUE(table.insert(IkeSpi{7}, 1));
  EXPECT_FALSE(table.insert(IkeSpi{7}, 2));
  EXPECT_EQ(table.find(IkeSpi{7}), 1U);
  table.erase(IkeSpi{7});
  EXPECT_EQ(table.find(IkeSpi{7}), 0U);
}

TEST(SessionTable, CountsHalfOpenOnesBySourceAddressWhateverThePort) {
  SessionTable table;
  const auto source = net::IpAddress::v4(0x0a000001);
  table.open(IkeSpi{1}, {source, net::Port{500}}, 11);
  table.open(IkeSpi{2}, {source, net::Port{4500}}, 12);
  table.open(IkeSpi{2}, {source, net::Port{4500}}, 13);  // the same again counts once
  EXPECT_EQ(table.half_open(), 2U);
  EXPECT_EQ(table.half_open_of(source), 2U);
  EXPECT_EQ(table.find_half_open(IkeSpi{2}, {source, net::Port{4500}}), 12U);
  EXPECT_EQ(table.find_half_open(IkeSpi{2}, {source, net::Port{500}}), 0U);
  table.close(IkeSpi{1}, {source, net::Port{500}});
  table.close(IkeSpi{1}, {source, net::Port{500}});
  EXPECT_EQ(table.half_open_of(source), 1U);
}

TEST(Retransmission, WaitsGrowByTheFactorAndEndAfterTheTries) {
  const RetransmissionPolicy policy{milliseconds{1000}, 2.0, 3};
  EXPECT_EQ(policy.wait_after(1), milliseconds{1000});
  EXPECT_EQ(policy.wait_after(3), milliseconds{4000});
  EXPECT_EQ(policy.total(), milliseconds{15'000});
  OutstandingMessage m;
  MonoTime now{seconds{100}};
  m.start(base::to_vector(base::as_bytes("request")), now, policy);
  int repeated = 0;
  while (m.repeat(*m.due, policy)) ++repeated;
  EXPECT_EQ(repeated, 3);
  EXPECT_EQ(m.sent, 4U);
}

TEST(AnsweredRequest, RepeatsOnlyForTheSameOctets) {
  AnsweredRequest r;
  r.begin(base::as_bytes("a request"));
  EXPECT_TRUE(r.is_repetition(base::as_bytes("a request")));
  EXPECT_FALSE(r.is_repetition(base::as_bytes("b request")));
  EXPECT_FALSE(r.is_repetition(base::as_bytes("a request ")));
  EXPECT_TRUE(r.response().empty());
  r.answer(base::to_vector(base::as_bytes("an answer")));
  EXPECT_EQ(base::as_text(r.response()), "an answer");
  r.recognise(base::as_bytes("in other octets"));
  EXPECT_TRUE(r.is_repetition(base::as_bytes("in other octets")));
  EXPECT_EQ(base::as_text(r.response()), "an answer");
}

ConnectionConfig config(std::string name, std::vector<std::string> remotes,
                        std::vector<std::string> locals = {}) {
  ConnectionConfig c;
  c.name = std::move(name);
  for (const auto& r : remotes) c.remote_addrs.push_back(*net::Prefix::parse(r));
  for (const auto& l : locals) c.local_addrs.push_back(*net::IpAddress::parse(l));
  return c;
}

TEST(Connections, TheMostSpecificAddressesComeFirst) {
  Connections connections;
  connections.add(config("anyone", {}));
  connections.add(config("net", {"198.51.100.0/24"}));
  connections.add(config("host", {"198.51.100.7"}));
  connections.add(config("host_here", {"198.51.100.7"}, {"192.0.2.1"}));
  connections.add(config("elsewhere", {"198.51.100.7"}, {"192.0.2.99"}));
  const auto found = connections.candidates(*net::IpAddress::parse("192.0.2.1"),
                                            *net::IpAddress::parse("198.51.100.7"));
  std::vector<std::string> names;
  for (const Connection* c : found) names.push_back(c->config.name);
  EXPECT_EQ(names, (std::vector<std::string>{"host_here", "host", "net", "anyone"}));
  EXPECT_EQ(
      connections
          .candidates(*net::IpAddress::parse("192.0.2.1"), *net::IpAddress::parse("203.0.113.1"))
          .size(),
      1U);
}

TEST(Connections, ARemovedOneStaysUntilItsLastIkeSaEnded) {
  Connections connections;
  Connection& c = connections.add(config("host", {"198.51.100.7"}));
  connections.attach(c, 1);
  connections.remove(c);
  EXPECT_EQ(connections.find("host"), nullptr);
  connections.drop_unused();
  EXPECT_TRUE(c.removed);
  EXPECT_TRUE(
      connections
          .candidates(*net::IpAddress::parse("192.0.2.1"), *net::IpAddress::parse("198.51.100.7"))
          .empty());
  connections.detach(c, 1);
  connections.drop_unused();
}

}  // namespace
}  // namespace penstock::session
