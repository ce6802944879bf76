// SPDX-License-Identifier: BSD-3-Clause
// SecretBytes: owned key material that is wiped before its memory is given back.
#include "lib/base/secret.h"

#include <cstring>
#include <utility>

namespace penstock::base {

void wipe(MutableBytes bytes) {
  if (bytes.empty()) return;
  explicit_bzero(bytes.data(), bytes.size());
}

SecretBytes::SecretBytes(std::size_t size)
    : data_(size == 0 ? nullptr : std::make_unique<std::byte[]>(size)), size_(size) {}

SecretBytes SecretBytes::copy_of(Bytes bytes) {
  SecretBytes secret(bytes.size());
  if (!bytes.empty()) std::memcpy(secret.data_.get(), bytes.data(), bytes.size());
  return secret;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this == &other) return *this;
  wipe(mutable_bytes());
  data_ = std::move(other.data_);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

SecretBytes::~SecretBytes() { wipe(mutable_bytes()); }

}  // namespace penstock::base
