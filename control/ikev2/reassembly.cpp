// SPDX-License-Identifier: BSD-3-Clause
// Fragments come in any order and more than once; when all are there they are a message. Each was
// verified, so the first with a number is as good as any.
#include "control/ikev2/reassembly.h"

#include "lib/base/check.h"

namespace penstock::ikev2 {

bool Reassembly::has(const isakmp::EncryptedView& fragment) const {
  return fragment.fragments_total == total() && parts_.find(fragment.fragment) != nullptr;
}

bool Reassembly::add(const isakmp::EncryptedView& fragment, base::SecretBytes content,
                     base::Bytes wire) {
  PS_CHECK(fragment.fragments_total == total() && !has(fragment));
  if (!parts_.put(fragment.fragment, std::move(content))) return false;
  if (fragment.fragment == 1) {
    first_ = fragment.inner_type;
    beginning_.begin(wire);
  }
  return true;
}

OpenedMessage Reassembly::take() { return {first_, parts_.join(), std::move(beginning_)}; }

}  // namespace penstock::ikev2
