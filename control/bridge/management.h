// SPDX-License-Identifier: BSD-3-Clause
// Management: requests of the penstock program become lists, commands of the engine, and answers.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>

#include "control/bridge/engine_driver.h"
#include "control/bridge/show.h"
#include "control/io/management_server.h"

namespace penstock::bridge {

class Management {
 public:
  /// @param version  the object of `version` without `uptime_s`, which is added
  Management(EngineDriver& driver, ShowContext context, io::Json version);
  ~Management();
  Management(const Management&) = delete;
  Management& operator=(const Management&) = delete;

  /// Opens the socket: from now on the daemon is ready.
  [[nodiscard]] base::Result<void> open(io::EventLoop& loop, const std::string& path);
  void close() { server_.reset(); }
  /// The driver's Reply.
  void reply(ike::CommandId id, const base::Result<std::string>& result);

 private:
  class ShowAnswer;
  class CommandAnswer;
  struct Pending {
    io::ClientId client;
    std::optional<base::Result<std::string>> result;
  };
  [[nodiscard]] std::unique_ptr<io::Answer> answer(io::ClientId client, std::string_view line);
  [[nodiscard]] std::unique_ptr<io::Answer> start_command(io::ClientId client,
                                                          const io::ManagementRequest& request);
  [[nodiscard]] std::unique_ptr<io::Answer> answer_version(std::uint64_t id) const;

  EngineDriver& driver_;
  ShowContext context_;
  std::unique_ptr<io::Json> version_;
  base::MonoTime ready_at_{};
  std::uint64_t last_command_ = 0;
  std::unordered_map<std::uint64_t, Pending> pending_;  ///< at most one a client
  std::unique_ptr<io::ManagementServer> server_;
};

}  // namespace penstock::bridge
