// SPDX-License-Identifier: BSD-3-Clause
// HugeArray: a table of fixed size for the data plane, in huge pages where the kernel has some to
// give: a lookup at random in megabytes of small pages misses the TLB as often as the cache.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace penstock::dpdk {

inline constexpr std::size_t kHugePageOctets = std::size_t{2} << 20;

/// Owns `size` values, each made by its default.
template <class T>
class HugeArray {
 public:
  /// @throw std::bad_alloc
  explicit HugeArray(std::size_t size) : size_(size), values_(allocate(size)) {
    std::uninitialized_value_construct_n(values_.get(), size);
  }
  ~HugeArray() {
    if (values_ != nullptr) std::destroy_n(values_.get(), size_);
  }
  HugeArray(HugeArray&& other) noexcept = default;
  HugeArray& operator=(HugeArray&&) = delete;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] T& operator[](std::size_t i) { return values_.get()[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const { return values_.get()[i]; }
  [[nodiscard]] T* data() { return values_.get(); }
  [[nodiscard]] const T* data() const { return values_.get(); }
  [[nodiscard]] T* begin() { return data(); }
  [[nodiscard]] T* end() { return data() + size_; }

 private:
  struct Free {
    void operator()(T* values) const { std::free(values); }
  };
  /// Below a huge page: aligned to cache lines.
  static T* allocate(std::size_t size) {
    constexpr std::size_t kLine = 64;
    static_assert(alignof(T) <= kLine);
    const bool huge = size * sizeof(T) >= kHugePageOctets;
    const std::size_t unit = huge ? kHugePageOctets : kLine;
    const std::size_t octets = (size * sizeof(T) + unit - 1) / unit * unit;
    void* memory = std::aligned_alloc(unit, octets == 0 ? unit : octets);
    if (memory == nullptr) throw std::bad_alloc();
    // Advice: without it the table is as good, and slower.
    if (huge) (void)madvise(memory, octets, MADV_HUGEPAGE);
    return static_cast<T*>(memory);
  }

  std::size_t size_;
  std::unique_ptr<T, Free> values_;
};

}  // namespace penstock::dpdk
