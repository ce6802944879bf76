// SPDX-License-Identifier: BSD-3-Clause
// Closing what is plain at once against closing it step by step: what it takes, the steps take with
// the same result, and what it does not take it leaves as it was.
#include "dataplane/plain_opening.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <span>

#include "dataplane/close_inbound.h"
#include "lib/net/checksum.h"
#include "tests/pipeline/dataplane/loose_packet.h"

namespace penstock::pipeline {
namespace {

using burst_crypto::Job;
using burst_crypto::JobStatus;
using dpdk::PacketMeta;
using ipsec::InboundSa;

constexpr unsigned kBufferOctets = 512;
constexpr unsigned kDataAt = 128;

struct Draws {
  std::mt19937_64 engine{1};  // the same each run

  unsigned below(unsigned end) { return static_cast<unsigned>(engine() % end); }
  bool one_in(unsigned n) { return below(n) == 0; }
  template <class T, std::size_t N>
  T of(const T (&values)[N]) {
    return values[below(N)];
  }
};

/// An opened packet and what the stages before say of it.
struct Opened {
  LoosePacket packet;
  std::array<std::uint8_t, kBufferOctets> octets{};
  Job job;

  void point(const InboundSa& sa) {
    packet.get()->buf_addr = octets.data();
    job.session = &sa.session;
    job.packet = packet.get();
    job.esp = octets.data() + kDataAt + packet.meta().payload_offset;
  }
};

constexpr std::uint32_t kAddresses[] = {0x0a000000, 0x0a000001, 0x0a0000ff, 0x0a000100,
                                        0xc0a80001, 0xffffffff, 0x7f000001, 0xdfffffff};
constexpr std::uint16_t kPorts[] = {0, 1, 500, 0x7fff, 0x8000, 0xfffe, 0xffff};

void draw(Draws& draws, InboundSa& sa) {
  sa.session.iv_octets = draws.of<std::uint8_t>({0, 8, 16});
  sa.session.icv_octets = 16;
  sa.session.block_octets = 4;
  sa.local = 0xc0000201;
  sa.remote.store(0xc0000202);
  sa.slot = draws.below(1000);
  sa.encap_local_port = draws.one_in(2) ? 4500 : 0;
  sa.encap_remote_port.store(4500);
  sa.selector_count = 1;
  auto& selector = sa.inline_selectors[0];
  const auto range = [&](auto& first, auto& last, const auto& values) {
    first = std::remove_reference_t<decltype(first)>{draws.of(values)};
    last = std::remove_reference_t<decltype(last)>{draws.of(values)};
    if (last < first) std::swap(first, last);
  };
  range(selector.local_first, selector.local_last, kAddresses);
  range(selector.remote_first, selector.remote_last, kAddresses);
  if (!draws.one_in(4)) {
    selector.local_first = selector.remote_first = {0};
    selector.local_last = selector.remote_last = {~0U};
  }
  if (draws.one_in(4)) {
    range(selector.local_port_first, selector.local_port_last, kPorts);
    range(selector.remote_port_first, selector.remote_port_last, kPorts);
  }
  selector.protocol = draws.of<std::uint8_t>({0, 0, 6, 17, 50});
  selector.flags = static_cast<std::uint8_t>(draws.one_in(4) ? draws.below(16) : 15);
  selector.vrf = draws.one_in(16) ? 1 : 0;
}

/// @return octets
unsigned draw_inner(Draws& draws, std::uint8_t* at) {
  const unsigned octets = 20 + draws.of<unsigned>({0, 4, 7, 8, 9, 40, 100});
  for (unsigned i = 0; i < octets; ++i) at[i] = static_cast<std::uint8_t>(draws.engine());
  auto& ip = *reinterpret_cast<net::Ipv4Header*>(at);
  ip.version_ihl = draws.one_in(16) ? 0x46 : 0x45;
  ip.tos = draws.of<std::uint8_t>({0, 0, 0, 1, 3});
  ip.total_length.set(static_cast<std::uint16_t>(octets - (draws.one_in(8) ? draws.below(8) : 0U)));
  ip.fragment.set(draws.of<std::uint16_t>({0, 0x4000, 0x4000, 0x2000}));
  ip.protocol = draws.of<std::uint8_t>({1, 6, 6, 17, 17, 50});
  ip.source.set(draws.of(kAddresses));
  ip.destination.set(draws.of(kAddresses));
  for (unsigned i = 20; i + 1 < octets && i < 24; i += 2) {
    const base::Be16 port{draws.of(kPorts)};
    std::memcpy(at + i, &port, sizeof(port));
  }
  ip.checksum.set(0);
  ip.checksum.set(net::internet_checksum({reinterpret_cast<std::byte*>(at), sizeof(ip)}));
  if (draws.one_in(16)) at[draws.below(20)] ^= static_cast<std::uint8_t>(1U << draws.below(8));
  return octets;
}

void draw(Draws& draws, const InboundSa& sa, Opened& one) {
  const unsigned outer = sa.encap_local_port != 0 ? 28 : 20;
  const unsigned front = outer + 8U + sa.session.iv_octets;
  std::uint8_t* const text = one.octets.data() + kDataAt + front;
  const unsigned inner = draw_inner(draws, text);
  const unsigned padding = draws.of<unsigned>({0, 1, 2, 3, 7, 8, 9, 40, 255});
  const unsigned written = std::min(padding, 64U);  // 255 does not fit: it is told, not there
  for (unsigned i = 0; i < written; ++i) text[inner + i] = static_cast<std::uint8_t>(i + 1);
  text[inner + written] = static_cast<std::uint8_t>(padding);
  text[inner + written + 1] = draws.of<std::uint8_t>({4, 4, 4, 4, 41, 59});
  if (padding != 0 && draws.one_in(8)) text[inner + draws.below(written)] ^= 1;

  one.packet.lie_over(std::as_writable_bytes(std::span(one.octets)));
  one.packet.get()->data_off = kDataAt;
  dpdk::resize(one.packet.get(), front + inner + written + 2 + sa.session.icv_octets);
  PacketMeta& meta = one.packet.meta();
  meta = PacketMeta{};
  meta.source = draws.one_in(8) ? 0xc0000203 : 0xc0000202;
  meta.source_port = sa.encap_local_port;
  meta.destination = sa.local;
  meta.ip_version = 4;
  meta.header_length = 20;
  meta.flags = dpdk::kFromOutside | dpdk::kLocal | dpdk::kUdpEncapsulated;
  meta.total_length = one.packet.get()->data_len;
  meta.payload_offset = static_cast<std::uint16_t>(outer);
  meta.sequence = 1 + draws.below(200);
  meta.tos = draws.of<std::uint8_t>({0, 0, 0, 1});
  one.job.cipher_octets = inner + written + 2;
  one.job.status = draws.one_in(16) ? JobStatus::kIcvMismatch : JobStatus::kDone;
  one.point(sa);
}

/// By the steps that close (inbound) is made of. @return octets that count; 0: it is refused
unsigned close_by_steps(InboundSa& sa, Opened& one) {
  const Job& job = one.job;
  if (job.status != JobStatus::kDone) return 0;
  if (sa.window.insert(one.packet.meta().sequence) != ipsec::ReplayVerdict::kFresh) return 0;
  const std::uint8_t* const text = job.esp + 8 + sa.session.iv_octets;
  const unsigned padding = text[job.cipher_octets - 2];
  if (padding + 2 > job.cipher_octets) return 0;
  const unsigned payload = job.cipher_octets - 2 - padding;
  for (unsigned i = 0; i < padding; ++i)
    if (text[payload + i] != ((i + 1) & 0xffU)) return 0;
  if (text[job.cipher_octets - 1] != net::kProtocolIpv4) return 0;
  const unsigned front = one.packet.meta().payload_offset + 8U + sa.session.iv_octets;
  return dataplane::decapsulate(one.packet.get(), sa, front, payload, false) ? 0U : payload;
}

TEST(PlainOpening, TakesWhatTheStepsTakeAndLeavesTheRestAsItWas) {
  Draws draws;
  unsigned taken = 0;
  unsigned refused = 0;
  for (unsigned n = 0; n < 100'000; ++n) {
    InboundSa at_once;
    InboundSa by_steps;
    draw(draws, at_once);
    ASSERT_TRUE(dataplane::PlainOpening::is_plain(at_once));
    by_steps.session = at_once.session;
    by_steps.slot = at_once.slot;
    by_steps.local = at_once.local;
    by_steps.selector_count = at_once.selector_count;
    by_steps.inline_selectors[0] = at_once.inline_selectors[0];
    for (InboundSa* sa : {&at_once, &by_steps}) {
      sa->window.reset(128, sa->inline_window);
      (void)sa->window.insert(100);
    }
    Opened one;
    draw(draws, at_once, one);
    Opened before = one;
    Opened same = one;
    same.point(by_steps);
    const unsigned counted = dataplane::PlainOpening(at_once).close(one.packet.get(), one.job);
    ASSERT_EQ(one.octets, before.octets) << n;
    if (counted == 0) {
      before.packet.get()->buf_addr = one.packet.get()->buf_addr;
      ASSERT_TRUE(std::ranges::equal(one.packet.meta_octets(), before.packet.meta_octets())) << n;
      ASSERT_EQ(one.packet.get()->data_off, before.packet.get()->data_off);
      ASSERT_EQ(one.packet.get()->pkt_len, before.packet.get()->pkt_len);
      ASSERT_EQ(at_once.window.top(), 100U);
      ++refused;
      continue;
    }
    ++taken;
    ASSERT_EQ(close_by_steps(by_steps, same), counted) << n;
    ASSERT_TRUE(std::ranges::equal(one.packet.meta_octets(), same.packet.meta_octets())) << n;
    ASSERT_EQ(one.packet.get()->data_off, same.packet.get()->data_off);
    ASSERT_EQ(one.packet.get()->data_len, same.packet.get()->data_len);
    ASSERT_EQ(one.packet.get()->pkt_len, same.packet.get()->pkt_len);
    ASSERT_EQ(at_once.window.top(), by_steps.window.top());
    ASSERT_EQ(at_once.window.check(one.packet.meta().sequence), ipsec::ReplayVerdict::kSeen);
  }
  EXPECT_GT(taken, 300U);
  EXPECT_GT(refused, 500U);
}

/// What it takes is decided by the selectors at their bounds too.
TEST(PlainOpening, TakesEveryPlainPacketWithinItsSelectors) {
  Draws draws;
  unsigned within = 0;
  for (unsigned n = 0; n < 20'000; ++n) {
    InboundSa sa;
    draw(draws, sa);
    sa.inline_selectors[0].flags = 15;
    sa.inline_selectors[0].vrf = 0;
    sa.window.reset(128, sa.inline_window);
    Opened one;
    draw(draws, sa, one);
    std::uint8_t* const text = one.job.esp + 8 + sa.session.iv_octets;
    auto& ip = *reinterpret_cast<net::Ipv4Header*>(text);
    ip.version_ihl = 0x45;
    ip.tos = one.packet.meta().tos;
    ip.total_length.set(28);
    ip.fragment.set(0);
    ip.protocol = net::kProtocolUdp;
    ip.source.set(0x0a000000U + draws.below(0x102));
    ip.destination.set(0x0a000000U + draws.below(0x102));
    ip.checksum.set(0);
    ip.checksum.set(net::internet_checksum({reinterpret_cast<std::byte*>(text), sizeof(ip)}));
    text[28] = 0;
    text[29] = net::kProtocolIpv4;
    one.job.cipher_octets = 30;
    one.job.status = JobStatus::kDone;
    one.packet.meta().source = sa.remote.load();
    base::Be16 source_port;
    base::Be16 destination_port;
    std::memcpy(&source_port, text + 20, 2);
    std::memcpy(&destination_port, text + 22, 2);
    const bool fits = sa.inline_selectors[0].matches(
        {.local = {ip.destination.get()},
         .remote = {ip.source.get()},
         .local_port = destination_port.get(),
         .remote_port = source_port.get(),
         .vrf = 0,
         .protocol = net::kProtocolUdp,
         .asks = ipsec::kSelectorInbound | ipsec::kSelectorWithPorts});
    const unsigned counted = dataplane::PlainOpening(sa).close(one.packet.get(), one.job);
    ASSERT_EQ(counted, fits ? 28U : 0U) << n;
    within += fits ? 1U : 0U;
  }
  EXPECT_GT(within, 200U);
}

}  // namespace
}  // namespace penstock::pipeline
