// SPDX-License-Identifier: BSD-3-Clause
// Punt: what workers hand to the control core becomes inputs of the engine.
#pragma once

#include "control/ike/engine_io.h"

namespace penstock::bridge {

/// The IKE message in a whole IP packet for us, without the non-ESP marker (RFC 3948 §2.2).
/// @return kTruncated, kMalformed (no IKE over UDP, wrong UDP checksum), kUnsupported
/// (another IP version)
[[nodiscard]] base::Result<ike::Datagram> ike_datagram_of(base::Bytes packet);

}  // namespace penstock::bridge
