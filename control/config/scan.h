// SPDX-License-Identifier: BSD-3-Clause
// A look at the text before libconfig reads it, for what libconfig gets wrong silently or fatally.
#pragma once

#include <string>
#include <string_view>

#include "control/config/place.h"

namespace penstock::config {

inline constexpr std::size_t kMaxFileOctets = std::size_t{256} << 20;
inline constexpr unsigned kMaxIncludeDepth = 10;  ///< libconfig's own

/// Octets of a regular file, to be wiped by who asked: it holds secrets.
[[nodiscard]] base::Result<base::SecretBytes> read_whole_file(const std::string& file);

/// Faults that make it pointless to parse: a NUL octet (libconfig stops there without a word), an
/// include that is no readable file (its scanner ends the process on a folder) or nests too deep.
/// @return true if libconfig may read the text
[[nodiscard]] bool scan(std::string_view text, const std::string& file, Findings& findings);

}  // namespace penstock::config
