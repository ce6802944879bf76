// SPDX-License-Identifier: BSD-3-Clause
// The eventfd behind the flag.
#include "lib/channel/wakeup.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace penstock::channel {

base::Result<std::unique_ptr<Wakeup>> Wakeup::create() {
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0)
    return base::fail(base::ErrorCode::kSystem, std::string("no eventfd: ") + std::strerror(errno));
  return std::unique_ptr<Wakeup>(new Wakeup(fd));
}

Wakeup::~Wakeup() { close(fd_); }

void Wakeup::awake() {
  sleeping_.store(false, std::memory_order_relaxed);
  std::uint64_t calls = 0;
  // Nothing to read is fine: the loop woke for another reason.
  [[maybe_unused]] const ssize_t n = read(fd_, &calls, sizeof(calls));
}

void Wakeup::call(Counter& wakeups) {
  // One of several workers is enough, and once is enough.
  if (!sleeping_.exchange(false, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  wakeups.add();
  // It can fail only when the count would overflow; the loop is awake then anyway.
  [[maybe_unused]] const ssize_t n = write(fd_, &one, sizeof(one));
}

}  // namespace penstock::channel
