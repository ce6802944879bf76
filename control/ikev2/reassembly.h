// SPDX-License-Identifier: BSD-3-Clause
// Reassembly: the fragments of one IKE message until they are all there (RFC 7383 §2.6). What it
// holds was verified; how much and how long is bounded.
#pragma once

#include "control/isakmp/message_view.h"
#include "control/session/parts.h"
#include "control/session/retransmission.h"

namespace penstock::ikev2 {

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
      : parts_(until, most_octets, total) {}

  /// When it is given up.
  [[nodiscard]] base::MonoTime until() const { return parts_.until(); }
  [[nodiscard]] std::size_t total() const { return parts_.total(); }
  /// Is this fragment there already?
  [[nodiscard]] bool has(const isakmp::EncryptedView& fragment) const;
  /// Keeps a verified fragment of this total that is not there yet.
  /// @param wire  the fragment as it came
  /// @return false if all together are too long
  [[nodiscard]] bool add(const isakmp::EncryptedView& fragment, base::SecretBytes content,
                         base::Bytes wire);
  [[nodiscard]] bool complete() const { return parts_.complete(); }
  /// All of it, once it is complete.
  [[nodiscard]] OpenedMessage take();

 private:
  session::Parts parts_;
  isakmp::PayloadType first_ = isakmp::PayloadType::kNone;
  session::AnsweredRequest beginning_;
};

}  // namespace penstock::ikev2
