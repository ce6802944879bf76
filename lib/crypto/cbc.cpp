// SPDX-License-Identifier: BSD-3-Clause
// CBC by OpenSSL, one call a message.
#include "lib/crypto/cbc.h"

#include "lib/base/check.h"
#include "lib/crypto/context_impl.h"

namespace penstock::crypto {
namespace {

void run(const CryptoContext& context, const EncrRow& encr, base::Bytes key, base::Bytes iv,
         base::MutableBytes data, bool encipher) {
  PS_CHECK(encr.kind == CipherKind::kBlock && key.size() == encr.key_bits / 8U &&
           iv.size() == encr.block_octets && data.size() % encr.block_octets == 0);
  const std::string name =
      encr.id == EncrId::k3Des ? "DES-EDE3-CBC" : "AES-" + std::to_string(encr.key_bits) + "-CBC";
  const CipherCtxPtr ctx(EVP_CIPHER_CTX_new());
  PS_CHECK(ctx != nullptr &&
           EVP_CipherInit_ex2(ctx.get(), context.impl().cipher(name), base::u8(key.data()),
                              base::u8(iv.data()), encipher ? 1 : 0, nullptr) == 1);
  EVP_CIPHER_CTX_set_padding(ctx.get(), 0);
  int written = 0;
  PS_CHECK(EVP_CipherUpdate(ctx.get(), base::u8(data.data()), &written, base::u8(data.data()),
                            static_cast<int>(data.size())) == 1 &&
           static_cast<std::size_t>(written) == data.size());
}

}  // namespace

void cbc_encrypt(const CryptoContext& context, const EncrRow& encr, base::Bytes key, base::Bytes iv,
                 base::MutableBytes data) {
  run(context, encr, key, iv, data, true);
}

void cbc_decrypt(const CryptoContext& context, const EncrRow& encr, base::Bytes key, base::Bytes iv,
                 base::MutableBytes data) {
  run(context, encr, key, iv, data, false);
}

}  // namespace penstock::crypto
