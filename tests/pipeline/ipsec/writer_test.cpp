// SPDX-License-Identifier: BSD-3-Clause
// The writer facade: SPIs, installing and switching, retiring in two steps, limits, reading.
#include <atomic>
#include <cstdlib>
#include <set>
#include <thread>

#include "lib/ipsec/sa_builder.h"
#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {
namespace {

using base::ErrorCode;
using policy::Direction;

struct WriterTest : testing::Test {
  IpsecGateway g;
  ipsec::Writer& w = *g.writer;

  policy::SaSpec inbound(std::uint32_t spi) {
    return make_spec({.direction = Direction::kInbound, .spi = spi});
  }
  static ipsec::SaName in(std::uint32_t spi) { return {Direction::kInbound, net::Spi{spi}, {}}; }
  static ipsec::SaName out(std::uint32_t spi) {
    return {Direction::kOutbound, net::Spi{spi}, net::IpAddress::v4(ip("192.0.2.9"))};
  }
  /// Two grace periods: a writer that watches FIFOs waits for another one behind them.
  void quiesce() {
    for (int i = 0; i < 2; ++i) {
      g.gateway.step();
      w.poll();
    }
  }
};

TEST_F(WriterTest, GrantsSpisOnceAndAllOrNone) {
  const auto spis = w.allocate_spis(200).value();
  std::set<net::Spi> distinct(spis.begin(), spis.end());
  EXPECT_EQ(distinct.size(), 200U);
  EXPECT_GE(distinct.begin()->value(), 256U);
  EXPECT_EQ(w.allocate_spis(57).error().code, ErrorCode::kLimit);
  EXPECT_EQ(w.usage().larval, 200U);
  EXPECT_TRUE(w.allocate_spis(56));
  w.return_spis(spis);
  w.return_spis(spis);  // a second time is ignored
  EXPECT_EQ(w.usage().larval, 56U);
  const auto again = w.allocate_spis(200).value();
  for (const net::Spi spi : again) EXPECT_FALSE(distinct.contains(spi));
}

TEST_F(WriterTest, AMovedOutboundSaHasTheNewAddressInItsName) {
  const auto there = [](std::uint32_t spi, std::string_view address) {
    return ipsec::SaName{Direction::kOutbound, net::Spi{spi}, net::IpAddress::v4(ip(address))};
  };
  const net::Endpoint to{net::IpAddress::v4(ip("192.0.2.77")), net::Port{61000}};
  g.must_install(make_spec({.direction = Direction::kOutbound, .spi = 0x2001, .encap = true}));
  ASSERT_TRUE(w.move(there(0x2001, "192.0.2.9"), to));
  EXPECT_FALSE(w.find(there(0x2001, "192.0.2.9")));
  ASSERT_TRUE(w.find(there(0x2001, "192.0.2.77")));
  EXPECT_TRUE(w.find(there(0x2001, "192.0.2.77"))->current);
  EXPECT_EQ(w.outbound_of(policy::ChildSlot{kSlot})->name.remote, to.address);
  EXPECT_EQ(w.move(there(0x2001, "192.0.2.9"), to).error().code, ErrorCode::kNotFound);
  // Another SA of this SPI cannot come to where one is.
  g.must_install(make_spec(
      {.direction = Direction::kOutbound, .spi = 0x2001, .encap = true, .slot = kSlot + 1}));
  EXPECT_EQ(w.move(there(0x2001, "192.0.2.9"), to).error().code, ErrorCode::kExists);
  EXPECT_TRUE(w.find(there(0x2001, "192.0.2.9")));
  EXPECT_TRUE(w.retire(there(0x2001, "192.0.2.77")));
  EXPECT_TRUE(w.move(there(0x2001, "192.0.2.9"), to));
  EXPECT_TRUE(w.retire(there(0x2001, "192.0.2.77")));
  quiesce();
  EXPECT_EQ(w.usage().outbound, 0U);
}

TEST_F(WriterTest, FindsNegotiatedAndManualSas) {
  const std::uint32_t spi = w.allocate_spis(1).value()[0].value();
  EXPECT_TRUE(w.tables().is_larval(spi));
  EXPECT_EQ(w.tables().find_inbound(spi), nullptr);
  g.must_install(inbound(spi));
  g.must_install(inbound(0x1001));
  EXPECT_FALSE(w.tables().is_larval(spi));
  EXPECT_EQ(w.tables().find_inbound(spi)->spi, spi);
  EXPECT_EQ(w.tables().find_inbound(0x1001)->spi, 0x1001U);
  EXPECT_EQ(w.tables().find_inbound(0x1002), nullptr);
  EXPECT_FALSE(w.find(in(spi))->manual);
  EXPECT_TRUE(w.find(in(0x1001))->manual);
  EXPECT_EQ(w.install_inbound(inbound(spi)).error().code, ErrorCode::kExists);
  EXPECT_EQ(w.install_inbound(inbound(0x1001)).error().code, ErrorCode::kExists);
}

// A packet between the two looks of a worker must find the SA or be held, never be unknown.
TEST_F(WriterTest, AnSpiThatIsBeingKeyedIsNeverUnknown) {
  std::atomic<std::uint32_t> asked{0};
  std::atomic<std::uint32_t> seen{0};
  std::atomic<bool> stop{false};
  std::uint64_t unknown = 0;
  std::thread reader([&] {
    while (!stop.load()) {
      const std::uint32_t spi = asked.load(std::memory_order_acquire);
      if (spi == 0) continue;
      if (w.tables().find_inbound(spi) != nullptr) {
        seen.store(spi);
        continue;
      }
      const auto found = w.tables().find_again(spi);
      unknown += found.sa == nullptr && !found.larval ? 1U : 0U;
    }
  });
  for (unsigned i = 0; i < 200; ++i) {
    const std::uint32_t spi = w.allocate_spis(1).value()[0].value();
    asked.store(spi, std::memory_order_release);
    g.must_install(inbound(spi));
    while (seen.load() != spi) std::this_thread::yield();
  }
  stop.store(true);
  reader.join();
  EXPECT_EQ(unknown, 0U);
}

class HeapMemory final : public ipsec::SaMemory {
 public:
  void* allocate(std::size_t octets) override { return std::calloc(1, octets); }
  void free(void* memory) override { std::free(memory); }
};

TEST_F(WriterTest, KeepsNoKeyOfAnSaThatCouldNotBeBuilt) {
  HeapMemory memory;
  ipsec::InboundSa in_record{};
  auto spec = inbound(0x1001);
  spec.remote_ts = {policy::TrafficSelector::parse("2001:db8::/32").value()};
  EXPECT_FALSE(ipsec::build_inbound(spec, *g.sessions, memory, in_record));
  const auto* keys = reinterpret_cast<const std::byte*>(&in_record.keys);
  EXPECT_EQ(base::to_hex(Bytes(keys, sizeof(in_record.keys))),
            std::string(2 * sizeof(in_record.keys), '0'));
  EXPECT_EQ(base::to_hex(base::bytes_of(in_record.session.salt)), "00000000");
}

TEST_F(WriterTest, KeepsManualSasApartWhateverTheirSpis) {
  std::set<std::uint32_t> live;
  for (std::uint32_t round = 0; round < 300; ++round) {
    const std::uint32_t spi = 256 + round * 64;
    g.must_install(inbound(spi));
    live.insert(spi);
    if (live.size() == 12) {
      const std::uint32_t gone = *std::next(live.begin(), round % 12);
      ASSERT_TRUE(w.retire(in(gone)));
      live.erase(gone);
      quiesce();
      EXPECT_EQ(w.tables().find_inbound(gone), nullptr);
    }
    for (const std::uint32_t each : live) ASSERT_NE(w.tables().find_inbound(each), nullptr);
  }
}

TEST_F(WriterTest, RetiresAfterAGracePeriodAndNotBefore) {
  const std::uint32_t spi = w.allocate_spis(1).value()[0].value();
  g.must_install(inbound(spi));
  const ipsec::InboundSa* seen = w.tables().find_inbound(spi);
  ASSERT_TRUE(w.retire(in(spi)));
  EXPECT_EQ(w.tables().find_inbound(spi), nullptr);
  EXPECT_FALSE(w.tables().is_larval(spi));
  EXPECT_EQ(w.poll(), 1U);  // the worker may still look at it
  EXPECT_EQ(seen->spi, spi);
  EXPECT_EQ(w.usage().retiring, 1U);
  EXPECT_EQ(w.retire(in(spi)).error().code, ErrorCode::kNotFound);
  quiesce();
  EXPECT_EQ(w.usage().retiring, 0U);
  EXPECT_EQ(base::to_hex(Bytes(seen->keys.octets).first(64)), std::string(128, '0'));
}

TEST_F(WriterTest, WaitsForFifosAfterTheGracePeriod) {
  burst_crypto::FifoProgress fifo;
  fifo.submitted = 10;
  fifo.completed = 7;
  w.watch_fifo(fifo);
  g.must_install(make_spec({}));
  ASSERT_TRUE(w.retire(out(kSpiOut)));
  quiesce();
  EXPECT_EQ(w.usage().retiring, 1U);
  fifo.submitted = 20;  // what comes later does not carry it
  fifo.completed = 10;
  EXPECT_EQ(w.poll(), 1U);  // the worker that took it out may be in the same burst
  quiesce();
  EXPECT_EQ(w.usage().retiring, 0U);
}

TEST_F(WriterTest, NeverReusesASpiWhileItsSaRetires) {
  const auto spis = w.allocate_spis(256).value();
  for (const net::Spi spi : spis) g.must_install(inbound(spi.value()));
  ASSERT_TRUE(w.retire(in(spis[7].value())));
  EXPECT_FALSE(w.allocate_spis(1));
  quiesce();
  const std::uint32_t next = w.allocate_spis(1).value()[0].value();
  EXPECT_NE(next, spis[7].value());
  EXPECT_EQ(next % 256, spis[7].value() % 256);
}

TEST_F(WriterTest, SwitchesASlotAndRetiresTheOldSa) {
  g.must_install(make_spec({}));
  g.must_install(make_spec({.spi = 0x3003}));
  const policy::ChildSlot slot{kSlot};
  EXPECT_EQ(w.outbound_of(slot)->name.spi.value(), 0x3003U);
  EXPECT_FALSE(w.find(out(kSpiOut))->current);
  EXPECT_TRUE(w.find(out(0x3003))->current);
  ASSERT_TRUE(w.retire(out(kSpiOut)));
  EXPECT_EQ(w.tables().outbound_of(kSlot)->spi, 0x3003U);
  ASSERT_TRUE(w.retire(out(0x3003)));
  EXPECT_EQ(w.tables().outbound_of(kSlot), nullptr);
  quiesce();
  EXPECT_EQ(w.usage().retiring, 0U);
  EXPECT_EQ(w.usage().outbound, 0U);
}

TEST_F(WriterTest, ListsInPieces) {
  for (std::uint32_t i = 0; i < 10; ++i) g.must_install(inbound(0x1000 + i));
  ASSERT_TRUE(w.retire(in(0x1003)));
  std::vector<ipsec::SaStatus> all;
  std::uint64_t cursor = 0;
  int pieces = 0;
  do {
    std::vector<ipsec::SaStatus> piece;
    cursor = w.list(Direction::kInbound, cursor, 4, piece);
    EXPECT_LE(piece.size(), 4U);
    all.insert(all.end(), piece.begin(), piece.end());
    ++pieces;
  } while (cursor != 0);
  EXPECT_EQ(all.size(), 9U);
  EXPECT_GE(pieces, 3);
  EXPECT_EQ(all[0].label, "test/net");
}

TEST_F(WriterTest, ShowsCountersToThreadsOutsideRcu) {
  g.protect();
  g.gateway.send(1, peer_seal(inbound_packet(100)));
  (void)g.gateway.sent(0);
  EXPECT_EQ(w.counters_of_inbound(net::Spi{kSpiIn})->packets, 1U);
  EXPECT_EQ(w.counters_of_inbound(net::Spi{kSpiIn})->bytes, 128U);
  EXPECT_FALSE(w.counters_of_inbound(net::Spi{0x9999}));
  ASSERT_TRUE(w.retire(in(kSpiIn)));
  EXPECT_FALSE(w.counters_of_inbound(net::Spi{kSpiIn}));
}

TEST_F(WriterTest, RefusalsSayWhatIsWrong) {
  const auto refused = [&](auto&& change) {
    auto spec = inbound(0x4444);
    change(spec);
    const auto done = w.install_inbound(spec);
    return done ? std::string("accepted") : done.error().text;
  };
  const auto says = [&](const std::string& text, std::string_view what) {
    EXPECT_NE(text.find(what), std::string::npos) << text;
    EXPECT_NE(text.find("test/net"), std::string::npos) << text;
  };
  says(refused([](auto& s) { s.protocol = policy::IpsecProtocol::kAh; }),
       "AH needs an integrity algorithm");
  says(refused([](auto& s) {
         s.protocol = policy::IpsecProtocol::kAh;
         s.encap = policy::UdpEncapsulation{net::Port{4500}, net::Port{4500}};
       }),
       "NAT");
  says(refused([](auto& s) { s.bundle = policy::BundlePart::kOuter; }), "AH is around ESP");
  says(refused([](auto& s) { s.spi = net::Spi{255}; }), "256");
  says(refused([](auto& s) { s.enc_key = base::SecretBytes(19); }), "20 octets");
  says(refused([](auto& s) {
         s.encr = crypto::EncrId::k3Des;
         s.encr_key_bits = 192;
       }),
       "needs an integrity algorithm");
  says(refused([](auto& s) { s.replay_window = 1U << 20; }), "65536");
  says(refused([](auto& s) { s.remote_ts.clear(); }), "selectors");
  says(refused([](auto& s) { s.slot = policy::ChildSlot{0}; }), "slot");
  EXPECT_EQ(w.usage().inbound, 0U);
  g.must_install(inbound(0x4444));  // nothing of the refused ones is left
}

TEST_F(WriterTest, LimitsAreNamed) {
  for (std::uint32_t i = 0; i < 16; ++i) g.must_install(inbound(0x1000 + i));
  EXPECT_EQ(w.install_inbound(inbound(0x2000)).error().code, ErrorCode::kLimit);
  for (std::uint32_t i = 0; i < 256; ++i) g.must_install(make_spec({.spi = 0x1000 + i}));
  EXPECT_EQ(w.install_outbound(make_spec({.spi = 0x5000})).error().code, ErrorCode::kLimit);
  auto far = make_spec({.spi = 0x6000, .slot = 256});
  EXPECT_EQ(w.install_outbound(far).error().code, ErrorCode::kLimit);
}

TEST_F(WriterTest, PoliciesComeAndGo) {
  policy::PolicyRule rule;
  rule.id = policy::PolicyId{77};
  rule.action = policy::PolicyAction::kBypass;
  rule.local_ts = {policy::TrafficSelector::parse("10.1.0.0/16").value()};
  rule.remote_ts = {policy::TrafficSelector::parse("10.2.0.0/16").value()};
  ASSERT_TRUE(w.add_policy(rule));
  EXPECT_EQ(w.add_policy(rule).error().code, ErrorCode::kExists);
  EXPECT_EQ(w.usage().policies, 1U);
  ASSERT_TRUE(w.remove_policy(rule.id));
  EXPECT_EQ(w.remove_policy(rule.id).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace penstock::pipeline
