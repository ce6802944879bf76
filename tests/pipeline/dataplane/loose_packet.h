// SPDX-License-Identifier: BSD-3-Clause
// LoosePacket: an mbuf of no pool over octets of the test's, for what needs no gateway.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "lib/dpdk/packet.h"

namespace penstock::pipeline {

class LoosePacket {
 public:
  /// Its data is all of `octets` at first.
  void lie_over(std::span<std::byte> octets) {
    get()->buf_addr = octets.data();
    get()->buf_len = static_cast<std::uint16_t>(octets.size());
    get()->data_off = 0;
    dpdk::resize(get(), static_cast<unsigned>(octets.size()));
  }
  [[nodiscard]] dpdk::Packet* get() { return reinterpret_cast<dpdk::Packet*>(head_.data()); }
  [[nodiscard]] dpdk::PacketMeta& meta() { return dpdk::meta(get()); }
  /// All that the meta says.
  [[nodiscard]] base::Bytes meta_octets() const {
    constexpr std::size_t kEnd =
        offsetof(dpdk::PacketMeta, child_slot) + sizeof(dpdk::PacketMeta::child_slot);
    return base::Bytes(head_).subspan(sizeof(dpdk::Packet), kEnd);
  }

 private:
  alignas(64) std::array<std::byte, sizeof(dpdk::Packet) + sizeof(dpdk::PacketMeta)> head_{};
};

}  // namespace penstock::pipeline
