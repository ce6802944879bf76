// SPDX-License-Identifier: BSD-3-Clause
// What must hold of every frame that the fuzzed gateway sends, whatever came in.
#pragma once

#include "tests/fuzz/dataplane/fuzz_world.h"

namespace penstock::fuzz {

/// What an input has fed so far, as far as a promise depends on it.
struct Fed {
  bool from_inside = false;  ///< inside hosts may say any source
  bool sealed = false;       ///< a peer has sealed something
  bool spoofed = false;      ///< something came that says it is from us
};

/// The MAC of our port; others are their peers'.
[[nodiscard]] net::MacAddress mac_of(unsigned port);
/// Whether a packet says that it comes from an address of ours.
[[nodiscard]] bool claims_our_source(Bytes packet);
/// Ends the process unless the frame is sound, carries no checksum of ours that is wrong, and may
/// leave by this port (RFC 4301 §5.1: in clear what policy bypasses, and our own IKE and ND).
void check_frame(unsigned port, Bytes frame, const Fed& fed);

}  // namespace penstock::fuzz
