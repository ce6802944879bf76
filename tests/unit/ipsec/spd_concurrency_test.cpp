// SPDX-License-Identifier: BSD-3-Clause
// Readers look the SPD up while the writer changes it. Each answer must be the one of a version
// that was current during the lookup: whole, and never of a mixture.
#include <gtest/gtest.h>

#include <thread>

#include "lib/ipsec/spd_flow_cache.h"
#include "tests/unit/ipsec/spd_model.h"

namespace penstock::ipsec {
namespace {

using test::ModelPacket;
using test::World;

constexpr unsigned kReaders = 2;
constexpr std::uint32_t kChanges = 4000;
constexpr std::size_t kKeptAnswers = 20'000;  // a reader; spread over the run

struct Answer {
  SpdVersion earliest;
  SpdVersion latest;
  policy::Direction direction;
  ModelPacket packet;
  std::optional<policy::PolicyId> id;
};

template <class Address>
constexpr net::Family family() {
  return Address::kBits == Ipv4Value::kBits ? net::Family::kIpv4 : net::Family::kIpv6;
}

struct Life {
  policy::PolicyRule rule;
  SpdVersion born;
  SpdVersion died = kNeverDies;
};

std::optional<policy::PolicyId> answer_at(const std::vector<Life>& lives, SpdVersion version,
                                          const Answer& question) {
  const Life* best = nullptr;
  for (const Life& life : lives) {  // in the order of insertion
    if (life.born > version || version >= life.died) continue;
    if (best != nullptr && best->rule.priority <= life.rule.priority) continue;
    if (rule_fits(life.rule, question.direction, question.packet)) best = &life;
  }
  return best != nullptr ? std::optional(best->rule.id) : std::nullopt;
}

template <class Address>
void read(const Spd& spd, dpdk::RcuDomain& rcu, unsigned worker, const std::atomic<bool>& stop,
          std::vector<Answer>& answers) {
  World world(100 + worker, family<Address>());
  SpdFlowCacheOf<Address> cache(spd, 4096);
  rcu.enter(worker);
  while (!stop.load(std::memory_order_relaxed)) {
    Answer a{.earliest = 0,
             .latest = 0,
             .direction = world.direction(),
             .packet = world.packet(),
             .id = std::nullopt};
    const auto key = SpdKeyOf<Address>::of(a.packet.selectors, a.packet.vrf);
    a.earliest = spd.version();
    const SpdEntry* entry = nullptr;
    if (world.below(2) == 0)
      cache.lookup_burst(a.direction, &key, &entry, 1);
    else
      spd.lookup_burst(a.direction, &key, &entry, 1);
    if (entry != nullptr) a.id = entry->id;
    a.latest = spd.version();
    // A ring of the last answers would lose the beginning: keep a random sample.
    if (answers.size() < kKeptAnswers)
      answers.push_back(a);
    else
      answers[world.below(kKeptAnswers)] = a;
    rcu.quiescent(worker);
  }
  rcu.leave(worker);
}

template <class Address>
void every_answer_is_of_one_version() {
  auto rcu = dpdk::RcuDomain::create(kReaders);
  ASSERT_TRUE(rcu);
  Spd spd({.policies = 4096, .selectors_v4 = 32'768, .selectors_v6 = 32'768, .workers = 1}, 1,
          **rcu);
  std::atomic<bool> stop{false};
  std::vector<Answer> answers[kReaders];
  std::vector<std::thread> readers;
  for (unsigned w = 0; w < kReaders; ++w)
    readers.emplace_back([&, w] { read<Address>(spd, **rcu, w, stop, answers[w]); });

  World world(1, family<Address>());
  std::vector<Life> lives;
  std::vector<std::size_t> alive;
  std::uint64_t next_id = 1;
  for (std::uint32_t change = 0; change < kChanges; ++change) {
    if (alive.size() < 20 || (alive.size() < 60 && world.below(2) == 0)) {
      Life life{.rule = world.rule(next_id++), .born = spd.version() + 1};
      const auto inserted = spd.insert(life.rule);
      if (!inserted) {  // it fits no packet, or memory still waits for the readers
        if (inserted.error().code == base::ErrorCode::kLimit) std::this_thread::yield();
        continue;
      }
      alive.push_back(lives.size());
      lives.push_back(std::move(life));
    } else {
      const std::size_t at = world.below(static_cast<std::uint32_t>(alive.size()));
      Life& life = lives[alive[at]];
      ASSERT_TRUE(spd.remove(life.rule.id));
      life.died = spd.version();
      alive.erase(alive.begin() + static_cast<std::ptrdiff_t>(at));
    }
    (void)(*rcu)->poll();
    if (change % 16 == 0) std::this_thread::yield();
  }
  stop.store(true);
  for (auto& reader : readers) reader.join();

  std::size_t checked = 0;
  for (const auto& of_reader : answers) {
    for (const Answer& a : of_reader) {
      bool found = false;
      for (SpdVersion v = a.earliest; v <= a.latest && !found; ++v)
        found = answer_at(lives, v, a) == a.id;
      ASSERT_TRUE(found) << "versions " << a.earliest << " to " << a.latest;
      ++checked;
    }
  }
  EXPECT_GT(checked, 1000U);
  EXPECT_GT(lives.size(), 500U);
}

TEST(SpdConcurrency, EveryAnswerIsOfOneVersionForIpv4) {
  every_answer_is_of_one_version<Ipv4Value>();
}

TEST(SpdConcurrency, EveryAnswerIsOfOneVersionForIpv6) {
  every_answer_is_of_one_version<Ipv6Value>();
}

}  // namespace
}  // namespace penstock::ipsec
