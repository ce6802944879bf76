// SPDX-License-Identifier: BSD-3-Clause
// SecretBytes: keys and shared secrets. Wiped when freed, moved but never copied, never printed.
#pragma once

#include <memory>

#include "lib/base/bytes.h"

namespace penstock::base {

/// Overwrites memory in a way that the compiler may not leave out.
void wipe(MutableBytes bytes);

class SecretBytes {
 public:
  SecretBytes() = default;
  /// `size` zero octets, to be written through mutable_bytes().
  explicit SecretBytes(std::size_t size);
  /// Takes a copy by name: the source stays with its owner, who wipes it.
  [[nodiscard]] static SecretBytes copy_of(Bytes bytes);

  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  ~SecretBytes();

  [[nodiscard]] Bytes bytes() const { return {data_.get(), size_}; }
  [[nodiscard]] MutableBytes mutable_bytes() { return {data_.get(), size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] SecretBytes clone() const { return copy_of(bytes()); }

 private:
  std::unique_ptr<std::byte[]> data_;
  std::size_t size_ = 0;
};

}  // namespace penstock::base
