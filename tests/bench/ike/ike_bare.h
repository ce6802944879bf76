// SPDX-License-Identifier: BSD-3-Clause
// The asymmetric operations that one end of a tunnel cannot do without, by OpenSSL alone with
// everything fetched, parsed and set up beforehand.
#pragma once

#include <string>

namespace penstock::bench {

/// CPU time of one key pair and one shared secret, by OpenSSL's EVP (MODP: by its arithmetic, with
/// exponents of 256 bits), median of several turns.
[[nodiscard]] double bare_exchange_us(const std::string& group);
/// Of one signature and one verification.
[[nodiscard]] double bare_proof_us(const std::string& key);

}  // namespace penstock::bench
