// SPDX-License-Identifier: BSD-3-Clause
// Rules as drivers want them: Ethernet, perhaps a tag, IP, perhaps UDP, and an ESP or AH item with
// some bits of the SPI; the action is a queue.
//
// A fragment must not be matched: the others of its packet have no SPI, would come in elsewhere,
// and a worker puts together only what it received itself. So a rule asks for whole packets
// (narrow). Drivers that find protocols by a parser of the NIC refuse that condition and do not
// need it: to them a fragment is no ESP. The same holds of UDP port 4500 (RFC 3948 §2.1): what such
// a NIC calls ESP in UDP has it; without it a rule would spread other UDP too, which harms nothing.
#include "lib/dpdk/steering.h"

#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_flow.h>

#include <utility>

namespace penstock::dpdk {

namespace {

constexpr std::uint16_t kNatTraversalPort = 4500;         // RFC 3947 §4
constexpr std::uint16_t kFragmentOffsetAndMore = 0x3fff;  // RFC 791 §3.1: MF and the offset

std::uint16_t be16(std::uint16_t value) { return rte_cpu_to_be_16(value); }
std::uint32_t be32(std::uint32_t value) { return rte_cpu_to_be_32(value); }

/// One rule. What the items point to lies here.
class Rule {
 public:
  Rule(const SteeredKind& kind, const SpiRule& rule, bool narrow) : queue_{rule.queue} {
    add(RTE_FLOW_ITEM_TYPE_ETH);
    if (kind.tagged) add(RTE_FLOW_ITEM_TYPE_VLAN);
    add_ip(kind.ipv6, narrow);
    if (kind.header == SteeredHeader::kUdpEsp) {
      udp_mask_.hdr.dst_port = 0xffff;
      udp_.hdr.dst_port = be16(kNatTraversalPort);
      narrow ? add(RTE_FLOW_ITEM_TYPE_UDP, &udp_, &udp_mask_) : add(RTE_FLOW_ITEM_TYPE_UDP);
    }
    if (kind.header == SteeredHeader::kAh) {
      ah_.spi = be32(rule.spi);
      ah_mask_.spi = be32(rule.mask);
      add(RTE_FLOW_ITEM_TYPE_AH, &ah_, &ah_mask_);
    } else {
      esp_.hdr.spi = be32(rule.spi);
      esp_mask_.hdr.spi = be32(rule.mask);
      add(RTE_FLOW_ITEM_TYPE_ESP, &esp_, &esp_mask_);
    }
    add(RTE_FLOW_ITEM_TYPE_END);
    actions_[0] = {.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue_};
    actions_[1] = {.type = RTE_FLOW_ACTION_TYPE_END, .conf = nullptr};
  }
  Rule(const Rule&) = delete;
  Rule& operator=(const Rule&) = delete;

  /// @return nullptr and why
  rte_flow* create(std::uint16_t port, std::string& why) const {
    const rte_flow_attr attributes{
        .group = 0, .priority = 0, .ingress = 1, .egress = 0, .transfer = 0, .reserved = 0};
    rte_flow_error error{};
    rte_flow* flow = nullptr;
    int code = rte_flow_validate(port, &attributes, items_.data(), actions_.data(), &error);
    if (code == 0) {
      flow = rte_flow_create(port, &attributes, items_.data(), actions_.data(), &error);
      code = -rte_errno;
    }
    if (flow == nullptr) why = error.message != nullptr ? error.message : rte_strerror(-code);
    return flow;
  }

 private:
  void add(rte_flow_item_type type, const void* spec = nullptr, const void* mask = nullptr) {
    items_[count_++] = {.type = type, .spec = spec, .last = nullptr, .mask = mask};
  }
  void add_ip(bool ipv6, bool narrow) {
    const auto type = ipv6 ? RTE_FLOW_ITEM_TYPE_IPV6 : RTE_FLOW_ITEM_TYPE_IPV4;
    if (!narrow) return add(type);
    ipv4_mask_.hdr.fragment_offset = be16(kFragmentOffsetAndMore);
    ipv6_mask_.has_frag_ext = 1;
    if (ipv6)
      add(type, &ipv6_, &ipv6_mask_);
    else
      add(type, &ipv4_, &ipv4_mask_);
  }

  rte_flow_item_ipv4 ipv4_{};
  rte_flow_item_ipv4 ipv4_mask_{};
  rte_flow_item_ipv6 ipv6_{};
  rte_flow_item_ipv6 ipv6_mask_{};
  rte_flow_item_udp udp_{};
  rte_flow_item_udp udp_mask_{};
  rte_flow_item_esp esp_{};
  rte_flow_item_esp esp_mask_{};
  rte_flow_item_ah ah_{};
  rte_flow_item_ah ah_mask_{};
  rte_flow_action_queue queue_;
  std::array<rte_flow_item, 6> items_{};
  std::array<rte_flow_action, 2> actions_{};
  unsigned count_ = 0;
};

void destroy(std::uint16_t port, rte_flow* flow) {
  rte_flow_error error{};
  // A rule that stays goes with the device's memory, when the port is closed.
  (void)rte_flow_destroy(port, flow, &error);
}

}  // namespace

/// @return empty, or why none of them is in
std::string Steering::add(const SteeredKind& kind, std::span<const SpiRule> rules, bool narrow) {
  const std::size_t before = flows_.size();
  for (const SpiRule& rule : rules) {
    std::string why;
    rte_flow* flow = Rule(kind, rule, narrow).create(port_, why);
    if (flow != nullptr) {
      flows_.push_back(flow);
      continue;
    }
    for (; flows_.size() > before; flows_.pop_back()) destroy(port_, flows_.back());
    return why;
  }
  return {};
}

Steering Steering::install(std::uint16_t port, std::span<const SpiRule> rules, bool tagged) {
  Steering steering;
  steering.port_ = port;
  if (rules.empty()) return steering;
  for (const SteeredKind& kind : kSteeredKinds) {
    if (kind.tagged && !tagged) continue;
    std::string why = steering.add(kind, rules, true);
    if (!why.empty()) why = steering.add(kind, rules, false);
    if (why.empty())
      steering.steered_.push_back(kind.name);
    else
      steering.refused_.push_back({kind.name, std::move(why)});
  }
  return steering;
}

void Steering::remove() {
  for (; !flows_.empty(); flows_.pop_back()) destroy(port_, flows_.back());
  steered_.clear();
}

Steering::Steering(Steering&& other) noexcept { *this = std::move(other); }

Steering& Steering::operator=(Steering&& other) noexcept {
  std::swap(port_, other.port_);
  std::swap(flows_, other.flows_);
  std::swap(steered_, other.steered_);
  std::swap(refused_, other.refused_);
  return *this;
}

}  // namespace penstock::dpdk
