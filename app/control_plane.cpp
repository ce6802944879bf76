// SPDX-License-Identifier: BSD-3-Clause
// Composition of the control plane, and its one loop from the first socket to the last delete.
#include "app/control_plane.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "app/version.h"
#include "control/io/clock.h"
#include "control/pki/notary.h"

namespace penstock::app {
namespace {

constexpr base::Duration kGoodbye = base::seconds{4};  // the whole exit takes 5 s at most
constexpr base::Duration kHouseInterval = base::seconds{1};
constexpr base::Duration kGoodbyeInterval = base::milliseconds{20};
constexpr base::Duration kResetInterval = base::milliseconds{10};  // a crypto device is closed

/// Each thread has a context of its own: OpenSSL's objects are shared by nobody.
struct JobTools {
  explicit JobTools(std::shared_ptr<const pki::Vault> vault) : notary(context, std::move(vault)) {}
  crypto::CryptoContext context;
  pki::Notary notary;
};

io::JobPool::Runner make_runner(std::shared_ptr<const pki::Vault> vault) {
  auto tools = std::make_shared<JobTools>(std::move(vault));
  return
      [tools](ike::Job job) { return ike::run_job(tools->context, tools->notary, std::move(job)); };
}

}  // namespace

base::Result<std::unique_ptr<ControlPlane>> ControlPlane::start(config::Settings& settings,
                                                                DataPlane& data_plane,
                                                                base::Log& log) {
  std::unique_ptr<ControlPlane> plane(new ControlPlane(settings, data_plane, log));
  PS_TRY(plane->set_up());
  return plane;
}

ControlPlane::ControlPlane(config::Settings& settings, DataPlane& data_plane, base::Log& log)
    : settings_(settings), data_plane_(data_plane), log_(log) {}

void ControlPlane::make_engine() {
  ike::EngineConfig config;
  config.local_addresses = network_->outside_addresses();
  engine_.emplace(std::move(config), random_, crypto_);
  jobs_.emplace(settings_.control.jobs, [vault = settings_.vault] { return make_runner(vault); });
  driver_.emplace(
      bridge::EngineDriver::Parts{*engine_, *installer_, *transmitter_, *jobs_, loop_, log_},
      [this](ike::CommandId id, const base::Result<std::string>& result) {
        if (management_) management_->reply(id, result);
      });
}

base::Result<void> ControlPlane::set_up() {
  PS_ASSIGN(network_, bridge::Network::create(settings_.dataplane, data_plane_.ports(),
                                              data_plane_.fib(), loop_, random_, log_));
  transmitter_.emplace(data_plane_.channels(), data_plane_.pool());
  installer_.emplace(data_plane_.writer(), data_plane_.rcu(), log_);
  dummies_.emplace(
      bridge::DummyTraffic::Parts{data_plane_.writer().tables(), *transmitter_, loop_, random_});
  installer_->use(*dummies_);
  PS_ASSIGN(manual_sas_, bridge::install_manual_sas(std::move(settings_.manual_sas), *installer_,
                                                    std::chrono::system_clock::now()));
  make_engine();
  rings_.emplace(data_plane_.channels(), data_plane_.wakeup(), *driver_, *network_, log_);
  PS_TRY(data_plane_.run());
  network_->start(*transmitter_);
  driver_->configure({std::move(settings_.connections), std::move(settings_.secrets)});
  driver_->settle();
  telemetry_.emplace(data_plane_.workers(), data_plane_.writer());
  management_.emplace(*driver_,
                      bridge::ShowContext{*engine_, *installer_, *network_, *rings_,
                                          data_plane_.workers(), manual_sas_},
                      version_value());
  handles_.push_back(loop_.on_signal(SIGTERM, [this] { begin_stop(); }));
  handles_.push_back(loop_.on_signal(SIGINT, [this] { begin_stop(); }));
  handles_.push_back(loop_.on_signal(SIGHUP, [this] {
    log_.write(base::LogLevel::kWarning, "app", "SIGHUP: reloading is not built yet");
  }));
  // Drained by WorkerRings::woke(); watched so that the loop wakes.
  handles_.push_back(loop_.on_readable(data_plane_.wakeup().fd(), [] {}));
  house_ = loop_.make_timer([this] { keep_house(); });
  keep_house();
  return management_->open(loop_, settings_.control.socket);
}

void ControlPlane::run() {
  const base::LogField fields[] = {{"socket", settings_.control.socket},
                                   {"pid", std::to_string(getpid())}};
  log_.write(base::LogLevel::kInfo, "app", "ready", fields);
  loop_.run(&*rings_);
}

void ControlPlane::begin_stop() {
  if (stop_at_) return loop_.stop();  // asked twice: at once
  log_.write(base::LogLevel::kInfo, "app", "stopping");
  stop_at_ = io::monotonic_now() + kGoodbye;
  management_->close();
  driver_->shut_down();
  driver_->settle();
  keep_house();
}

/// What nobody else's deadline brings about: memory that waits for workers, and the end.
void ControlPlane::keep_house() {
  static_cast<void>(installer_->tend());
  const bool resetting = data_plane_.supervise();
  const base::MonoTime now = io::monotonic_now();
  installer_->age(now);
  if (stop_at_ && (engine_->idle() || now >= *stop_at_)) {
    if (!engine_->idle())
      log_.write(base::LogLevel::kWarning, "app", "some peers did not answer our deletes");
    return loop_.stop();
  }
  loop_.set_timer(*house_, now + (resetting  ? kResetInterval
                                  : stop_at_ ? kGoodbyeInterval
                                             : kHouseInterval));
}

ControlPlane::~ControlPlane() {
  data_plane_.stop();
  if (rings_) rings_->discard();
  log_.write(base::LogLevel::kInfo, "app", "stopped");
}

}  // namespace penstock::app
