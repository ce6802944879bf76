// SPDX-License-Identifier: BSD-3-Clause
// EngineDriver: feeds the engine its inputs with the time, and carries its outputs out. The only
// place that knows what each output means to the machine.
#pragma once

#include <functional>
#include <memory>

#include "control/bridge/sa_installer.h"
#include "control/bridge/transmitter.h"
#include "control/ike/engine.h"
#include "control/io/event_loop.h"
#include "control/io/job_pool.h"

namespace penstock::bridge {

class EngineDriver {
 public:
  using Reply = std::function<void(ike::CommandId, const base::Result<std::string>&)>;

  /// All borrowed; they outlive the driver.
  struct Parts {
    ike::Engine& engine;
    SaInstaller& installer;
    Transmitter& transmitter;
    io::JobPool& jobs;
    io::EventLoop& loop;
    base::Log& log;
  };
  EngineDriver(const Parts& parts, Reply reply);

  // Inputs. Several may be given before settle().
  void receive(const ike::Datagram& datagram);
  void sa_event(const policy::SaEvent& event);
  void configure(ike::ConfigChange change);
  void command(ike::CommandId id, ike::Command command);
  void shut_down();

  /// Carries out what the inputs led to and sets the engine's next deadline.
  void settle();
  [[nodiscard]] const ike::Engine& engine() const { return parts_.engine; }

 private:
  void carry_out(ike::SendDatagram& output);
  void carry_out(ike::InstallInbound& output);
  void carry_out(ike::SwitchOutbound& output);
  void carry_out(ike::MoveSa& output);
  void carry_out(ike::RetireSa& output);
  void carry_out(ike::AskTraffic& output);
  void carry_out(ike::InstallPolicy& output);
  void carry_out(ike::RemovePolicy& output);
  void carry_out(ike::NeedSpis& output);
  void carry_out(ike::ReturnSpis& output);
  void carry_out(ike::StartJob& output);
  void carry_out(ike::Report& output);
  void carry_out(ike::CommandReply& output);
  void take_jobs();
  void tend();

  Parts parts_;
  Reply reply_;
  std::unique_ptr<io::EventLoop::Handle> jobs_done_;
  std::unique_ptr<io::EventLoop::Handle> deadline_;
  std::unique_ptr<io::EventLoop::Handle> retirement_;
  std::optional<base::MonoTime> deadline_set_;
  bool tending_ = false;
};

}  // namespace penstock::bridge
