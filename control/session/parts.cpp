// SPDX-License-Identifier: BSD-3-Clause
// Fragments come in any order; when all are there they are joined. What they mean, and which of two
// with the same number is right, the IKE version knows.
#include "control/session/parts.h"

#include <algorithm>
#include <iterator>

#include "lib/base/check.h"

namespace penstock::session {

bool OctetBudget::take(std::size_t octets) {
  if (octets > left_) return false;
  left_ -= octets;
  return true;
}

Parts::~Parts() {
  if (budget_ != nullptr) budget_->give(octets_);
}

const base::SecretBytes* Parts::find(std::size_t number) const {
  const auto found = parts_.find(number);
  return found == parts_.end() ? nullptr : &found->second;
}

bool Parts::put(std::size_t number, base::SecretBytes content) {
  PS_CHECK(number != 0);
  const base::SecretBytes* former = find(number);
  const std::size_t others = octets_ - (former == nullptr ? 0 : former->size());
  if (content.size() > most_octets_ - others) return false;
  if (budget_ != nullptr) {
    budget_->give(octets_ - others);
    if (!budget_->take(content.size())) {
      PS_CHECK(budget_->take(octets_ - others));
      return false;
    }
  }
  octets_ = others + content.size();
  parts_.insert_or_assign(number, std::move(content));
  return true;
}

bool Parts::complete() const {
  const auto counted = std::distance(parts_.begin(), parts_.upper_bound(total_));
  return total_ != 0 && static_cast<std::size_t>(counted) == total_;
}

base::SecretBytes Parts::join() const {
  PS_CHECK(complete());
  const auto end = parts_.upper_bound(total_);
  std::size_t octets = 0;
  for (auto part = parts_.begin(); part != end; ++part) octets += part->second.size();
  base::SecretBytes whole(octets);
  auto out = whole.mutable_bytes().begin();
  for (auto part = parts_.begin(); part != end; ++part)
    out = std::ranges::copy(part->second.bytes(), out).out;
  return whole;
}

}  // namespace penstock::session
