// SPDX-License-Identifier: BSD-3-Clause
// ECN through tunnels (RFC 6040) as the table that the RFC gives.
#pragma once

#include <array>
#include <cstdint>

namespace penstock::ipsec {

inline constexpr std::uint8_t kDscpMask = 0xfc;  ///< RFC 2474 §3
inline constexpr std::uint8_t kEcnMask =
    0x03;  ///< RFC 3168 §5: 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE

/// What the inner header has after decapsulation; kEcnDrop: the packet is dropped.
inline constexpr std::uint8_t kEcnDrop = 0xff;
/// RFC 6040 §4.2, figure 4: [inner][outer].
inline constexpr std::array<std::array<std::uint8_t, 4>, 4> kEcnDecapsulation{{
    // outer: Not-ECT, ECT(1), ECT(0), CE
    {0, 0, 0, kEcnDrop},  // inner Not-ECT: CE on a packet that cannot have it
    {1, 1, 1, 3},         // inner ECT(1)
    {2, 1, 2, 3},         // inner ECT(0)
    {3, 3, 3, 3},         // inner CE
}};

}  // namespace penstock::ipsec
