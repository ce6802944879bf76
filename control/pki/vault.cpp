// SPDX-License-Identifier: BSD-3-Clause
// Keys and trust sets by name.
#include "control/pki/vault.h"

#include <openssl/evp.h>

#include "lib/base/byte_io.h"
#include "lib/base/check.h"

namespace penstock::pki {

TrustId id_of(const TrustSet& trust) {
  base::ByteWriter all;
  for (const auto* list :
       {&trust.anchors, &trust.intermediates, &trust.crls, &trust.ocsp_responses}) {
    all.u32(static_cast<std::uint32_t>(list->size()));
    for (const base::ByteVector& one : *list) {
      all.u32(static_cast<std::uint32_t>(one.size()));
      all.append(one);
    }
  }
  all.u8(static_cast<std::uint8_t>(trust.revocation));
  TrustId id{};
  PS_CHECK(EVP_Digest(all.bytes().data(), all.size(), base::u8(id.data()), nullptr, EVP_sha256(),
                      nullptr) == 1);
  return id;
}

TrustId Vault::add_trust(TrustSet trust) {
  const TrustId id = id_of(trust);
  trust_.insert_or_assign(id, std::move(trust));
  return id;
}

const PrivateKey* Vault::key(const crypto::KeyId& id) const {
  const auto found = keys_.find(id);
  return found == keys_.end() ? nullptr : &found->second;
}

const TrustSet* Vault::trust(const TrustId& id) const {
  const auto found = trust_.find(id);
  return found == trust_.end() ? nullptr : &found->second;
}

}  // namespace penstock::pki
