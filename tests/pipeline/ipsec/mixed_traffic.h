// SPDX-License-Identifier: BSD-3-Clause
// Frames of every kind, good and bad, of both IP versions, for the gateway of mixed_test: seeded,
// so that a run repeats itself.
#pragma once

#include <array>
#include <vector>

#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {

inline constexpr std::uint32_t kSpiOver4 = 0x3001;  ///< tunnels to us, by their outer version
inline constexpr std::uint32_t kSpiOver6 = 0x3002;

struct Frame {
  unsigned port = 0;
  ByteVector octets;
};

class MixedTraffic {
 public:
  explicit MixedTraffic(std::uint64_t seed) : random_(seed) {}
  /// One kind of thing, mostly one frame, fragments several.
  void next(std::vector<Frame>& out);
  /// 0 … bound - 1.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }

 private:
  using Make = void (MixedTraffic::*)();
  struct Kind {
    unsigned weight;
    Make make;
  };
  static const std::array<Kind, 18> kKinds;

  // from inside
  void outbound();
  void outbound_refused();
  void outbound_fragments();
  void too_big();
  // ESP from outside
  void sealed();
  void sealed_oddly();
  void forged();
  void replayed();
  void unknown_spi();
  void truncated();
  void sealed_in_fragments();
  // either side
  void local();
  void martian();
  void link();
  void extension_chain();
  void in_clear();
  void flipped();
  void noise();

  [[nodiscard]] bool coin() { return random_.below(2) != 0; }
  [[nodiscard]] ByteVector octets(std::size_t most);
  [[nodiscard]] ByteVector inner(bool v6, std::size_t most = 1300);
  [[nodiscard]] ByteVector seal(Bytes inner, bool over6, PeerOptions options);
  [[nodiscard]] ByteVector good_esp();
  void put(unsigned port, const ByteVector& packet);
  void put_pieces(unsigned port, std::vector<ByteVector> pieces);

  base::SeededRandom random_;
  std::vector<Frame>* out_ = nullptr;
  std::array<std::uint64_t, 2> sequence_{};
  std::array<ByteVector, 64> sent_{};  ///< ESP packets, to send again
  std::size_t sent_count_ = 0;
};

}  // namespace penstock::pipeline
