// SPDX-License-Identifier: BSD-3-Clause
// Behind the management socket: one answer a request, made a part at a time.
#include "control/bridge/management.h"

#include <nlohmann/json.hpp>

#include "control/io/clock.h"

namespace penstock::bridge {
namespace {

/// Lines that are known at once.
class ReadyAnswer final : public io::Answer {
 public:
  explicit ReadyAnswer(std::string lines) : lines_(std::move(lines)) {}
  More next(std::string& lines) override {
    lines += lines_;
    return More::kDone;
  }

 private:
  std::string lines_;
};

}  // namespace

/// The lists of one topic, part after part.
class Management::ShowAnswer final : public io::Answer {
 public:
  ShowAnswer(std::uint64_t id, std::vector<NamedSource> sources, std::string first)
      : id_(id), sources_(std::move(sources)), first_(std::move(first)) {}

  More next(std::string& lines) override {
    lines += std::exchange(first_, {});
    if (at_ == sources_.size()) {
      lines += io::encode_done(id_, io::CommandStatus::kDone);
      return More::kDone;
    }
    io::Json rows = io::Json::array();
    const bool more = sources_[at_].rows(rows);
    lines += io::encode_part(id_, sources_[at_].list, rows);
    if (!more) ++at_;
    return More::kNow;
  }

 private:
  std::uint64_t id_;
  std::vector<NamedSource> sources_;
  std::string first_;
  std::size_t at_ = 0;
};

/// Waits for the engine's reply.
class Management::CommandAnswer final : public io::Answer {
 public:
  CommandAnswer(Management& management, std::uint64_t id, std::uint64_t command)
      : management_(management), id_(id), command_(command) {}
  ~CommandAnswer() override { management_.pending_.erase(command_); }

  More next(std::string& lines) override {
    const auto& result = management_.pending_.at(command_).result;
    if (!result) return More::kLater;
    const auto status = *result ? io::CommandStatus::kDone : io::CommandStatus::kRefused;
    lines += io::encode_done(id_, status, *result ? **result : result->error().text);
    return More::kDone;
  }

 private:
  Management& management_;
  std::uint64_t id_;
  std::uint64_t command_;
};

Management::Management(EngineDriver& driver, ShowContext context, io::Json version)
    : driver_(driver),
      context_(context),
      version_(std::make_unique<io::Json>(std::move(version))),
      ready_at_(io::monotonic_now()) {}

Management::~Management() { close(); }

base::Result<void> Management::open(io::EventLoop& loop, const std::string& path) {
  PS_ASSIGN(server_, io::ManagementServer::open(loop, path, {},
                                                [this](io::ClientId client, std::string_view line) {
                                                  return answer(client, line);
                                                }));
  return {};
}

std::unique_ptr<io::Answer> Management::answer_version(std::uint64_t id) const {
  io::Json value = *version_;
  const auto up = std::chrono::duration_cast<base::seconds>(io::monotonic_now() - ready_at_);
  value["uptime_s"] = static_cast<std::uint64_t>(up.count());
  return std::make_unique<ReadyAnswer>(io::encode_value(id, value) +
                                       io::encode_done(id, io::CommandStatus::kDone));
}

std::unique_ptr<io::Answer> Management::start_command(io::ClientId client,
                                                      const io::ManagementRequest& request) {
  ike::Command command;
  command.kind = request.verb == io::Verb::kUp     ? ike::Command::Kind::kUp
                 : request.verb == io::Verb::kDown ? ike::Command::Kind::kDown
                                                   : ike::Command::Kind::kRekey;
  command.connection = request.connection;
  command.child = request.child;
  command.ike = request.ike;
  command.timeout = base::seconds{request.timeout_s};
  const std::uint64_t id = ++last_command_;
  pending_.emplace(id, Pending{client, std::nullopt});
  auto answer = std::make_unique<CommandAnswer>(*this, request.id, id);
  driver_.command(ike::CommandId{id}, std::move(command));
  driver_.settle();
  return answer;
}

std::unique_ptr<io::Answer> Management::answer(io::ClientId client, std::string_view line) {
  const auto request = io::parse_request(line);
  if (!request)
    return std::make_unique<ReadyAnswer>(
        io::encode_done(0, io::CommandStatus::kUsage, request.error().text));
  switch (request->verb) {
    case io::Verb::kVersion:
      return answer_version(request->id);
    case io::Verb::kShow: {
      std::string first;
      if (request->topic == "counters")
        first = io::encode_value(request->id, counters_value(context_));
      return std::make_unique<ShowAnswer>(request->id, sources_of(request->topic, context_),
                                          std::move(first));
    }
    case io::Verb::kUp:
    case io::Verb::kDown:
    case io::Verb::kRekey:
      return start_command(client, *request);
  }
  return std::make_unique<ReadyAnswer>(
      io::encode_done(request->id, io::CommandStatus::kUsage, "not built yet"));
}

void Management::reply(ike::CommandId id, const base::Result<std::string>& result) {
  const auto found = pending_.find(id.value());
  if (found == pending_.end()) return;  // the client is gone
  found->second.result = result;
  if (server_) server_->resume(found->second.client);
}

}  // namespace penstock::bridge
