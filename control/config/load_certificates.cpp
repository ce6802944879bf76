// SPDX-License-Identifier: BSD-3-Clause
// From names of files to certificates, keys and trust: read once each, checked against each other,
// and said by the connections that use them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <numeric>

#include "control/config/check.h"
#include "control/config/scan.h"
#include "control/config/schema.h"
#include "control/session/signatures.h"

namespace penstock::config {

using base::ByteVector;
using session::PeerAuth;

namespace {

using Ders = std::vector<ByteVector>;

constexpr std::array kRevocations{pki::Revocation::kStrict, pki::Revocation::kRelaxed,
                                  pki::Revocation::kOff};

/// A certificate of ours with those that are sent after it: what is left of an IKE message is for
/// the rest of IKE_AUTH.
constexpr std::size_t kMaxChainOctets = 32'768;

constexpr std::string_view kNoEncryption = "{}: its key usage allows no encryption";
constexpr std::string_view kNoSignature = "is for certificates, and `auth` here is psk";

class Loader {
 public:
  Loader(Settings& settings, std::filesystem::path folder)
      : settings_(settings), folder_(std::move(folder)) {}

  void read_authorities(const Place& at);
  void read_keys(const Place& at);
  void read_local(const Place& at, session::ConnectionConfig& connection);
  void read_remote(const Place& at, PeerAuth& remote);
  void read_peer(const Place& at, PeerAuth& remote);
  [[nodiscard]] std::shared_ptr<const pki::Vault> vault() {
    return std::make_shared<const pki::Vault>(std::move(vault_));
  }

 private:
  [[nodiscard]] std::string path_of(const std::string& name) const {
    return (folder_ / name).string();
  }
  [[nodiscard]] base::Result<base::SecretBytes> content(const std::string& name) const {
    return read_whole_file(path_of(name));
  }
  /// The certificates of a file, or a fault; each file is read once.
  [[nodiscard]] Ders certificates(const Place& at, const std::string& name);
  [[nodiscard]] std::vector<pki::CertificateFacts> above(const Ders& chain);

  Settings& settings_;
  std::filesystem::path folder_;
  crypto::CryptoContext context_;
  pki::Vault vault_;
  pki::TrustSet everybody_;  ///< of `authorities`; CRLs and responses count for all
  std::map<std::string, Ders> read_;
};

Ders Loader::certificates(const Place& at, const std::string& name) {
  const auto known = read_.find(name);
  if (known != read_.end()) return known->second;
  const auto file = content(name);
  auto all = file ? pki::read_certificates(context_, file->bytes())
                  : base::Result<Ders>(tl::unexpected(file.error()));
  if (!all) at.fault(fmt::format("{}: {}", path_of(name), all.error().text));
  return read_.emplace(name, all ? *std::move(all) : Ders{}).first->second;
}

void Loader::read_authorities(const Place& at) {
  for (std::size_t i = 0; i < settings_.authorities.size(); ++i) {
    const AuthoritySettings& one = settings_.authorities[i];
    if (!one.cacert.empty())
      std::ranges::copy(certificates(at[i]["cacert"], one.cacert),
                        std::back_inserter(everybody_.anchors));
    for (const std::string& name : one.crls) {
      const auto file = content(name);
      auto crls = file ? pki::read_crls(context_, file->bytes())
                       : base::Result<Ders>(tl::unexpected(file.error()));
      if (!crls) {
        at[i]["crls"].fault(fmt::format("{}: {}", path_of(name), crls.error().text));
        continue;
      }
      std::ranges::move(*crls, std::back_inserter(everybody_.crls));
    }
    for (const std::string& name : one.ocsp) {
      const auto file = content(name);
      auto response = file ? pki::read_ocsp_response(file->bytes())
                           : base::Result<ByteVector>(tl::unexpected(file.error()));
      if (!response) {
        at[i]["ocsp"].fault(fmt::format("{}: {}", path_of(name), response.error().text));
        continue;
      }
      everybody_.ocsp_responses.push_back(*std::move(response));
    }
  }
}

void Loader::read_keys(const Place& at) {
  auto& secrets = settings_.secrets;
  for (std::size_t i = 0; i < secrets.size(); ++i) {
    const session::SharedSecret& one = secrets[i];
    if (one.file.empty() || !one.name.starts_with("private")) continue;
    const auto file = content(one.file);
    auto key = file ? pki::read_private_key(context_, file->bytes(), one.secret.bytes())
                    : base::Result<pki::PrivateKey>(tl::unexpected(file.error()));
    if (!key) {
      at[i]["file"].fault(fmt::format("{}: {}", path_of(one.file), key.error().text));
      continue;
    }
    vault_.add_key(*std::move(key));
    settings_.key_files.push_back(path_of(one.file));
  }
  std::erase_if(secrets, [](const session::SharedSecret& s) { return !s.file.empty(); });
}

/// Who stands above the first certificate: of what is sent with it and of the authorities.
std::vector<pki::CertificateFacts> Loader::above(const Ders& chain) {
  std::vector<pki::CertificateFacts> authorities;
  auto wanted = pki::facts_of(context_, chain.front());
  Ders others(chain.begin() + 1, chain.end());
  std::ranges::copy(everybody_.anchors, std::back_inserter(others));
  for (std::size_t step = 0; wanted && step < others.size(); ++step) {
    const auto issuer = std::ranges::find_if(others, [&](const ByteVector& der) {
      const auto facts = pki::facts_of(context_, der);
      return facts && facts->subject_der == wanted->issuer_der;
    });
    if (issuer == others.end() || wanted->subject_der == wanted->issuer_der) break;
    wanted = pki::facts_of(context_, *issuer);
    authorities.push_back(*wanted);
  }
  return authorities;
}

void Loader::read_local(const Place& at, session::ConnectionConfig& connection) {
  PeerAuth& local = connection.local;
  if (!local.cacerts.empty())
    at["cacerts"].fault("belongs to `remote`: who is trusted for the peer");
  if (!session::signs(local.auth)) {
    if (!local.certs.empty()) at["certs"].fault(std::string(kNoSignature));
    return;
  }
  if (local.certs.empty())
    return at["certs"].fault("is missing: without a certificate there is no signature of ours");
  for (const std::string& name : local.certs) {
    const Ders chain = certificates(at["certs"], name);
    if (chain.empty()) continue;
    const auto facts = pki::facts_of(context_, chain.front());
    if (!facts) continue;  // it was read before: this is told there
    const std::size_t octets =
        std::accumulate(chain.begin(), chain.end(), std::size_t{0},
                        [](std::size_t sum, const ByteVector& der) { return sum + der.size(); });
    if (octets > kMaxChainOctets)
      at["certs"].fault(fmt::format("{}: {} octets of certificates: a peer is sent {} at most",
                                    path_of(name), octets, kMaxChainOctets));
    if (vault_.key(facts->key) == nullptr)
      at["certs"].fault(fmt::format("{}: there is no private key for {} in `secrets`",
                                    path_of(name), facts->subject));
    if (session::encrypts(local.auth) && !facts->may_encrypt)
      at["certs"].fault(fmt::format(kNoEncryption, path_of(name)));
    const bool ikev1 = connection.version == session::IkeVersion::kIkev1;
    if (!session::fits(local.auth, facts->kind) || (!ikev1 && facts->kind == crypto::KeyKind::kDsa))
      at["auth"].fault(
          fmt::format("{}: its key is of {}", path_of(name), crypto::name_of(facts->kind)));
    session::Credential credential{chain.front(),      Ders(chain.begin() + 1, chain.end()),
                                   facts->subject_der, facts->kind,
                                   facts->key,         {}};
    for (const pki::CertificateFacts& one : above(chain)) {
      credential.authorities.push_back(one.sha1_id);
      credential.authority_names.push_back(one.subject_der);
    }
    local.credentials.push_back(std::move(credential));
  }
}

/// RFC 2409 §5.2: whom we encrypt for must be known before.
void Loader::read_peer(const Place& at, PeerAuth& remote) {
  if (!remote.cacerts.empty())
    at["cacerts"].fault("judges certificates that are sent; here the peer's is in `certs`");
  if (remote.certs.size() != 1)
    return at["certs"].fault("one file is wanted, with the peer's certificate to encrypt for");
  const std::string& name = remote.certs.front();
  const Ders chain = certificates(at["certs"], name);
  if (chain.empty()) return;
  const auto facts = pki::facts_of(context_, chain.front());
  if (!facts) return;  // it was read before: this is told there
  if (facts->kind != crypto::KeyKind::kRsa)
    at["certs"].fault(
        fmt::format("{}: its key is of {}", path_of(name), crypto::name_of(facts->kind)));
  if (!facts->may_encrypt) at["certs"].fault(fmt::format(kNoEncryption, path_of(name)));
  remote.certificate = chain.front();
}

void Loader::read_remote(const Place& at, PeerAuth& remote) {
  if (session::encrypts(remote.auth)) return read_peer(at, remote);
  if (!remote.certs.empty()) not_built_yet(at["certs"], "accepting only certain certificates");
  if (!session::signs(remote.auth)) {
    if (!remote.cacerts.empty()) at["cacerts"].fault(std::string(kNoSignature));
    return;
  }
  pki::TrustSet trust = everybody_;
  trust.revocation = kRevocations.at(static_cast<std::size_t>(remote.revocation));
  if (!remote.cacerts.empty()) {
    trust.anchors.clear();
    for (const std::string& name : remote.cacerts)
      std::ranges::copy(certificates(at["cacerts"], name), std::back_inserter(trust.anchors));
  }
  if (trust.anchors.empty())
    return at["cacerts"].fault("there is nobody to trust: no `cacerts`, no `authorities`");
  for (const ByteVector& anchor : trust.anchors) {
    const auto facts = pki::facts_of(context_, anchor);
    if (!facts) continue;
    remote.authorities.push_back(facts->sha1_id);
    remote.authority_names.push_back(facts->subject_der);
  }
  remote.trust = vault_.add_trust(std::move(trust));
}

}  // namespace

void load_certificates(const Place& root, Settings& settings, const std::string& file) {
  const bool needed =
      !settings.authorities.empty() ||
      std::ranges::any_of(settings.secrets, [](const auto& s) { return !s.file.empty(); }) ||
      std::ranges::any_of(settings.connections, [](const auto& c) {
        return std::ranges::any_of(std::array{&c.local, &c.remote}, [](const PeerAuth* end) {
          return session::signs(end->auth) || !end->certs.empty() || !end->cacerts.empty();
        });
      });
  if (!needed) return;  // OpenSSL is not begun for nothing
  Loader loader(settings, std::filesystem::path(file).parent_path());
  loader.read_authorities(root["authorities"]);
  loader.read_keys(root["secrets"]);
  for (std::size_t i = 0; i < settings.connections.size(); ++i) {
    const Place at = root["connections"][i];
    loader.read_local(at["local"], settings.connections[i]);
    loader.read_remote(at["remote"], settings.connections[i].remote);
  }
  settings.vault = loader.vault();
}

}  // namespace penstock::config
