// SPDX-License-Identifier: BSD-3-Clause
// The EAL: started once a process. Every failure is one sentence that says what to do.
#pragma once

#include <string>
#include <vector>

#include "lib/base/log.h"
#include "lib/base/result.h"

namespace penstock::dpdk {

struct EalOptions {
  std::vector<std::string> args;         ///< as given: {"--in-memory", "-m", "128"}
  std::string file_prefix = "penstock";  ///< also names the telemetry socket's folder
  unsigned control_cpu = 0;              ///< CPU of lcore 0, the main lcore
  std::vector<unsigned> workers;         ///< CPU of lcore 1, 2, …; a CPU may be named twice
  std::vector<std::string> pci_devices;  ///< addresses; none: the bus is not scanned
};

/// Holds the EAL; its end is the EAL's end. DPDK's own log goes to `log`, which outlives it.
class Eal {
 public:
  /// The calling thread becomes the main lcore (lcore 0) and is pinned to control_cpu.
  /// @return kSystem (no hugepages, a wrong argument …), kPermission
  [[nodiscard]] static base::Result<Eal> start(const EalOptions& options, base::Log& log);
  Eal(Eal&& other) noexcept;
  Eal& operator=(Eal&&) = delete;
  ~Eal();

 private:
  Eal() = default;
  bool running_ = false;
};

/// Runs `function(argument)` on the lcore of worker `index` (0 …), which is lcore index + 1.
/// @return kSystem if there is no such lcore or it is busy
[[nodiscard]] base::Result<void> launch(unsigned index, int (*function)(void*), void* argument);
/// Waits until that lcore has come back. @return what its function returned
int wait_for(unsigned index);

/// True for 0000:3b:00.1 and 3b:00.1: a PCI address and not a vdev string.
[[nodiscard]] bool is_pci_address(std::string_view device);

}  // namespace penstock::dpdk
