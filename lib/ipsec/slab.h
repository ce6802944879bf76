// SPDX-License-Identifier: BSD-3-Clause
// Slab: SA records in chunks of hugepage memory on the workers' node. A chunk is never given back
// while the slab lives, so a record's address always holds a record of this type.
#pragma once

#include <rte_malloc.h>

#include <cstdint>
#include <new>
#include <optional>
#include <vector>

namespace penstock::ipsec {

template <class Record>
class Slab {
 public:
  Slab(std::uint32_t capacity, int socket) : capacity_(capacity), socket_(socket) {
    chunks_.reserve((capacity + kChunk - 1) / kChunk);
    free_.reserve(capacity);
  }
  ~Slab() {
    for (Record* chunk : chunks_) {
      for (std::uint32_t i = 0; i < kChunk; ++i) chunk[i].~Record();
      rte_free(chunk);
    }
  }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  /// The index of a record that nobody uses; nothing at the capacity or without memory.
  [[nodiscard]] std::optional<std::uint32_t> take() {
    if (free_.empty() && !grow()) return std::nullopt;
    const std::uint32_t index = free_.back();
    free_.pop_back();
    ++used_;
    return index;
  }
  void give_back(std::uint32_t index) {
    free_.push_back(index);
    --used_;
  }
  [[nodiscard]] Record& operator[](std::uint32_t index) const {
    return chunks_[index / kChunk][index % kChunk];
  }
  /// Indices are below this.
  [[nodiscard]] std::uint32_t size() const {
    return static_cast<std::uint32_t>(chunks_.size()) * kChunk;
  }
  [[nodiscard]] std::uint32_t used() const { return used_; }

 private:
  static constexpr std::uint32_t kChunk = 64;

  bool grow() {
    if (size() >= capacity_) return false;
    void* memory = rte_malloc_socket("ipsec_sa", sizeof(Record) * kChunk, alignof(Record), socket_);
    if (memory == nullptr) return false;
    auto* chunk = static_cast<Record*>(memory);
    for (std::uint32_t i = 0; i < kChunk; ++i) new (&chunk[i]) Record;
    const std::uint32_t first = size();
    chunks_.push_back(chunk);
    for (std::uint32_t i = kChunk; i > 0; --i) free_.push_back(first + i - 1);
    return true;
  }

  std::uint32_t capacity_;
  int socket_;
  std::uint32_t used_ = 0;
  std::vector<Record*> chunks_;
  std::vector<std::uint32_t> free_;
};

}  // namespace penstock::ipsec
