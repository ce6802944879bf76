// SPDX-License-Identifier: BSD-3-Clause
// Sealing of the common shape against sealing in general: the same octets, job and meta.
#include "dataplane/plain_tunnel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <random>
#include <span>

#include "lib/net/checksum.h"
#include "tests/pipeline/dataplane/loose_packet.h"

namespace penstock::pipeline {
namespace {

using burst_crypto::Job;
using dpdk::PacketMeta;
using ipsec::OutboundSa;

constexpr unsigned kBufferOctets = 2'048;

/// With room on both sides.
struct Sealed {
  LoosePacket packet;
  std::array<std::uint8_t, kBufferOctets> octets{};
};

struct Draws {
  std::mt19937_64 engine{1};  // the same each run

  unsigned below(unsigned end) { return static_cast<unsigned>(engine() % end); }
  template <class T, std::size_t N>
  T of(const T (&values)[N]) {
    return values[below(N)];
  }
  template <class T>
  T any() {
    return below(8) == 0 ? static_cast<T>(~T{0}) : static_cast<T>(engine());
  }
};

/// The fields that sealing reads, as they may be together.
void draw(Draws& draws, OutboundSa& sa) {
  const bool udp = draws.below(2) == 0;
  sa.session.icv_octets = draws.of<std::uint8_t>({8, 12, 16, 24, 32});
  sa.session.iv_octets = draws.of<std::uint8_t>({0, 8, 16});
  sa.session.block_octets = draws.of<std::uint8_t>({4, 8, 16});
  sa.session.aad_octets = draws.of<std::uint8_t>({8, 12});
  for (std::uint8_t& octet : sa.session.salt) octet = draws.any<std::uint8_t>();
  sa.prefix_octets = udp ? 28 : 20;
  net::Ipv4Header ip{};
  ip.version_ihl = 0x45;
  ip.ttl = draws.any<std::uint8_t>();
  ip.protocol = udp ? net::kProtocolUdp : net::kProtocolEsp;
  ip.source.set(draws.any<std::uint32_t>());
  sa.header_sum = static_cast<std::uint16_t>(~net::internet_checksum(base::bytes_of(ip)));
  std::memcpy(sa.prefix.front, &ip, sizeof(sa.prefix.front));
  const base::Be32 path[] = {base::Be32{draws.any<std::uint32_t>()},
                             base::Be32{draws.any<std::uint32_t>()}};
  sa.prefix.path.store(std::bit_cast<std::uint64_t>(path));
  // Without UDP the word behind the destination is the SPI.
  std::memcpy(sa.prefix.back + 4, &path[1], sizeof(path[1]));
  sa.tos_copied = draws.of<std::uint8_t>({0, 0x03, 0xfc, 0xff});
  sa.tos_set = draws.any<std::uint8_t>();
  sa.identification = draws.any<std::uint16_t>();
  sa.iv_start = draws.of<std::uint64_t>({0, 1, 1ULL << 63, ~0ULL});
}

void draw(Draws& draws, Sealed& one, Sealed& same) {
  for (std::uint8_t& octet : one.octets) octet = draws.any<std::uint8_t>();
  one.packet.lie_over(std::as_writable_bytes(std::span(one.octets)));
  one.packet.get()->data_off = 128;
  dpdk::resize(one.packet.get(), 1 + draws.below(1'500));
  PacketMeta& meta = one.packet.meta();
  meta.source = draws.any<std::uint32_t>();
  meta.destination = draws.any<std::uint32_t>();
  meta.source_port = draws.any<std::uint16_t>();
  meta.destination_port = draws.any<std::uint16_t>();
  meta.ip_version = draws.of<std::uint8_t>({0, 4, 6});  // 0: a dummy
  meta.protocol = draws.any<std::uint8_t>();
  meta.total_length = one.packet.get()->data_len;
  meta.tos = draws.any<std::uint8_t>();
  meta.flags = draws.any<std::uint32_t>() & ~std::uint32_t{dpdk::kSealed};
  meta.nesting = static_cast<std::uint8_t>(draws.below(2));
  same = one;
  same.packet.get()->buf_addr = same.octets.data();
}

/// Sealing in general, of the parts that it is made of.
void seal_by_parts(dpdk::Packet* packet, const OutboundSa& sa, std::uint64_t sequence,
                   std::uint16_t fragment, Job& job) {
  PacketMeta& meta = dpdk::meta(packet);
  meta.sequence = sequence;
  const unsigned cipher = dataplane::write_trailer(packet, sa, meta.total_length,
                                                   dataplane::kNextHeaders[meta.ip_version]);
  const unsigned front = sa.prefix_octets + 8U + sa.session.iv_octets;
  dpdk::prepend(packet, front);
  dpdk::resize(packet, front + cipher + sa.session.icv_octets);
  std::uint8_t* out = base::u8(dpdk::data(packet));
  dataplane::write_outer(out, meta, sa, fragment, packet->data_len);
  dataplane::write_sequence(out + sa.prefix_octets, sa, sequence);
  dataplane::fill_job(job, packet, sa, out + sa.prefix_octets, cipher);
  dataplane::describe_outer(packet, sa, fragment);
  dataplane::mark_sealed(meta);
}

void expect_same(Sealed& one, Sealed& same, const Job& job, const Job& other) {
  ASSERT_EQ(one.octets, same.octets);
  ASSERT_EQ(one.packet.get()->data_off, same.packet.get()->data_off);
  ASSERT_EQ(one.packet.get()->data_len, same.packet.get()->data_len);
  ASSERT_EQ(one.packet.get()->pkt_len, same.packet.get()->pkt_len);
  same.packet.meta().sequence = one.packet.meta().sequence;  // that is in the job
  ASSERT_TRUE(std::ranges::equal(one.packet.meta_octets(), same.packet.meta_octets()));
  ASSERT_EQ(job.packet, one.packet.get());
  ASSERT_EQ(job.esp - one.octets.data(), other.esp - same.octets.data());
  ASSERT_EQ(job.session, other.session);
  ASSERT_EQ(job.cipher_octets, other.cipher_octets);
  ASSERT_TRUE(std::ranges::equal(job.sequence_high, other.sequence_high));
  ASSERT_TRUE(std::ranges::equal(job.nonce, other.nonce));
  ASSERT_TRUE(std::ranges::equal(job.aad, other.aad));
  ASSERT_EQ(job.status, burst_crypto::JobStatus::kPending);
}

TEST(PlainTunnel, SealsAsSealingInGeneralDoes) {
  Draws draws;
  Sealed one;
  Sealed same;
  for (unsigned n = 0; n < 5'000; ++n) {
    OutboundSa sa;
    draw(draws, sa);
    draw(draws, one, same);
    const auto sequence = draws.any<std::uint64_t>();
    const std::uint16_t fragment = draws.below(2) == 0 ? net::kIpv4DontFragment : std::uint16_t{0};
    Job job{.status = burst_crypto::JobStatus::kDone};
    Job other;
    ASSERT_TRUE(dataplane::PlainTunnel::is_plain(sa));
    ASSERT_TRUE(dataplane::PlainTunnel(sa).seal(one.packet.get(), sequence, fragment, job));
    seal_by_parts(same.packet.get(), sa, sequence, fragment, other);
    ASSERT_NO_FATAL_FAILURE(expect_same(one, same, job, other)) << n;
  }
}

}  // namespace
}  // namespace penstock::pipeline
