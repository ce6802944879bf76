// SPDX-License-Identifier: BSD-3-Clause
// The loop around the engine: inputs in, outputs out until there is none, then the next deadline.
#include "control/bridge/engine_driver.h"

#include <vector>

#include "control/io/clock.h"

namespace penstock::bridge {
namespace {

/// How often retirement is looked at while something retires (design §4.4).
constexpr base::Duration kTendInterval = base::milliseconds{10};

}  // namespace

EngineDriver::EngineDriver(const Parts& parts, Reply reply)
    : parts_(parts),
      reply_(std::move(reply)),
      jobs_done_(parts.loop.on_readable(parts.jobs.wake_fd().fd(), [this] { take_jobs(); })),
      deadline_(parts.loop.make_timer([this] {
        deadline_set_.reset();
        parts_.engine.tick(io::now());
        settle();
      })),
      retirement_(parts.loop.make_timer([this] {
        tending_ = false;
        tend();
      })) {}

void EngineDriver::receive(const ike::Datagram& datagram) {
  parts_.engine.receive(io::now(), datagram);
}
void EngineDriver::sa_event(const policy::SaEvent& event) {
  // The tables' own affair: no key exchange follows from it.
  if (event.kind == policy::SaEventKind::kPathMtu)
    return parts_.installer.learn_path_mtu(event, io::monotonic_now());
  parts_.engine.sa_event(io::now(), event);
}
void EngineDriver::configure(ike::ConfigChange change) {
  parts_.engine.configure(io::now(), std::move(change));
}
void EngineDriver::command(ike::CommandId id, ike::Command command) {
  parts_.engine.command(io::now(), id, std::move(command));
}
void EngineDriver::shut_down() { parts_.engine.shut_down(io::now()); }

void EngineDriver::settle() {
  while (auto output = parts_.engine.poll_output())
    std::visit([this](auto& one) { carry_out(one); }, *output);
  const auto next = parts_.engine.next_deadline();
  if (next == deadline_set_) return;
  deadline_set_ = next;
  if (next)
    parts_.loop.set_timer(*deadline_, *next);
  else
    parts_.loop.clear_timer(*deadline_);
}

void EngineDriver::take_jobs() {
  parts_.jobs.wake_fd().drain();
  while (auto done = parts_.jobs.poll())
    parts_.engine.job_done(io::now(), done->id, std::move(done->result));
  settle();
}

void EngineDriver::tend() {
  if (tending_ || parts_.installer.tend() == 0) return;
  tending_ = true;
  parts_.loop.set_timer(*retirement_, io::monotonic_now() + kTendInterval);
}

void EngineDriver::carry_out(ike::SendDatagram& output) {
  const auto sent = parts_.transmitter.send(output.datagram);
  if (sent) return;
  const base::LogField fields[] = {{"peer", output.datagram.remote.to_string()}};
  parts_.log.write(base::LogLevel::kWarning, "bridge",
                   "an IKE message could not be sent: " + sent.error().text, fields);
}

void EngineDriver::carry_out(ike::InstallInbound& output) {
  parts_.engine.sa_result(io::now(), output.token, parts_.installer.install_inbound(output.spec));
}

void EngineDriver::carry_out(ike::SwitchOutbound& output) {
  parts_.engine.sa_result(io::now(), output.token, parts_.installer.switch_outbound(output.spec));
}

void EngineDriver::carry_out(ike::MoveSa& output) {
  const auto moved = parts_.installer.move(output);
  if (output.token.value() != 0) parts_.engine.sa_result(io::now(), output.token, moved);
  tend();
}

void EngineDriver::carry_out(ike::AskTraffic& output) {
  parts_.engine.traffic(io::now(), output.ike_sa, parts_.installer.traffic(output.inbound));
}

void EngineDriver::carry_out(ike::RetireSa& output) {
  parts_.installer.retire(output);
  tend();
}

void EngineDriver::carry_out(ike::InstallPolicy& output) {
  parts_.engine.sa_result(io::now(), output.token, parts_.installer.install_policy(output.rule));
  tend();
}

void EngineDriver::carry_out(ike::RemovePolicy& output) {
  parts_.installer.remove_policy(output.id);
  tend();
}

void EngineDriver::carry_out(ike::NeedSpis& output) {
  parts_.engine.grant_spis(io::now(), parts_.installer.allocate_spis(output.count));
}

void EngineDriver::carry_out(ike::ReturnSpis& output) {
  parts_.installer.return_spis(output.spis);
  tend();
}

void EngineDriver::carry_out(ike::StartJob& output) {
  parts_.jobs.submit(output.id, std::move(output.job));
}

void EngineDriver::carry_out(ike::Report& output) {
  std::vector<base::LogField> fields;
  if (!output.connection.empty()) fields.push_back({"connection", output.connection});
  if (!output.peer.empty()) fields.push_back({"peer", output.peer});
  fields.push_back({"code", output.code});
  parts_.log.write(output.level, "ike", output.text, fields);
}

void EngineDriver::carry_out(ike::CommandReply& output) { reply_(output.id, output.result); }

}  // namespace penstock::bridge
