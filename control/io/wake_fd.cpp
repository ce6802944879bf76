// SPDX-License-Identifier: BSD-3-Clause
// One counter of the kernel that wakes a sleeping loop; what it is about lies in a queue.
#include "control/io/wake_fd.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "lib/base/check.h"

namespace penstock::io {

WakeFd::WakeFd() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { PS_CHECK(fd_ >= 0); }

WakeFd::~WakeFd() { close(fd_); }

void WakeFd::signal() const {
  const std::uint64_t one = 1;
  // EAGAIN: the counter is full, so the loop is awake already.
  [[maybe_unused]] const auto written = write(fd_, &one, sizeof(one));
}

void WakeFd::drain() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = read(fd_, &count, sizeof(count));
}

}  // namespace penstock::io
