// SPDX-License-Identifier: BSD-3-Clause
// Engine: the sans-I/O border of IKE. It has no clock, no socket, no thread and no process-wide
// state; the same inputs and seed give the same outputs, bit for bit.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "control/ike/engine_io.h"
#include "lib/base/random.h"

namespace penstock::ike {

/// Bounds of what strangers and peers can make us hold (design §4.10).
struct EngineLimits {
  std::size_t ike_sas = 200'000;
  std::size_t half_open = 10'000;         ///< unauthenticated responder SAs, all sources
  std::size_t half_open_per_source = 50;  ///< of a source that a cookie proved
  std::size_t cookie_threshold = 100;     ///< half-open SAs from which cookies are asked for
  std::size_t cookie_per_source = 5;      ///< the same of one source: it may be forged in its name
  std::size_t children_per_ike_sa = 256;
};

struct EngineConfig {
  EngineLimits limits;
  std::vector<net::IpAddress> local_addresses;  ///< the gateway's outside addresses
  base::Duration retransmit_base = base::milliseconds{1000};
  double retransmit_factor = 1.8;
  unsigned retransmit_tries = 5;
  base::Duration half_open_timeout = base::seconds{30};
};

class Engine {
 public:
  /// @param random  borrowed; outlives the engine
  /// @param crypto  borrowed; for PRFs and the SK payload, not for what draws randomness
  Engine(EngineConfig config, base::RandomSource& random, const crypto::CryptoContext& crypto);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void receive(base::Now now, const Datagram& datagram);
  void tick(base::Now now);
  void job_done(base::Now now, JobId id, JobResult result);
  void sa_event(base::Now now, const policy::SaEvent& event);
  void sa_result(base::Now now, SaToken token, base::Result<void> result);
  /// @param ike_sa  of AskTraffic
  void traffic(base::Now now, std::uint64_t ike_sa, const std::vector<InboundTraffic>& inbound);
  void grant_spis(base::Now now, const std::vector<net::Spi>& spis);
  void configure(base::Now now, ConfigChange change);
  void command(base::Now now, CommandId id, Command command);
  /// Sends deletes for everything; idle() tells when the answers are in or given up.
  void shut_down(base::Now now);

  /// Take outputs until there is none after each input.
  [[nodiscard]] std::optional<Output> poll_output();
  /// When tick() wants to be called next; nothing: not before another input.
  [[nodiscard]] std::optional<base::MonoTime> next_deadline() const;
  [[nodiscard]] bool idle() const;

  /// At most `most` IKE SAs with serial >= from, in order: lists are streamed.
  [[nodiscard]] std::vector<IkeSaStatus> list_ike_sas(base::Now now, std::uint64_t from,
                                                      std::size_t most) const;
  [[nodiscard]] std::vector<ConnectionStatus> list_connections(std::size_t from,
                                                               std::size_t most) const;
  [[nodiscard]] std::vector<IkeCounter> counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::ike
