// SPDX-License-Identifier: BSD-3-Clause
// Reassembler: one worker's table of packets that are not whole yet (RFC 791 §3.2, RFC 1122
// §3.3.2, RFC 8200 §4.5). Everything in it is bounded, since strangers fill it.
#pragma once

#include <array>
#include <optional>

#include "dataplane/worker_context.h"

namespace penstock::dataplane {

/// At these limits the packet whose time ends first makes room: whoever forges fragments can push
/// others out only while he keeps at it, and never locks them out.
inline constexpr unsigned kReassemblies = 256;          ///< packets under way
inline constexpr unsigned kReassembliesPerSource = 32;  ///< of one IPv4 address, one IPv6 /64
inline constexpr unsigned kFragmentsHeld = 1'024;       ///< in the whole table
inline constexpr unsigned kFragmentsPerPacket = 16;
/// RFC 791 §3.2 suggests 15 s; RFC 1122 §3.3.2 would have 60 s or more, which gives a stranger four
/// times the memory and helps neither IKE, which retransmits, nor ESP.
inline constexpr base::Duration kReassemblyTimeout = base::seconds{15};

class Reassembler {
 public:
  Reassembler();
  ~Reassembler();
  Reassembler(const Reassembler&) = delete;
  Reassembler& operator=(const Reassembler&) = delete;

  /// Takes one fragment (its meta read, data at the IP header).
  /// @return the whole packet when this one completed it, its meta read anew; else nullptr, and
  /// the fragment is held or was dropped by name
  [[nodiscard]] dpdk::Packet* accept(WorkerContext& ctx, dpdk::Packet* fragment);
  /// Ends what waited too long. Cheap when nothing is held.
  void expire(WorkerContext& ctx);
  /// Drops everything by this name.
  void clear(WorkerContext& ctx, net::DropReason reason);

  [[nodiscard]] unsigned held() const { return held_; }

 private:
  struct Key {
    net::IpAddress source;
    net::IpAddress destination;
    std::uint32_t identification = 0;
    std::uint16_t vrf = 0;
    std::uint8_t protocol = 0;  ///< of IPv4 only (RFC 8200 §4.5)
    /// Fragments of different protection are of different packets (RFC 4301 §5.2): none in clear
    /// completes what came out of an SA.
    std::uint32_t origin = 0;
    std::uint32_t child_slot = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Piece {
    dpdk::Packet* packet;
    std::uint16_t begin;  ///< octets of the payload: [begin, end)
    std::uint16_t end;
  };
  struct Entry {
    bool refused = false;  ///< RFC 5722: what else comes of this packet is dropped too
    std::uint8_t count = 0;
    std::uint16_t octets = 0;
    std::uint16_t total = 0;  ///< 0: the last fragment has not come
    base::MonoTime deadline{};
    std::array<Piece, kFragmentsPerPacket> pieces;
  };
  enum class Fit : std::uint8_t { kFits, kDuplicate, kOverlap };

  [[nodiscard]] static bool same_source(const Key& a, const Key& b);
  [[nodiscard]] static Fit fit(const Entry& entry, const Piece& piece, bool last);
  [[nodiscard]] std::optional<unsigned> find(const Key& key) const;
  [[nodiscard]] unsigned open(WorkerContext& ctx, const Key& key);
  /// Makes room for a fragment of entry `keep`.
  void evict_fragments(WorkerContext& ctx, unsigned keep);
  void evict(WorkerContext& ctx, unsigned index);
  [[nodiscard]] dpdk::Packet* merge(WorkerContext& ctx, unsigned index);
  void drop_pieces(WorkerContext& ctx, Entry& entry, net::DropReason reason);
  void close(unsigned index);

  std::array<Key, kReassemblies> keys_{};
  std::array<bool, kReassemblies> used_{};
  std::unique_ptr<std::array<Entry, kReassemblies>> entries_;
  unsigned open_ = 0;
  unsigned held_ = 0;
  base::MonoTime next_look_{};
};

/// RFC 8200 §4.5: takes the Fragment header out of an IPv6 packet that is whole, so that what named
/// it names what it named. The meta is as before.
/// @return whether there was one
[[nodiscard]] bool take_out_fragment_header(dpdk::Packet* packet);

}  // namespace penstock::dataplane
