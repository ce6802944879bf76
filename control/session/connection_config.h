// SPDX-License-Identifier: BSD-3-Clause
// ConnectionConfig: what the operator asked for, as plain values. control/config fills it, the
// engine keeps it. Names are swanctl.conf's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/isakmp/situation.h"
#include "lib/base/secret.h"
#include "lib/base/time.h"
#include "lib/crypto/private_group.h"
#include "lib/crypto/proposal.h"
#include "lib/crypto/signature.h"
#include "lib/policy/identity.h"
#include "lib/policy/policy_rule.h"
#include "lib/policy/traffic_selector.h"

namespace penstock::session {

using isakmp::Situation;

enum class IkeVersion : std::uint8_t { kAny = 0, kIkev1 = 1, kIkev2 = 2 };
enum class StartAction : std::uint8_t { kNone, kTrap, kStart };
/// What to do when a child ends unasked (dpd_action, close_action).
enum class EndAction : std::uint8_t { kClear, kTrap, kRestart };
enum class ChildMode : std::uint8_t { kTunnel, kTransport, kPass, kDrop };
/// How an end proves who it is: by a secret that both have, or by a signature.
enum class AuthMethod : std::uint8_t {
  kPsk,
  kPubkey,   ///< whatever its key makes; RSA signs by PSS and never with SHA-1
  kRsa,      ///< PKCS #1 v1.5 with SHA-2
  kRsaSha1,  ///< the same, SHA-1 too: for old peers
  kRsaPss,
  kEcdsa,
  kEd25519,
  kEd448,
  kDsa,               ///< IKEv1 alone, as are the next two
  kPubkeyEnc,         ///< RSA encryption of nonce and identity (RFC 2409 §5.2)
  kPubkeyEncRevised,  ///< of the nonce, all else under keys made of it (RFC 2409 §5.3)
};
/// How much must be known of whether a peer's certificates were revoked.
enum class RevocationCheck : std::uint8_t { kStrict, kRelaxed, kOff };
enum class SendCertificate : std::uint8_t { kIfAsked, kAlways, kNever };
/// Fragments of IKE messages: taken and made, only taken, or neither; or made even where the peer
/// did not say that it takes them (IKEv1).
enum class Fragmentation : std::uint8_t { kYes, kAccept, kNo, kForce };
enum class UniquePolicy : std::uint8_t { kNo, kReplace, kKeep, kNever };

/// What one list may hold, so that it fits the payload that carries it.
inline constexpr std::size_t kMaxProposals = 32;
inline constexpr std::size_t kMaxSelectors = 64;  ///< of a side; also what is left of it narrowed
inline constexpr std::size_t kMaxIdentityOctets = 512;

struct ChildConfig {
  std::string name;
  ChildMode mode = ChildMode::kTunnel;
  policy::TrafficSelectors local_ts;  ///< empty: `dynamic`, the IKE SA's own address
  policy::TrafficSelectors remote_ts;
  crypto::Proposals esp_proposals;  ///< of both lists one is agreed on, rather of this one
  crypto::Proposals ah_proposals;
  bool bundle = false;     ///< IKEv1: of both lists one each, AH around ESP
  bool sha256_96 = false;  ///< negotiated SHA2-256 is cut to 96 bits, as old peers do
  StartAction start_action = StartAction::kNone;
  EndAction dpd_action = EndAction::kClear;
  EndAction close_action = EndAction::kClear;
  base::Duration rekey_time = base::seconds{3600};  ///< 0: never by time
  base::Duration life_time = base::seconds{3960};   ///< 0: never by time
  base::Duration rand_time = base::seconds{360};    ///< rekey_time is shortened by up to this
  std::uint64_t rekey_bytes = 0;
  std::uint64_t life_bytes = 0;
  std::uint64_t rekey_packets = 0;
  std::uint64_t life_packets = 0;
  std::uint32_t replay_window = 64;
  policy::TunnelHeader tunnel_header;
  std::uint32_t priority = 0;  ///< 0: the default of its kind (policy_rule.h)
  Situation situation;         ///< IKEv1: what labels its SAs have

  /// Has SAs, which a peer is asked for; else it is a rule and no more.
  [[nodiscard]] bool is_negotiated() const {
    return mode == ChildMode::kTunnel || mode == ChildMode::kTransport;
  }
  [[nodiscard]] bool is_transport() const { return mode == ChildMode::kTransport; }
  friend bool operator==(const ChildConfig&, const ChildConfig&) = default;
};

/// SHA-1 of an authority's SubjectPublicKeyInfo: how CERTREQ names it (RFC 7296 §3.7).
using AuthorityHash = std::array<std::byte, 20>;
/// Authorities of a connection that count in CERTREQ, in what we send and what we read.
inline constexpr std::size_t kMaxAuthorities = 32;
/// Names whom we trust: a trust set of control/pki's vault.
using TrustName = std::array<std::byte, 32>;

/// A certificate of ours. Its private key is in control/pki's vault, under the key's name.
struct Credential {
  base::ByteVector certificate;                 ///< DER
  std::vector<base::ByteVector> intermediates;  ///< sent after it
  base::ByteVector subject;                     ///< DER; who we are unless `id` says otherwise
  crypto::KeyKind kind{};
  crypto::KeyId key{};
  std::vector<AuthorityHash> authorities;              ///< above it, as far as they are known
  std::vector<base::ByteVector> authority_names = {};  ///< their subjects, DER

  friend bool operator==(const Credential&, const Credential&) = default;
};

struct PeerAuth {
  AuthMethod auth = AuthMethod::kPsk;
  policy::IdentityPattern id;  ///< local: what we say (%any: our address); remote: what we accept
  std::vector<std::string> certs;    ///< local: files, the most wanted first; remote: one, to
                                     ///< encrypt for
  std::vector<std::string> cacerts;  ///< remote: files; empty: all authorities
  RevocationCheck revocation = RevocationCheck::kRelaxed;  ///< remote
  std::vector<Credential> credentials;                     ///< local: what the files hold
  base::ByteVector certificate;                            ///< remote: DER, to encrypt for
  TrustName trust{};                                       ///< remote
  std::vector<AuthorityHash> authorities;                  ///< remote: what CERTREQ asks for
  std::vector<base::ByteVector> authority_names;           ///< remote: the same in IKEv1

  friend bool operator==(const PeerAuth&, const PeerAuth&) = default;
};

/// IKEv1: the exchange that makes an ISAKMP SA when we dial, and is taken of the peer beside Main
/// Mode.
enum class Phase1Exchange : std::uint8_t {
  kMain,
  kAggressive,
  kBase,                ///< RFC 2408 §4.4
  kAuthenticationOnly,  ///< RFC 2408 §4.6: it makes no keys
};

/// IKEv1: a group of ours for New Group Mode (RFC 2409 §5.6).
struct PrivateGroupConfig {
  std::string name;
  std::uint16_t number = 0;  ///< that peers call it by
  std::string file;
  crypto::PrivateGroup group;  ///< what the file holds

  [[nodiscard]] crypto::DhGroupId id() const { return crypto::DhGroupId{number}; }
  friend bool operator==(const PrivateGroupConfig&, const PrivateGroupConfig&) = default;
};

struct ConnectionConfig {
  std::string name;
  IkeVersion version = IkeVersion::kIkev2;
  std::vector<net::IpAddress> local_addrs;  ///< empty: any of ours
  std::vector<net::Prefix> remote_addrs;    ///< empty: anyone; a host prefix can be dialled
  net::Port local_port{500};
  net::Port remote_port{500};
  crypto::Proposals proposals;
  PeerAuth local;
  PeerAuth remote;
  bool encap = false;  ///< force UDP encapsulation
  bool mobike = false;
  Phase1Exchange exchange = Phase1Exchange::kMain;
  bool aggressive = false;      ///< the same as that exchange
  bool aggressive_psk = false;  ///< what shows hashes of a pre-shared key, even so
  bool commit_bit = false;      ///< IKEv1: as responder of Quick Mode we install first
  Situation situation;          ///< IKEv1: what labels the ISAKMP SA has
  std::vector<PrivateGroupConfig> private_groups;  ///< IKEv1: we propose them
  bool accept_private_groups = false;              ///< IKEv1: those that the peer proposes too
  bool several_sas = false;  ///< IKEv1: children with one pair of selectors in one Quick Mode
  Fragmentation fragmentation = Fragmentation::kYes;
  std::uint16_t fragment_size = 1280;  ///< most of an IP datagram with a fragment, octets
  SendCertificate send_cert = SendCertificate::kIfAsked;
  bool send_certreq = true;
  base::Duration dpd_delay{};  ///< 0: no liveness checks
  EndAction dpd_action = EndAction::kClear;
  base::Duration rekey_time = base::seconds{14400};
  base::Duration over_time = base::seconds{1440};  ///< after rekey_time: the hard end
  base::Duration rand_time = base::seconds{1440};
  base::Duration reauth_time{};
  std::uint32_t keyingtries = 1;  ///< 0: for ever
  UniquePolicy unique = UniquePolicy::kNo;
  std::vector<ChildConfig> children;

  friend bool operator==(const ConnectionConfig&, const ConnectionConfig&) = default;

  [[nodiscard]] Phase1Exchange dialled_by() const {
    return aggressive ? Phase1Exchange::kAggressive : exchange;
  }
  [[nodiscard]] bool can_be_dialled() const {
    return !remote_addrs.empty() &&
           remote_addrs.front().length == net::bits_of(remote_addrs.front().address.family());
  }
};

/// A pre-shared key and whom it is for; no id: for anyone.
struct SharedSecret {
  std::string name;
  std::vector<policy::IdentityPattern> ids;
  base::SecretBytes secret;
  std::string file;  ///< while the configuration is read: of a private key, whose passphrase it is
};

}  // namespace penstock::session
