// SPDX-License-Identifier: BSD-3-Clause
#include "tests/flow_device/headers.h"

#include <rte_byteorder.h>

#include <cstring>

namespace penstock::test {
namespace {

constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kIpv6 = 0x86dd;
constexpr std::uint16_t kTag = 0x8100;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kEsp = 50;
constexpr std::uint8_t kAh = 51;
constexpr std::uint16_t kNatTraversal = 4500;

class Parser {
 public:
  Parser(base::Bytes frame, bool into_fragments) : rest_(frame), into_fragments_(into_fragments) {}

  FrameHeaders run() {
    if (!take(RTE_FLOW_ITEM_TYPE_ETH, 14)) return out_;
    std::uint16_t type = number16(12);
    skip(14);
    if (type == kTag) {
      if (!take(RTE_FLOW_ITEM_TYPE_VLAN, 4)) return out_;
      type = number16(2);
      skip(4);
    }
    if (type == kIpv4) ipv4();
    if (type == kIpv6) ipv6();
    return out_;
  }

 private:
  std::uint8_t number8(std::size_t at) const { return static_cast<std::uint8_t>(rest_[at]); }
  std::uint16_t number16(std::size_t at) const {
    return static_cast<std::uint16_t>(number8(at) << 8 | number8(at + 1));
  }
  std::uint32_t number32(std::size_t at) const {
    return static_cast<std::uint32_t>(number16(at)) << 16 | number16(at + 2);
  }
  void skip(std::size_t octets) { rest_ = rest_.subspan(octets); }
  bool take(rte_flow_item_type type, std::size_t octets) {
    if (rest_.size() < octets) return false;
    out_.headers.push_back({type, base::to_vector(rest_.first(octets))});
    return true;
  }

  void ipv4() {
    if (!take(RTE_FLOW_ITEM_TYPE_IPV4, 20)) return;
    const std::size_t length = static_cast<std::size_t>(number8(0) & 15U) * 4;
    const std::uint16_t fragment = number16(6) & 0x3fff;
    const std::uint8_t protocol = number8(9);
    out_.addresses = base::to_vector(rest_.subspan(12, 8));
    if (rest_.size() < length) return;
    skip(length);
    if (fragment == 0 || (fragment == 0x2000 && into_fragments_)) transport(protocol);
  }

  void ipv6() {
    if (rest_.size() < 40) return;
    rte_flow_item_ipv6 item{};
    std::memcpy(&item.hdr, rest_.data(), 40);
    std::uint8_t protocol = number8(6);
    out_.addresses = base::to_vector(rest_.subspan(8, 32));
    skip(40);
    bool visible = true;
    if (protocol == kFragment && rest_.size() >= 8) {
      item.has_frag_ext = 1;
      visible = into_fragments_ && (number16(2) & 0xfff8) == 0;
      protocol = number8(0);
      skip(8);
    }
    const auto* octets = reinterpret_cast<const std::byte*>(&item);
    out_.headers.push_back({RTE_FLOW_ITEM_TYPE_IPV6, {octets, octets + sizeof(item)}});
    if (visible) transport(protocol);
  }

  void transport(std::uint8_t protocol) {
    if (protocol == kUdp && take(RTE_FLOW_ITEM_TYPE_UDP, 8)) {
      out_.ports = base::to_vector(rest_.first(4));
      const bool esp = number16(2) == kNatTraversal;
      skip(8);
      if (esp) take(RTE_FLOW_ITEM_TYPE_ESP, 8);
    }
    if (protocol == kEsp && take(RTE_FLOW_ITEM_TYPE_ESP, 8)) out_.spi = number32(0);
    if (protocol == kAh && take(RTE_FLOW_ITEM_TYPE_AH, 12)) out_.spi = number32(4);
  }

  base::Bytes rest_;
  bool into_fragments_;
  FrameHeaders out_;
};

}  // namespace

FrameHeaders parse_frame(base::Bytes frame, bool into_fragments) {
  return Parser(frame, into_fragments).run();
}

}  // namespace penstock::test
