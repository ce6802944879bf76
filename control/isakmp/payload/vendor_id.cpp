// SPDX-License-Identifier: BSD-3-Clause
// Vendor ID payload, and names for those that peers of ours send.
#include "control/isakmp/payload/vendor_id.h"

#include <fmt/format.h>

namespace penstock::isakmp {
namespace {

struct KnownVendor {
  std::string_view prefix_hex;  ///< a version may follow
  std::string_view name;
};
constexpr KnownVendor kKnown[] = {
    {"882fe56d6fd20dbc2251613b2ebe5beb", "strongSwan"},
    {"afcad71368a1f1c96b8696fc77570100", "Dead Peer Detection"},  // RFC 3706 §5.1
    {"09002689dfd6b712", "XAUTH"},                                // draft-beaulieu-ike-xauth-02
    {"4a131c81070358455c5728f20e95452f", "NAT-Traversal"},        // RFC 3947 §3.1
    // Of the drafts before it: MD5 of "draft-ietf-ipsec-nat-t-ike-00" and so on; of -02 many peers
    // took the end of the line too.
    {"4485152d18b6bbcd0be8a8469579ddcc", "NAT-Traversal draft 00"},
    {"16f6ca16e4a4066d83821a0f0aeaa862", "NAT-Traversal draft 01"},
    {"cd60464335df21f87cfdb2fc68b6a448", "NAT-Traversal draft 02"},
    {"90cb80913ebb696e086381b5ec427b1f", "NAT-Traversal draft 02"},
    {"7d9419a65310ca6f2c179d9215529d56", "NAT-Traversal draft 03"},
    {"1e2b516905991c7d7c96fcbfb587e461", "Microsoft"},
    {"4048b7d56ebce88525e7de7f00d6c2d3", "FRAGMENTATION"},
    {"12f5f28c457168a9702d9fe274cc0100", "Cisco Unity"},
    {"4f45", "Libreswan or Openswan"},
};

}  // namespace

base::Result<VendorIdPayload> parse_vendor_id(base::Bytes body) {
  if (body.empty()) return base::fail(base::ErrorCode::kMalformed, "V: it is empty");
  return VendorIdPayload{body};
}

void append_vendor_id(MessageBuilder& builder, PayloadType which, base::Bytes data) {
  builder.append(which, data);
}

std::string_view name_of_vendor_id(base::Bytes data) {
  const std::string hex = base::to_hex(data);
  for (const KnownVendor& row : kKnown)
    if (hex.starts_with(row.prefix_hex)) return row.name;
  return {};
}

std::string describe(const VendorIdPayload& payload) {
  const std::string_view name = name_of_vendor_id(payload.data);
  if (!name.empty()) return fmt::format("V({})", name);
  constexpr std::size_t kShown = 16;
  const bool whole = payload.data.size() <= kShown;
  return fmt::format("V({}{})", base::to_hex(whole ? payload.data : payload.data.first(kShown)),
                     whole ? "" : "…");
}

}  // namespace penstock::isakmp
