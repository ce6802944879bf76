// SPDX-License-Identifier: BSD-3-Clause
// The client's end of the management protocol: one request, and its answer put together again.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "control/io/management_protocol.h"

namespace penstock::app {

struct Answer {
  io::CommandStatus status = io::CommandStatus::kDone;
  std::string text;   ///< a sentence, or why it was refused
  io::Json document;  ///< show and version: the whole answer
};

/// Puts the lines of one answer together.
class AnswerReader {
 public:
  explicit AnswerReader(const io::ManagementRequest& request);
  /// @param line  without its line end
  /// @return true if it was the last; kMalformed if it is no line of this answer
  [[nodiscard]] base::Result<bool> take(std::string_view line);
  [[nodiscard]] Answer answer() && { return std::move(answer_); }

 private:
  [[nodiscard]] base::Result<void> take_part(const io::Json& line);

  std::uint64_t id_;
  Answer answer_;
};

/// Asks the daemon at `socket` and waits: with the time that the request gives the daemon and ten
/// seconds more, no line for so long is an answer of kNoDaemon, as is a socket that nobody has.
[[nodiscard]] Answer ask(const std::string& socket, const io::ManagementRequest& request);

}  // namespace penstock::app
