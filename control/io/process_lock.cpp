// SPDX-License-Identifier: BSD-3-Clause
// flock(2) on a file that its holder removes: whoever locks a file that is no longer the one at
// that path begins again.
#include "control/io/process_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace penstock::io {
namespace {

bool is_still_at(int fd, const std::string& path) {
  struct stat locked {};
  struct stat there {};
  return fstat(fd, &locked) == 0 && stat(path.c_str(), &there) == 0 &&
         locked.st_dev == there.st_dev && locked.st_ino == there.st_ino;
}

}  // namespace

base::Result<ProcessLock> ProcessLock::take(std::string path, std::string_view shared) {
  const std::string folder = path.substr(0, path.rfind('/'));
  if (!folder.empty() && folder != path) mkdir(folder.c_str(), 0755);  // open() tells if it failed
  for (;;) {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
      return base::fail(base::ErrorCode::kSystem,
                        fmt::format("{}: {}; penstockd must be able to write there, as root can",
                                    path, std::strerror(errno)));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      const int why = errno;
      close(fd);
      if (why != EWOULDBLOCK)
        return base::fail(base::ErrorCode::kSystem,
                          fmt::format("{}: flock: {}", path, std::strerror(why)));
      return base::fail(base::ErrorCode::kExists,
                        fmt::format("another penstockd is running with {}", shared));
    }
    if (is_still_at(fd, path)) return ProcessLock(std::move(path), fd);
    close(fd);
  }
}

ProcessLock::ProcessLock(ProcessLock&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

ProcessLock::~ProcessLock() {
  if (fd_ < 0) return;
  unlink(path_.c_str());
  close(fd_);
}

}  // namespace penstock::io
