// SPDX-License-Identifier: BSD-3-Clause
// Every cipher, raw and in UDP, with and without ESN, judged by scapy in both directions
// (judge.py): it opens what left by the outside port, and we open what it sealed.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {
namespace {

using crypto::EncrId;
using crypto::IntegId;
using nlohmann::json;

struct Judged {
  Suite suite;
  const char* cipher;  ///< as scapy names it
  const char* auth;
};

const std::vector<Judged>& suites() {
  static const std::vector<Judged> all = [] {
    std::vector<Judged> list;
    for (const std::uint16_t bits : {std::uint16_t{128}, std::uint16_t{192}, std::uint16_t{256}})
      for (const EncrId id : {EncrId::kAesGcm8, EncrId::kAesGcm12, EncrId::kAesGcm16})
        list.push_back({{"gcm", id, bits, IntegId::kNone}, "AES-GCM", ""});
    list.push_back(
        {{"chacha", EncrId::kChaCha20Poly1305, 0, IntegId::kNone}, "CHACHA20-POLY1305", ""});
    const std::pair<IntegId, const char*> hmacs[] = {{IntegId::kHmacSha1_96, "sha1"},
                                                     {IntegId::kHmacSha256_128, "sha256"},
                                                     {IntegId::kHmacSha384_192, "sha384"},
                                                     {IntegId::kHmacSha512_256, "sha512"}};
    for (const auto& [integ, auth] : hmacs) {
      for (const std::uint16_t bits : {std::uint16_t{128}, std::uint16_t{192}, std::uint16_t{256}})
        list.push_back({{"cbc", EncrId::kAesCbc, bits, integ}, "AES-CBC", auth});
      list.push_back({{"null", EncrId::kNull, 0, integ}, "NULL", auth});
    }
    const std::pair<IntegId, const char*> macs[] = {{IntegId::kHmacMd5_96, "md5"},
                                                    {IntegId::kHmacSha256_96, "sha256_96"},
                                                    {IntegId::kAesXcbc96, "xcbc"},
                                                    {IntegId::kAesCmac96, "cmac"}};
    for (const auto& [integ, auth] : macs)
      list.push_back({{"cbc", EncrId::kAesCbc, 128, integ}, "AES-CBC", auth});
    list.push_back({{"3des", EncrId::k3Des, 0, IntegId::kHmacMd5_96}, "3DES", "md5"});
    for (const std::uint16_t bits : {std::uint16_t{128}, std::uint16_t{192}, std::uint16_t{256}}) {
      for (const EncrId id : {EncrId::kAesCcm8, EncrId::kAesCcm12, EncrId::kAesCcm16})
        list.push_back({{"ccm", id, bits, IntegId::kNone}, "AES-CCM", ""});
      list.push_back({{"gmac", EncrId::kNullAesGmac, bits, IntegId::kNone}, "AES-NULL-GMAC", ""});
      list.push_back({{"ctr", EncrId::kAesCtr, bits, IntegId::kHmacSha1_96}, "AES-CTR", "sha1"});
    }
    return list;
  }();
  return all;
}

/// Runs the judge over the cases; nothing if it is not there.
std::optional<std::vector<std::string>> judge(const char* way, const json& cases) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("penstock_judge_" + std::to_string(getpid()) + ".json");
  std::ofstream(file) << cases;
  const std::string command =
      std::string("/usr/bin/python3 '") + PENSTOCK_JUDGE + "' " + way + " '" + file.string() + "'";
  std::FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  char chunk[4096];
  while (const std::size_t n = std::fread(chunk, 1, sizeof(chunk), pipe)) text.append(chunk, n);
  const int status = pclose(pipe);
  std::filesystem::remove(file);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) return std::nullopt;
  EXPECT_EQ(status, 0);
  return json::parse(text).get<std::vector<std::string>>();
}

/// One gateway with an SA pair a suite: suite k has slot k + 1 and 10.2.k.0/24 behind the peer.
class JudgedTest : public testing::TestWithParam<std::tuple<bool, bool>> {
 protected:
  const bool esn = std::get<0>(GetParam());
  const bool encap = std::get<1>(GetParam());
  IpsecGateway g{limits()};
  /// With ESN beyond the first subspace, so that the upper half counts.
  const std::uint64_t first = esn ? 0x1'0000'0001 : 1;

  JudgedTest() {
    for (std::uint32_t k = 0; k < suites().size(); ++k) {
      const std::string remote = "10.2." + std::to_string(k) + ".0/24";
      for (const bool in : {false, true})
        g.must_install(
            make_spec({.direction = in ? policy::Direction::kInbound : policy::Direction::kOutbound,
                       .spi = (in ? 0x2000U : 0x1000U) + k,
                       .suite = suites()[k].suite,
                       .esn = esn,
                       .encap = encap,
                       .slot = k + 1,
                       .remote_ts = remote}));
      g.policy(policy::PolicyAction::kProtect, "10.1.0.0/16", remote, k + 1);
      g.writer->tables().outbound_of(k + 1)->sequence.restart(first - 1);
      ipsec::InboundSa* inbound = g.writer->tables().find_inbound(0x2000U + k);
      PS_CHECK(inbound != nullptr);
      if (esn) inbound->window.insert(0xffffffff);
    }
  }

  static ipsec::WriterLimits limits() {
    auto l = IpsecGateway::small_limits();
    l.manual_sas = 128;
    return l;
  }

  json make_case(std::uint32_t k, std::uint32_t spi, std::uint64_t sequence, Bytes packet,
                 bool outbound) const {
    const Judged& s = suites()[k];
    const auto spec = make_spec({.spi = spi, .suite = s.suite});
    const auto* row = crypto::find_encr(s.suite.encr, s.suite.key_bits);
    const std::string ours = "192.0.2.1";
    const std::string theirs = "192.0.2.9";
    return {{"name", s.suite.name + std::to_string(s.suite.key_bits) + s.auth},
            {"cipher", s.cipher},
            {"auth", s.auth},
            {"key", base::to_hex(spec.enc_key.bytes())},
            {"auth_key", base::to_hex(spec.auth_key.bytes())},
            {"icv", unsigned{row->icv_octets}},
            {"spi", spi},
            {"sequence", sequence},
            {"esn", esn},
            {"encap", encap},
            {"outer", outbound ? json{ours, theirs} : json{theirs, ours}},
            {"packet", base::to_hex(packet)}};
  }
};

ByteVector forwarded(ByteVector packet) {
  auto& ip = *reinterpret_cast<net::Ipv4Header*>(packet.data());
  --ip.ttl;
  net::set_checksum(ip);
  return packet;
}

constexpr std::size_t kSizes[] = {0, 1, 15, 16, 17, 500, 1300};

TEST_P(JudgedTest, TheJudgeOpensWhatWeSeal) {
  json cases = json::array();
  std::vector<std::string> inner;
  for (std::uint32_t k = 0; k < suites().size(); ++k) {
    std::uint64_t sequence = first;
    for (const std::size_t size : kSizes) {
      const ByteVector in =
          udp("10.1.0.9", "10.2." + std::to_string(k) + ".7", 1000, 2000, pattern(size));
      g.gateway.send(0, in);
      cases.push_back(make_case(k, 0x1000 + k, sequence++, g.only(1), true));
      inner.push_back(base::to_hex(forwarded(in)));
    }
  }
  const auto opened = judge("open", cases);
  if (!opened) GTEST_SKIP() << "python3-scapy or python3-cryptography is absent";
  ASSERT_EQ(opened->size(), inner.size());
  for (std::size_t i = 0; i < inner.size(); ++i)
    EXPECT_EQ((*opened)[i], inner[i]) << cases[i].at("name");
}

TEST_P(JudgedTest, WeOpenWhatTheJudgeSeals) {
  json cases = json::array();
  std::vector<ByteVector> inner;
  for (std::uint32_t k = 0; k < suites().size(); ++k) {
    std::uint64_t sequence = first;
    for (const std::size_t size : kSizes) {
      inner.push_back(
          udp("10.2." + std::to_string(k) + ".7", "10.1.0.9", 2000, 1000, pattern(size)));
      cases.push_back(make_case(k, 0x2000 + k, sequence++, inner.back(), false));
    }
  }
  const auto sealed = judge("seal", cases);
  if (!sealed) GTEST_SKIP() << "python3-scapy or python3-cryptography is absent";
  ASSERT_EQ(sealed->size(), inner.size());
  for (std::size_t i = 0; i < inner.size(); ++i) {
    SCOPED_TRACE(cases[i].at("name").get<std::string>());
    g.gateway.send(1, base::from_hex((*sealed)[i]).value());
    EXPECT_EQ(g.only(0), forwarded(inner[i]));
  }
  EXPECT_EQ(g.gateway.dropped(), 0U);
}

INSTANTIATE_TEST_SUITE_P(EsnAndUdp, JudgedTest, testing::Combine(testing::Bool(), testing::Bool()));

}  // namespace
}  // namespace penstock::pipeline
