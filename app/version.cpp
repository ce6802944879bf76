// SPDX-License-Identifier: BSD-3-Clause
// Versions of what this process is made of, as they run and not as they were built.
#include "app/version.h"

#include <openssl/crypto.h>
#include <rte_version.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "lib/burst_crypto/ipsec_mb.h"

namespace penstock::app {

std::string_view version() { return PENSTOCK_VERSION; }

io::Json version_value() {
  return {{"version", version()},
          {"protocol", io::kManagementProtocol},
          {"dpdk", rte_version()},
          {"ipsec_mb", burst_crypto::ipsec_mb_version()},
          {"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)},
          {"build", PENSTOCK_BUILD},
          {"pid", static_cast<std::uint64_t>(getpid())}};
}

}  // namespace penstock::app
