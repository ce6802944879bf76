// SPDX-License-Identifier: BSD-3-Clause
// The classifier, the rings, and DPDK's functions.
#include "tests/flow_device/flow_device.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_thash.h>

#include <algorithm>
#include <cstring>
#include <list>
#include <map>

#include "tests/flow_device/headers.h"

/// DPDK leaves this to the driver.
struct rte_flow {
  struct Item {
    rte_flow_item_type type;
    penstock::base::ByteVector spec, mask;  ///< empty: any
    bool operator==(const Item&) const = default;
  };
  std::vector<Item> items;
  unsigned queue = 0;
};

namespace penstock::test {

struct FlowDevice::State {
  std::string name;
  FlowDeviceAbility ability;
  std::vector<rte_ring*> in, out;
  std::uint16_t port = 0;
  std::uint64_t rss = 0;
  std::uint16_t queues = 1;  ///< that it was configured with
  std::list<rte_flow> flows;
};

namespace {

using State = FlowDevice::State;

std::map<std::uint16_t, State*>& ports() {
  static std::map<std::uint16_t, State*> all;
  return all;
}
State* state_of(std::uint16_t port) {
  const auto found = ports().find(port);
  return found == ports().end() ? nullptr : found->second;
}

/// DPDK's own function of this name.
template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

/// Octets of the item's struct, and where in it the SPI is.
struct ItemShape {
  std::size_t octets;
  bool condition;  ///< a mask in it is one of the `conditions`
  std::size_t spi = 0;
  bool has_spi = false;
};
std::optional<ItemShape> shape_of(const State& state, rte_flow_item_type type, bool in_udp) {
  switch (type) {
    case RTE_FLOW_ITEM_TYPE_ETH:
      return ItemShape{14, false};
    case RTE_FLOW_ITEM_TYPE_VLAN:
      return state.ability.tags ? std::optional(ItemShape{4, false}) : std::nullopt;
    case RTE_FLOW_ITEM_TYPE_IPV4:
      return ItemShape{20, true};
    case RTE_FLOW_ITEM_TYPE_IPV6:
      return ItemShape{sizeof(rte_flow_item_ipv6), true};
    case RTE_FLOW_ITEM_TYPE_UDP:
      return ItemShape{8, true};
    case RTE_FLOW_ITEM_TYPE_ESP:
      if (!(in_udp ? state.ability.esp_in_udp : state.ability.esp)) return std::nullopt;
      return ItemShape{8, false, 0, true};
    case RTE_FLOW_ITEM_TYPE_AH:
      return state.ability.ah ? std::optional(ItemShape{12, false, 4, true}) : std::nullopt;
    default:
      return std::nullopt;
  }
}

int refuse(rte_flow_error* error, int code, const char* message) {
  return rte_flow_error_set(error, code, RTE_FLOW_ERROR_TYPE_ITEM, nullptr, message);
}

/// @return why not; nullptr: fine
const char* copy_item(const State& state, const rte_flow_item& item, bool in_udp,
                      rte_flow::Item& out) {
  const auto shape = shape_of(state, item.type, in_udp);
  if (!shape) return "unknown item";
  if (item.last != nullptr) return "no ranges";
  if ((item.spec == nullptr) != (item.mask == nullptr)) return "a spec and a mask, or neither";
  out.type = item.type;
  if (item.spec == nullptr) return nullptr;
  if (shape->condition && !state.ability.conditions) return "no conditions in this item";
  const auto* spec = static_cast<const std::byte*>(item.spec);
  const auto* mask = static_cast<const std::byte*>(item.mask);
  out.spec.assign(spec, spec + shape->octets);
  out.mask.assign(mask, mask + shape->octets);
  for (std::size_t i = 0; i < shape->octets; ++i)
    if ((out.spec[i] & ~out.mask[i]) != std::byte{0}) return "the spec has bits beside its mask";
  if (shape->has_spi && !state.ability.spi_bits)
    for (std::size_t i = 0; i < 4; ++i)
      if (out.mask[shape->spi + i] != std::byte{0xff}) return "only a whole SPI";
  return nullptr;
}

int copy_rule(const State& state, const rte_flow_attr& attributes, const rte_flow_item* items,
              const rte_flow_action* actions, rte_flow_error* error, rte_flow& out) {
  if (!state.ability.rte_flow) return refuse(error, ENOSYS, "no rte_flow");
  if (attributes.ingress != 1 || attributes.egress != 0 || attributes.group != 0)
    return refuse(error, EINVAL, "ingress of group 0 only");
  for (bool in_udp = false; items->type != RTE_FLOW_ITEM_TYPE_END; ++items) {
    if (const char* why = copy_item(state, *items, in_udp, out.items.emplace_back());
        why != nullptr)
      return refuse(error, ENOTSUP, why);
    in_udp |= items->type == RTE_FLOW_ITEM_TYPE_UDP;
  }
  if (actions[0].type != RTE_FLOW_ACTION_TYPE_QUEUE || actions[1].type != RTE_FLOW_ACTION_TYPE_END)
    return refuse(error, ENOTSUP, "one queue only");
  out.queue = static_cast<const rte_flow_action_queue*>(actions[0].conf)->index;
  return out.queue < state.queues ? 0 : refuse(error, EINVAL, "no such queue");
}

bool matches(const rte_flow& flow, const std::vector<FrameHeader>& headers) {
  if (headers.size() < flow.items.size()) return false;
  for (std::size_t i = 0; i < flow.items.size(); ++i) {
    const rte_flow::Item& item = flow.items[i];
    if (item.type != headers[i].type) return false;
    for (std::size_t at = 0; at < item.spec.size(); ++at)
      if ((headers[i].item.at(at) & item.mask[at]) != item.spec[at]) return false;
  }
  return true;
}

/// Toeplitz over what the types name, as a NIC's RSS.
unsigned spread(const State& state, const FrameHeaders& frame) {
  static constexpr std::uint8_t kKey[40] = {
      0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
      0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
      0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};
  base::ByteVector tuple;
  const auto append = [&](const base::ByteVector& octets) {
    tuple.insert(tuple.end(), octets.begin(), octets.end());
  };
  if ((state.rss & RTE_ETH_RSS_IP) != 0) append(frame.addresses);
  if ((state.rss & RTE_ETH_RSS_UDP) != 0) append(frame.ports);
  std::vector<std::uint32_t> words(tuple.size() / 4);
  std::memcpy(words.data(), tuple.data(), words.size() * 4);
  for (std::uint32_t& word : words) word = rte_be_to_cpu_32(word);
  if (frame.spi && (state.rss & (RTE_ETH_RSS_ESP | RTE_ETH_RSS_AH)) != 0)
    words.push_back(*frame.spi);
  if (words.empty()) return 0;
  return rte_softrss(words.data(), static_cast<std::uint32_t>(words.size()), kKey) % state.queues;
}

}  // namespace

FlowDevice::FlowDevice(const std::string& name, std::uint16_t queues, FlowDeviceAbility ability)
    : state_(std::make_unique<State>()) {
  state_->name = name;
  state_->ability = ability;
  constexpr unsigned kPlaces = 4096;
  for (unsigned q = 0; q < queues; ++q) {
    const auto ring = [&](const char* side) {
      return rte_ring_create(fmt::format("{}{}{}", name, side, q).c_str(), kPlaces, -1,
                             RING_F_SP_ENQ | RING_F_SC_DEQ);
    };
    state_->in.push_back(ring("i"));
    state_->out.push_back(ring("o"));
  }
  const int port =
      rte_eth_from_rings(name.c_str(), state_->in.data(), queues, state_->out.data(), queues, 0);
  if (port < 0) std::abort();
  state_->port = static_cast<std::uint16_t>(port);
  ports()[state_->port] = state_.get();
}

FlowDevice::~FlowDevice() {
  ports().erase(state_->port);
  for (rte_ring* ring : state_->in) rte_ring_free(ring);
  for (rte_ring* ring : state_->out) rte_ring_free(ring);
}

std::string FlowDevice::device() const { return "net_ring_" + state_->name; }

std::optional<unsigned> FlowDevice::steered(base::Bytes frame) const {
  const auto parsed = parse_frame(frame, state_->ability.looks_into_fragments);
  const auto found = std::ranges::find_if(
      state_->flows, [&](const rte_flow& flow) { return matches(flow, parsed.headers); });
  return found == state_->flows.end() ? std::nullopt : std::optional(found->queue);
}

unsigned FlowDevice::queue_of(base::Bytes frame) const {
  if (const auto queue = steered(frame)) return *queue;
  return spread(*state_, parse_frame(frame, false));  // RSS takes of a fragment its addresses
}

unsigned FlowDevice::put(base::Bytes frame, rte_mempool* pool) {
  const unsigned queue = queue_of(frame);
  rte_mbuf* packet = rte_pktmbuf_alloc(pool);
  char* place = packet != nullptr
                    ? rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()))
                    : nullptr;
  if (place == nullptr) std::abort();
  std::memcpy(place, frame.data(), frame.size());
  if (rte_ring_enqueue(state_->in[queue], packet) != 0) std::abort();
  return queue;
}

std::vector<base::ByteVector> FlowDevice::sent() {
  std::vector<base::ByteVector> all;
  for (rte_ring* ring : state_->out)
    for (void* item = nullptr; rte_ring_dequeue(ring, &item) == 0;) {
      auto* packet = static_cast<rte_mbuf*>(item);
      const auto* octets = rte_pktmbuf_mtod(packet, const std::byte*);
      all.emplace_back(octets, octets + packet->data_len);
      rte_pktmbuf_free(packet);
    }
  return all;
}

std::size_t FlowDevice::rules() const { return state_->flows.size(); }
std::uint64_t FlowDevice::rss() const { return state_->rss; }

}  // namespace penstock::test

// DPDK's functions, for ports of ours.
using penstock::test::copy_rule;
using penstock::test::real;
using penstock::test::refuse;
using penstock::test::state_of;

extern "C" {

int rte_flow_validate(std::uint16_t port, const rte_flow_attr* attributes,
                      const rte_flow_item items[], const rte_flow_action actions[],
                      rte_flow_error* error) {
  static const auto next = real<decltype(rte_flow_validate)>("rte_flow_validate");
  const auto* state = state_of(port);
  if (state == nullptr) return next(port, attributes, items, actions, error);
  rte_flow flow;
  return copy_rule(*state, *attributes, items, actions, error, flow);
}

rte_flow* rte_flow_create(std::uint16_t port, const rte_flow_attr* attributes,
                          const rte_flow_item items[], const rte_flow_action actions[],
                          rte_flow_error* error) {
  static const auto next = real<decltype(rte_flow_create)>("rte_flow_create");
  auto* state = state_of(port);
  if (state == nullptr) return next(port, attributes, items, actions, error);
  rte_flow flow;
  if (copy_rule(*state, *attributes, items, actions, error, flow) != 0) return nullptr;
  const bool there = std::ranges::any_of(
      state->flows, [&](const rte_flow& other) { return other.items == flow.items; });
  if (there || state->flows.size() == state->ability.room) {
    refuse(error, there ? EEXIST : ENOSPC, there ? "it is there already" : "no room for more");
    return nullptr;
  }
  return &state->flows.emplace_back(std::move(flow));
}

int rte_flow_destroy(std::uint16_t port, rte_flow* flow, rte_flow_error* error) {
  static const auto next = real<decltype(rte_flow_destroy)>("rte_flow_destroy");
  auto* state = state_of(port);
  if (state == nullptr) return next(port, flow, error);
  const auto found =
      std::ranges::find_if(state->flows, [&](const rte_flow& one) { return &one == flow; });
  if (found == state->flows.end()) return refuse(error, ENOENT, "no such rule");
  state->flows.erase(found);
  return 0;
}

int rte_eth_dev_info_get(std::uint16_t port, rte_eth_dev_info* info) {
  static const auto next = real<decltype(rte_eth_dev_info_get)>("rte_eth_dev_info_get");
  const int code = next(port, info);
  if (const auto* state = state_of(port); state != nullptr)
    info->flow_type_rss_offloads = state->ability.rss;
  return code;
}

int rte_eth_dev_configure(std::uint16_t port, std::uint16_t rx, std::uint16_t tx,
                          const rte_eth_conf* conf) {
  static const auto next = real<decltype(rte_eth_dev_configure)>("rte_eth_dev_configure");
  auto* state = state_of(port);
  if (state == nullptr) return next(port, rx, tx, conf);
  const std::uint64_t rss =
      conf->rxmode.mq_mode == RTE_ETH_MQ_RX_RSS ? conf->rx_adv_conf.rss_conf.rss_hf : 0;
  if ((rss & (~state->ability.rss | state->ability.rss_refused)) != 0) return -EINVAL;
  state->rss = rss;
  state->queues = rx;
  rte_eth_conf plain = *conf;
  plain.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
  plain.rx_adv_conf.rss_conf.rss_hf = 0;
  return next(port, rx, tx, &plain);
}

}  // extern "C"
