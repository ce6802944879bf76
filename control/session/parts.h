// SPDX-License-Identifier: BSD-3-Clause
// Parts: what the fragments of one IKE message hold until they are all there, for both versions.
// How much and how long is bounded, for a message and in sum.
#pragma once

#include <cstddef>
#include <map>

#include "lib/base/secret.h"
#include "lib/base/time.h"

namespace penstock::session {

/// What the fragments of a message may hold together: from a peer that is authenticated, and from
/// one that may be anybody (RFC 7383 §5).
inline constexpr std::size_t kMaxFragmentedOctets = 65'535;
inline constexpr std::size_t kMaxStrangersOctets = 20'480;
/// All fragments together that nobody vouches for, as those of IKEv1 are.
inline constexpr std::size_t kMaxUnverifiedOctets = 64U << 20U;

/// Octets that many share.
class OctetBudget {
 public:
  explicit OctetBudget(std::size_t most) : left_(most) {}
  [[nodiscard]] bool take(std::size_t octets);
  void give(std::size_t octets) { left_ += octets; }
  [[nodiscard]] std::size_t left() const { return left_; }

 private:
  std::size_t left_;
};

class Parts {
 public:
  /// @param total   fragments of the message; 0: not known yet
  /// @param budget  borrowed, outlives this; nullptr: none
  Parts(base::MonoTime until, std::size_t most_octets, std::size_t total,
        OctetBudget* budget = nullptr)
      : until_(until), most_octets_(most_octets), total_(total), budget_(budget) {}
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;
  ~Parts();

  /// When they are given up.
  [[nodiscard]] base::MonoTime until() const { return until_; }
  [[nodiscard]] std::size_t total() const { return total_; }
  void set_total(std::size_t total) { total_ = total; }
  /// nullptr: it is not there.
  [[nodiscard]] const base::SecretBytes* find(std::size_t number) const;
  /// @param number  from 1; one that is there is replaced
  /// @return false if all together are too long, or the budget is used up: nothing is changed
  [[nodiscard]] bool put(std::size_t number, base::SecretBytes content);
  /// Are all up to the total there? Those above it do not count.
  [[nodiscard]] bool complete() const;
  /// All of it, once it is complete.
  [[nodiscard]] base::SecretBytes join() const;

 private:
  base::MonoTime until_;
  std::size_t most_octets_;
  std::size_t total_;
  OctetBudget* budget_;
  std::map<std::size_t, base::SecretBytes> parts_;
  std::size_t octets_ = 0;
};

}  // namespace penstock::session
