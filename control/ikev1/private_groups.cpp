// SPDX-License-Identifier: BSD-3-Clause
// Private groups by attributes of phase 1 (RFC 2409 appendix A). They expire with the ISAKMP SA
// under which they were established and its successors (§5.6).
#include "control/ikev1/private_groups.h"

#include <algorithm>

#include "control/ikev1/children.h"

namespace penstock::ikev1 {

using crypto::DhGroupId;
using crypto::PrivateGroup;
using isakmp::V1Attribute;
using isakmp::V1Proposal;
using isakmp::V1Transform;

namespace {

// RFC 2409 appendix A.
constexpr std::uint16_t kGroup = 4;
constexpr std::uint16_t kGroupType = 5;
constexpr std::uint16_t kPrime = 6;
constexpr std::uint16_t kGenerator = 7;
constexpr std::uint16_t kModp = 1;
constexpr std::uint16_t kEcp = 2;
constexpr std::uint16_t kEc2n = 3;
constexpr std::uint8_t kKeyIke = 1;  // RFC 2407 §4.4.2.1

/// Of whatever length on the wire.
base::ByteVector octets_of(const V1Attribute* attribute) {
  if (attribute == nullptr) return {};
  if (!attribute->basic) return attribute->octets;
  return {static_cast<std::byte>(attribute->value >> 8U & 0xffU),
          static_cast<std::byte>(attribute->value & 0xffU)};
}

V1Attribute variable(std::uint16_t type, const base::ByteVector& octets) {
  V1Attribute out;
  out.type = type;
  out.basic = false;
  out.octets = octets;
  return out;
}

const session::PrivateGroupConfig* configured(const IsakmpSa& sa, DhGroupId id) {
  const auto& all = sa.connection->config.private_groups;
  const auto found = std::ranges::find_if(all, [&](const auto& group) { return group.id() == id; });
  return found == all.end() ? nullptr : &*found;
}

base::Result<OfferedGroup> read_one(const V1Transform& t) {
  const auto refuse = [](std::string why) { return base::fail(base::ErrorCode::kRefused, why); };
  const V1Attribute* number = t.find(kGroup);
  const V1Attribute* type = t.find(kGroupType);
  const std::uint64_t kind = type == nullptr ? 0 : type->value;
  if (kind == kEc2n) return refuse("a group of type EC2N");
  if (kind == kEcp) return refuse("a private group of type ECP");
  if (t.id != kKeyIke || kind != kModp) return refuse("a group of no type that there is");
  for (const V1Attribute& a : t.attributes)
    if (a.type < kGroup || a.type > kGenerator ||
        std::ranges::count(t.attributes, a.type, &V1Attribute::type) != 1)
      return refuse("an attribute that describes no MODP group");
  if (number == nullptr || number->value > 0xffff ||
      !crypto::is_private(DhGroupId{static_cast<std::uint16_t>(number->value)}))
    return refuse("a number that is not of the private range");
  OfferedGroup out;
  out.id = DhGroupId{static_cast<std::uint16_t>(number->value)};
  PS_ASSIGN(out.group,
            crypto::private_group_of(octets_of(t.find(kPrime)), octets_of(t.find(kGenerator))));
  return out;
}

}  // namespace

const PrivateGroup* find_group(Machine& machine, const IsakmpSa& sa, DhGroupId id) {
  if (const auto own = sa.groups.find(id); own != sa.groups.end()) return &own->second;
  // Successors and predecessors are one peer's.
  for (const IsakmpSa* other : machine.siblings(sa))
    if (const auto found = other->groups.find(id); found != other->groups.end())
      return &found->second;
  return nullptr;
}

bool set_private_group(Machine& machine, const IsakmpSa& sa, Exchange& x) {
  if (!crypto::is_private(x.group)) return true;
  const PrivateGroup* group = find_group(machine, sa, x.group);
  if (group == nullptr) return false;
  x.private_group = *group;
  return true;
}

DhGroupId usable_group(Machine& machine, const IsakmpSa& sa, const crypto::Proposals& proposals) {
  for (const crypto::Proposal& p : proposals)
    for (const DhGroupId id : p.dh) {
      if (!crypto::is_private(id) || find_group(machine, sa, id) != nullptr) return id;
      if (configured(sa, id) != nullptr && !sa.refused_groups.contains(id)) return id;
    }
  return session::first_group(proposals);
}

const session::PrivateGroupConfig* group_to_propose(Machine& machine, const IsakmpSa& sa,
                                                    const session::Task& task) {
  const session::ChildSa* old = task.kind == session::Task::Kind::kRekeyChild
                                    ? session::find_by_inbound(sa.children, task.spi)
                                    : nullptr;
  const session::ChildConfig* child = old != nullptr ? old->config : task.child;
  if (child == nullptr) return nullptr;
  DhGroupId wanted = old != nullptr ? old->agreed.group : DhGroupId::kNone;
  if (wanted == DhGroupId::kNone) wanted = usable_group(machine, sa, proposals_of(*child));
  if (!crypto::is_private(wanted) || find_group(machine, sa, wanted) != nullptr ||
      sa.refused_groups.contains(wanted))
    return nullptr;
  return configured(sa, wanted);
}

isakmp::V1SaPayload group_offer(DhGroupId id, const PrivateGroup& group) {
  V1Transform t;
  t.number = 1;
  t.id = kKeyIke;
  t.attributes = {V1Attribute::of(kGroup, static_cast<std::uint16_t>(id)),
                  V1Attribute::of(kGroupType, kModp), variable(kPrime, group.prime),
                  variable(kGenerator, group.generator)};
  isakmp::V1SaPayload sa;
  sa.proposals.push_back({1, isakmp::ProtocolId::kIke, {}, {std::move(t)}});
  return sa;
}

base::Result<OfferedGroup> read_group(const isakmp::V1SaPayload& sa) {
  base::Error why{base::ErrorCode::kRefused, "there is not one proposal for ISAKMP"};
  if (sa.proposals.size() != 1 || sa.proposals.front().protocol != isakmp::ProtocolId::kIke)
    return tl::unexpected(std::move(why));
  const V1Proposal& p = sa.proposals.front();
  for (const V1Transform& t : p.transforms) {
    auto one = read_one(t);
    if (one) {
      one->answer = {p.number, p.protocol, p.spi, {t}};
      return one;
    }
    if (&t == &p.transforms.front()) why = one.error();
  }
  return tl::unexpected(std::move(why));
}

}  // namespace penstock::ikev1
