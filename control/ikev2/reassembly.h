// SPDX-License-Identifier: BSD-3-Clause
// Reassembly: the fragments of one IKE message until they are all there (RFC 7383 §2.6). What it
// holds was verified; how much and how long is bounded.
#pragma once

#include <optional>
#include <vector>

#include "control/isakmp/message_view.h"
#include "control/session/retransmission.h"
#include "lib/base/secret.h"
#include "lib/base/time.h"

namespace penstock::ikev2 {

/// What the fragments of a message may hold together: from a peer that is authenticated, and from
/// one that may be anybody (RFC 7383 §5).
inline constexpr std::size_t kMaxFragmentedOctets = 65'535;
inline constexpr std::size_t kMaxStrangersOctets = 20'480;

/// What an SK payload, or all SKF payloads of a message, held.
struct OpenedMessage {
  isakmp::PayloadType first = isakmp::PayloadType::kNone;
  base::SecretBytes inside;
  session::AnsweredRequest beginning;  ///< the message, or its fragment 1, remembered
};

class Reassembly {
 public:
  /// @param total  fragments of the message; an attempt with another total has its own Reassembly
  Reassembly(base::MonoTime until, std::size_t most_octets, std::size_t total)
      : until_(until), most_octets_(most_octets), parts_(total) {}

  /// When it is given up.
  [[nodiscard]] base::MonoTime until() const { return until_; }
  [[nodiscard]] std::size_t total() const { return parts_.size(); }
  /// Is this fragment there already?
  [[nodiscard]] bool has(const isakmp::EncryptedView& fragment) const;
  /// Keeps a verified fragment of this total that is not there yet.
  /// @param wire  the fragment as it came
  /// @return false if all together are too long
  [[nodiscard]] bool add(const isakmp::EncryptedView& fragment, base::SecretBytes content,
                         base::Bytes wire);
  [[nodiscard]] bool complete() const { return count_ == parts_.size(); }
  /// All of it, once it is complete.
  [[nodiscard]] OpenedMessage take();

 private:
  base::MonoTime until_;
  std::size_t most_octets_;
  std::vector<std::optional<base::SecretBytes>> parts_;
  std::size_t count_ = 0;
  std::size_t octets_ = 0;
  isakmp::PayloadType first_ = isakmp::PayloadType::kNone;
  session::AnsweredRequest beginning_;
};

}  // namespace penstock::ikev2
