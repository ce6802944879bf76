// SPDX-License-Identifier: BSD-3-Clause
// ProcessLock: a lock file that one process at a time has, taken before anything else that two
// daemons must not do at once. It goes with its process, whatever ends that.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace penstock::io {

class ProcessLock {
 public:
  /// Makes the file, and its folder if that is missing.
  /// @param shared  what two would share, for the error's text: "the socket /run/…"
  /// @return kExists: another process has it; kSystem with the reason
  [[nodiscard]] static base::Result<ProcessLock> take(std::string path, std::string_view shared);
  /// Removes the file.
  ~ProcessLock();
  ProcessLock(ProcessLock&& other) noexcept;
  ProcessLock& operator=(ProcessLock&&) = delete;

 private:
  ProcessLock(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string path_;
  int fd_ = -1;
};

}  // namespace penstock::io
