// SPDX-License-Identifier: BSD-3-Clause
// The checks of the whole: what no single value can tell. Each also completes what follows from
// other settings (defaults, slots).
#pragma once

#include <string>
#include <unordered_map>

#include "control/config/place.h"
#include "control/config/settings.h"

namespace penstock::config {

void check_dataplane(const Place& root, Settings& settings);
/// @param addresses  what is_outside_address() is asked; nothing if the ports have faults, which
///                   would only be told again
void check_manual_sas(const Place& root, Settings& settings, const DataplaneSettings* addresses);
void check_connections(const Place& root, Settings& settings, const DataplaneSettings* addresses);

/// Reads the files of certificates and keys, fills the vault and what connections say by them.
/// @param file  of the configuration: other files are looked for beside it
void load_certificates(const Place& root, Settings& settings, const std::string& file);

/// Reads the files of private groups, and tests that their primes are safe.
void load_private_groups(const Place& root, Settings& settings, const std::string& file);

/// True for an address of a port of the outside: ESP and IKE come and go by these.
[[nodiscard]] bool is_outside_address(const DataplaneSettings& dataplane, const net::IpAddress& a);

/// Keys that may be used once; the second use is a fault that names the first.
class UsedOnce {
 public:
  explicit UsedOnce(std::string what) : what_(std::move(what)) {}
  void add(const std::string& key, const Place& place);

 private:
  std::string what_;
  std::unordered_map<std::string, Place> first_;  ///< not its path: that walks all its siblings
};

}  // namespace penstock::config
