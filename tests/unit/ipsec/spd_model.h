// SPDX-License-Identifier: BSD-3-Clause
// The SPD as RFC 4301 §4.4.1 describes it, and nothing more: a list, looked at from the top. It
// shares no code with the classifier, which is judged by it. And a source of random rules and
// packets from a small world, so that they meet often.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <vector>

#include "lib/policy/policy_rule.h"

namespace penstock::ipsec::test {

struct ModelPacket {
  policy::PacketSelectors selectors;
  net::Vrf vrf;
};

inline bool is_one_of(std::uint8_t value, std::initializer_list<int> values) {
  return std::ranges::find(values, int{value}) != values.end();
}

/// RFC 4301 §4.4.1.1, §7: does a port, or its absence, fit a side?
inline bool port_fits(const policy::TrafficSelector& side, std::optional<std::uint16_t> port) {
  const bool any = side.first_port == 0 && side.last_port == 0xffff;
  const bool opaque = side.first_port == 0xffff && side.last_port == 0;
  if (!port) return any || opaque;
  return !opaque && side.first_port <= *port && *port <= side.last_port;
}

inline bool pair_fits(const policy::TrafficSelector& local, const policy::TrafficSelector& remote,
                      policy::Direction direction, const policy::PacketSelectors& packet) {
  const bool out = direction == policy::Direction::kOutbound;
  const auto& source = out ? local : remote;
  const auto& destination = out ? remote : local;
  if (source.family() != destination.family() || source.family() != packet.source.family())
    return false;
  if (packet.source < source.first || source.last < packet.source) return false;
  if (packet.destination < destination.first || destination.last < packet.destination) return false;
  for (const auto* side : {&source, &destination})
    if (side->protocol != 0 && side->protocol != packet.protocol) return false;
  const bool type = is_one_of(packet.protocol, {1, 58, 135});
  const bool shown =
      packet.has_ports && (type || is_one_of(packet.protocol, {6, 17, 33, 132, 136}));
  if (!shown) return port_fits(source, std::nullopt) && port_fits(destination, std::nullopt);
  // RFC 4301 §4.4.1.3 C, D: the type belongs to the sender's side, if the policy is about types.
  const bool about_types = type && (local.protocol != 0 || remote.protocol != 0);
  if (about_types) return port_fits(source, packet.destination_port);
  return port_fits(source, packet.source_port) && port_fits(destination, packet.destination_port);
}

inline bool rule_fits(const policy::PolicyRule& rule, policy::Direction direction,
                      const ModelPacket& packet) {
  if (rule.vrf != packet.vrf) return false;
  for (const auto& local : rule.local_ts)
    for (const auto& remote : rule.remote_ts)
      if (pair_fits(local, remote, direction, packet.selectors)) return true;
  return false;
}

class ModelSpd {
 public:
  void insert(const policy::PolicyRule& rule) {
    const auto at = std::ranges::upper_bound(rules_, rule.priority, {},
                                             [](const auto& r) { return r.priority; });
    rules_.insert(at, rule);
  }
  void remove(policy::PolicyId id) {
    std::erase_if(rules_, [id](const auto& rule) { return rule.id == id; });
  }
  [[nodiscard]] std::optional<policy::PolicyId> lookup(policy::Direction direction,
                                                       const ModelPacket& packet) const {
    for (const auto& rule : rules_)
      if (rule_fits(rule, direction, packet)) return rule.id;
    return std::nullopt;
  }
  [[nodiscard]] const std::vector<policy::PolicyRule>& rules() const { return rules_; }

 private:
  std::vector<policy::PolicyRule> rules_;
};

/// Random rules and packets in a world of 32 neighbouring addresses and 16 ports.
class World {
 public:
  World(std::uint64_t seed, net::Family family) : random_(seed), family_(family) {}

  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

  net::IpAddress address(std::uint32_t n) const {
    // Around the middle of the address space, so that ranges cross every kind of boundary.
    if (family_ == net::Family::kIpv4) return net::IpAddress::v4(0x7ffffff0U + n);
    std::array<std::uint8_t, 16> octets{};
    octets[0] = n < 16 ? 0x7f : 0x80;
    for (std::size_t i = 1; i < 15; ++i) octets[i] = n < 16 ? 0xff : 0;
    octets[15] = static_cast<std::uint8_t>(n < 16 ? 0xf0U + n : n - 16);
    return net::IpAddress::v6(octets);
  }

  policy::TrafficSelector selector(std::uint8_t protocol) {
    std::uint32_t a = below(32);
    std::uint32_t b = below(3) == 0 ? a : below(32);
    if (b < a) std::swap(a, b);
    if (below(6) == 0) a = 0, b = 31;
    policy::TrafficSelector ts{.first = address(a), .last = address(b), .protocol = protocol};
    if (is_one_of(protocol, {0, 47})) {
      if (below(8) == 0) ts.first_port = 0xffff, ts.last_port = 0;
      return ts;
    }
    const std::uint32_t kind = below(8);
    if (kind == 0) ts.first_port = 0xffff, ts.last_port = 0;
    if (kind >= 4) {
      ts.first_port = static_cast<std::uint16_t>(below(16));
      ts.last_port = static_cast<std::uint16_t>(kind == 4   ? ts.first_port
                                                : kind == 5 ? 0xffffU
                                                            : ts.first_port + below(8));
    }
    return ts;
  }

  policy::PolicyRule rule(std::uint64_t id) {
    static constexpr std::uint32_t kPriorities[] = {1000, 2000, 2000, 2000, 3000};
    policy::PolicyRule r{.id = policy::PolicyId{id},
                         .priority = kPriorities[below(5)],
                         .action = static_cast<policy::PolicyAction>(below(3)),
                         .vrf = net::Vrf{static_cast<std::uint16_t>(below(8) == 0)},
                         .interface_id = {},
                         .slot = policy::ChildSlot{static_cast<std::uint32_t>(id)},
                         .local_ts = {},
                         .remote_ts = {},
                         .name = "rule"};
    const std::uint8_t protocol = this->protocol();
    for (std::uint32_t n = 1 + below(3); n > 0; --n) r.local_ts.push_back(selector(protocol));
    for (std::uint32_t n = 1 + below(3); n > 0; --n) r.remote_ts.push_back(selector(protocol));
    return r;
  }

  ModelPacket packet() {
    ModelPacket p{.selectors = {.source = address(below(32)),
                                .destination = address(below(32)),
                                .protocol = protocol(),
                                .source_port = static_cast<std::uint16_t>(below(20)),
                                .destination_port = static_cast<std::uint16_t>(below(20)),
                                .has_ports = below(5) != 0},
                  .vrf = net::Vrf{static_cast<std::uint16_t>(below(8) == 0)}};
    if (p.selectors.protocol == 0) p.selectors.protocol = 89;
    if (is_one_of(p.selectors.protocol, {1})) p.selectors.source_port = 0;
    return p;
  }

  policy::Direction direction() {
    return below(2) == 0 ? policy::Direction::kOutbound : policy::Direction::kInbound;
  }

 private:
  std::uint8_t protocol() {
    static constexpr std::uint8_t kProtocols[] = {0, 0, 6, 6, 17, 1, 47};
    return kProtocols[below(7)];
  }

  std::mt19937_64 random_;
  net::Family family_;
};

}  // namespace penstock::ipsec::test
