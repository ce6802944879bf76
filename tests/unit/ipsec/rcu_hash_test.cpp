// SPDX-License-Identifier: BSD-3-Clause
#include "lib/ipsec/rcu_hash.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>

#include "lib/net/address.h"

namespace penstock::ipsec {
namespace {

using SpiMap = RcuHash<net::Spi, std::uint32_t>;

class RcuHashTest : public testing::Test {
 protected:
  void SetUp() override { rcu_->enter(0); }
  void TearDown() override { rcu_->leave(0); }
  std::unique_ptr<dpdk::RcuDomain> rcu_ = *dpdk::RcuDomain::create(1);
};

TEST_F(RcuHashTest, FindsWhatWasInserted) {
  SpiMap map(4, *rcu_);
  EXPECT_EQ(map.find(net::Spi{256}), nullptr);
  ASSERT_TRUE(map.insert(net::Spi{256}, 7));
  ASSERT_NE(map.find(net::Spi{256}), nullptr);
  EXPECT_EQ(*map.find(net::Spi{256}), 7U);
  EXPECT_EQ(map.find(net::Spi{257}), nullptr);
  EXPECT_EQ(map.size(), 1U);
}

TEST_F(RcuHashTest, RefusesAKeyTwice) {
  SpiMap map(4, *rcu_);
  ASSERT_TRUE(map.insert(net::Spi{256}, 7));
  EXPECT_EQ(map.insert(net::Spi{256}, 8).error().code, base::ErrorCode::kExists);
  EXPECT_EQ(*map.find(net::Spi{256}), 7U);
}

TEST_F(RcuHashTest, AnErasedValueStaysReadableUntilTheWorkerWasQuiescent) {
  SpiMap map(1, *rcu_);
  ASSERT_TRUE(map.insert(net::Spi{256}, 7));
  const std::uint32_t* value = map.find(net::Spi{256});
  EXPECT_TRUE(map.erase(net::Spi{256}));
  EXPECT_FALSE(map.erase(net::Spi{256}));
  EXPECT_EQ(map.find(net::Spi{256}), nullptr);
  EXPECT_EQ(map.insert(net::Spi{300}, 8).error().code, base::ErrorCode::kLimit);
  EXPECT_EQ(*value, 7U);
  rcu_->quiescent(0);
  EXPECT_TRUE(map.insert(net::Spi{300}, 8));
}

TEST_F(RcuHashTest, AnswersAsAnOrdinaryMapDoes) {
  std::mt19937_64 random(1);
  SpiMap map(300, *rcu_);
  std::unordered_map<std::uint32_t, std::uint32_t> model;
  for (std::uint32_t step = 0; step < 200'000; ++step) {
    const auto key = static_cast<std::uint32_t>(256 + random() % 200);
    if (random() % 2 == 0) {
      const bool inserted = map.insert(net::Spi{key}, step).has_value();
      EXPECT_EQ(inserted, model.emplace(key, step).second);
    } else {
      EXPECT_EQ(map.erase(net::Spi{key}), model.erase(key) == 1);
    }
    rcu_->quiescent(0);
    const auto asked = static_cast<std::uint32_t>(256 + random() % 200);
    const auto* got = map.find(net::Spi{asked});
    const auto at = model.find(asked);
    ASSERT_EQ(got != nullptr, at != model.end());
    if (got != nullptr) {
      ASSERT_EQ(*got, at->second);
    }
  }
  EXPECT_EQ(map.size(), model.size());
}

}  // namespace
}  // namespace penstock::ipsec
