// SPDX-License-Identifier: BSD-3-Clause
// ByteReader and ByteWriter: bounded reading and appending of wire formats, big-endian.
#pragma once

#include <cstring>
#include <type_traits>

#include "lib/base/bytes.h"
#include "lib/base/endian.h"

namespace penstock::base {

/// Looks at the first octets of `bytes` as a wire struct (alignment 1, trivially copyable).
/// @return kTruncated if there are fewer than sizeof(T)
template <class T>
[[nodiscard]] Result<const T*> view(Bytes bytes) {
  static_assert(alignof(T) == 1 && std::is_trivially_copyable_v<T>);
  if (bytes.size() < sizeof(T)) return fail(ErrorCode::kTruncated);
  return reinterpret_cast<const T*>(bytes.data());
}

/// The octets of a wire struct.
template <class T>
[[nodiscard]] Bytes bytes_of(const T& wire) {
  static_assert(alignof(T) == 1 && std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const std::byte*>(&wire), sizeof(T)};
}

/// Consumes a view from its front. A failed read consumes nothing.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : rest_(bytes) {}

  [[nodiscard]] Bytes rest() const { return rest_; }
  [[nodiscard]] std::size_t size() const { return rest_.size(); }
  [[nodiscard]] bool empty() const { return rest_.empty(); }

  /// The next `count` octets, or kTruncated.
  [[nodiscard]] Result<Bytes> take(std::size_t count) {
    if (rest_.size() < count) return fail(ErrorCode::kTruncated);
    const Bytes taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  /// The next wire struct, or kTruncated.
  template <class T>
  [[nodiscard]] Result<const T*> take() {
    PS_ASSIGN(const Bytes taken, take(sizeof(T)));
    return view<T>(taken);
  }

  [[nodiscard]] Result<std::uint8_t> u8() { return integer<std::uint8_t>(); }
  [[nodiscard]] Result<std::uint16_t> u16() { return integer<std::uint16_t>(); }
  [[nodiscard]] Result<std::uint32_t> u32() { return integer<std::uint32_t>(); }
  [[nodiscard]] Result<std::uint64_t> u64() { return integer<std::uint64_t>(); }

 private:
  template <class T>
  [[nodiscard]] Result<T> integer() {
    PS_ASSIGN(const Bytes taken, take(sizeof(T)));
    T value = 0;
    for (const std::byte b : taken)
      value = static_cast<T>((static_cast<std::uint64_t>(value) << 8) | std::to_integer<T>(b));
    return value;
  }

  Bytes rest_;
};

/// Appends to an owned buffer; lengths that are known only later are patched.
class ByteWriter {
 public:
  ByteWriter() = default;
  explicit ByteWriter(ByteVector initial) : bytes_(std::move(initial)) {}

  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] Bytes bytes() const { return bytes_; }
  [[nodiscard]] MutableBytes mutable_bytes() { return bytes_; }
  [[nodiscard]] ByteVector release() { return std::move(bytes_); }

  void u8(std::uint8_t v) { bytes_.push_back(static_cast<std::byte>(v)); }
  void u16(std::uint16_t v) { integer(v); }
  void u32(std::uint32_t v) { integer(v); }
  void u64(std::uint64_t v) { integer(v); }
  void append(Bytes more) { bytes_.insert(bytes_.end(), more.begin(), more.end()); }
  void zeros(std::size_t count) { bytes_.resize(bytes_.size() + count); }
  template <class T>
  void put(const T& wire) {
    append(bytes_of(wire));
  }

  void patch_u8(std::size_t offset, std::uint8_t v) {
    bytes_.at(offset) = static_cast<std::byte>(v);
  }
  void patch_u16(std::size_t offset, std::uint16_t v) { patch(offset, v); }
  void patch_u32(std::size_t offset, std::uint32_t v) { patch(offset, v); }

 private:
  template <class T>
  void integer(T v) {
    const BigEndian<T> wire{v};
    append(bytes_of(wire));
  }
  template <class T>
  void patch(std::size_t offset, T v) {
    const BigEndian<T> wire{v};
    std::memcpy(&bytes_.at(offset + sizeof(T) - 1) - (sizeof(T) - 1), &wire, sizeof(T));
  }

  ByteVector bytes_;
};

}  // namespace penstock::base
