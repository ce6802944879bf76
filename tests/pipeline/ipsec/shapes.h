// SPDX-License-Identifier: BSD-3-Clause
// SA pairs of every protocol and mode, and the judge's view of their packets: for the tests of what
// is not ESP in tunnel mode.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/net/ah.h"
#include "tests/pipeline/ipsec/ipsec_gateway.h"
#include "tests/pipeline/ipsec/judge.h"

namespace penstock::pipeline::shapes {

using crypto::EncrId;
using crypto::IntegId;
using net::DropReason;
using nlohmann::json;
using policy::BundlePart;
using policy::Direction;
using policy::IpsecMode;
using policy::IpsecProtocol;

inline constexpr std::uint64_t kBeyondTheFirstSubspace = 0x1'0000'0000;

/// Octets of a header written as a list of numbers.
inline ByteVector octets(std::initializer_list<unsigned> values) {
  ByteVector out;
  for (const unsigned value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

/// One SA pair between the gateway and its peer, of IPv4 or IPv6.
struct Pair {
  bool v6 = false;
  bool ah = false;
  bool transport = true;
  bool encap = false;
  bool esn = false;
  Suite suite{"gcm"};
  std::string auth{};  ///< as the judge names it
  std::string cipher = "AES-GCM";
  std::uint32_t spi_in = kSpiIn;
  std::uint32_t spi_out = kSpiOut;
  BundlePart bundle = BundlePart::kAlone;
  std::uint32_t slot_out = kSlot;
  bool align4 = true;

  [[nodiscard]] std::string ours() const { return v6 ? "2001:db8:f::1" : "192.0.2.1"; }
  [[nodiscard]] std::string theirs() const { return v6 ? "2001:db8:f::9" : "192.0.2.9"; }
  /// The outer one of a bundle carries what the inner one made.
  [[nodiscard]] bool between_the_ends() const { return transport || bundle == BundlePart::kOuter; }
  [[nodiscard]] std::string before() const {
    return between_the_ends() ? ours() : v6 ? "2001:db8:1::/64" : "10.1.0.0/16";
  }
  [[nodiscard]] std::string behind() const {
    return between_the_ends() ? theirs() : v6 ? "2001:db8:2::/48" : "10.2.0.0/16";
  }
  [[nodiscard]] policy::SaSpec spec(bool in) const {
    auto made = make_spec({.direction = in ? Direction::kInbound : Direction::kOutbound,
                           .spi = in ? spi_in : spi_out,
                           .suite = suite,
                           .esn = esn,
                           .encap = encap,
                           .slot = in ? kSlot : slot_out,
                           .local = ours(),
                           .remote = theirs(),
                           .local_ts = before(),
                           .remote_ts = behind(),
                           .protocol = ah ? IpsecProtocol::kAh : IpsecProtocol::kEsp,
                           .mode = transport ? IpsecMode::kTransport : IpsecMode::kTunnel,
                           .bundle = bundle,
                           .outer_slot = bundle == BundlePart::kInner ? kSlot + 1 : 0});
    made.align4 = align4;
    return made;
  }
  [[nodiscard]] json judged(bool in, std::uint64_t sequence, Bytes packet) const {
    const auto keyed = spec(in);
    const auto* row = crypto::find_encr(suite.encr, suite.key_bits);
    return {{"name", auth + (v6 ? " v6" : " v4") + (transport ? " transport" : " tunnel")},
            {"ah", ah},
            {"transport", transport},
            {"cipher", cipher},
            {"auth", auth},
            {"key", base::to_hex(keyed.enc_key.bytes())},
            {"auth_key", base::to_hex(keyed.auth_key.bytes())},
            {"icv", unsigned{row->icv_octets}},
            {"spi", in ? spi_in : spi_out},
            {"sequence", sequence},
            {"esn", esn},
            {"encap", encap},
            {"outer", in ? json{theirs(), ours()} : json{ours(), theirs()}},
            {"packet", base::to_hex(packet)}};
  }
};

class Shapes : public testing::Test {
 protected:
  std::optional<IpsecGateway> g{std::in_place, IpsecGateway::small_limits()};

  /// A gateway without SAs.
  void restart() {
    g.reset();
    g.emplace(IpsecGateway::small_limits());
  }
  void install(const Pair& pair) {
    for (const bool in : {false, true}) g->must_install(pair.spec(in));
    if (!pair.esn) return;
    g->writer->tables().outbound_of(pair.slot_out)->sequence.restart(kBeyondTheFirstSubspace);
    ipsec::InboundSa* inbound = g->writer->tables().find_inbound(pair.spi_in);
    ASSERT_NE(inbound, nullptr);
    (void)inbound->window.insert(0xffffffff);
  }
  void protect(const Pair& pair) {
    install(pair);
    g->policy(policy::PolicyAction::kProtect, pair.before(), pair.behind());
  }
  static std::uint64_t first(const Pair& pair) {
    return pair.esn ? kBeyondTheFirstSubspace + 1 : 1;
  }
  void send(const Pair& pair, unsigned port, Bytes packet) {
    if (pair.v6)
      g->gateway.send6(port, packet);
    else
      g->gateway.send(port, packet);
  }
  /// A packet that the pair's outbound SA is to take: in transport mode we make it ourselves.
  void leave(const Pair& pair, Bytes packet) {
    if (pair.transport)
      g->gateway.make(packet);
    else
      send(pair, 0, packet);
  }
  /// What the judge makes of one packet; nothing (and a skip) if it is not there.
  static std::optional<ByteVector> one(const char* way, const json& judged_case) {
    const auto answer = judge(way, json::array({judged_case}));
    if (!answer) return std::nullopt;
    return base::from_hex(answer->front()).value();
  }
  static ByteVector echo(const Pair& pair, bool request, std::size_t size = 100) {
    const std::string from = request ? pair.theirs() : pair.ours();
    const std::string to = request ? pair.ours() : pair.theirs();
    if (pair.v6)
      return icmp6(from, to, request ? net::kIcmp6EchoRequest : net::kIcmp6EchoReply, 0, 0x10002,
                   pattern(size));
    return icmp(from, to, request ? net::kIcmpEchoRequest : net::kIcmpEchoReply, 0, 0x10002,
                pattern(size));
  }
  /// Without the IPv4 identification and its checksum, which are the sender's own.
  static ByteVector same(const Pair& pair, ByteVector packet) {
    if (pair.v6 || packet.size() < 20) return packet;
    std::fill_n(packet.begin() + 4, 2, std::byte{0});
    std::fill_n(packet.begin() + 10, 2, std::byte{0});
    return packet;
  }
  /// A packet of the network behind us, or between the ends.
  static ByteVector traffic(const Pair& pair, bool out, std::size_t size, Ipv4Spec rest = {},
                            Ipv6Spec rest6 = {}) {
    const std::string here = pair.transport ? pair.ours() : pair.v6 ? "2001:db8:1::9" : "10.1.0.9";
    const std::string there = pair.transport ? pair.theirs()
                              : pair.v6      ? "2001:db8:2::7"
                                             : "10.2.0.7";
    const std::string& from = out ? here : there;
    const std::string& to = out ? there : here;
    return pair.v6 ? udp6(from, to, 1000, 2000, pattern(size), std::move(rest6))
                   : udp(from, to, 1000, 2000, pattern(size), std::move(rest));
  }
  /// As it leaves: what is forwarded has one hop less.
  static ByteVector passed_on(const Pair& pair, ByteVector packet) {
    if (pair.transport) return packet;
    if (!pair.v6) return forwarded(std::move(packet));
    --reinterpret_cast<net::Ipv6Header*>(packet.data())->hop_limit;
    return packet;
  }
};

#define JUDGED(variable, way, ...)                                                           \
  const auto variable##_answer = one(way, __VA_ARGS__);                                      \
  if (!variable##_answer) GTEST_SKIP() << "python3-scapy or python3-cryptography is absent"; \
  const ByteVector& variable = *variable##_answer

struct Mac {
  IntegId id;
  const char* name;
};
inline constexpr Mac kMacs[] = {
    {IntegId::kHmacSha1_96, "sha1"},      {IntegId::kHmacSha256_128, "sha256"},
    {IntegId::kHmacSha384_192, "sha384"}, {IntegId::kHmacSha512_256, "sha512"},
    {IntegId::kHmacMd5_96, "md5"},        {IntegId::kHmacSha256_96, "sha256_96"},
    {IntegId::kAesXcbc96, "xcbc"},        {IntegId::kAesCmac96, "cmac"},
    {IntegId::kAes128Gmac, "gmac"},       {IntegId::kAes256Gmac, "gmac"},
};
inline Pair ah_pair(const Mac& mac, bool v6, bool transport, bool esn = false) {
  Pair pair;
  pair.v6 = v6;
  pair.ah = true;
  pair.transport = transport;
  pair.esn = esn;
  pair.suite.integ = mac.id;
  pair.auth = mac.name;
  return pair;
}

}  // namespace penstock::pipeline::shapes
