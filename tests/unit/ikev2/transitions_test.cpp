// SPDX-License-Identifier: BSD-3-Clause
// The table of transitions: what is legal when.
#include "control/ikev2/transitions.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "control/ikev2/exchanges.h"

namespace penstock::ikev2 {
namespace {

using isakmp::ExchangeType;
using isakmp::PayloadType;

TEST(Transitions, TheFullerRowIsTakenBeforeTheBareOne) {
  const PayloadSet answer{PayloadType::kSa, PayloadType::kKeyExchange, PayloadType::kNonce,
                          PayloadType::kNotify};
  const Match full =
      find_transition(State::kInitSent, ExchangeType::kIkeSaInit, Way::kResponse, answer);
  ASSERT_NE(full.row, nullptr);
  EXPECT_EQ(full.row->handler, &on_ike_sa_init_response);
  const Match bare = find_transition(State::kInitSent, ExchangeType::kIkeSaInit, Way::kResponse,
                                     PayloadSet{PayloadType::kNotify});
  ASSERT_NE(bare.row, nullptr);
  EXPECT_EQ(bare.row->handler, &on_ike_sa_init_refused);
}

TEST(Transitions, EveryRowHasAHandler) {
  for (const Transition& row : transitions()) EXPECT_NE(row.handler, nullptr) << row.text;
}

TEST(Transitions, ChildAndIkeRekeyAreToldApartByTheirPayloads) {
  const PayloadSet child{PayloadType::kSa, PayloadType::kNonce, PayloadType::kKeyExchange,
                         PayloadType::kTsInitiator, PayloadType::kTsResponder};
  const PayloadSet ike{PayloadType::kSa, PayloadType::kNonce, PayloadType::kKeyExchange};
  const auto handler = [](const PayloadSet& set) {
    return find_transition(State::kEstablished, ExchangeType::kCreateChildSa, Way::kRequest, set)
        .row->handler;
  };
  EXPECT_EQ(handler(child), &on_create_child_request);
  EXPECT_EQ(handler(ike), &on_rekey_ike_request);
}

TEST(Transitions, NothingButAuthenticationIsLegalForAHalfOpenIkeSa) {
  for (const ExchangeType e : {ExchangeType::kCreateChildSa, ExchangeType::kInformational}) {
    const Match m = find_transition(State::kInitDone, e, Way::kRequest, PayloadSet{});
    EXPECT_EQ(m.row, nullptr);
    EXPECT_FALSE(m.exchange_known);
  }
}

TEST(Transitions, MissingPayloadsAreToldFromAForbiddenExchange) {
  const Match m = find_transition(State::kInitDone, ExchangeType::kIkeAuth, Way::kRequest,
                                  PayloadSet{PayloadType::kIdInitiator});
  EXPECT_EQ(m.row, nullptr);
  EXPECT_TRUE(m.exchange_known);
}

TEST(Transitions, OnlyTheStepsOfTheTableAreLegal) {
  EXPECT_TRUE(is_legal(State::kInitSent, State::kAuthSent));
  EXPECT_TRUE(is_legal(State::kEstablished, State::kRekeyed));
  EXPECT_FALSE(is_legal(State::kInitDone, State::kRekeyed));
  EXPECT_FALSE(is_legal(State::kDeleting, State::kEstablished));
}

/// PENSTOCK_UPDATE_DOCS=1 writes the picture anew.
TEST(Transitions, ThePictureInTheDocumentationIsOfThisTable) {
  const std::string picture =
      "// SPDX-License-Identifier: BSD-3-Clause\n"
      "// The states of an IKEv2 SA; made by the test Transitions, with PENSTOCK_UPDATE_DOCS=1.\n" +
      transitions_as_dot();
  const char* const path = PENSTOCK_SOURCE_ROOT "/docs/ikev2-states.dot";
  if (std::getenv("PENSTOCK_UPDATE_DOCS") != nullptr) std::ofstream(path) << picture;
  std::ifstream file(path);
  const std::string there{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(there, picture);
}

TEST(Transitions, ThePictureNamesEachRow) {
  const std::string dot = transitions_as_dot();
  for (const Transition& t : transitions())
    EXPECT_NE(dot.find(std::string(t.text)), std::string::npos) << t.text;
  EXPECT_NE(dot.find("init_done -> established"), std::string::npos);
}

}  // namespace
}  // namespace penstock::ikev2
