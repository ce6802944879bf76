// SPDX-License-Identifier: BSD-3-Clause
// What a NIC's parser makes of a frame: its headers, each as the rte_flow item that describes it.
#pragma once

#include <rte_flow.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/base/bytes.h"

namespace penstock::test {

struct FrameHeader {
  rte_flow_item_type type;
  base::ByteVector item;  ///< the item's struct, filled in
};

struct FrameHeaders {
  std::vector<FrameHeader> headers;  ///< from Ethernet on
  base::ByteVector addresses;        ///< of the IP packet, source first
  base::ByteVector ports;            ///< of UDP
  std::optional<std::uint32_t> spi;  ///< of ESP or AH over IP, host order
};

/// @param into_fragments  a first fragment's transport header counts
[[nodiscard]] FrameHeaders parse_frame(base::Bytes frame, bool into_fragments);

}  // namespace penstock::test
