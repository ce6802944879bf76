// SPDX-License-Identifier: BSD-3-Clause
// Writer: the one facade through which the control core changes what workers read (RFC 4301 §4.4):
// SAs, slots and policies. Everything here is called by the control core alone; workers only read
// tables(), under RCU. Nothing here blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/random.h"
#include "lib/base/result.h"
#include "lib/base/time.h"
#include "lib/policy/policy_rule.h"
#include "lib/policy/sa_event.h"
#include "lib/policy/sa_spec.h"

namespace penstock::dpdk {
class RcuDomain;
}
namespace penstock::burst_crypto {
class SessionFactory;
struct FifoProgress;
}  // namespace penstock::burst_crypto

namespace penstock::ipsec {

class Tables;

/// The limits of this process's IPsec tables; reaching one is an Error with kLimit.
struct WriterLimits {
  std::uint32_t inbound_sas = 16384;  ///< a power of two, 256 … 2^22; negotiated SPIs carry a slot
  std::uint32_t outbound_sas = 16384;     ///< live and retiring together
  std::uint32_t slots = 16384;            ///< ChildSlot values are 1 … slots - 1
  std::uint32_t manual_sas = 1024;        ///< inbound SAs whose SPI somebody else chose
  std::uint32_t policies = 16384;         ///< in the SPD; their selector pairs: four times as many
                                          ///< of each IP version
  int socket = -1;                        ///< NUMA node of the workers; -1: any
  std::uint32_t workers = 1;              ///< with more than one, sequence numbers are shared
  std::uint16_t smallest_path_mtu = 576;  ///< IPv4: what is told below counts as this
  base::Duration path_mtu_time = base::seconds{600};  ///< RFC 1191 §6.3; 0: none is learned
};

/// Names an SA of ours: an inbound one by its SPI, an outbound one by its SPI and its peer.
struct SaName {
  policy::Direction direction = policy::Direction::kInbound;
  net::Spi spi;
  net::IpAddress remote;  ///< outbound only
};

/// A snapshot of what workers counted for one SA.
struct SaCounters {
  std::uint64_t packets = 0;   ///< inbound: verified; outbound: sealed
  std::uint64_t bytes = 0;     ///< inner IP octets
  std::uint64_t sequence = 0;  ///< inbound: highest verified; outbound: last reserved
  std::uint64_t replays = 0;   ///< inbound: seen before or left of the window
  std::uint64_t icv_failures = 0;
  std::uint64_t errors = 0;  ///< lost by this SA for another reason
};

/// What `show` needs of one installed SA.
struct SaStatus {
  SaName name;
  policy::ChildSlot slot;
  std::string label;  ///< SaSpec::name
  bool manual = false;
  bool current = false;  ///< outbound: its slot points at it
  SaCounters counters;
  std::uint16_t path_mtu = 0;  ///< outbound: learned from ICMP; 0: none
};

/// A packet of an outbound SA was sent whose number's distance to the last one is less: an ICMP
/// error about it may have been on its way.
inline constexpr std::uint32_t kRecentPackets = 1U << 20;

class Writer {
 public:
  /// @param rcu  the domain that all workers report to; @param sessions  expands keys;
  /// @param random  tags of SPIs, first IVs. All three outlive the writer.
  [[nodiscard]] static base::Result<std::unique_ptr<Writer>> create(
      const WriterLimits& limits, dpdk::RcuDomain& rcu,
      const burst_crypto::SessionFactory& sessions, base::RandomSource& random);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// What workers read. Lives as long as the writer.
  [[nodiscard]] const Tables& tables() const;
  [[nodiscard]] const WriterLimits& limits() const;

  /// The worker that has the window and counters of an inbound SA (design §4.7): 0 … workers - 1.
  [[nodiscard]] unsigned owner_of(net::Spi spi) const;

  // ---- SPIs ----

  /// `count` inbound SPIs, ≥ 256, that carry their SA's place and a random tag. Until it is keyed
  /// or returned, packets for such an SPI are held as larval (design §4.5).
  /// @return kLimit if there are not so many left; then none is taken
  [[nodiscard]] base::Result<std::vector<net::Spi>> allocate_spis(std::uint32_t count);
  /// SPIs that were allocated and never keyed. Others are ignored.
  void return_spis(const std::vector<net::Spi>& spis);

  // ---- SAs ----

  /// Publishes an inbound SA. Its SPI is one of allocate_spis(), or, for a manual SA, any other
  /// that is free. The keys are expanded; the spec is not kept.
  /// @return kUnsupported, kMalformed (key lengths, selectors), kExists, kLimit; the text says what
  [[nodiscard]] base::Result<void> install_inbound(const policy::SaSpec& spec);
  /// Publishes an outbound SA and points its slot at it; the SA that the slot had before stays
  /// until it is retired, and no packet is sealed with it after this.
  [[nodiscard]] base::Result<void> install_outbound(const policy::SaSpec& spec);
  /// Unpublishes the SA; poll() frees it when nothing can hold it (design §4.4). A slot that
  /// pointed at it points at nothing.
  /// @return kNotFound
  base::Result<void> retire(const SaName& name);

  /// The peer of an SA is elsewhere (RFC 7296 §2.23), seen by the next packet: one store, of IPv6 a
  /// latch. From now on the SA's name has the new address.
  /// @return kNotFound; kExists: another outbound SA to there has the SPI, and nothing is changed;
  /// kUnsupported: to the other IP version
  base::Result<void> move(const SaName& name, const net::Endpoint& to);

  /// ICMP says that a packet was too big for the path to a peer (a kPathMtu; RFC 4301 §8.2). It
  /// counts if an outbound SA has the packet's addresses, protocol and SPI and sent its number
  /// lately, lowers the SA's path MTU and never raises it (RFC 1191 §4, RFC 8201 §4), and not below
  /// what WriterLimits and RFC 8200 §5 say.
  /// @return the MTU if the SA's path MTU is lower now, else 0
  std::uint16_t learn_path_mtu(const policy::SaEvent& event, base::MonoTime now);
  /// Forgets what was learned WriterLimits::path_mtu_time ago: the path may have widened.
  void age_path_mtus(base::MonoTime now);

  // ---- policies ----

  [[nodiscard]] base::Result<void> add_policy(const policy::PolicyRule& rule);
  base::Result<void> remove_policy(policy::PolicyId id);

  // ---- retirement ----

  /// One FIFO that may carry jobs of SAs beyond a burst: a crypto queue pair, a hand-off ring.
  void watch_fifo(const burst_crypto::FifoProgress& fifo);
  /// Moves retirement on; call it from the control loop while it returns more than 0.
  /// @return SAs still retiring
  std::size_t poll();

  // ---- reading ----

  [[nodiscard]] std::optional<SaStatus> find(const SaName& name) const;
  /// The outbound SA that a slot points at.
  [[nodiscard]] std::optional<SaStatus> outbound_of(policy::ChildSlot slot) const;
  /// Streaming: up to `limit` SAs of one direction from `cursor` (0 at first) on, in a stable
  /// order. @return where to go on, or 0 at the end
  std::uint64_t list(policy::Direction direction, std::uint64_t cursor, std::size_t limit,
                     std::vector<SaStatus>& out) const;
  /// Counters of an inbound SA by its SPI, for any thread (DPDK's telemetry threads): reads
  /// records in memory that is never given back, and no table that moves.
  [[nodiscard]] std::optional<SaCounters> counters_of_inbound(net::Spi spi) const;

  struct Usage {
    std::size_t inbound = 0;
    std::size_t outbound = 0;
    std::size_t larval = 0;    ///< SPIs allocated and not keyed
    std::size_t retiring = 0;  ///< unpublished, not yet freed
    std::size_t policies = 0;
  };
  [[nodiscard]] Usage usage() const;

 private:
  struct Impl;
  explicit Writer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::ipsec
