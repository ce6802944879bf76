// SPDX-License-Identifier: BSD-3-Clause
// The lifecycle of child SAs towards the data plane, in the order of design §4.5: install the new
// inbound, switch outbound, keep the old inbound, retire it. Every output that touches an SA or a
// negotiated policy is made here.
#include "control/session/child_sa.h"

#include <algorithm>
#include <utility>

#include "control/session/ends.h"
#include "lib/base/check.h"

namespace penstock::session {
namespace {

using What = TokenOwner::What;

SaToken expect(Services& services, ChildSa& child, What what, bool outer = false) {
  ++child.pending;
  return services.new_token(
      {what, child.slot, child.spi_in, outer ? child.outer->spi_in : net::Spi{}});
}

policy::ChildSlot outer_slot(Services& services, const ChildSa& child) {
  const Slot* slot = services.slots.find(child.slot);
  return slot == nullptr ? policy::ChildSlot{} : slot->outer;
}

/// Inbound both of a bundle have one slot; outbound each has its own (policy::SaSpec).
void bind_bundle(Services& services, const ChildSa& child, ChildSpecs& specs) {
  SpecPair& outer = *specs.outer;
  specs.inbound.bundle = specs.outbound.bundle = policy::BundlePart::kInner;
  outer.inbound.bundle = outer.outbound.bundle = policy::BundlePart::kOuter;
  specs.outbound.outer_slot = outer.outbound.slot = outer_slot(services, child);
  outer.inbound.slot = child.slot;
}

/// The inbound half goes in, the outbound half waits; the slot is there.
void install_inbound(Services& services, ChildSa& child, ChildSpecs specs) {
  if (child.outer != nullptr) {
    PS_CHECK(specs.outer.has_value());
    bind_bundle(services, child, specs);
    child.outer->inbound_there = true;
    services.emit(InstallInbound{expect(services, child, What::kInbound, true),
                                 std::move(specs.outer->inbound)});
    child.outer->outbound = std::make_unique<policy::SaSpec>(std::move(specs.outer->outbound));
  }
  specs.inbound.slot = specs.outbound.slot = child.slot;
  child.inbound_there = true;
  services.emit(InstallInbound{expect(services, child, What::kInbound), std::move(specs.inbound)});
  child.outbound = std::make_unique<policy::SaSpec>(std::move(specs.outbound));
}

void install_policy(Services& services, Slot& slot, ChildSa& child, const std::string& name) {
  slot.policy = services.slots.next_policy();
  slot.policy_installed = true;
  policy::PolicyRule rule;
  rule.id = slot.policy;
  rule.priority = child.config->priority != 0 ? child.config->priority : policy::kPriorityChild;
  rule.action = policy::PolicyAction::kProtect;
  rule.slot = child.slot;
  rule.local_ts = child.selectors.local;
  rule.remote_ts = child.selectors.remote;
  rule.name = name;
  services.emit(InstallPolicy{expect(services, child, What::kPolicy), std::move(rule)});
}

/// A policy that no child SA can serve any more would catch traffic that a younger slot of the same
/// selectors can. One that lingers has no outbound half.
void remove_idle_policy(Services& services, const ChildSas& children, const ChildSa& leaving,
                        Slot& slot) {
  const bool served = std::ranges::any_of(children, [&](const auto& c) {
    return c->slot == leaving.slot && c.get() != &leaving && !c->redundant &&
           c->state != ChildState::kLingering;
  });
  if (served || !std::exchange(slot.policy_installed, false)) return;
  services.emit(RemovePolicy{slot.policy});
}

void retire_outbound_half(Services& services, ChildSa& child) {
  child.outbound.reset();
  child.switch_by.reset();
  if (child.outer != nullptr) {
    child.outer->outbound.reset();
    if (std::exchange(child.outer->outbound_there, false))
      services.emit(RetireSa{policy::Direction::kOutbound, child.outer->spi_out,
                             outer_slot(services, child), child.remote});
  }
  if (!child.outbound_there) return;
  child.outbound_there = false;
  services.emit(RetireSa{policy::Direction::kOutbound, child.spi_out, child.slot, child.remote});
}

}  // namespace

std::string_view name_of(ChildState state) {
  switch (state) {
    case ChildState::kInstalling:
      return "installing";
    case ChildState::kInstalled:
      return "installed";
    case ChildState::kRekeying:
      return "rekeying";
    case ChildState::kRekeyed:
    case ChildState::kLingering:
      return "rekeyed";
    case ChildState::kDeleting:
      return "deleting";
  }
  return "?";
}

void fill_half(policy::SaSpec& spec, const ConnectionConfig& connection, const ChildSa& child,
               const net::Endpoint& local, const net::Endpoint& remote) {
  const ChildConfig& c = *child.config;
  const bool ah = child.agreed.protocol == crypto::ProtocolId::kAh;
  spec.protocol = ah ? policy::IpsecProtocol::kAh : policy::IpsecProtocol::kEsp;
  spec.mode = c.is_transport() ? policy::IpsecMode::kTransport : policy::IpsecMode::kTunnel;
  spec.local = local.address;
  spec.remote = remote.address;
  if (child.encap) spec.encap = encapsulation_of(local, remote);
  spec.encr = child.agreed.encr.id;
  spec.encr_key_bits = child.agreed.encr.key_bits;
  spec.integ = child.agreed.integ;
  // What old peers mean by SHA2-256: a switch, because the negotiation is the same.
  if (c.sha256_96 && spec.integ == crypto::IntegId::kHmacSha256_128)
    spec.integ = crypto::IntegId::kHmacSha256_96;
  spec.esn = child.agreed.esn == crypto::EsnId::kEsn;
  spec.replay_window = c.replay_window;
  spec.local_ts = child.selectors.local;
  spec.remote_ts = child.selectors.remote;
  spec.lifetime = {c.rekey_bytes, c.life_bytes, c.rekey_packets, c.life_packets};
  spec.tunnel_header = c.tunnel_header;
  spec.name = connection.name + "/" + c.name;
}

void fill_outer_half(policy::SaSpec& spec, const ConnectionConfig& connection, const ChildSa& child,
                     const net::Endpoint& local, const net::Endpoint& remote) {
  const ChildConfig& c = *child.config;
  spec.protocol = policy::IpsecProtocol::kAh;
  spec.mode = policy::IpsecMode::kTransport;
  spec.local = local.address;
  spec.remote = remote.address;
  spec.integ = child.outer->agreed.integ;
  if (c.sha256_96 && spec.integ == crypto::IntegId::kHmacSha256_128)
    spec.integ = crypto::IntegId::kHmacSha256_96;
  spec.esn = child.outer->agreed.esn == crypto::EsnId::kEsn;
  spec.replay_window = c.replay_window;
  const auto host = [](const net::IpAddress& a) {
    return policy::TrafficSelector::of({a, static_cast<std::uint8_t>(net::bits_of(a.family()))});
  };
  spec.local_ts = {host(local.address)};
  spec.remote_ts = {host(remote.address)};
  spec.name = connection.name + "/" + c.name;
}

ChildSa* find_by_inbound(const ChildSas& children, net::Spi spi) {
  const auto found =
      std::ranges::find_if(children, [&](const auto& c) { return c->spi_in == spi; });
  return found == children.end() ? nullptr : found->get();
}

ChildSa* find_by_outbound(const ChildSas& children, crypto::ProtocolId protocol, net::Spi spi) {
  const auto found = std::ranges::find_if(children, [&](const auto& c) {
    const bool inner = c->spi_out == spi && c->agreed.protocol == protocol;
    const bool outer =
        c->outer != nullptr && c->outer->spi_out == spi && c->outer->agreed.protocol == protocol;
    return (inner || outer) && c->state != ChildState::kLingering;
  });
  return found == children.end() ? nullptr : found->get();
}

void install_larval(Services& services, const ChildOwner& owner, ChildSa& child, ChildSpecs specs) {
  Slot slot;
  slot.ike_sa = owner.ike_sa;
  slot.connection = owner.connection;
  slot.child = child.config;
  if (child.outer != nullptr) slot.outer = services.slots.allocate(slot);
  slot.sas = 1;
  child.slot = services.slots.allocate(slot);
  install_inbound(services, child, std::move(specs));
}

void complete_fresh(Services& services, ChildSa& child) {
  Slot* slot = services.slots.find(child.slot);
  PS_CHECK(slot != nullptr && child.outbound != nullptr);
  const std::string name = child.outbound->name;
  switch_outbound(services, child);
  // The policy comes last: without it the traffic is discarded, never sent in clear.
  install_policy(services, *slot, child, name);
}

void install_fresh(Services& services, const ChildOwner& owner, ChildSa& child, ChildSpecs specs) {
  install_larval(services, owner, child, std::move(specs));
  complete_fresh(services, child);
}

void install_successor(Services& services, ChildSa& child, const ChildSa& old, ChildSpecs specs) {
  child.slot = old.slot;
  Slot* slot = services.slots.find(child.slot);
  PS_CHECK(slot != nullptr);
  ++slot->sas;
  const std::string name = specs.inbound.name;
  install_inbound(services, child, std::move(specs));
  if (!slot->policy_installed) install_policy(services, *slot, child, name);
}

void switch_outbound(Services& services, ChildSa& child) {
  child.switch_by.reset();
  if (!child.outbound || child.redundant) return;
  // The AH first: what the ESP seals then goes through it.
  if (child.outer != nullptr && child.outer->outbound != nullptr) {
    policy::SaSpec outer = std::move(*child.outer->outbound);
    child.outer->outbound.reset();
    child.outer->outbound_there = true;
    services.emit(SwitchOutbound{expect(services, child, What::kOutbound, true), std::move(outer)});
  }
  policy::SaSpec spec = std::move(*child.outbound);
  child.outbound.reset();
  child.outbound_there = true;
  services.emit(SwitchOutbound{expect(services, child, What::kOutbound), std::move(spec)});
}

void follow_peer(Services& services, ChildSa& child, const net::Endpoint& remote) {
  const net::IpAddress before = std::exchange(child.remote, remote.address);
  if (child.outbound) {
    child.outbound->remote = remote.address;
    if (child.outbound->encap) child.outbound->encap->remote = remote.port;
  }
  if (OuterSa* outer = child.outer.get()) {
    if (outer->outbound) outer->outbound->remote = remote.address;
    if (outer->inbound_there)
      services.emit(MoveSa{{}, policy::Direction::kInbound, outer->spi_in, before, remote});
    if (outer->outbound_there)
      services.emit(MoveSa{expect(services, child, What::kMove, true), policy::Direction::kOutbound,
                           outer->spi_out, before, remote});
  }
  if (child.inbound_there)
    services.emit(MoveSa{{}, policy::Direction::kInbound, child.spi_in, before, remote});
  if (child.outbound_there)
    services.emit(MoveSa{expect(services, child, What::kMove), policy::Direction::kOutbound,
                         child.spi_out, before, remote});
}

void part_of_nobody(Services& services, const TokenOwner& owner, bool ok) {
  if (ok || owner.what != What::kInbound) return;
  services.return_spi(owner.outer.value() != 0 ? owner.outer : owner.spi);
}

void give_slot(Services& services, policy::ChildSlot id, std::uint64_t ike_sa) {
  Slot* slot = services.slots.find(id);
  if (slot == nullptr) return;
  slot->ike_sa = ike_sa;
  if (slot->outer.value() != 0) give_slot(services, slot->outer, ike_sa);
}

void part_installed(Services& services, const ChildSas& children, ChildSa& child, What what,
                    bool ok, bool outer) {
  PS_CHECK(child.pending > 0);
  --child.pending;
  Slot* slot = services.slots.find(child.slot);
  PS_CHECK(slot != nullptr);
  if (outer) {
    child.failed |= !ok;
    if (!ok)
      (what == What::kInbound ? child.outer->inbound_there : child.outer->outbound_there) = false;
    return;
  }
  if (!ok) {
    child.failed = true;
    if (what == What::kInbound) child.inbound_there = false;
    if (what == What::kOutbound || what == What::kMove) child.outbound_there = false;
    if (what == What::kMove && slot->sealing == child.spi_in) slot->sealing = net::Spi{};
    if (what == What::kPolicy) slot->policy_installed = false;
    return;
  }
  if (what != What::kOutbound || !child.outbound_there) return;
  const net::Spi before = slot->sealing;
  slot->sealing = child.spi_in;
  ChildSa* old = before == child.spi_in ? nullptr : find_by_inbound(children, before);
  if (old != nullptr) retire_outbound_half(services, *old);
}

void close_outbound(Services& services, const ChildSas& children, ChildSa& child) {
  Slot* slot = services.slots.find(child.slot);
  if (slot == nullptr) return;
  const bool sealed = slot->sealing == child.spi_in;
  // The heir is switched to first, so that the slot never stands empty between the two. There is
  // none to look for while a switch is under way: a second one would undo it.
  if (sealed) {
    const auto of_slot = [&](const auto& c) { return c->slot == child.slot && c.get() != &child; };
    const bool switched = std::ranges::any_of(
        children, [&](const auto& c) { return of_slot(c) && c->outbound_there; });
    const auto heir = std::ranges::find_if(children, [&](const auto& c) {
      return of_slot(c) && !switched && c->outbound && !c->redundant &&
             c->state != ChildState::kInstalling;
    });
    if (heir != children.end()) {
      switch_outbound(services, **heir);
    } else {
      slot->sealing = net::Spi{};
    }
  }
  remove_idle_policy(services, children, child, *slot);
  retire_outbound_half(services, child);
}

void retire(Services& services, const ChildSas& children, ChildSa& child) {
  close_outbound(services, children, child);
  if (child.inbound_there) {
    services.emit(RetireSa{policy::Direction::kInbound, child.spi_in, child.slot, child.remote});
  } else {
    services.return_spi(child.spi_in);
  }
  if (child.outer != nullptr) {
    if (child.outer->inbound_there) {
      services.emit(
          RetireSa{policy::Direction::kInbound, child.outer->spi_in, child.slot, child.remote});
    } else {
      services.return_spi(child.outer->spi_in);
    }
  }
  Slot* slot = services.slots.find(child.slot);
  if (slot == nullptr || --slot->sas != 0) return;
  if (slot->outer.value() != 0) services.slots.release(slot->outer);
  services.slots.release(child.slot);
}

}  // namespace penstock::session
