// SPDX-License-Identifier: BSD-3-Clause
// Authentication by public-key encryption, both forms: what goes over the wire, and that nothing an
// attacker sends in it shows whether its padding was good (CVE-2018-5389).
#include "control/ikev1/encryption.h"

#include <gtest/gtest.h>

#include "control/ikev1/methods.h"
#include "lib/crypto/rsa_encryption.h"
#include "tests/lib/ikev1_papers.h"

namespace penstock::ikev1 {
namespace {

using base::ByteVector;
using isakmp::PayloadType;
using session::Datagram;
using test::Ikev1End;
using test::Ikev1Pair;

struct Way {
  session::AuthMethod auth;
  bool aggressive;
};

const test::Ikev1Papers& papers() {
  static const test::Ikev1Papers all;
  return all;
}

/// Which payloads a message has, in their order.
std::vector<PayloadType> types_of(const Datagram& d) {
  std::vector<PayloadType> types;
  const auto view = isakmp::MessageView::parse(d.data);
  for (const isakmp::PayloadView& p : view->payloads()) types.push_back(p.type);
  return types;
}

/// The same message with other bodies of a type.
Datagram with_body(const Datagram& d, PayloadType type,
                   const std::function<void(ByteVector&)>& edit) {
  const auto view = isakmp::MessageView::parse(d.data);
  isakmp::MessageBuilder builder(view->header());
  for (const isakmp::PayloadView& p : view->payloads()) {
    ByteVector body = base::to_vector(p.body);
    if (p.type == type) edit(body);
    builder.append(p.type, body);
  }
  return {d.local, d.remote, builder.finish()};
}

/// What an observer of one end sees.
struct Seen {
  std::vector<std::size_t> lengths;
  std::vector<std::size_t> jobs;
  bool up = false;
  friend bool operator==(const Seen&, const Seen&) = default;
};

using Edit = std::function<Datagram(const Datagram&)>;
/// No message; the responder is looked at.
constexpr std::size_t kNone = 98;

class Encryption : public testing::TestWithParam<Way> {
 protected:
  static std::function<void(session::ConnectionConfig&)> edit(
      const std::function<void(session::ConnectionConfig&)>& further = {}) {
    return [further](session::ConnectionConfig& c) {
      papers().edit(c, GetParam().auth);
      c.aggressive = GetParam().aggressive;
      if (further) further(c);
    };
  }
  [[nodiscard]] static bool revised() {
    return GetParam().auth == session::AuthMethod::kPubkeyEncRevised;
  }
  /// Where the initiator's nonce is, and the responder's.
  [[nodiscard]] static std::size_t request() { return GetParam().aggressive ? 0 : 2; }
  [[nodiscard]] static std::size_t answer() { return request() + 1; }

  /// What the end sees fit to answer when message `at` to it is another one.
  static Seen observe(std::size_t at, const Edit& change,
                      const std::function<void(session::ConnectionConfig&)>& further = {}) {
    Ikev1Pair pair(11, edit(further), papers().vault);
    Ikev1End& watched = at % 2 == 0 ? pair.b : pair.a;
    Ikev1End& other = at % 2 == 0 ? pair.a : pair.b;
    pair.a.begin();
    Seen seen;
    for (std::size_t n = 0; n < 40 && !(pair.a.sent.empty() && pair.b.sent.empty()); ++n) {
      const bool from_a = !pair.a.sent.empty();
      auto& queue = from_a ? pair.a.sent : pair.b.sent;
      Datagram d = std::move(queue.front());
      queue.pop_front();
      Ikev1End& to = from_a ? pair.b : pair.a;
      if (&to == &other) seen.lengths.push_back(d.data.size());
      to.receive(n == at && change ? change(d) : d);
    }
    seen.jobs = watched.jobs;
    seen.up = pair.is_up();
    return seen;
  }
};

TEST_P(Encryption, BothEndsAgreeAndNamesAreTheOthers) {
  Ikev1Pair pair(1, edit(), papers().vault);
  pair.a.begin();
  pair.run();
  ASSERT_TRUE(pair.is_up());
  EXPECT_EQ(pair.a.sa()->remote_id.to_string(), "b.example");
  EXPECT_EQ(pair.b.sa()->remote_id.to_string(), "a.example");
}

TEST_P(Encryption, PayloadsStandInTheOrderOfTheFigures) {
  using enum PayloadType;
  Ikev1Pair pair(2, edit(), papers().vault);
  pair.a.begin();
  std::map<std::size_t, std::vector<PayloadType>> seen;
  pair.run([&](Ikev1End&, const Datagram& d, std::size_t n) {
    for (const PayloadType type : types_of(d))
      if (type != kV1VendorId && type != kV1NatD) seen[n].push_back(type);
  });
  using Types = std::vector<PayloadType>;
  Types first = revised() ? Types{kV1Hash, kV1Nonce, kV1KeyExchange, kV1Identification}
                : GetParam().aggressive
                    ? Types{kV1Hash, kV1KeyExchange, kV1Identification, kV1Nonce}
                    : Types{kV1KeyExchange, kV1Hash, kV1Identification, kV1Nonce};
  Types second = revised() ? Types{kV1Nonce, kV1KeyExchange, kV1Identification}
                           : Types{kV1KeyExchange, kV1Identification, kV1Nonce};
  if (GetParam().aggressive) {
    first.insert(first.begin(), kV1Sa);
    second.insert(second.begin(), kV1Sa);
    second.push_back(kV1Hash);
  }
  EXPECT_EQ(seen[request()], first);
  EXPECT_EQ(seen[answer()], second);
}

TEST_P(Encryption, NoIdentityIsInClear) {
  Ikev1Pair pair(3, edit(), papers().vault);
  pair.a.begin();
  pair.run([&](Ikev1End&, const Datagram& d, std::size_t) {
    const std::string_view all = base::as_text(d.data);
    EXPECT_EQ(all.find("a.example"), std::string_view::npos);
    EXPECT_EQ(all.find("b.example"), std::string_view::npos);
  });
  EXPECT_TRUE(pair.is_up());
}

/// With good padding, around what the honest sender did not mean.
ByteVector another_ciphertext(const test::Entity& to, std::size_t octets) {
  pki::Notary notary(papers().context, nullptr);
  return notary.encrypt(to.certificate, ByteVector(octets, std::byte{0x5a})).value();
}

TEST_P(Encryption, WhetherThePaddingWasGoodShowsNowhere) {
  for (const std::size_t at : {request(), answer()}) {
    SCOPED_TRACE(at);
    const test::Entity& to = at % 2 == 0 ? papers().b : papers().a;
    std::vector<Seen> all;
    // Good padding around another nonce; of other lengths; and two ciphertexts of rubbish.
    for (const std::size_t octets : {32U, 8U, 200U})
      all.push_back(observe(at, [&](const Datagram& d) {
        return with_body(d, PayloadType::kV1Nonce,
                         [&](ByteVector& b) { b = another_ciphertext(to, octets); });
      }));
    for (const std::size_t octet : {100U, 255U})
      all.push_back(observe(at, [&](const Datagram& d) {
        return with_body(d, PayloadType::kV1Nonce,
                         [&](ByteVector& b) { b.at(octet) ^= std::byte{0x10}; });
      }));
    EXPECT_FALSE(all.front().jobs.empty());
    for (const Seen& one : all) {
      EXPECT_FALSE(one.up);
      EXPECT_EQ(one, all.front());
    }
  }
}

TEST_P(Encryption, AnIdentityThatIsNoneGoesToTheEndToo) {
  if (revised()) return;  // there a wrong nonce makes rubbish of it: above
  for (const std::size_t at : {request(), answer()}) {
    SCOPED_TRACE(at);
    const test::Entity& to = at % 2 == 0 ? papers().b : papers().a;
    const Seen good = observe(at, [&](const Datagram& d) {
      return with_body(d, PayloadType::kV1Identification,
                       [&](ByteVector& b) { b = another_ciphertext(to, 20); });
    });
    const Seen bad = observe(at, [&](const Datagram& d) {
      return with_body(d, PayloadType::kV1Identification,
                       [](ByteVector& b) { b.back() ^= std::byte{1}; });
    });
    EXPECT_FALSE(good.up);
    EXPECT_EQ(good, bad);
  }
}

TEST_P(Encryption, WhoIsNotKnownGetsWhatWhoIsGets) {
  const auto named = [](const char* name) {
    return [name](session::ConnectionConfig& c) {
      if (test::Ikev1Papers::is_a(c)) c.local.id.text = name;
    };
  };
  // The last message, which proves, ends it for both: the secret is another's.
  const std::size_t last = GetParam().aggressive ? 2 : 4;
  const Edit spoil = [](const Datagram& d) {
    Datagram bad = d;
    bad.data.at(isakmp::kHeaderOctets + 6) ^= std::byte{1};  // of HASH
    return bad;
  };
  const Seen known = observe(last, spoil, named("a.example"));
  const Seen unknown = observe(last, spoil, named("x.example"));
  EXPECT_FALSE(known.up);
  EXPECT_GE(known.lengths.size(), 1U);
  EXPECT_EQ(known, unknown);
  EXPECT_FALSE(observe(kNone, {}, named("x.example")).up)
      << "who is not known is refused at the end";
}

TEST_P(Encryption, ACertificateOfAnothersIsNotAnswered) {
  // A encrypts for a certificate that B does not have: HASH(1) says so.
  const Seen seen = observe(kNone, {}, [](session::ConnectionConfig& c) {
    if (test::Ikev1Papers::is_a(c)) c.remote.certificate = papers().other.certificate;
  });
  EXPECT_FALSE(seen.up);
  EXPECT_EQ(seen.lengths.size(), GetParam().aggressive ? 0U : 1U);
  EXPECT_TRUE(seen.jobs.empty()) << "nothing is decrypted";
}

TEST_P(Encryption, WithSeveralCertificatesTheNamedOneDecrypts) {
  const Seen seen = observe(kNone, {}, [](session::ConnectionConfig& c) {
    if (test::Ikev1Papers::is_a(c)) return;
    c.local.credentials = {papers().credential(papers().a), papers().credential(papers().b)};
  });
  EXPECT_TRUE(seen.up);
}

/// What everybody can see of a message that cannot be right.
TEST_P(Encryption, AMalformedMessageIsDroppedAndTheHonestOneGoesOn) {
  struct Spoilt {
    const char* what;
    PayloadType type;
    void (*edit)(ByteVector&);
  };
  const Spoilt all[] = {
      {"no RSA ciphertext", PayloadType::kV1Nonce, [](ByteVector& b) { b.resize(255); }},
      {"a nonce in clear", PayloadType::kV1Nonce, [](ByteVector& b) { b.resize(32); }},
      {"one longer than the key", PayloadType::kV1Nonce, [](ByteVector& b) { b.resize(512); }},
      {"above the modulus", PayloadType::kV1Nonce,
       [](ByteVector& b) { std::ranges::fill(b, std::byte{0xff}); }},
      {"a short public value", PayloadType::kV1KeyExchange, [](ByteVector& b) { b.resize(16); }},
      {"an identity of another length", PayloadType::kV1Identification,
       [](ByteVector& b) { b.pop_back(); }},
      {"an empty identity", PayloadType::kV1Identification, [](ByteVector& b) { b.clear(); }},
  };
  for (const std::size_t at : {request(), answer()})
    for (const Spoilt& one : all) {
      SCOPED_TRACE(testing::Message() << one.what << " in message " << at);
      Ikev1Pair pair(4, edit(), papers().vault);
      pair.a.begin();
      bool tried = false;
      pair.run([&](Ikev1End& to, const Datagram& d, std::size_t n) {
        if (n != at) return;
        Datagram bad = with_body(d, one.type, one.edit);
        // A stranger's first message, beside the honest one.
        if (n == 0) bad.data.at(0) ^= std::byte{1};
        const std::size_t sent = to.sent.size();
        to.receive(bad);
        EXPECT_EQ(to.sent.size(), sent) << "it is answered";
        if (n == 0) {
          EXPECT_TRUE(to.machine.all().empty()) << "something is kept";
        }
        tried = true;
      });
      EXPECT_TRUE(tried);
      EXPECT_TRUE(pair.is_up()) << "the honest exchange does not go on";
    }
}

TEST_P(Encryption, WhateverOctetIsFlippedItEnds) {
  std::size_t tried = 0;
  for (const std::size_t at : {request(), answer()})
    for (std::size_t octet = isakmp::kHeaderOctets; octet < 1200; octet += 37) {
      bool over = false;
      const Seen seen = observe(at, [&](const Datagram& d) {
        Datagram bad = d;
        over = octet >= bad.data.size();
        if (!over) bad.data[octet] ^= std::byte{0x81};
        return bad;
      });
      if (over) break;
      ++tried;
      EXPECT_LE(seen.lengths.size(), 8U) << octet;
    }
  EXPECT_GT(tried, 20U);
}

INSTANTIATE_TEST_SUITE_P(Ways, Encryption,
                         testing::Values(Way{session::AuthMethod::kPubkeyEnc, false},
                                         Way{session::AuthMethod::kPubkeyEnc, true},
                                         Way{session::AuthMethod::kPubkeyEncRevised, false},
                                         Way{session::AuthMethod::kPubkeyEncRevised, true}));

}  // namespace
}  // namespace penstock::ikev1
