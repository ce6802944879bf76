// SPDX-License-Identifier: BSD-3-Clause
// A crypto device for tests, behind DPDK's own functions: a binary that links it has crypto_test0
// and crypto_test1 beside the real devices. It does the work with OpenSSL when an operation is
// taken back, and misbehaves as it is told: delays (so queue pairs overtake each other), fails,
// refuses, sticks. It looks at every address that it is given, whether all octets that it would
// read or write are DPDK's memory and at that IOVA (iova_map.h makes IOVAs differ from the
// process's addresses), and at sessions freed too early.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace penstock::test {

struct CryptoDeviceBehaviour {
  unsigned delay_polls = 0;       ///< an operation comes back so many dequeues later
  unsigned room = 100'000;        ///< operations that a queue pair takes before it refuses
  unsigned fail_every = 0;        ///< each so-manyth operation ends with an error; 0: none
  bool stuck = false;             ///< nothing comes back
  bool setup_fails_busy = false;  ///< a queue pair with operations cannot be set up again
  bool setup_skips_busy = false;  ///< it is left as it is instead, and said to be set up
  bool hardware = true;           ///< as it says of itself when it is opened
};

struct CryptoDeviceReport {
  std::vector<std::string> complaints;  ///< addresses that are not DPDK's, sessions freed early …
  unsigned sessions = 0;                ///< made and not freed
  unsigned in_flight = 0;               ///< taken and not given back
  std::uint64_t operations = 0;         ///< taken, ever
  unsigned refused = 0;
  unsigned forgotten = 0;  ///< lost when their queue pair was set up anew
};

/// @param device  0 or 1
[[nodiscard]] CryptoDeviceBehaviour& crypto_device(unsigned device);
/// The same of one queue pair, which otherwise does as its device.
void set_crypto_queue(unsigned device, unsigned queue_pair, const CryptoDeviceBehaviour& behaviour);
[[nodiscard]] CryptoDeviceReport crypto_device_report(unsigned device);
/// Gives back the buffers of operations that were forgotten.
void free_forgotten_packets(unsigned device);
/// Well-behaved, and without complaints.
void reset_crypto_devices();

}  // namespace penstock::test
