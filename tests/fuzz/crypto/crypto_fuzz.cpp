// SPDX-License-Identifier: BSD-3-Clause
// Public values and SK bodies as peers send them: neither crashes, and nothing forged opens.
#include <map>

#include "lib/base/check.h"
#include "lib/crypto/dh.h"
#include "lib/crypto/sk_cipher.h"

namespace {

using namespace penstock;
using namespace penstock::crypto;

/// Nothing that was not sealed opens; the keys are fixed, so a forgery would be one.
void sk_body(const CryptoContext& context, base::Bytes input) {
  static const base::ByteVector kKeys(128, std::byte{7});
  const base::Bytes keys(kKeys);
  const IntegRow* sha1 = find_integ(IntegId::kHmacSha1_96);
  for (const EncrRow& row : encr_table()) {
    if (!row.for_ike) continue;
    const IntegRow* integ = row.icv_octets == 0 ? sha1 : nullptr;
    const auto cipher =
        SkCipher::create(context, row, integ, keys.first(row.key_bits / 8U + row.salt_octets),
                         keys.first(integ != nullptr ? integ->key_octets : 0U));
    PS_CHECK(cipher.has_value());
    PS_CHECK(!cipher->open({}, input).has_value());
  }
}

/// The groups that are cheap; the others share their code.
void public_value(const CryptoContext& context, base::Bytes input) {
  static std::map<DhGroupId, DhKeyPair> own;
  for (const DhGroupId group : {DhGroupId::kX25519, DhGroupId::kEcp256, DhGroupId::kModp768}) {
    if (!own.contains(group)) own.emplace(group, dh_generate(context, group).value());
    const auto secret = dh_shared_secret(context, own.at(group), input);
    if (secret) PS_CHECK(secret->size() == find_dh(group)->secret_octets);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const CryptoContext context(1);
  const base::Bytes input(reinterpret_cast<const std::byte*>(data), size);
  sk_body(context, input);
  public_value(context, input);
  return 0;
}
