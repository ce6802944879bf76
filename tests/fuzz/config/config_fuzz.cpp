// SPDX-License-Identifier: BSD-3-Clause
// A configuration file of any content: faults or settings, and faults that can be printed.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "control/config/settings.h"
#include "lib/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace penstock;
  static const int file = memfd_create("penstock.conf", 0);
  PS_CHECK(file >= 0 && ftruncate(file, 0) == 0);
  PS_CHECK(pwrite(file, data, size, 0) == static_cast<ssize_t>(size));
  const auto settings = config::load("/proc/self/fd/" + std::to_string(file));
  if (settings) return 0;
  PS_CHECK(!settings.error().empty());
  for (const config::Fault& fault : settings.error()) PS_CHECK(!config::to_string(fault).empty());
  return 0;
}
