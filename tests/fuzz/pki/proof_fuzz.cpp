// SPDX-License-Identifier: BSD-3-Clause
// A peer's proof with certificates that were changed, cut, or are nothing like one; and files of an
// operator's. The first octet says which. Nothing crashes, and whoever is accepted is still the
// one that the certificate was made for.
#include <algorithm>

#include "control/pki/encoding.h"
#include "control/pki/notary.h"
#include "lib/base/byte_io.h"
#include "lib/base/check.h"
#include "tests/lib/authority.h"

namespace {

using namespace penstock;
using namespace penstock::pki;

struct House {
  test::Authority authority;
  test::Entity root = authority.issue({.name = "root", .authority = true});
  test::Entity middle = authority.issue({.name = "middle", .issuer = &root, .authority = true});
  test::Entity peer = authority.issue({.name = "peer",
                                       .issuer = &middle,
                                       .alternatives = "DNS:peer.example",
                                       .key_usage = "digitalSignature",
                                       .extended_key_usage = "1.3.6.1.5.5.7.3.17"});
  base::ByteVector crl = authority.revoke(middle, {});
  base::ByteVector answer = authority.answer(middle, peer, false, middle);
  crypto::CryptoContext context{7};
  base::ByteVector octets = base::to_vector(base::as_bytes("octets"));
  base::ByteVector signature = crypto::SigningKey::from_pkcs8(context, peer.pkcs8)
                                   .value()
                                   .sign(context, crypto::SignatureScheme::kEcdsaSha256, octets)
                                   .value();

  base::Result<ProvedPeer> judge(std::vector<base::ByteVector> certificates, TrustSet trust) {
    trust.anchors = {root.certificate};
    Vault vault;
    PeerProof proof;
    proof.certificates = std::move(certificates);
    proof.name = {2, base::to_vector(base::as_bytes("peer.example"))};
    proof.trust = vault.add_trust(std::move(trust));
    proof.octets = octets;
    proof.signature = signature;
    proof.schemes = {crypto::SignatureScheme::kEcdsaSha256};
    proof.now = test::kNow;
    return Notary(context, std::make_shared<const Vault>(std::move(vault))).verify(proof);
  }
};

/// What there is, with octets replaced: two say where, one by what.
base::ByteVector edited(base::ByteVector from, base::Bytes edits) {
  base::ByteReader reader(edits);
  for (;;) {
    const auto where = reader.u16();
    const auto what = reader.u8();
    if (!where || !what) return from;
    from[*where % from.size()] = std::byte{*what};
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static House house;
  if (size == 0) return 0;
  const base::Bytes rest = base::Bytes(reinterpret_cast<const std::byte*>(data), size).subspan(1);
  base::ByteVector leaf = house.peer.certificate;
  base::ByteVector middle = house.middle.certificate;
  TrustSet trust;
  switch (data[0] % 9) {
    case 0:
      leaf = edited(leaf, rest);
      break;
    case 1:
      middle = edited(middle, rest);
      break;
    case 2:
      trust.crls = {edited(house.crl, rest)};
      trust.revocation = Revocation::kStrict;
      break;
    case 3:
      trust.ocsp_responses = {edited(house.answer, rest)};
      trust.revocation = Revocation::kStrict;
      break;
    case 4:
      leaf = base::to_vector(rest);
      break;
    case 5:
      middle = base::to_vector(rest);
      break;
    case 6:
      static_cast<void>(read_certificates(house.context, rest));
      static_cast<void>(read_crls(house.context, rest));
      static_cast<void>(read_ocsp_response(rest));
      return 0;
    case 7:
      static_cast<void>(read_private_key(house.context, rest, base::as_bytes("passphrase")));
      return 0;
    default:
      static_cast<void>(
          read_private_key(house.context, edited(house.peer.pkcs8, rest), base::Bytes{}));
      return 0;
  }
  const auto verdict = house.judge({leaf, middle}, std::move(trust));
  if (verdict) PS_CHECK(verdict->subject == "CN=peer");
  return 0;
}
