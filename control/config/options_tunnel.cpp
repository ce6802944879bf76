// SPDX-License-Identifier: BSD-3-Clause
// Reads what a tunnel does with its packets into a policy::TunnelHeader.
#include "control/config/options_tunnel.h"

#include <fmt/format.h>

namespace penstock::config {

using policy::TunnelHeader;

namespace {

/// RFC 9293 §3.7.1: what every IPv4 host takes without fragments.
constexpr std::uint16_t kSmallestMss = 88;
constexpr std::uint16_t kLargestSize = 65000;

/// A word that stands for kFitsTunnel, one that stands for 0, or a number.
void read_size(const Place& at, std::string_view fits, std::string_view none, std::uint16_t least,
               std::uint16_t& out) {
  if (at.kind() == PlaceKind::kText && at.text() == fits) {
    out = policy::kFitsTunnel;
  } else if (at.kind() == PlaceKind::kText && at.text() == none) {
    out = 0;
  } else if (at.kind() == PlaceKind::kInteger &&
             (at.integer() == 0 || (at.integer() >= least && at.integer() <= kLargestSize))) {
    out = static_cast<std::uint16_t>(at.integer());
  } else {
    at.fault(fmt::format("`{}`, 0, or {} to {} is wanted", fits, least, kLargestSize));
  }
}

template <class T>
void read_octet(const Place& at, T& out) {
  std::uint16_t value = out;
  Reader<std::uint16_t>::read(at, value);
  out = static_cast<T>(value);
}

}  // namespace

void read_df(const Place& at, TunnelHeader& out) {
  if (const auto word = word_of(at)) out.df = static_cast<policy::DfBit>(*word);
}
void read_copy_df(const Place& at, TunnelHeader& out) {
  bool copy = true;
  Reader<bool>::read(at, copy);
  out.df = copy ? policy::DfBit::kCopy : policy::DfBit::kClear;
}
void read_copy_dscp(const Place& at, TunnelHeader& out) {
  if (const auto word = word_of(at)) out.copy_dscp = *word == 1;
}
void read_dscp(const Place& at, TunnelHeader& out) { read_octet(at, out.dscp); }
void read_copy_ecn(const Place& at, TunnelHeader& out) { Reader<bool>::read(at, out.copy_ecn); }
void read_ttl(const Place& at, TunnelHeader& out) { read_octet(at, out.ttl); }
void read_flow_label(const Place& at, TunnelHeader& out) { Reader<bool>::read(at, out.flow_label); }
void read_fragmentation(const Place& at, TunnelHeader& out) {
  if (const auto word = word_of(at)) out.cut_before = *word == 1;
}
void read_clamp_mss(const Place& at, TunnelHeader& out) {
  read_size(at, "auto", "no", kSmallestMss, out.clamp_mss);
}
void read_tfc_padding(const Place& at, TunnelHeader& out) {
  read_size(at, "mtu", "no", 1, out.tfc_padding);
}
void read_dummy_packets(const Place& at, TunnelHeader& out) {
  Reader<std::uint16_t>::read(at, out.dummy_packets);
}

}  // namespace penstock::config
