// SPDX-License-Identifier: BSD-3-Clause
// What AH's ICV takes as zero of the options in front of it. Lies in open AH and seal AH.
#include "lib/net/ah.h"

#include <algorithm>
#include <array>

#include "lib/net/ipv4.h"
#include "lib/net/ipv6.h"

namespace penstock::net {

namespace {

/// RFC 4302 appendix A1. All others, known or not (§3.3.3.1), are zeroed.
constexpr std::array<std::uint8_t, 7> kImmutableOptions{
    kIpv4OptionEnd,
    kIpv4OptionNop,
    130,  // Security (RFC 1108)
    133,  // Extended Security
    134,  // Commercial Security
    148,  // Router Alert (RFC 2113)
    149,  // Sender Directed Multi-Destination Delivery (RFC 1770)
};
constexpr std::uint8_t kOptionMayChange = 0x20;  ///< RFC 8200 §4.2: the third bit of an IPv6 option
constexpr std::uint8_t kOptionPad1 = 0;

unsigned octet(base::Bytes octets, unsigned at) { return std::to_integer<unsigned>(octets[at]); }

void zero_options_between(base::MutableBytes headers, unsigned at, unsigned end) {
  while (at < end) {
    const unsigned type = octet(headers, at);
    if (type == kOptionPad1) {
      ++at;
      continue;
    }
    const unsigned length = octet(headers, at + 1);
    if ((type & kOptionMayChange) != 0)
      std::ranges::fill(headers.subspan(at + 2, length), std::byte{0});
    at += 2 + length;
  }
}

}  // namespace

void zero_mutable_options(base::MutableBytes options) {
  for (unsigned at = 0; at < options.size();) {
    const unsigned type = octet(options, at);
    if (type == kIpv4OptionEnd) return;
    const unsigned length = type == kIpv4OptionNop ? 1 : octet(options, at + 1);
    if (std::ranges::find(kImmutableOptions, type) == kImmutableOptions.end())
      std::ranges::fill(options.subspan(at, length), std::byte{0});
    at += length;
  }
}

void zero_mutable_options6(base::MutableBytes headers) {
  unsigned kind = reinterpret_cast<const Ipv6Header*>(headers.data())->next_header;
  for (unsigned at = sizeof(Ipv6Header); at < headers.size();) {
    const unsigned octets = (octet(headers, at + 1) + 1) * 8;
    if (kind == kExtensionHopByHop || kind == kExtensionDestination)
      zero_options_between(headers, at + 2, at + octets);
    kind = octet(headers, at);
    at += octets;
  }
}

}  // namespace penstock::net
