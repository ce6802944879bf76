// SPDX-License-Identifier: BSD-3-Clause
// Child SAs towards the data plane (design §4.5), where results come while other steps are taken.
#include "control/session/child_sa.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lib/base/random.h"

namespace penstock::session {
namespace {

class ChildOrder : public ::testing::Test {
 protected:
  ChildSa& add(std::uint32_t spi) {
    children.push_back(std::make_unique<ChildSa>());
    ChildSa& child = *children.back();
    child.config = &config;
    child.spi_in = net::Spi{spi};
    child.spi_out = net::Spi{spi + 0x1000};
    return child;
  }
  static ChildSpecs specs(const ChildSa& child) {
    ChildSpecs made;
    made.inbound.spi = child.spi_in;
    made.outbound.spi = child.spi_out;
    return made;
  }
  /// The data plane confirms all that it was told to install.
  void confirm(ChildSa& child) {
    child.state = ChildState::kInstalled;
    for (const auto what :
         {TokenOwner::What::kInbound, TokenOwner::What::kPolicy, TokenOwner::What::kOutbound})
      if (child.pending > 0 && (what != TokenOwner::What::kPolicy || child.pending > 1))
        part_installed(services, children, child, what, true);
  }
  /// Outbound SPIs switched to since the last call.
  std::vector<net::Spi> switched() {
    std::vector<net::Spi> spis;
    for (const Output& o : services.out)
      if (const auto* s = std::get_if<SwitchOutbound>(&o)) spis.push_back(s->spec.spi);
    services.out.clear();
    return spis;
  }

  std::size_t policies_removed() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        services.out, [](const Output& o) { return std::holds_alternative<RemovePolicy>(o); }));
  }

  base::SeededRandom random{1};
  crypto::CryptoContext crypto;
  Services services{{}, random, crypto};
  ChildConfig config;
  ChildSas children;
};

// The peer rekeyed the first and deletes it, while our switch to the third is under way.
TEST_F(ChildOrder, ADeleteDoesNotUndoASwitchThatIsUnderWay) {
  ChildSa& first = add(1);
  install_fresh(services, {}, first, specs(first));
  confirm(first);
  ChildSa& second = add(2);
  install_successor(services, second, first, specs(second));
  confirm(second);
  ChildSa& third = add(3);
  install_successor(services, third, second, specs(third));
  confirm(third);
  EXPECT_EQ(switched(), std::vector{first.spi_out});
  switch_outbound(services, third);
  close_outbound(services, children, first);
  EXPECT_EQ(switched(), std::vector{third.spi_out});
  part_installed(services, children, third, TokenOwner::What::kOutbound, true);
  EXPECT_EQ(services.slots.find(third.slot)->sealing, third.spi_in);
  EXPECT_TRUE(third.outbound_there);
  EXPECT_TRUE(std::ranges::none_of(services.out, [&](const Output& o) {
    const auto* gone = std::get_if<RetireSa>(&o);
    return gone != nullptr && gone->spi == third.spi_out;
  }));
}

TEST_F(ChildOrder, ADeleteOfTheOneThatSealsSwitchesToItsSuccessor) {
  ChildSa& first = add(1);
  install_fresh(services, {}, first, specs(first));
  confirm(first);
  ChildSa& second = add(2);
  install_successor(services, second, first, specs(second));
  confirm(second);
  (void)switched();
  close_outbound(services, children, first);
  EXPECT_EQ(switched(), std::vector{second.spi_out});
}

// Else it would catch what a child set up again at once, with the same selectors, could carry.
TEST_F(ChildOrder, APolicyDoesNotOutliveItsLastOutboundHalf) {
  ChildSa& first = add(1);
  install_fresh(services, {}, first, specs(first));
  confirm(first);
  ChildSa& second = add(2);
  install_successor(services, second, first, specs(second));
  confirm(second);
  switch_outbound(services, second);
  part_installed(services, children, second, TokenOwner::What::kOutbound, true);
  close_outbound(services, children, first);
  first.state = ChildState::kLingering;
  EXPECT_EQ(policies_removed(), 0U);
  retire(services, children, second);
  children.pop_back();
  EXPECT_EQ(policies_removed(), 1U);
  EXPECT_NE(services.slots.find(first.slot), nullptr);
  retire(services, children, first);
  EXPECT_EQ(policies_removed(), 1U);
  EXPECT_EQ(services.slots.size(), 0U);
}

// A rekey that was asked for before may still bring one; traffic finds it through a policy.
TEST_F(ChildOrder, ASuccessorOfOneThatLingersHasAPolicy) {
  ChildSa& first = add(1);
  install_fresh(services, {}, first, specs(first));
  confirm(first);
  close_outbound(services, children, first);
  first.state = ChildState::kLingering;
  ChildSa& second = add(2);
  install_successor(services, second, first, specs(second));
  const Slot* slot = services.slots.find(second.slot);
  EXPECT_TRUE(slot->policy_installed);
  const auto* made = std::get_if<InstallPolicy>(&services.out.back());
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(made->rule.id, slot->policy);
  EXPECT_EQ(made->rule.slot, second.slot);
}

}  // namespace
}  // namespace penstock::session
