// SPDX-License-Identifier: BSD-3-Clause
// Fragments come in any order and more than once; when all are there they are a message.
#include "control/ikev2/reassembly.h"

#include <algorithm>

#include "lib/base/check.h"

namespace penstock::ikev2 {

bool Reassembly::has(const isakmp::EncryptedView& fragment) const {
  return fragment.fragments_total == total() && parts_.at(fragment.fragment - 1U).has_value();
}

bool Reassembly::add(const isakmp::EncryptedView& fragment, base::SecretBytes content,
                     base::Bytes wire) {
  PS_CHECK(fragment.fragments_total == total() && !has(fragment));
  if (octets_ + content.size() > most_octets_) return false;
  octets_ += content.size();
  ++count_;
  parts_.at(fragment.fragment - 1U) = std::move(content);
  if (fragment.fragment == 1) {
    first_ = fragment.inner_type;
    beginning_.begin(wire);
  }
  return true;
}

OpenedMessage Reassembly::take() {
  PS_CHECK(complete());
  OpenedMessage whole{first_, base::SecretBytes(octets_), std::move(beginning_)};
  auto out = whole.inside.mutable_bytes().begin();
  for (const auto& part : parts_) out = std::ranges::copy(part->bytes(), out).out;
  return whole;
}

}  // namespace penstock::ikev2
