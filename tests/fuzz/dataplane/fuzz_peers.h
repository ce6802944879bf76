// SPDX-License-Identifier: BSD-3-Clause
// FuzzPeers: the other end of every SA of the fuzzed gateway, with an engine of its own.
#pragma once

#include <memory>

#include "lib/burst_crypto/engine.h"
#include "tests/fuzz/dataplane/fuzz_packets.h"

namespace penstock::fuzz {

/// Whose engine the peers use; the gateway is worker 0.
inline constexpr unsigned kPeersWorker = 1;

/// How the peer of an SA makes a packet.
struct Making {
  std::uint64_t sequence = 0;
  std::uint8_t addresses = 0;  ///< of the inner packet
  std::uint8_t tos = 0;        ///< outer
  bool raw = false;     ///< the text is no packet but what ESP or AH carries, ESP's trailer too
  bool larval = false;  ///< under the SPI that was offered and may not be keyed yet
  net::Spi larval_spi{};
};

/// The packet that goes into SA `index`, sound: in transport mode from the peer to us, else from
/// and to places of the world.
void make_inner(unsigned index, ByteVector& packet, std::uint8_t addresses);

class FuzzPeers {
 public:
  /// @param sessions  for kPeersWorker + 1 workers, borrowed
  explicit FuzzPeers(const burst_crypto::SessionFactory& sessions);

  /// The packet on the wire, IV, ICV and all. ESP's text is cut to a multiple of the block.
  /// @param text  what make_inner() made, or raw
  [[nodiscard]] ByteVector seal(unsigned index, ByteVector text, const Making& making);

 private:
  struct PeerSa {
    burst_crypto::Session session;
    burst_crypto::KeyMaterial keys;
  };
  [[nodiscard]] ByteVector seal_esp(unsigned index, ByteVector text, const Making& making);
  [[nodiscard]] ByteVector seal_ah(unsigned index, std::uint8_t next, Bytes payload,
                                   const Making& making);
  void process(burst_crypto::Job& job);

  std::unique_ptr<burst_crypto::Engine> engine_;
  std::array<std::unique_ptr<PeerSa>, kSas> sas_;
};

}  // namespace penstock::fuzz
