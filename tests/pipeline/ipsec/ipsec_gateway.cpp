// SPDX-License-Identifier: BSD-3-Clause
#include "tests/pipeline/ipsec/ipsec_gateway.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <cstdlib>

#include "dataplane/stages.h"

namespace penstock::pipeline {

namespace {
constexpr auto kCryptoHeld = static_cast<std::size_t>(channel::Held::kCrypto);
}

burst_crypto::EngineOptions test_engine() {
  static const char* const named = std::getenv("PENSTOCK_TEST_DEVICE");
  static const std::vector<std::string> devices{named != nullptr ? named : ""};
  if (named == nullptr) return {.name = "ipsec-mb"};
  return {.name = "cryptodev", .devices = devices};
}

ByteVector test_key(std::uint32_t spi, std::size_t octets, unsigned salt) {
  ByteVector key(octets);
  base::SeededRandom random(spi * 1000ULL + salt);
  random.fill(key);
  return key;
}

policy::SaSpec make_spec(const SpecOptions& o) {
  policy::SaSpec spec;
  spec.direction = o.direction;
  spec.spi = net::Spi{o.spi};
  spec.slot = policy::ChildSlot{o.slot};
  spec.local = net::IpAddress::parse(o.local).value();
  spec.remote = net::IpAddress::parse(o.remote).value();
  if (o.encap) spec.encap = policy::UdpEncapsulation{net::Port{4500}, net::Port{4500}};
  spec.protocol = o.protocol;
  spec.mode = o.mode;
  spec.bundle = o.bundle;
  spec.outer_slot = policy::ChildSlot{o.outer_slot};
  spec.encr = o.suite.encr;
  spec.encr_key_bits = o.suite.key_bits;
  spec.integ = o.suite.integ;
  const auto* encr = crypto::find_encr(o.suite.encr, o.suite.key_bits);
  const auto* integ = crypto::find_integ(o.suite.integ);
  spec.enc_key =
      base::SecretBytes::copy_of(test_key(o.spi, encr->key_bits / 8U + encr->salt_octets, 0));
  if (integ != nullptr && o.suite.integ != crypto::IntegId::kNone)
    spec.auth_key = base::SecretBytes::copy_of(
        test_key(o.spi, std::size_t{integ->key_octets} + integ->salt_octets, 1));
  spec.esn = o.esn;
  spec.replay_window = o.replay_window;
  spec.local_ts = {policy::TrafficSelector::parse(o.local_ts).value()};
  spec.remote_ts = {policy::TrafficSelector::parse(o.remote_ts).value()};
  spec.name = "test/net";
  return spec;
}

ipsec::WriterLimits IpsecGateway::small_limits() {
  return {.inbound_sas = 256, .outbound_sas = 256, .slots = 256, .manual_sas = 16, .policies = 64};
}

namespace {

std::vector<PortSpec> ports_of(std::uint16_t outside_mtu, PortSpec inside) {
  std::vector<PortSpec> ports{std::move(inside),
                              {.name = "out",
                               .side = fib::Side::kOutside,
                               .addresses = {"192.0.2.1/24"},
                               .mtu = outside_mtu}};
  if (outside_mtu >= net::kIpv6MinMtu) ports[1].addresses.emplace_back("2001:db8:f::1/64");
  return ports;
}

}  // namespace

IpsecGateway::IpsecGateway(const ipsec::WriterLimits& limits, std::uint16_t outside_mtu,
                           PortSpec inside, burst_crypto::EngineOptions engine)
    : gateway({.ports = ports_of(outside_mtu, std::move(inside))}) {
  gateway.neighbour(0, "10.1.0.9");
  gateway.neighbour(1, "192.0.2.9");
  gateway.neighbour(1, "192.0.2.10");
  gateway.route("10.2.0.0/16", "192.0.2.9", 1);
  gateway.route("10.3.0.0/16", "192.0.2.10", 1);
  gateway.neighbour(0, "2001:db8:1::9");
  if (outside_mtu >= net::kIpv6MinMtu) {
    gateway.neighbour(1, "2001:db8:f::9");
    gateway.route("2001:db8:2::/48", "2001:db8:f::9", 1);
  }
  engine.workers = limits.workers;
  sessions = burst_crypto::make_sessions(engine).value();
  writer = ipsec::Writer::create(limits, gateway.rcu(), *sessions, random).value();
  state = std::make_unique<dataplane::IpsecState>(writer->tables(),
                                                  sessions->make_engine(0).value(), gateway.fib());
  for (const auto& fifo : state->engine->fifos()) writer->watch_fifo(fifo);
  gateway.context().ipsec = state.get();
}

IpsecGateway::~IpsecGateway() {
  constexpr unsigned kRounds = 10'000;
  for (unsigned i = 0; i < kRounds && gateway.totals().held[kCryptoHeld] != 0; ++i) gateway.step();
  dataplane::drop_larval(gateway.context(), net::DropReason::kShutdown);
  gateway.context().ipsec = nullptr;
}

void IpsecGateway::must_install(const policy::SaSpec& spec) {
  const auto done = spec.direction == policy::Direction::kInbound ? writer->install_inbound(spec)
                                                                  : writer->install_outbound(spec);
  ASSERT_TRUE(done) << done.error().text;
}

void IpsecGateway::policy(policy::PolicyAction action, std::string_view local,
                          std::string_view remote, std::uint32_t slot, std::uint32_t priority) {
  policy::PolicyRule rule;
  rule.id = policy::PolicyId{next_policy_++};
  rule.priority = priority;
  rule.action = action;
  rule.slot = policy::ChildSlot{action == policy::PolicyAction::kProtect ? slot : 0};
  rule.local_ts = {policy::TrafficSelector::parse(local).value()};
  rule.remote_ts = {policy::TrafficSelector::parse(remote).value()};
  const auto added = writer->add_policy(rule);
  ASSERT_TRUE(added) << added.error().text;
}

void IpsecGateway::protect(const Suite& suite, bool esn, bool encap) {
  must_install(make_spec({.suite = suite, .esn = esn, .encap = encap}));
  must_install(make_spec({.direction = policy::Direction::kInbound,
                          .spi = kSpiIn,
                          .suite = suite,
                          .esn = esn,
                          .encap = encap}));
  policy(policy::PolicyAction::kProtect, "10.1.0.0/16", "10.2.0.0/16");
}

std::vector<policy::SaEvent> IpsecGateway::events() {
  std::vector<policy::SaEvent> out(256);
  out.resize(gateway.channel().sa_events.take(out));
  return out;
}

ByteVector IpsecGateway::only(unsigned port) {
  const auto all = gateway.sent(port);
  EXPECT_EQ(all.size(), 1U);
  return all.size() == 1 ? base::to_vector(packet_of(all[0])) : ByteVector{};
}

void IpsecGateway::expect_drop(net::DropReason reason, std::uint64_t count) const {
  EXPECT_EQ(gateway.dropped(reason), count) << net::row_of(reason).name;
  EXPECT_EQ(gateway.dropped(), count);
}

ipsec::SaCounters IpsecGateway::counters_in() const {
  return writer->find({policy::Direction::kInbound, net::Spi{kSpiIn}, {}}).value().counters;
}
ipsec::SaCounters IpsecGateway::counters_out() const {
  return writer->outbound_of(policy::ChildSlot{kSlot}).value().counters;
}

ByteVector outbound_packet(std::size_t octets, Ipv4Spec rest) {
  return udp("10.1.0.9", "10.2.0.7", 1000, 2000, pattern(octets), rest);
}
ByteVector inbound_packet(std::size_t octets, Ipv4Spec rest) {
  return udp("10.2.0.7", "10.1.0.9", 2000, 1000, pattern(octets), rest);
}

namespace {

template <class T>
void put(ByteVector& out, const T& wire) {
  const Bytes bytes = base::bytes_of(wire);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

ByteVector aad_of(std::uint32_t spi, std::uint64_t sequence, bool esn) {
  ByteVector aad;
  put(aad, base::Be32{spi});
  if (esn) put(aad, base::Be32{static_cast<std::uint32_t>(sequence >> 32)});
  put(aad, base::Be32{static_cast<std::uint32_t>(sequence)});
  return aad;
}

/// AES-128-GCM. Sealing: ciphertext | tag. Opening: `text` holds both; empty if the tag is wrong.
ByteVector gcm(bool seal, Bytes key, Bytes nonce, Bytes aad, Bytes text) {
  constexpr std::size_t kTag = 16;
  if (!seal && text.size() < kTag) return {};
  EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
  int n = 0;
  ByteVector tag = seal ? ByteVector(kTag) : base::to_vector(text.last(kTag));
  if (!seal) text = text.first(text.size() - kTag);
  ByteVector out(text.size());
  EVP_CipherInit_ex2(ctx, EVP_aes_128_gcm(), base::u8(key.data()), base::u8(nonce.data()), seal,
                     nullptr);
  EVP_CipherUpdate(ctx, nullptr, &n, base::u8(aad.data()), static_cast<int>(aad.size()));
  EVP_CipherUpdate(ctx, base::u8(out.data()), &n, base::u8(text.data()),
                   static_cast<int>(text.size()));
  if (!seal) EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, tag.data());
  const bool fine = EVP_CipherFinal_ex(ctx, base::u8(out.data()) + n, &n) == 1;
  if (seal) {
    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag.data());
    out.insert(out.end(), tag.begin(), tag.end());
  }
  EVP_CIPHER_CTX_free(ctx);
  return fine ? out : ByteVector{};
}

}  // namespace

ByteVector peer_seal(Bytes inner, const PeerOptions& o) {
  ByteVector text = base::to_vector(inner);
  text.insert(text.end(), o.tfc, std::byte{0});
  ByteVector padding = o.padding;
  if (padding.empty() && o.pad_length < 0)
    for (std::size_t i = 1; (text.size() + padding.size() + 2) % 4 != 0; ++i)
      padding.push_back(static_cast<std::byte>(i));
  text.insert(text.end(), padding.begin(), padding.end());
  put(text,
      net::EspTrailer{static_cast<std::uint8_t>(
                          o.pad_length >= 0 ? static_cast<unsigned>(o.pad_length) : padding.size()),
                      o.next_header});
  const ByteVector key = test_key(o.spi, 20, 0);
  ByteVector nonce(key.end() - 4, key.end());
  put(nonce, base::Be64{o.sequence + 77});  // the peer's IVs are its own affair
  ByteVector payload;
  if (o.encap) put(payload, net::UdpHeader{o.source_port, std::uint16_t{4500}, 0, 0});
  put(payload, net::EspHeader{o.spi, static_cast<std::uint32_t>(o.sequence)});
  payload.insert(payload.end(), nonce.begin() + 4, nonce.end());
  const ByteVector sealed =
      gcm(true, Bytes(key).first(16), nonce, aad_of(o.spi, o.sequence, o.esn), text);
  payload.insert(payload.end(), sealed.begin(), sealed.end());
  if (o.encap) {
    const base::Be16 length{static_cast<std::uint16_t>(payload.size())};
    std::copy_n(base::bytes_of(length).begin(), 2, payload.begin() + 4);
  }
  return ipv4({.source = ip(o.source),
               .destination = ip(o.destination),
               .protocol = o.encap ? net::kProtocolUdp : net::kProtocolEsp,
               .tos = o.outer_tos},
              payload);
}

ByteVector peer_open(Bytes esp, std::uint32_t spi, std::uint32_t sequence_high, bool esn) {
  const auto& header = *reinterpret_cast<const net::EspHeader*>(esp.data());
  const ByteVector key = test_key(spi, 20, 0);
  ByteVector nonce(key.end() - 4, key.end());
  const Bytes iv = esp.subspan(8, 8);
  nonce.insert(nonce.end(), iv.begin(), iv.end());
  const std::uint64_t sequence =
      static_cast<std::uint64_t>(sequence_high) << 32 | header.sequence.get();
  return gcm(false, Bytes(key).first(16), nonce, aad_of(header.spi.get(), sequence, esn),
             esp.subspan(16));
}

ByteVector inner_of(const ByteVector& sent, std::size_t outer, std::uint32_t high, bool esn) {
  if (sent.size() < outer + 24) return {};  // ESP header and IV, and an ICV
  const ByteVector text = peer_open(Bytes(sent).subspan(outer), kSpiOut, high, esn);
  if (text.size() < 2) return {};
  const auto pad = std::to_integer<std::size_t>(text[text.size() - 2]);
  EXPECT_EQ(std::to_integer<int>(text.back()), 4);
  for (std::size_t i = 0; i < pad; ++i)
    EXPECT_EQ(std::to_integer<std::size_t>(text[text.size() - 2 - pad + i]), i + 1);
  return {text.begin(), text.end() - 2 - static_cast<long>(pad)};
}

ByteVector forwarded(ByteVector packet) {
  auto& ip = *reinterpret_cast<net::Ipv4Header*>(packet.data());
  --ip.ttl;
  net::set_checksum(ip);
  return packet;
}

std::vector<ByteVector> cut(const ByteVector& packet, unsigned mtu) {
  constexpr std::size_t kHeader = sizeof(net::Ipv4Header);
  const std::size_t step = (mtu - kHeader) / 8 * 8;
  std::vector<ByteVector> pieces;
  for (std::size_t at = kHeader; at < packet.size(); at += step) {
    const std::size_t size = std::min(step, packet.size() - at);
    const bool last = at + size == packet.size();
    ByteVector piece = base::to_vector(Bytes(packet).first(kHeader));
    const Bytes part = Bytes(packet).subspan(at, size);
    piece.insert(piece.end(), part.begin(), part.end());
    auto& header = *reinterpret_cast<net::Ipv4Header*>(piece.data());
    header.total_length.set(static_cast<std::uint16_t>(piece.size()));
    header.fragment.set(
        static_cast<std::uint16_t>((at - kHeader) / 8 | (last ? 0U : net::kIpv4MoreFragments)));
    net::set_checksum(header);
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

ByteVector joined(const std::vector<ByteVector>& frames) {
  ByteVector whole(sizeof(net::Ipv4Header));
  for (const ByteVector& frame : frames) {
    EXPECT_TRUE(is_sound(frame));
    EXPECT_EQ(ip_of(frame).fragment_offset(), whole.size() - sizeof(net::Ipv4Header));
    const Bytes payload = payload_of(frame);
    whole.insert(whole.end(), payload.begin(), payload.end());
  }
  return whole;
}

}  // namespace penstock::pipeline
