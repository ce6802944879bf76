// SPDX-License-Identifier: BSD-3-Clause
// Deadlines: a binary heap that knows where each key lies, so that a deadline moves or goes in
// O(log n). One entry a key: an IKE SA's is the earliest of its timers.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "lib/base/time.h"

namespace penstock::session {

class Deadlines {
 public:
  using Key = std::uint64_t;

  /// Sets or moves the key's deadline.
  void set(Key key, base::MonoTime at);
  void clear(Key key);
  [[nodiscard]] std::optional<base::MonoTime> next() const;
  /// Takes the earliest key whose time has come (ties: the lower key), or nothing.
  [[nodiscard]] std::optional<Key> pop_due(base::MonoTime now);
  [[nodiscard]] std::size_t size() const { return heap_.size(); }

 private:
  struct Entry {
    base::MonoTime at;
    Key key;
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };
  void place(std::size_t index, const Entry& entry);
  void sift_up(std::size_t index, Entry entry);
  void sift_down(std::size_t index, Entry entry);
  void remove_at(std::size_t index);

  std::vector<Entry> heap_;
  std::unordered_map<Key, std::size_t> where_;
};

}  // namespace penstock::session
