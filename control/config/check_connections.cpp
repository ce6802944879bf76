// SPDX-License-Identifier: BSD-3-Clause
// Connections, their children and the secrets that they need. Defaults that follow from other
// settings are strongSwan's.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "control/config/check.h"
#include "control/config/schema.h"
#include "control/session/signatures.h"

namespace penstock::config {

using policy::Identity;
using policy::IdentityPattern;
using session::ChildConfig;
using session::ConnectionConfig;
using session::SharedSecret;
using session::StartAction;

namespace {

/// The default of a limit that follows a rekeying one: 110 % of it.
template <class T>
T over(T rekey) {
  return rekey + rekey / 10;
}

void complete_child(const Place& at, ChildConfig& child) {
  if (!at["esp_proposals"].exists() && !at["ah_proposals"].exists())
    child.esp_proposals = crypto::default_proposals(crypto::ProtocolId::kEsp);
  if (!at["life_time"].exists()) child.life_time = over(child.rekey_time);
  if (!at["rand_time"].exists()) {
    // swanctl.conf's default; half of rekey_time at most, so that a long life does not end in
    // rekeying at once.
    const bool both = child.rekey_time.count() != 0 && child.life_time > child.rekey_time;
    child.rand_time = both ? std::min(child.life_time - child.rekey_time, child.rekey_time / 2)
                           : base::Duration{};
  }
  if (!at["life_bytes"].exists()) child.life_bytes = over(child.rekey_bytes);
  if (!at["life_packets"].exists()) child.life_packets = over(child.rekey_packets);
}

/// IKEv1 has no AEADs for itself (RFC 2409 appendix A), and each combination is a transform of its
/// own: fewer, so that the first message stays one packet.
const crypto::Proposals& ikev1_proposals() {
  static const crypto::Proposals kProposals =
      crypto::parse_proposals(crypto::ProtocolId::kIke,
                              "aes128-aes256-sha256-sha384-x25519-ecp256-modp3072-modp2048")
          .value();
  return kProposals;
}

void complete_connection(const Place& at, ConnectionConfig& connection) {
  if (!at["proposals"].exists())
    connection.proposals = connection.version == session::IkeVersion::kIkev1
                               ? ikev1_proposals()
                               : crypto::default_proposals(crypto::ProtocolId::kIke);
  if (!at["over_time"].exists()) connection.over_time = connection.rekey_time / 10;
  if (!at["rand_time"].exists())
    connection.rand_time = std::min(connection.over_time, connection.rekey_time / 2);
  for (std::size_t i = 0; i < connection.children.size(); ++i)
    complete_child(at["children"][i], connection.children[i]);
}

void check_random(const Place& at, base::Duration random, base::Duration rekey) {
  if (rekey.count() != 0 && random >= rekey)
    at["rand_time"].fault("it is not below rekey_time: the SA could be rekeyed at once, for ever");
}

template <class T>
void check_lifetime(const Place& at, std::string_view hard, T life, std::string_view soft,
                    T rekey) {
  if (life != T{} && rekey != T{} && life <= rekey)
    at[hard].fault(fmt::format("it is not above {}: the SA would end before it is rekeyed", soft));
}

/// More than an IKE payload carries would be found out in the middle of an exchange.
void check_count(const Place& at, std::size_t count, std::size_t limit) {
  if (count > limit) at.fault(fmt::format("{} are too many: at most {} are taken", count, limit));
}

void check_identity(const Place& at, const policy::IdentityPattern& id) {
  if (id.text.size() > session::kMaxIdentityOctets)
    at.fault(fmt::format("{} octets are too many: at most {} are taken", id.text.size(),
                         session::kMaxIdentityOctets));
}

/// Not a list that is there and empty; faults in it were told already.
void check_not_empty(const Place& at, const crypto::Proposals& proposals) {
  if (proposals.empty() && at.exists() && at.size() == 0 && at.kind() != PlaceKind::kText)
    at.fault("there is no proposal");
}

void check_child_proposals(const Place& at, const ConnectionConfig& connection,
                           const ChildConfig& child) {
  const std::size_t esp = child.esp_proposals.size();
  const std::size_t ah = child.ah_proposals.size();
  check_count(at["esp_proposals"], esp, session::kMaxProposals);
  // Both lists go into one payload.
  check_count(at["ah_proposals"], esp <= session::kMaxProposals ? esp + ah : ah,
              session::kMaxProposals);
  check_not_empty(at["esp_proposals"], child.esp_proposals);
  check_not_empty(at["ah_proposals"], child.ah_proposals);
  if (ah != 0 && esp == 0 && connection.encap)
    at["ah_proposals"].fault("with `encap` all is in UDP, and AH cannot be (RFC 3948 §1)");
}

/// RFC 4301 §4.1: what a gateway has transport mode for.
void check_transport(const Place& at, const ConnectionConfig& connection,
                     const ChildConfig& child) {
  const auto check_side = [&](const char* name, const policy::TrafficSelectors& side,
                              const auto& hosts, const auto& meets) {
    if (side.empty() || hosts.empty()) return;
    const bool fits = std::any_of(side.begin(), side.end(), [&](const auto& selector) {
      return std::any_of(hosts.begin(), hosts.end(),
                         [&](const auto& host) { return meets(host, selector); });
    });
    if (!fits)
      at[name].fault(
          "transport mode is for traffic of the IKE SA's own addresses, which it leaves out");
  };
  check_side("local_ts", child.local_ts, connection.local_addrs,
             [](const net::IpAddress& host, const policy::TrafficSelector& s) {
               return s.intersect({host, host}).has_value();
             });
  check_side("remote_ts", child.remote_ts, connection.remote_addrs,
             [](const net::Prefix& host, const policy::TrafficSelector& s) {
               return s.intersect(policy::TrafficSelector::of(host)).has_value();
             });
}

/// RFC 2409 §5.5: a Quick Mode negotiates one pair of client identities.
void check_child_v1(const Place& at, const ChildConfig& child) {
  const auto check = [&](const char* name, const policy::TrafficSelectors& side) {
    if (side.size() > 1)
      return at[name].fault("IKEv1 has one selector a side: make a child of each pair");
    if (side.empty() || side.front().any_port()) return;
    if (side.front().first_port != side.front().last_port || side.front().first_port == 0)
      at[name].fault("IKEv1 has one port or all");
  };
  check("local_ts", child.local_ts);
  check("remote_ts", child.remote_ts);
}

/// RFC 2409 appendix A: block ciphers only.
void check_proposals_v1(const Place& at, const crypto::Proposals& proposals) {
  const auto usable = [](const crypto::Proposal& p) {
    return std::ranges::any_of(p.encr, [](const crypto::EncrTransform& e) {
      return e.id == crypto::EncrId::kAesCbc || e.id == crypto::EncrId::k3Des;
    });
  };
  if (!std::ranges::any_of(proposals, usable))
    at.fault("IKEv1 protects itself with AES-CBC or 3DES: `aes128-sha256-modp2048`");
}

/// RFC 2409 §5: one method is for both ends.
void check_authentication_v1(const Place& at, const ConnectionConfig& connection) {
  using session::AuthMethod;
  for (const char* end : {"local", "remote"}) {
    const AuthMethod auth = end[0] == 'l' ? connection.local.auth : connection.remote.auth;
    if (auth == AuthMethod::kRsaPss || auth == AuthMethod::kEd25519 || auth == AuthMethod::kEd448)
      at[end]["auth"].fault("IKEv1 knows signatures by RSA (PKCS #1 v1.5), DSA and ECDSA alone");
  }
  if ((session::encrypts(connection.local.auth) || session::encrypts(connection.remote.auth)) &&
      connection.local.auth != connection.remote.auth)
    return at["remote"]["auth"].fault(
        "encryption proves both ends or none: `auth` is not the same");
  const bool psk = !session::signs(connection.local.auth);
  if (psk == session::signs(connection.remote.auth))
    not_built_yet(at["remote"]["auth"], "hybrid authentication: both ends by psk or by signatures");
}

/// RFC 2408 §4.2: proposals of one number are taken together.
void check_bundle(const Place& at, const ConnectionConfig& connection, const ChildConfig& child) {
  if (!child.bundle) return;
  if (connection.version != session::IkeVersion::kIkev1)
    return at["bundle"].fault(
        "IKEv2 negotiates no AH around ESP (RFC 7296 §1.7): `version = 1`, or manual_sas");
  if (child.esp_proposals.empty() || child.ah_proposals.empty())
    return at["bundle"].fault("it is of both: esp_proposals and ah_proposals");
  check_count(at["ah_proposals"], child.esp_proposals.size() * child.ah_proposals.size(),
              session::kMaxProposals);
  if (connection.encap)
    at["bundle"].fault("with `encap` all is in UDP, and AH cannot be (RFC 3948 §1)");
  for (const crypto::Proposal& p : child.ah_proposals)
    if (!p.dh.empty())
      return at["ah_proposals"].fault("a bundle has one group, which stands in esp_proposals");
}

/// RFC 2407 §4.2: a label is a level, with categories beside it.
void check_situation(const Place& at, const ConnectionConfig& connection,
                     const session::Situation& situation) {
  if (!at.exists()) return;
  if (connection.version != session::IkeVersion::kIkev1)
    return at.fault("only IKEv1 has labels like these: `version = 1`");
  for (const char* label : {"secrecy", "integrity"})
    if (at[fmt::format("{}_categories", label)].exists() &&
        !at[fmt::format("{}_level", label)].exists())
      at[fmt::format("{}_level", label)].fault("is missing: categories stand beside a level");
  if (!situation.has_labels()) at.fault("there is no label: `secrecy_level` or `integrity_level`");
}

bool names_private_group(const crypto::Proposals& proposals) {
  return std::ranges::any_of(proposals, [](const crypto::Proposal& p) {
    return std::ranges::any_of(p.dh, crypto::is_private);
  });
}

/// RFC 2409 §5.6: of IKEv1, and there is one group a number.
void check_private_groups(const Place& at, const ConnectionConfig& connection) {
  const bool v1 = connection.version == session::IkeVersion::kIkev1;
  if (names_private_group(connection.proposals))
    not_built_yet(at["proposals"], "phase 1 in a private group");
  for (std::size_t i = 0; i < connection.children.size() && !v1; ++i)
    for (const auto& [name, list] : {std::pair("esp_proposals", &ChildConfig::esp_proposals),
                                     std::pair("ah_proposals", &ChildConfig::ah_proposals)})
      if (names_private_group(connection.children[i].*list))
        at["children"][i][name].fault("private groups are IKEv1's");
  if (!v1 && !connection.private_groups.empty())
    at["private_groups"].fault("they are IKEv1's: `version = 1`");
  if (!v1 && connection.accept_private_groups)
    at["accept_private_groups"].fault("they are IKEv1's: `version = 1`");
  UsedOnce numbers("the number");
  for (std::size_t i = 0; i < connection.private_groups.size(); ++i)
    numbers.add(std::to_string(connection.private_groups[i].number),
                at["private_groups"][i]["number"]);
}

void check_exchange(const Place& at, const ConnectionConfig& connection) {
  using session::Phase1Exchange;
  if (connection.version == session::IkeVersion::kIkev2) {
    if (connection.aggressive) at["aggressive"].fault("IKEv2 has no Aggressive Mode");
    if (at["exchange"].exists()) at["exchange"].fault("IKEv2 has no choice of exchanges");
    if (connection.commit_bit) at["commit_bit"].fault("IKEv2 has no commit bit");
  }
  if (connection.aggressive && at["exchange"].exists() &&
      connection.exchange != Phase1Exchange::kAggressive)
    at["aggressive"].fault("`exchange` says another one");
  const bool main = connection.dialled_by() == session::Phase1Exchange::kMain;
  const bool psk = !session::signs(connection.local.auth);
  if (main || !psk || connection.version == session::IkeVersion::kIkev2) return;
  const Place word = at[connection.aggressive ? "aggressive" : "exchange"];
  if (!connection.aggressive_psk)
    return word.fault(
        "with a pre-shared key whoever asks may try secrets at leisure: "
        "`aggressive_psk = true` allows it");
  word.warn("whoever asks gets what is needed to try secrets at leisure");
}

void check_child(const Place& at, const ConnectionConfig& connection, const ChildConfig& child) {
  check_count(at["local_ts"], child.local_ts.size(), session::kMaxSelectors);
  check_count(at["remote_ts"], child.remote_ts.size(), session::kMaxSelectors);
  check_child_proposals(at, connection, child);
  check_bundle(at, connection, child);
  check_situation(at["situation"], connection, child.situation);
  if (child.is_transport()) check_transport(at, connection, child);
  check_lifetime(at, "life_time", child.life_time, "rekey_time", child.rekey_time);
  check_lifetime(at, "life_bytes", child.life_bytes, "rekey_bytes", child.rekey_bytes);
  check_lifetime(at, "life_packets", child.life_packets, "rekey_packets", child.rekey_packets);
  check_random(at, child.rand_time, child.rekey_time);
  if (!child.is_negotiated()) {
    for (const char* name : {"local_ts", "remote_ts"})
      if (!at[name].exists()) at[name].fault("`pass` and `drop` need it: there is no peer to say");
    return;
  }
  const bool plain = !child.is_transport() && child.ah_proposals.empty();
  if (child.tunnel_header.dummy_packets != 0 && !plain)
    at["dummy_packets"].fault("dummies are sent by ESP in tunnel mode, without AH around it");
  if (child.start_action != StartAction::kNone && !connection.can_be_dialled())
    at["start_action"].fault(
        "remote_addrs does not begin with a single address: there is nobody to dial");
}

/// Whom there are secrets for: exact identities by their text, so that ten thousand connections do
/// not look through ten thousand secrets each.
struct SecretOwners {
  bool everyone = false;  ///< a secret without an identity
  std::unordered_set<std::string> exact;
  std::vector<const IdentityPattern*> all;
};

SecretOwners owners_of(const std::vector<SharedSecret>& secrets) {
  SecretOwners owners;
  for (const SharedSecret& secret : secrets) {
    if (!secret.file.empty()) continue;
    if (secret.ids.empty()) owners.everyone = true;
    for (const IdentityPattern& id : secret.ids) {
      owners.exact.insert(id.text);
      owners.all.push_back(&id);
    }
  }
  return owners;
}

bool is_owner(const SecretOwners& owners, const IdentityPattern& id) {
  if (id.is_any()) return false;
  if (owners.exact.contains(id.text)) return true;
  const auto identity = Identity::parse(id.text);
  return identity && std::any_of(owners.all.begin(), owners.all.end(),
                                 [&](const auto* pattern) { return pattern->matches(*identity); });
}

/// RFC 7296 §2.15: both ends compute AUTH from a secret that they share; ours must be there.
void check_secret(const Place& at, const ConnectionConfig& connection, const SecretOwners& owners) {
  const IdentityPattern& remote = connection.remote.id;
  const bool pattern = remote.text.find('*') != std::string::npos || remote.is_any();
  if (owners.everyone || (pattern && !owners.all.empty())) return;
  if (is_owner(owners, remote) || is_owner(owners, connection.local.id)) return;
  at.fault(fmt::format("there is no secret for '{}' in `secrets`", remote.text));
}

void check_addresses(const Place& at, const DataplaneSettings& dataplane,
                     const ConnectionConfig& connection) {
  for (const net::IpAddress& a : connection.local_addrs)
    if (!is_outside_address(dataplane, a))
      at["local_addrs"].fault(fmt::format("{} is no address of an outside port", a.to_string()));
  for (const net::Prefix& prefix : connection.remote_addrs)
    if (prefix.length == net::bits_of(prefix.address.family()) &&
        is_outside_address(dataplane, prefix.address))
      at["remote_addrs"].fault(fmt::format("{} is our own address", prefix.address.to_string()));
}

/// The data plane hands UDP 500 and 4500 to the control core, and RFC 3948 §2.2 has the marker on
/// 4500 at both ends.
void check_udp_ports(const Place& at, const ConnectionConfig& connection) {
  constexpr net::Port kIke{500};
  constexpr net::Port kNat{4500};
  if (connection.local_port != kIke && connection.local_port != kNat)
    return at["local_port"].fault("not built yet: another port than 500 or 4500");
  if ((connection.local_port == kNat) != (connection.remote_port == kNat))
    at["remote_port"].fault("4500 at one end only: both know the non-ESP marker or none does");
}

void check_connection(const Place& at, const ConnectionConfig& connection,
                      const SecretOwners& owners) {
  check_udp_ports(at, connection);
  if (connection.proposals.empty() && at["proposals"].size() == 0 &&
      at["proposals"].kind() != PlaceKind::kText)
    at["proposals"].fault("there is no proposal");
  if (connection.local.id.text.find('*') != std::string::npos)
    at["local"]["id"].fault("we are one: no pattern is wanted");
  check_count(at["proposals"], connection.proposals.size(), session::kMaxProposals);
  check_identity(at["local"]["id"], connection.local.id);
  check_identity(at["remote"]["id"], connection.remote.id);
  check_random(at, connection.rand_time, connection.rekey_time);
  const auto& children = connection.children;
  const bool has_sas = std::any_of(children.begin(), children.end(),
                                   [](const ChildConfig& child) { return child.is_negotiated(); });
  if (has_sas && !(session::signs(connection.local.auth) && session::signs(connection.remote.auth)))
    check_secret(at, connection, owners);
  for (std::size_t i = 0; i < children.size(); ++i)
    check_child(at["children"][i], connection, children[i]);
  check_situation(at["situation"], connection, connection.situation);
  check_exchange(at, connection);
  check_private_groups(at, connection);
  if (connection.version != session::IkeVersion::kIkev1) {
    if (connection.several_sas)
      at["several_sas"].fault("only IKEv1 has several SA payloads in a message: `version = 1`");
    if (connection.reauth_time.count() != 0)
      not_built_yet(at["reauth_time"], "reauthentication of IKEv2");
    for (const char* end : {"local", "remote"})
      if (session::is_of_ikev1(end[0] == 'l' ? connection.local.auth : connection.remote.auth))
        at[end]["auth"].fault("IKEv1 alone has it: `version = 1`");
    return;
  }
  check_authentication_v1(at, connection);
  check_proposals_v1(at["proposals"], connection.proposals);
  for (std::size_t i = 0; i < children.size(); ++i) check_child_v1(at["children"][i], children[i]);
}

bool has_outside_address(const DataplaneSettings& dataplane) {
  const auto all = interfaces_of(dataplane);
  return std::any_of(all.begin(), all.end(), [](const InterfaceView& one) {
    return one.side == Side::kOutside && !one.addresses->empty();
  });
}

/// What a secret is shows in its name, as in swanctl.conf.
void check_secret_names(const Place& at, const std::vector<SharedSecret>& secrets) {
  for (std::size_t i = 0; i < secrets.size(); ++i) {
    const SharedSecret& one = secrets[i];
    if (one.name.starts_with("private")) {
      if (!at[i]["file"].exists()) at[i]["file"].fault("is missing");
    } else if (!one.name.starts_with("ike")) {
      at[i].fault(
          "the name of a pre-shared key begins with `ike`, of a private key with `private`; "
          "other kinds are not built yet");
    } else if (!at[i]["secret"].exists()) {
      at[i]["secret"].fault("is missing");
    } else if (at[i]["file"].exists()) {
      at[i]["file"].fault("a pre-shared key has none");
    }
  }
}

}  // namespace

void check_connections(const Place& root, Settings& settings, const DataplaneSettings* addresses) {
  const Place at = root["connections"];
  check_secret_names(root["secrets"], settings.secrets);
  if (!settings.connections.empty() && addresses != nullptr && !has_outside_address(*addresses))
    at.fault("no outside port has an address: IKE has nowhere to speak from");
  const SecretOwners owners = owners_of(settings.secrets);
  for (std::size_t i = 0; i < settings.connections.size(); ++i) {
    complete_connection(at[i], settings.connections[i]);
    if (addresses != nullptr) check_addresses(at[i], *addresses, settings.connections[i]);
    check_connection(at[i], settings.connections[i], owners);
  }
}

}  // namespace penstock::config
