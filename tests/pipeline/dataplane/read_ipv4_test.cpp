// SPDX-License-Identifier: BSD-3-Clause
// The header that is read in one look against the one that is read step by step: the same verdict,
// and the same meta.
#include "dataplane/read_ipv4.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>

#include "lib/net/checksum.h"
#include "tests/pipeline/dataplane/loose_packet.h"

namespace penstock::pipeline {
namespace {

using dataplane::HeaderChecksum;
using dpdk::PacketMeta;

/// With no octet behind them, so that a sanitizer sees one that is read too many; its meta is that
/// of another header.
struct Read {
  std::unique_ptr<std::byte[]> octets;
  LoosePacket packet;

  explicit Read(base::Bytes bytes) : octets(new std::byte[bytes.size()]) {
    std::ranges::copy(bytes, octets.get());
    packet.lie_over({octets.get(), bytes.size()});
    std::memset(static_cast<void*>(&packet.meta()), 0xa5, sizeof(PacketMeta));
  }
};

struct Draws {
  std::mt19937 engine{1};  // the same each run

  std::uint32_t word() { return static_cast<std::uint32_t>(engine()); }
  unsigned below(unsigned end) { return word() % end; }
  bool one_in(unsigned n) { return below(n) == 0; }

  std::uint32_t address() {
    constexpr std::uint8_t kFirst[] = {0, 1, 10, 127, 128, 192, 223, 224, 239, 240, 255};
    return std::uint32_t{kFirst[below(std::size(kFirst))]} << 24U |
           (one_in(4) ? 0xffffffU * below(2) : word() & 0xffffffU);
  }
  std::uint8_t protocol() {
    constexpr std::uint8_t kSome[] = {1, 6, 17, 33, 50, 51, 58, 132, 135, 136};
    return one_in(8) ? static_cast<std::uint8_t>(word()) : kSome[below(std::size(kSome))];
  }
  std::uint16_t fragment() {
    constexpr std::uint16_t kSome[] = {0, 0, 0, 0x4000, 0x4000, 0x8000, 0x2000, 1, 0x1fff, 0xe001};
    return one_in(16) ? static_cast<std::uint16_t>(word()) : kSome[below(std::size(kSome))];
  }
  base::ByteVector packet() {
    base::ByteVector octets(one_in(2) ? below(48) : below(1600));
    for (std::byte& octet : octets) octet = static_cast<std::byte>(word());
    if (octets.size() < sizeof(net::Ipv4Header)) return octets;
    auto& ip = *reinterpret_cast<net::Ipv4Header*>(octets.data());
    ip.version_ihl = one_in(8) ? static_cast<std::uint8_t>(0x40U | word() % 64U) : 0x45;
    const unsigned cut = one_in(2) ? 0U : below(32);
    ip.total_length.set(
        static_cast<std::uint16_t>(one_in(16) ? word() : unsigned(octets.size()) - cut));
    ip.fragment.set(fragment());
    ip.protocol = protocol();
    ip.source.set(address());
    ip.destination.set(address());
    const std::size_t header = std::min<std::size_t>(ip.header_length(), octets.size());
    ip.checksum.set(0);
    ip.checksum.set(net::internet_checksum(base::Bytes(octets).first(header)));
    if (one_in(4)) octets[below(sizeof(ip))] ^= static_cast<std::byte>(1U << below(8));
    return octets;
  }
};

TEST(ReadIpv4, OneLookSaysWhatStepByStepDoes) {
  Draws draws;
  unsigned plain = 0;
  for (unsigned n = 0; n < 200'000; ++n) {
    const base::ByteVector octets = draws.packet();
    const auto checksum = draws.one_in(4) ? HeaderChecksum::kTrust : HeaderChecksum::kVerify;
    Read steps(octets);
    Read look(octets);
    const bool is_plain = dataplane::read_plain_ipv4(
        look.octets.get(), static_cast<unsigned>(octets.size()), checksum, look.packet.meta());
    if (!is_plain) {  // nothing was written
      Read untouched(octets);
      ASSERT_TRUE(std::ranges::equal(look.packet.meta_octets(), untouched.packet.meta_octets()));
      continue;
    }
    ++plain;
    ASSERT_FALSE(dataplane::read_ipv4(steps.packet.get(), checksum));
    ASSERT_FALSE(
        dataplane::check_martian(steps.packet.meta().source, steps.packet.meta().destination));
    ASSERT_TRUE(std::ranges::equal(look.packet.meta_octets(), steps.packet.meta_octets()));
    ASSERT_EQ(look.packet.meta().total_length, steps.packet.get()->data_len);
  }
  EXPECT_GT(plain, 1'000U);
}

TEST(ReadIpv4, TheChecksumIsThatOfRfc1071) {
  Draws draws;
  constexpr std::uint16_t kWords[] = {0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff};
  unsigned right = 0;
  for (unsigned n = 0; n < 200'000; ++n) {
    std::array<std::uint16_t, 10> words;
    for (std::uint16_t& word : words)
      word = draws.one_in(3) ? static_cast<std::uint16_t>(draws.word())
                             : kWords[draws.below(std::size(kWords))];
    auto* octets = reinterpret_cast<std::byte*>(words.data());
    octets[0] = std::byte{0x45};
    const base::Bytes header{octets, sizeof(words)};
    if (draws.one_in(2)) {
      auto& ip = *reinterpret_cast<net::Ipv4Header*>(octets);
      ip.checksum.set(0);
      ip.checksum.set(net::internet_checksum(header));
    }
    const bool expected = net::internet_checksum(header) == 0;
    ASSERT_EQ(dataplane::checksum_is_right(octets, sizeof(words)), expected) << n;
    right += expected ? 1U : 0U;
  }
  EXPECT_GT(right, 80'000U);
}

}  // namespace
}  // namespace penstock::pipeline
