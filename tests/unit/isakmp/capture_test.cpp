// SPDX-License-Identifier: BSD-3-Clause
// What real peers sent: public captures whose keys are known. Each SK payload is opened (so its ICV
// is verified), everything in it is read, and the AUTH value that Wireshark found must be there.
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <optional>
#include <sstream>

#include "control/isakmp/describe.h"
#include "control/isakmp/payload/authentication.h"
#include "control/isakmp/payload/encrypted.h"
#include "control/isakmp/payload/sa.h"
#include "tests/lib/vectors.h"
#include "tests/unit/isakmp/capture.h"

namespace penstock::isakmp {
namespace {

using base::Bytes;
using base::ByteVector;

/// SK_ei, SK_er, SK_ai, SK_ar of one IKE SA.
struct Keys {
  std::array<ByteVector, 2> encr;
  std::array<ByteVector, 2> integ;
};

/// Finds the SA's line in Wireshark's ikev2_decryption_table.
std::optional<Keys> keys_of(const std::string& table, IkeSpi spi_i) {
  std::istringstream lines(table);
  const std::string wanted = to_string(spi_i).substr(2);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(wanted)) continue;
    std::vector<std::string> fields;
    std::istringstream in(line);
    for (std::string field; std::getline(in, field, ',');) fields.push_back(field);
    if (fields.size() < 7) return std::nullopt;
    const auto key = [&fields](std::size_t i) { return base::from_hex(fields[i]).value(); };
    return Keys{{key(2), key(3)}, {key(5), key(6)}};
  }
  return std::nullopt;
}

struct Capture {
  const char* file;
  crypto::EncrTransform encr;
  crypto::IntegId integ;
  std::size_t sealed;  ///< messages with SK in it
  const char* auth;    ///< EXPECTED.txt
};
constexpr Capture kCaptures[] = {
    {"ikev2-decrypt-aes128ccm12.pcap",
     {crypto::EncrId::kAesCcm12, 128},
     crypto::IntegId::kNone,
     4,
     "c2104394299e1ffe7908ea720ad5d13717a0d454e4fa0a2128ea689411f479c4"},
    {"ikev2-decrypt-aes256cbc.pcapng",
     {crypto::EncrId::kAesCbc, 256},
     crypto::IntegId::kHmacSha256_128,
     2,
     "e1a8d550064201a7ec024a85758d0673c61c5c510ac13bcd225d6327f50da3d3"},
    {"ikev2-decrypt-aes256gcm16.pcap",
     {crypto::EncrId::kAesGcm16, 256},
     crypto::IntegId::kNone,
     4,
     "9ab71f14ab553cad873a1aa70b99df155dee77cdcf3694b3b7527acbb9712ded"},
};

class Captures : public testing::TestWithParam<Capture> {};

/// The message again from its parts, sealed with the IV it had, if its sender padded as we do.
void expect_same_octets_again(const crypto::SkCipher& cipher, const MessageView& message,
                              const PayloadChain& inside) {
  MessageBuilder builder(message.header());
  for (const PayloadView& payload : inside) builder.append(payload.type, payload.body);
  const Bytes body = message.encrypted()->body;
  if (body.size() != builder.payload_octets() + cipher.overhead(builder.payload_octets())) return;
  std::uint64_t iv = 0;
  for (const std::byte octet : body.first(8)) iv = iv << 8U | std::to_integer<std::uint64_t>(octet);
  base::SeededRandom unused(0);
  EXPECT_EQ(base::to_hex(builder.seal(cipher, iv, unused)), base::to_hex(message.bytes()));
}

TEST_P(Captures, OpenAndReadWithTheirKeys) {
  const Capture& capture = GetParam();
  PS_VECTORS_OR_SKIP(table, "captures/ikev2_decryption_table.tmpl");
  PS_VECTORS_OR_SKIP(file, std::string("captures/") + capture.file);
  const crypto::CryptoContext context;
  std::size_t sealed = 0;
  bool auth_seen = false;
  for (const test::CapturedDatagram& datagram : test::ike_datagrams(file)) {
    const auto message = MessageView::parse(datagram.data);
    ASSERT_TRUE(message.has_value()) << message.error().text;
    EXPECT_EQ(describe(*message).find("malformed"), std::string::npos) << describe(*message);
    if (!message->encrypted()) continue;
    const auto keys = keys_of(table, message->header().initiator_spi);
    ASSERT_TRUE(keys.has_value());
    const std::size_t side = message->header().from_initiator() ? 0 : 1;
    const auto cipher = crypto::SkCipher::create(
        context, *crypto::find_encr(capture.encr.id, capture.encr.key_bits),
        crypto::find_integ(capture.integ), keys->encr[side], keys->integ[side]);
    ASSERT_TRUE(cipher.has_value()) << cipher.error().text;
    const auto opened = OpenedPayload::open(*cipher, *message);
    ASSERT_TRUE(opened.has_value()) << opened.error().text;
    const std::string line = describe(*message, opened->payloads());
    EXPECT_EQ(line.find("malformed"), std::string::npos) << line;
    ++sealed;
    if (const PayloadView* auth = opened->payloads().find(PayloadType::kAuthentication))
      auth_seen |= base::to_hex(parse_authentication(auth->body)->data) == capture.auth;
    if (crypto::is_aead(capture.encr))
      expect_same_octets_again(*cipher, *message, opened->payloads());

    // The same octets with one changed do not open.
    ByteVector changed = datagram.data;
    changed.back() ^= std::byte{1};
    EXPECT_EQ(OpenedPayload::open(*cipher, MessageView::parse(changed).value()).error().code,
              base::ErrorCode::kAuthentication);
  }
  EXPECT_EQ(sealed, capture.sealed);
  EXPECT_TRUE(auth_seen);
}

INSTANTIATE_TEST_SUITE_P(Ikev2, Captures, testing::ValuesIn(kCaptures), [](const auto& capture) {
  return std::string(crypto::find_encr(capture.param.encr.id, capture.param.encr.key_bits)->name);
});

TEST(CaptureMessages, EveryMessageOfBothVersionsIsRead) {
  std::size_t messages = 0;
  std::size_t proposals = 0;
  for (const char* name :
       {"ikev2-decrypt-3des-sha1_160.pcap", "ikev2-decrypt-aes128ccm12.pcap",
        "ikev2-decrypt-aes256cbc.pcapng", "ikev2-decrypt-aes256gcm16.pcap", "ikev2pI2.pcap",
        "ikev2four.pcap", "isakmp4500.pcap", "02-sunrise-sunset-esp.pcap", "ikev1-certs.pcap",
        "ipsec-ikev1-isakmp-main-mode.pcap", "ipsec-ikev1-isakmp-aggressive-mode.pcap"}) {
    PS_VECTORS_OR_SKIP(file, std::string("captures/") + name);
    for (const test::CapturedDatagram& datagram : test::ike_datagrams(file)) {
      const bool ike = datagram.destination_port == 500 || datagram.destination_port == 4500;
      if (!ike) continue;
      const auto message = MessageView::parse(datagram.data);
      ASSERT_TRUE(message.has_value()) << name << ": " << message.error().text;
      EXPECT_EQ(describe(*message).find("malformed"), std::string::npos)
          << name << ": " << describe(*message);
      ++messages;
      const PayloadView* sa = message->payloads().find(PayloadType::kSa);
      if (sa == nullptr) continue;
      // What we write of a proposal reads as the same proposal.
      const auto offer = parse_sa(sa->body);
      ASSERT_TRUE(offer.has_value());
      for (const ProposalView& view : offer->proposals) {
        const auto proposal = to_proposal(view);
        ASSERT_TRUE(proposal.has_value());
        MessageBuilder builder(message->header());
        append_sa_choice(builder, *proposal, view.number, view.spi);
        const ByteVector again = builder.finish();
        const auto reread = MessageView::parse(again);
        ASSERT_TRUE(reread.has_value());
        const auto sa_again = parse_sa(reread->payloads().find(PayloadType::kSa)->body);
        ASSERT_TRUE(sa_again.has_value());
        EXPECT_EQ(to_proposal(sa_again->proposals.at(0)).value(), *proposal);
        ++proposals;
      }
    }
  }
  EXPECT_GT(messages, 40U);
  EXPECT_GT(proposals, 5U);
}

}  // namespace
}  // namespace penstock::isakmp
