// SPDX-License-Identifier: BSD-3-Clause
// IKEv1 between two machines, with one message of the fuzzer's among the honest ones: as a stranger
// says it, or behind the decryption under the right HASH, as a peer with the keys may say it.
// Octets 0 to 3 of the input choose exchanges, method, place and kind; the rest are the message's
// payloads, or, for an encrypted one, octets that are added to it.
#include <array>

#include "lib/base/check.h"
#include "tests/lib/ikev1_papers.h"

namespace penstock {
namespace {

using base::ByteVector;
using session::Datagram;
using test::Ikev1End;
using test::Ikev1Pair;

constexpr std::size_t kChosen = 4;
constexpr std::uint32_t kMessageId = 0x1234'5678;

void set_up(session::ConnectionConfig& c, bool aggressive, bool pfs) {
  c.aggressive = c.aggressive_psk = aggressive;
  c.proposals = crypto::parse_proposals(crypto::ProtocolId::kIke, "aes128-sha1-x25519").value();
  c.children.front().esp_proposals =
      crypto::parse_proposals(crypto::ProtocolId::kEsp, pfs ? "aes128-sha1-x25519" : "aes128-sha1")
          .value();
}

/// Of those that RFC 2409 does not define, and New Group Mode.
void set_up_rare(session::ConnectionConfig& c, unsigned choice) {
  using session::Phase1Exchange;
  c.accept_private_groups = (choice & 4U) != 0;
  c.commit_bit = (choice & 8U) != 0;
  const unsigned exchange = choice & 3U;
  if (exchange == 0) return;
  c.aggressive = false;
  c.aggressive_psk = true;
  c.exchange = exchange == 1 ? Phase1Exchange::kBase : Phase1Exchange::kAuthenticationOnly;
}

/// The honest message's header before the fuzzer's payloads.
Datagram in_clear(const Datagram& d, std::byte first, base::Bytes payloads) {
  ByteVector message = base::to_vector(base::Bytes(d.data).first(isakmp::kHeaderOctets));
  message[16] = first;
  message.insert(message.end(), payloads.begin(), payloads.end());
  for (unsigned i = 0; i < 4; ++i)
    message[24 + i] = static_cast<std::byte>(message.size() >> (24 - 8 * i) & 0xffU);
  return {d.local, d.remote, std::move(message)};
}

/// HASH, then the fuzzer's payloads.
Datagram sealed(Ikev1End& to, const Datagram& d, std::byte exchange, std::byte first,
                base::Bytes payloads) {
  const std::size_t hash = to.sa()->algorithms.prf->output_octets;
  ByteVector inside(sizeof(isakmp::GenericHeader) + hash);
  inside[0] = first;
  inside[3] = static_cast<std::byte>(inside.size());
  inside.insert(inside.end(), payloads.begin(), payloads.end());
  Datagram model = d;
  model.data[16] = std::byte{8};  // HASH is in front
  model.data[18] = exchange;
  return test::seal_phase2(to, model, std::move(inside), kMessageId);
}

}  // namespace
}  // namespace penstock

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace penstock;
  const base::Bytes input = std::as_bytes(std::span(data, size));
  if (input.size() < kChosen) return 0;
  const auto choice = std::to_integer<unsigned>(input[0]);
  const std::size_t place = std::to_integer<std::size_t>(input[1]) % 9;
  const auto rare = std::to_integer<unsigned>(input[3]);
  // RSA keys are made once.
  static const test::Ikev1Papers papers;
  Ikev1Pair pair(
      1,
      [&](session::ConnectionConfig& c) {
        set_up(c, (choice & 1U) != 0, (choice & 2U) != 0);
        set_up_rare(c, rare);
        if ((choice & 8U) != 0) papers.edit(c, session::AuthMethod::kPubkeyEnc);
        if ((choice & 16U) != 0) papers.edit(c, session::AuthMethod::kPubkeyEncRevised);
      },
      papers.vault);
  pair.a.begin();
  pair.run([&](Ikev1End& to, const Datagram& d, std::size_t n) {
    if (n != place) return;
    const bool keyed =
        to.sa() != nullptr && to.sa()->state == ikev1::State::kEstablished && to.sa()->has_keys();
    const std::byte quick = (rare & 16U) != 0 ? std::byte{33} : std::byte{32};
    const std::byte exchange = (choice & 4U) != 0 ? std::byte{5} : quick;
    to.receive(keyed ? sealed(to, d, exchange, input[2], input.subspan(kChosen))
                     : in_clear(d, input[2], input.subspan(kChosen)));
  });
  // What was said in clear changes nothing; who has the keys may end what it began, no more.
  PS_CHECK(pair.a.children() <= 2 && pair.b.children() <= 2);
  for (Ikev1End* end : {&pair.a, &pair.b}) end->advance(base::seconds{600});
  return 0;
}
