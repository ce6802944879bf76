// SPDX-License-Identifier: BSD-3-Clause
// The options of a tunnel's packets, which children and manual SAs have alike: rows of any group
// that holds a policy::TunnelHeader under `tunnel_header`.
#pragma once

#include <array>

#include "control/config/schema.h"

namespace penstock::config {

// Each reads one member.
void read_df(const Place& at, policy::TunnelHeader& out);
void read_copy_df(const Place& at, policy::TunnelHeader& out);
void read_copy_dscp(const Place& at, policy::TunnelHeader& out);
void read_dscp(const Place& at, policy::TunnelHeader& out);
void read_copy_ecn(const Place& at, policy::TunnelHeader& out);
void read_ttl(const Place& at, policy::TunnelHeader& out);
void read_flow_label(const Place& at, policy::TunnelHeader& out);
void read_fragmentation(const Place& at, policy::TunnelHeader& out);
void read_clamp_mss(const Place& at, policy::TunnelHeader& out);
void read_tfc_padding(const Place& at, policy::TunnelHeader& out);
void read_dummy_packets(const Place& at, policy::TunnelHeader& out);

/// A second: what the control core can keep up for a tunnel beside its other work.
inline constexpr int kMostDummyPackets = 1000;

inline constexpr std::array kDfWords{
    Word{.word = "copy", .value = static_cast<int>(policy::DfBit::kCopy)},
    Word{.word = "set", .value = static_cast<int>(policy::DfBit::kSet)},
    Word{.word = "clear", .value = static_cast<int>(policy::DfBit::kClear)},
};
inline constexpr std::array kDscpWords{
    Word{.word = "out", .value = 1},
    Word{.word = "no", .value = 0},
    Word{.word = "in", .later = "copying the outer DSCP inwards"},
    Word{.word = "yes", .later = "copying the outer DSCP inwards"},
};
inline constexpr std::array kFragmentationWords{
    Word{.word = "after", .value = 0},
    Word{.word = "before", .value = 1},
};

template <class T, void (*kRead)(const Place&, policy::TunnelHeader&)>
constexpr Option<T> tunnel_option(OptionDoc doc) {
  doc.reader = "lib/ipsec";
  return {doc, [](const Place& at, T& out) { kRead(at, out.tunnel_header); }};
}

template <class T>
inline constexpr std::array kTunnelOptions{
    tunnel_option<T, read_copy_df>(
        {.name = "copy_df",
         .kind = "flag",
         .preset = "true",
         .text = "DF of the inner header goes to the outer; false: as `df = \"clear\"`."}),
    tunnel_option<T, read_df>({.name = "df",
                               .kind = "word",
                               .preset = "copy",
                               .text = "DF of the outer IPv4 header (RFC 4301 §8.1).",
                               .words = kDfWords}),
    tunnel_option<T, read_copy_dscp>(
        {.name = "copy_dscp",
         .kind = "word",
         .preset = "out",
         .text =
             "DSCP of the inner header goes to the outer (RFC 4301 §5.1.2); `no`: it is `dscp`.",
         .words = kDscpWords}),
    tunnel_option<T, read_dscp>({.name = "dscp",
                                 .kind = "integer",
                                 .preset = "0",
                                 .text = "DSCP of the outer header where it is not copied.",
                                 .low = 0,
                                 .high = 63}),
    tunnel_option<T, read_copy_ecn>(
        {.name = "copy_ecn",
         .kind = "flag",
         .preset = "true",
         .text = "ECN by RFC 6040, normal mode; false: compatibility mode."}),
    tunnel_option<T, read_ttl>({.name = "ttl",
                                .kind = "integer",
                                .preset = "64",
                                .text = "Time to live, or hop limit, of the outer header.",
                                .low = 1,
                                .high = 255}),
    tunnel_option<T, read_flow_label>(
        {.name = "flow_label",
         .kind = "flag",
         .preset = "false",
         .text = "Outer IPv6: a label made from the inner flow, so that routers balance by it (RFC "
                 "6438); it tells flows apart for others too. false: none."}),
    tunnel_option<T, read_fragmentation>(
        {.name = "esp_fragmentation",
         .kind = "word",
         .preset = "after",
         .text = "Inner IPv4 without DF that does not fit: the sealed packet is cut, or, `before`, "
                 "the inner one, unless the selectors name ports, which later pieces do not show "
                 "(RFC 4301 §7).",
         .words = kFragmentationWords}),
    tunnel_option<T, read_clamp_mss>(
        {.name = "clamp_mss",
         .kind = "integer or word",
         .preset = "no",
         .unit = "octets",
         .text = "TCP connections through the tunnel have no larger MSS, either way; `auto`: what "
                 "fits the tunnel's path."}),
    tunnel_option<T, read_tfc_padding>(
        {.name = "tfc_padding",
         .kind = "integer or word",
         .preset = "0",
         .unit = "octets",
         .text = "Inner packets are padded to this before they are sealed (RFC 4303 §2.7); `mtu`: "
                 "to what the tunnel's path carries; 0: not."}),
    tunnel_option<T, read_dummy_packets>(
        {.name = "dummy_packets",
         .kind = "integer",
         .preset = "0",
         .unit = "packets a second",
         .text =
             "Dummies (RFC 4303 §2.6) are sent at random intervals, as long as `tfc_padding`, or "
             "of random lengths up to what the tunnel's path carries; 0: none. Of ESP in tunnel "
             "mode, not in a bundle.",
         .low = 0,
         .high = kMostDummyPackets}),
};

template <class T, std::size_t kFirst, std::size_t kSecond>
constexpr std::array<T, kFirst + kSecond> joined(const std::array<T, kFirst>& first,
                                                 const std::array<T, kSecond>& second) {
  std::array<T, kFirst + kSecond> all{};
  for (std::size_t i = 0; i < kFirst; ++i) all[i] = first[i];
  for (std::size_t i = 0; i < kSecond; ++i) all[kFirst + i] = second[i];
  return all;
}

}  // namespace penstock::config
