// SPDX-License-Identifier: BSD-3-Clause
// SAs keyed by hand: pairs, SPIs, keys of the right length.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "control/config/check.h"
#include "control/config/readers.h"
#include "lib/crypto/algorithms.h"
#include "lib/crypto/proposal.h"

namespace penstock::config {

using policy::Direction;
using policy::SaSpec;

namespace {

/// Exactly one algorithm of each type, and no key exchange: there is none.
void read_proposal(const Place& at, SaSpec& out) {
  if (at.kind() != PlaceKind::kText) return;  // told already
  const bool ah = out.protocol == policy::IpsecProtocol::kAh;
  const auto proposal =
      crypto::parse_proposal(ah ? crypto::ProtocolId::kAh : crypto::ProtocolId::kEsp, at.text());
  if (!proposal) return at.fault(proposal.error().text);
  if (proposal->encr.size() != (ah ? 0 : 1) || proposal->integ.size() > 1 ||
      proposal->esn.size() != 1)
    return at.fault("a manual SA has one algorithm of each type, without alternatives");
  if (!proposal->dh.empty()) return at.fault("a manual SA has no key exchange");
  if (!ah) {
    out.encr = proposal->encr.front().id;
    out.encr_key_bits = proposal->encr.front().key_bits;
  }
  out.integ = proposal->integ.empty() ? crypto::IntegId::kNone : proposal->integ.front();
  out.esn = proposal->esn.front() == crypto::EsnId::kEsn;
}

void check_length(const Place& at, std::string_view what, std::size_t wanted, std::size_t got) {
  if (wanted == got) return;
  at.fault(fmt::format("{} takes {} octets, and {} are there", what, wanted, got));
}

std::string with_salt(std::size_t salt) {
  return salt == 0 ? "" : fmt::format(" (with {} of salt)", salt);
}

/// AH has one algorithm and one key.
void check_ah(const Place& at, const SaSpec& sa) {
  if (sa.encap) at["encap"].fault("AH cannot be in UDP, nor pass a NAT (RFC 3948 §1)");
  if (!sa.enc_key.empty()) at["enc_key"].fault("AH enciphers nothing");
  const crypto::IntegRow* integ = crypto::find_integ(sa.integ);
  if (integ == nullptr) return;  // the proposal had a fault
  check_length(at["auth_key"], fmt::format("{}{}", integ->name, with_salt(integ->salt_octets)),
               std::size_t{integ->key_octets} + integ->salt_octets, sa.auth_key.size());
}

void check_esp(const Place& at, const SaSpec& sa) {
  const crypto::EncrRow* encr = crypto::find_encr(sa.encr, sa.encr_key_bits);
  if (encr == nullptr) return;  // the proposal had a fault
  const std::size_t salt = encr->salt_octets;
  check_length(at["enc_key"], fmt::format("{}{}", encr->name, with_salt(salt)),
               encr->key_bits / 8U + salt, sa.enc_key.size());
  const crypto::IntegRow* integ = crypto::find_integ(sa.integ);
  if (integ != nullptr)
    check_length(at["auth_key"], integ->name, integ->key_octets, sa.auth_key.size());
  else if (!sa.auth_key.empty())
    at["auth_key"].fault("the proposal has no integrity algorithm of its own");
}

void check_keys(const Place& at, const SaSpec& sa) {
  if (sa.protocol == policy::IpsecProtocol::kAh)
    check_ah(at, sa);
  else
    check_esp(at, sa);
  // Without a window nothing tells the upper 32 bits of a sequence number (RFC 4303 §A2).
  if (sa.direction == Direction::kInbound && sa.esn && sa.replay_window == 0)
    at["replay_window"].fault("extended sequence numbers need a window (RFC 4303 §3.4.3)");
}

void check_addresses(const Place& at, const DataplaneSettings* addresses, const SaSpec& sa) {
  if (at["local"].exists() && addresses != nullptr && !is_outside_address(*addresses, sa.local))
    at["local"].fault(fmt::format("{} is no address of an outside port", sa.local.to_string()));
  if (at["remote"].exists() && sa.remote == sa.local) at["remote"].fault("it is our own address");
  if (at["remote"].exists() && sa.remote.family() != sa.local.family())
    at["remote"].fault("it is not of the IP version of local");
  for (const char* name : {"local_ts", "remote_ts"}) {
    const bool none =
        name == std::string_view("local_ts") ? sa.local_ts.empty() : sa.remote_ts.empty();
    if (at[name].exists() && none) at[name].fault("a manual SA has at least one selector");
  }
}

/// RFC 4301 §4.1: a gateway is one end of it, not on the way.
void check_transport(const Place& at, const SaSpec& sa) {
  const auto check_side = [&](const char* name, const policy::TrafficSelectors& side,
                              const net::IpAddress& end) {
    for (const policy::TrafficSelector& selector : side)
      if (selector.first != end || selector.last != end)
        return at[name].fault(
            fmt::format("transport mode is for traffic of {} itself", end.to_string()));
  };
  check_side("local_ts", sa.local_ts, sa.local);
  check_side("remote_ts", sa.remote_ts, sa.remote);
}

/// Names the AH around each ESP that has one, and gives both the slots that lib/ipsec wants.
void check_bundles(const Place& at, std::vector<SaSpec>& sas) {
  for (std::size_t i = 0; i < sas.size(); ++i) {
    SaSpec& inner = sas[i];
    const Place here = at[i]["bundle"];
    if (here.kind() != PlaceKind::kText) continue;
    const auto outer = std::ranges::find_if(sas, [&](const SaSpec& sa) {
      return sa.name == here.text() && sa.direction == inner.direction;
    });
    if (outer == sas.end()) {
      here.fault(fmt::format("there is no manual SA '{}' of this direction", here.text()));
    } else if (inner.protocol != policy::IpsecProtocol::kEsp ||
               outer->protocol != policy::IpsecProtocol::kAh) {
      here.fault("a bundle is ESP inside of AH");
    } else if (inner.encap || inner.local != outer->local || inner.remote != outer->remote) {
      here.fault("both of a bundle have the same ends, and neither is in UDP");
    } else if (outer->bundle != policy::BundlePart::kAlone) {
      here.fault(fmt::format("'{}' is around another SA already", here.text()));
    } else {
      inner.bundle = policy::BundlePart::kInner;
      outer->bundle = policy::BundlePart::kOuter;
      if (inner.direction == Direction::kInbound)
        outer->slot = inner.slot;
      else
        inner.outer_slot = outer->slot;
    }
  }
}

void check_dummies(const Place& at, const SaSpec& sa) {
  const bool plain = sa.protocol == policy::IpsecProtocol::kEsp &&
                     sa.mode == policy::IpsecMode::kTunnel &&
                     sa.bundle == policy::BundlePart::kAlone;
  if (sa.tunnel_header.dummy_packets != 0 && !plain)
    at["dummy_packets"].fault("dummies are sent by ESP in tunnel mode, without AH around it");
}

struct Before {
  bool operator()(base::Bytes a, base::Bytes b) const {
    return std::ranges::lexicographical_compare(a, b);
  }
};

/// Two SAs under one key would use one nonce twice (RFC 4106 §2, §3.1; RFC 7634 §2): their numbers
/// begin alike, at both ends of a pair too. Without a counter it would still let one end's packets
/// be played back to it.
void check_keys_differ(const Place& at, const std::vector<SaSpec>& sas) {
  std::map<base::Bytes, std::size_t, Before> owners;  // no copy of a key
  for (std::size_t i = 0; i < sas.size(); ++i) {
    const bool ah = sas[i].protocol == policy::IpsecProtocol::kAh;
    const base::SecretBytes& key = ah ? sas[i].auth_key : sas[i].enc_key;
    if (key.empty()) continue;
    const auto [owner, added] = owners.emplace(key.bytes(), i);
    if (!added)
      at[i][ah ? "auth_key" : "enc_key"].fault(
          fmt::format("manual_sas[{}] has this key too: every SA of either direction needs its own",
                      owner->second));
  }
}

}  // namespace

void check_manual_sas(const Place& root, Settings& settings, const DataplaneSettings* addresses) {
  const Place at = root["manual_sas"];
  std::vector<SaSpec>& sas = settings.manual_sas;
  if (sas.size() > settings.dataplane.limits.sas)
    at.fault(fmt::format("{} SAs are over dataplane.limits.sas = {}", sas.size(),
                         settings.dataplane.limits.sas));
  DataplaneLimits& limits = settings.dataplane.limits;
  limits.manual_sas = std::max(limits.manual_sas, static_cast<std::uint32_t>(sas.size()));
  UsedOnce names("the name and direction");
  UsedOnce inbound("the inbound SPI");
  UsedOnce outbound("the SPI and remote");
  std::unordered_map<std::string, policy::ChildSlot> slots;
  for (std::size_t i = 0; i < sas.size(); ++i) {
    SaSpec& sa = sas[i];
    const Place here = at[i];
    const bool in = sa.direction == Direction::kInbound;
    if (!sa.name.empty()) names.add(fmt::format("{} {}", sa.name, in ? "in" : "out"), here["name"]);
    if (sa.spi.value() != 0 && in) inbound.add(net::to_string(sa.spi), here["spi"]);
    if (sa.spi.value() != 0 && !in)
      outbound.add(fmt::format("{} {}", net::to_string(sa.spi), sa.remote.to_string()),
                   here["spi"]);
    read_proposal(here["proposal"], sa);
    check_keys(here, sa);
    check_addresses(here, addresses, sa);
    if (sa.mode == policy::IpsecMode::kTransport) check_transport(here, sa);
    const policy::ChildSlot next{static_cast<std::uint32_t>(slots.size() + 1)};  // 0 is no slot
    sa.slot = slots.emplace(sa.name, next).first->second;
  }
  check_keys_differ(at, sas);
  check_bundles(at, sas);
  for (std::size_t i = 0; i < sas.size(); ++i) check_dummies(at[i], sas[i]);
  if (slots.size() >= settings.dataplane.limits.policies)  // slot 0 is none
    at.fault(fmt::format("{} pairs are not below dataplane.limits.policies = {}", slots.size(),
                         settings.dataplane.limits.policies));
}

}  // namespace penstock::config
