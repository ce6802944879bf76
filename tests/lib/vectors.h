// SPDX-License-Identifier: BSD-3-Clause
// Public test vectors and captures, read in place: they are not part of the project.
#pragma once

#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace penstock::test {

/// $PENSTOCK_VECTORS, or ../shared/vectors beside the checkout.
inline std::filesystem::path vectors_folder() {
  if (const char* named = std::getenv("PENSTOCK_VECTORS")) return named;
  return std::filesystem::path(PENSTOCK_SOURCE_ROOT).parent_path() / "shared" / "vectors";
}

/// The whole file, decompressed if its name ends in .gz; nothing if it is not there.
inline std::optional<std::string> read_vectors(const std::string& name) {
  const std::filesystem::path path = vectors_folder() / name;
  if (!std::filesystem::exists(path)) return std::nullopt;
  if (path.extension() != ".gz") {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  gzFile in = gzopen(path.c_str(), "rb");
  if (in == nullptr) return std::nullopt;
  std::string out;
  char chunk[1U << 16U];
  for (int n = 0; (n = gzread(in, chunk, sizeof(chunk))) > 0;)
    out.append(chunk, static_cast<std::size_t>(n));
  gzclose(in);
  return out;
}

}  // namespace penstock::test

/// Reads a vector file into `var`, or skips the test and says why.
#define PS_VECTORS_OR_SKIP(var, name)                            \
  const auto var##_file_ = ::penstock::test::read_vectors(name); \
  if (!var##_file_) GTEST_SKIP() << "vectors absent: " << name;  \
  const std::string& var = *var##_file_
