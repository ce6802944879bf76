// SPDX-License-Identifier: BSD-3-Clause
// The options of `local` and `remote` of a connection, of `secrets` and of `authorities`: who
// proves what to whom, and by what.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/config/schema.h"

namespace penstock::config {

using session::AuthMethod;
using session::PeerAuth;
using session::SharedSecret;

namespace {

constexpr std::string_view kEngine = "control/ike";
constexpr std::string_view kPki = "control/pki";

constexpr std::array kAuthWords{
    Word{.word = "psk", .value = static_cast<int>(AuthMethod::kPsk)},
    Word{.word = "pubkey", .value = static_cast<int>(AuthMethod::kPubkey)},
    Word{.word = "rsa", .value = static_cast<int>(AuthMethod::kRsa)},
    Word{.word = "rsa-sha1", .value = static_cast<int>(AuthMethod::kRsaSha1)},
    Word{.word = "rsa/pss", .value = static_cast<int>(AuthMethod::kRsaPss)},
    Word{.word = "ecdsa", .value = static_cast<int>(AuthMethod::kEcdsa)},
    Word{.word = "ed25519", .value = static_cast<int>(AuthMethod::kEd25519)},
    Word{.word = "ed448", .value = static_cast<int>(AuthMethod::kEd448)},
    Word{.word = "dsa", .value = static_cast<int>(AuthMethod::kDsa)},
    Word{.word = "pubkey_enc", .value = static_cast<int>(AuthMethod::kPubkeyEnc)},
    Word{.word = "pubkey_enc_revised", .value = static_cast<int>(AuthMethod::kPubkeyEncRevised)},
};
/// swanctl.conf lets more follow these.
constexpr std::array kLaterAuth{std::string_view{"eap"}, std::string_view{"xauth"},
                                std::string_view{"bliss"}};

void read_auth(const Place& at, PeerAuth& out) {
  if (at.kind() == PlaceKind::kText)
    for (const std::string_view word : kLaterAuth)
      if (at.text().starts_with(word))
        return not_built_yet(at, fmt::format("authentication by {}", word));
  Reader<AuthMethod>::read(at, out.auth);
}

constexpr std::array kRevocationWords{
    Word{.word = "strict", .value = static_cast<int>(session::RevocationCheck::kStrict)},
    Word{.word = "relaxed", .value = static_cast<int>(session::RevocationCheck::kRelaxed)},
    Word{.word = "off", .value = static_cast<int>(session::RevocationCheck::kOff)},
    Word{.word = "ifuri", .later = "fetching CRLs and OCSP responses"},
};

void read_secret(const Place& at, SharedSecret& out) {
  const auto text = text_of(at);
  if (!text) return;
  auto secret = parse_secret(*text);
  at.wipe_text();
  if (!secret) return at.fault(secret.error().text);
  if (secret->empty()) return at.fault("the secret is empty");
  out.secret = *std::move(secret);
}

constexpr std::array kPeerAuth{
    Option<PeerAuth>{
        {.name = "auth",
         .kind = "word",
         .preset = "psk",
         .text =
             "How this end proves who it is. `pubkey`: by whatever its certificate's key makes, "
             "RSA by PSS; `rsa`: by PKCS #1 v1.5; `rsa-sha1`: with SHA-1 too, for old peers; "
             "of IKEv1 alone: `dsa`; `pubkey_enc` and `pubkey_enc_revised`: by RSA encryption of "
             "nonces for the peer's certificate.",
         .reader = kEngine,
         .words = kAuthWords},
        read_auth},
    value<&PeerAuth::id>({.name = "id",
                          .preset = "%any",
                          .text =
                              "Local: who we say we are (`%any`: our certificate's subject, or "
                              "our address). Remote: who we accept, also `%any` or `*.example`. "
                              "A certificate names it in its subjectAltName, or it is its subject, "
                              "as `C=DE, O=Example, CN=gw`; remote also `O=Example, CN=*`, or, "
                              "with whatever else there is, `O=Example, *`.",
                          .reader = kEngine}),
    value<&PeerAuth::certs>(
        {.name = "certs",
         .text = "Local: files with our certificates, PEM or DER, the most wanted first; what "
                 "follows in a file are its authorities, which are sent with it. Remote, with "
                 "`pubkey_enc` and `pubkey_enc_revised`: the file with the peer's certificate.",
         .reader = kPki}),
    value<&PeerAuth::cacerts>(
        {.name = "cacerts",
         .preset = "all `authorities`",
         .text = "Remote: files with the authorities that are trusted for this peer.",
         .reader = kPki}),
    value<&PeerAuth::revocation>(
        {.name = "revocation",
         .preset = "relaxed",
         .text = "Remote: `strict`: a CRL or OCSP response that is valid now must clear each "
                 "certificate; `relaxed`: what is known is believed.",
         .reader = kPki,
         .words = kRevocationWords}),
    later<PeerAuth>("pubkeys", "public keys", "Raw public keys to use or accept."),
    later<PeerAuth>("eap_id", "EAP", "Identity inside EAP."),
    later<PeerAuth>("aaa_id", "EAP", "Identity of the AAA server."),
    later<PeerAuth>("xauth_id", "XAuth", "Identity inside XAuth."),
    later<PeerAuth>("groups", "group membership", "Groups that the peer must be in."),
    later<PeerAuth>("round", "several rounds of authentication", "Order of rounds."),
};

constexpr std::array kAuthority{
    value<&AuthoritySettings::cacert>(
        {.name = "cacert", .text = "File with its certificate.", .reader = kPki, .required = true}),
    value<&AuthoritySettings::crls>(
        {.name = "crls", .text = "Files with CRLs, PEM or DER.", .reader = kPki}),
    value<&AuthoritySettings::ocsp>(
        {.name = "ocsp", .text = "Files with OCSP responses, DER.", .reader = kPki}),
    later<AuthoritySettings>("crl_uris", "fetching CRLs", "Where to fetch CRLs."),
    later<AuthoritySettings>("ocsp_uris", "fetching OCSP responses", "Whom to ask by OCSP."),
    later<AuthoritySettings>("cert_uri_base", "hash and URL", "Where certificates are fetched."),
};

constexpr std::array kSecret{
    value<&SharedSecret::ids>({.name = "id",
                               .text = "Whom a pre-shared key is for, also `id-one`, `id-two`; "
                                       "without any: for everyone.",
                               .reader = kEngine,
                               .prefix = true}),
    value<&SharedSecret::file>({.name = "file",
                                .text = "File with a private key: PKCS #8, also encrypted.",
                                .reader = kPki}),
    Option<SharedSecret>{{.name = "secret",
                          .kind = "secret",
                          .text = "The key, or the passphrase of the file: text, or `0x` and "
                                  "hexadecimal, or `0s` and Base64.",
                          .reader = kEngine},
                         read_secret},
};

}  // namespace

Options<PeerAuth> peer_auth_options() { return kPeerAuth; }
Options<AuthoritySettings> authority_options() { return kAuthority; }
Options<SharedSecret> secret_options() { return kSecret; }

}  // namespace penstock::config
