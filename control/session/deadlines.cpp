// SPDX-License-Identifier: BSD-3-Clause
// The heap of deadlines. The engine asks it for the next one and takes what is due; nothing here
// knows what a deadline is for.
#include "control/session/deadlines.h"

namespace penstock::session {

void Deadlines::place(std::size_t index, const Entry& entry) {
  heap_[index] = entry;
  where_[entry.key] = index;
}

void Deadlines::sift_up(std::size_t index, Entry entry) {
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (heap_[parent] <= entry) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, entry);
}

void Deadlines::sift_down(std::size_t index, Entry entry) {
  for (;;) {
    std::size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1] < heap_[child]) ++child;
    if (entry <= heap_[child]) break;
    place(index, heap_[child]);
    index = child;
  }
  place(index, entry);
}

void Deadlines::set(Key key, base::MonoTime at) {
  const Entry entry{at, key};
  const auto found = where_.find(key);
  if (found == where_.end()) {
    heap_.push_back(entry);
    sift_up(heap_.size() - 1, entry);
    return;
  }
  const std::size_t index = found->second;
  if (entry < heap_[index]) {
    sift_up(index, entry);
  } else {
    sift_down(index, entry);
  }
}

void Deadlines::remove_at(std::size_t index) {
  where_.erase(heap_[index].key);
  const Entry last = heap_.back();
  heap_.pop_back();
  if (index == heap_.size()) return;
  if (index > 0 && last < heap_[(index - 1) / 2]) {
    sift_up(index, last);
  } else {
    sift_down(index, last);
  }
}

void Deadlines::clear(Key key) {
  const auto found = where_.find(key);
  if (found != where_.end()) remove_at(found->second);
}

std::optional<base::MonoTime> Deadlines::next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().at;
}

std::optional<Deadlines::Key> Deadlines::pop_due(base::MonoTime now) {
  if (heap_.empty() || heap_.front().at > now) return std::nullopt;
  const Key key = heap_.front().key;
  remove_at(0);
  return key;
}

}  // namespace penstock::session
