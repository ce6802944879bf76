// SPDX-License-Identifier: BSD-3-Clause
// ControlCore: the bridge's parts as the daemon has them, around a real engine, job pool and event
// loop, on the gateway of the IPsec harness. Its one connection, "branch", is with 192.0.2.9.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/bridge/engine_driver.h"
#include "tests/pipeline/ipsec/ipsec_gateway.h"

namespace penstock::pipeline {

class RecordingLog final : public base::Log {
 public:
  using base::Log::write;
  void write(base::LogLevel level, std::string_view room, std::string_view text,
             std::span<const base::LogField> fields) override;
  /// Lines that hold this text.
  [[nodiscard]] std::size_t count(std::string_view text) const;

 private:
  std::vector<std::string> lines_;
};

inline constexpr base::Duration kRetransmitAfter = base::milliseconds{30};
inline constexpr unsigned kRetransmissions = 2;

struct ControlCore {
  explicit ControlCore(const ipsec::WriterLimits& limits = IpsecGateway::small_limits());
  ~ControlCore();
  ControlCore(const ControlCore&) = delete;
  ControlCore& operator=(const ControlCore&) = delete;

  void configure(session::StartAction start_action);
  void configure_nothing();
  /// The reply comes into `replies`.
  void up();
  /// Runs the loop until `done`, or for `most`. The worker runs rounds meanwhile, if `worker_runs`;
  /// what it sends outside comes into `wire`. @return whether it was done
  bool run_until(const std::function<bool()>& done, base::Duration most = base::seconds{20});
  void run_for(base::Duration time) {
    run_until([] { return false; }, time);
  }

  bool worker_runs = true;
  std::vector<ByteVector> wire;  ///< IP packets
  std::vector<base::Result<std::string>> replies;

  IpsecGateway g;
  RecordingLog log;
  io::EventLoop loop;
  base::SeededRandom random{7};
  crypto::CryptoContext crypto;
  ike::Engine engine;
  bridge::SaInstaller installer;
  bridge::Transmitter transmitter;
  io::JobPool jobs;
  bridge::EngineDriver driver;
};

}  // namespace penstock::pipeline
