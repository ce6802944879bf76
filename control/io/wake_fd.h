// SPDX-License-Identifier: BSD-3-Clause
// WakeFd: an eventfd. Any thread signals it; the loop that watches it drains it.
#pragma once

namespace penstock::io {

class WakeFd {
 public:
  WakeFd();
  ~WakeFd();
  WakeFd(const WakeFd&) = delete;
  WakeFd& operator=(const WakeFd&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  void signal() const;  ///< thread-safe
  void drain() const;

 private:
  int fd_;
};

}  // namespace penstock::io
