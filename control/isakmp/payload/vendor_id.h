// SPDX-License-Identifier: BSD-3-Clause
// Vendor ID payload of both versions (RFC 7296 §3.12, RFC 2408 §3.16), with the ones we can name.
#pragma once

#include <string>
#include <string_view>

#include "control/isakmp/message_builder.h"

namespace penstock::isakmp {

struct VendorIdPayload {
  base::Bytes data;
};

/// @return kMalformed if it is empty
[[nodiscard]] base::Result<VendorIdPayload> parse_vendor_id(base::Bytes body);
/// @param which  kVendorId or kV1VendorId
void append_vendor_id(MessageBuilder& builder, PayloadType which, base::Bytes data);
/// The vendor's or feature's name; empty if we do not know it.
[[nodiscard]] std::string_view name_of_vendor_id(base::Bytes data);
[[nodiscard]] std::string describe(const VendorIdPayload& payload);  ///< "V(strongSwan)"

}  // namespace penstock::isakmp
