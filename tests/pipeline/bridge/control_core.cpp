// SPDX-License-Identifier: BSD-3-Clause
#include "tests/pipeline/bridge/control_core.h"

#include <algorithm>

#include "control/io/clock.h"
#include "control/pki/notary.h"

namespace penstock::pipeline {
namespace {

ike::EngineConfig engine_config() {
  ike::EngineConfig config;
  config.local_addresses = {net::IpAddress::v4(ip("192.0.2.1"))};
  config.retransmit_base = kRetransmitAfter;
  config.retransmit_factor = 1;
  config.retransmit_tries = kRetransmissions;
  return config;
}

io::JobPool::Runner make_runner() {
  auto context = std::make_shared<crypto::CryptoContext>();
  auto notary = std::make_shared<pki::Notary>(*context, nullptr);
  return
      [context, notary](ike::Job job) { return ike::run_job(*context, *notary, std::move(job)); };
}

session::ConnectionConfig branch(session::StartAction start_action) {
  session::ChildConfig child;
  child.name = "net";
  child.local_ts = {policy::TrafficSelector::parse("10.1.0.0/16").value()};
  child.remote_ts = {policy::TrafficSelector::parse("10.2.0.0/16").value()};
  child.esp_proposals = {
      crypto::parse_proposal(crypto::ProtocolId::kEsp, "aes128gcm16-noesn").value()};
  child.start_action = start_action;
  session::ConnectionConfig connection;
  connection.name = "branch";
  connection.local_addrs = {net::IpAddress::v4(ip("192.0.2.1"))};
  connection.remote_addrs = {net::Prefix::parse("192.0.2.9/32").value()};
  connection.proposals = {
      crypto::parse_proposal(crypto::ProtocolId::kIke, "aes128gcm16-prfsha256-x25519").value()};
  connection.local.id = {"hq.example"};
  connection.remote.id = {"branch.example"};
  connection.children.push_back(std::move(child));
  return connection;
}

}  // namespace

void RecordingLog::write(base::LogLevel, std::string_view, std::string_view text,
                         std::span<const base::LogField>) {
  lines_.emplace_back(text);
}

std::size_t RecordingLog::count(std::string_view text) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      lines_, [&](const std::string& line) { return line.find(text) != std::string::npos; }));
}

ControlCore::ControlCore(const ipsec::WriterLimits& limits)
    : g(limits),
      engine(engine_config(), random, crypto),
      installer(*g.writer, g.gateway.rcu(), log),
      transmitter({&g.gateway.channel()}, g.gateway.pool()),
      jobs(1, make_runner),
      driver({engine, installer, transmitter, jobs, loop, log},
             [this](ike::CommandId, const base::Result<std::string>& result) {
               replies.push_back(result);
             }) {}

ControlCore::~ControlCore() {
  while (!g.gateway.channel().inject.empty()) {
    g.gateway.step();
    (void)g.gateway.sent(1);
  }
}

void ControlCore::configure(session::StartAction start_action) {
  ike::ConfigChange change;
  change.connections.push_back(branch(start_action));
  change.secrets.push_back(
      {"test", {}, base::SecretBytes::copy_of(base::as_bytes("a secret of the test")), {}});
  driver.configure(std::move(change));
  driver.settle();
}

void ControlCore::configure_nothing() {
  driver.configure({});
  driver.settle();
}

void ControlCore::up() {
  ike::Command command;
  command.kind = ike::Command::Kind::kUp;
  command.connection = "branch";
  driver.command(ike::CommandId{1}, std::move(command));
  driver.settle();
}

bool ControlCore::run_until(const std::function<bool()>& done, base::Duration most) {
  const base::MonoTime end = io::monotonic_now() + most;
  std::unique_ptr<io::EventLoop::Handle> round;
  round = loop.make_timer([&] {
    if (worker_runs) {
      g.gateway.step();
      for (const ByteVector& frame : g.gateway.sent(1))
        wire.push_back(base::to_vector(packet_of(frame)));
    }
    if (done() || io::monotonic_now() >= end) return loop.stop();
    loop.set_timer(*round, io::monotonic_now() + base::milliseconds{1});
  });
  loop.set_timer(*round, io::monotonic_now());
  loop.run(nullptr);
  return done();
}

}  // namespace penstock::pipeline
