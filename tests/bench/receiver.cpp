// SPDX-License-Identifier: BSD-3-Clause
#include "tests/bench/receiver.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::bench {

namespace {
constexpr std::size_t kEthernet = sizeof(net::EthernetHeader);
constexpr std::size_t kIpv4 = sizeof(net::Ipv4Header);
constexpr std::size_t kSerialAt = kIpv4 + 8;  // behind UDP
constexpr std::size_t kEspOverhead = 8 + 8 + 16;
}  // namespace

void Receiver::take(base::Bytes frame) {
  ++packets_;
  if (frame.size() < kEthernet + kIpv4 + kSerialAt) {
    ++unreadable_;
    return;
  }
  const base::Bytes packet = frame.subspan(kEthernet);
  if (!sealed_) return look_at(packet);
  const base::ByteVector inner = opened(packet.subspan(kIpv4));
  if (inner.size() > kSerialAt + sizeof(std::uint32_t)) return look_at(inner);
  ++unreadable_;
}

base::ByteVector Receiver::opened(base::Bytes esp) {
  if (esp.size() < kEspOverhead) return {};
  const auto& header = *reinterpret_cast<const net::EspHeader*>(esp.data());
  base::ByteVector text = pipeline::peer_open(esp, header.spi.get(), 0, false);
  if (text.size() < 2) return {};
  Sa& sa = sas_[header.spi.get()];
  const std::uint64_t number = header.sequence.get();
  duplicates_ += !sa.seen.insert(number).second;
  if (number < sa.highest) {
    const std::uint64_t behind = sa.highest - number;
    most_behind_ = std::max(most_behind_, behind);
    for (std::size_t i = 0; i < kWindows.size(); ++i) late_[i] += behind >= kWindows[i];
  }
  sa.highest = std::max(sa.highest, number);
  text.resize(text.size() - 2 -
              std::min(text.size() - 2, std::to_integer<std::size_t>(text[text.size() - 2])));
  return text;
}

void Receiver::look_at(base::Bytes inner) {
  const base::Bytes ends = inner.subspan(12, 12);
  std::uint32_t serial = 0;
  std::memcpy(&serial, inner.data() + kSerialAt, sizeof serial);
  const auto [flow, first] = flows_.try_emplace(base::to_vector(ends), serial);
  if (first) return;
  out_of_order_ += serial <= flow->second;
  flow->second = std::max(flow->second, serial);
}

std::string Receiver::verdict() const {
  std::uint64_t gaps = 0;
  for (const auto& [spi, sa] : sas_)
    if (!sa.seen.empty()) gaps += sa.highest - *sa.seen.begin() + 1 - sa.seen.size();
  std::string out = fmt::format(
      R"("left": {}, "flows": {}, "unreadable": {}, "out_of_order": {}, "duplicates": {}, )"
      R"("gaps": {}, "most_behind": {})",
      packets_, flows_.size(), unreadable_, out_of_order_, duplicates_, gaps, most_behind_);
  for (std::size_t i = 0; i < kWindows.size(); ++i)
    out += fmt::format(R"(, "late_{}": {})", kWindows[i], late_[i]);
  return out;
}

}  // namespace penstock::bench
