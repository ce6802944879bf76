// SPDX-License-Identifier: BSD-3-Clause
// The judge of what several workers sent: opens ESP by OpenSSL and keeps replay windows of its own
// (RFC 4303 §3.4.3 by a set of numbers), so that nothing here is the gateway's. Frames are taken in
// the order in which they left.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "lib/base/bytes.h"

namespace penstock::bench {

inline constexpr std::array<std::uint32_t, 3> kWindows{64, 256, 1024};

class Receiver {
 public:
  /// @param sealed  frames are ESP of ours; else they are what the gateway has opened
  explicit Receiver(bool sealed) : sealed_(sealed) {}
  void take(base::Bytes frame);
  /// Members of a JSON object:
  /// unreadable     not ESP of a known key, or not the packet that was sent
  /// out_of_order   packets of a flow behind a later one of it
  /// duplicates     sequence numbers used twice
  /// gaps           numbers between the lowest and the highest that were not used
  /// most_behind    how far a number came behind the highest before it
  /// late_64 …      packets that a window of so many would have refused
  [[nodiscard]] std::string verdict() const;

 private:
  struct Sa {
    std::uint64_t highest = 0;
    std::set<std::uint64_t> seen;
  };
  [[nodiscard]] base::ByteVector opened(base::Bytes esp);
  void look_at(base::Bytes inner);

  bool sealed_;
  std::uint64_t packets_ = 0, unreadable_ = 0, out_of_order_ = 0, duplicates_ = 0, most_behind_ = 0;
  std::array<std::uint64_t, kWindows.size()> late_{};
  std::map<std::uint32_t, Sa> sas_;
  std::map<base::ByteVector, std::uint32_t> flows_;  ///< addresses and ports: last serial number
};

}  // namespace penstock::bench
