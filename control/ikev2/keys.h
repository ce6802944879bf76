// SPDX-License-Identifier: BSD-3-Clause
// Key derivation of IKEv2: SKEYSEED and SK_* (RFC 7296 §2.14, rekeyed: §2.18), KEYMAT of child SAs
// (§2.17).
#pragma once

#include "control/session/child_sa.h"
#include "control/session/proposal_choice.h"
#include "lib/crypto/prf.h"

namespace penstock::ikev2 {

/// The rows of what an IKE SA agreed on.
struct IkeAlgorithms {
  const crypto::EncrRow* encr = nullptr;
  const crypto::IntegRow* integ = nullptr;  ///< nullptr with an AEAD
  const crypto::PrfRow* prf = nullptr;
};

/// @return kUnsupported if the table lacks one of them
[[nodiscard]] base::Result<IkeAlgorithms> algorithms_of(const session::Agreed& agreed);

/// Both nonces' data, the initiator's first.
struct Nonces {
  base::Bytes i;
  base::Bytes r;
};

/// SKEYSEED = prf(Ni | Nr, g^ir)
[[nodiscard]] base::SecretBytes skeyseed(const crypto::CryptoContext& context,
                                         const crypto::PrfRow& prf, const Nonces& nonces,
                                         base::Bytes shared_secret);
/// SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr), with the old IKE SA's PRF (§2.18).
[[nodiscard]] base::SecretBytes skeyseed_of_rekey(const crypto::CryptoContext& context,
                                                  const crypto::PrfRow& old_prf,
                                                  base::Bytes old_sk_d, base::Bytes shared_secret,
                                                  const Nonces& nonces);

struct IkeKeys {
  base::SecretBytes d, ai, ar, ei, er, pi, pr;  ///< SK_d … SK_pr
};

/// {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr)
[[nodiscard]] IkeKeys derive_ike_keys(const crypto::CryptoContext& context,
                                      const IkeAlgorithms& algorithms, base::Bytes skeyseed,
                                      const Nonces& nonces, session::IkeSpi spi_i,
                                      session::IkeSpi spi_r);

/// Keys of one child SA pair; `i` protects what the exchange's initiator sends.
struct ChildKeys {
  base::SecretBytes enc_i, auth_i, enc_r, auth_r;
};

/// KEYMAT = prf+(SK_d, [g^ir (new) |] Ni | Nr), cut by §2.17: for AH integrity keys alone.
/// @param shared_secret  of this exchange's own key exchange; empty without PFS
/// @return kUnsupported if the table lacks an algorithm
[[nodiscard]] base::Result<ChildKeys> derive_child_keys(const crypto::CryptoContext& context,
                                                        const crypto::PrfRow& prf, base::Bytes sk_d,
                                                        base::Bytes shared_secret,
                                                        const Nonces& nonces,
                                                        const session::Agreed& agreed);

}  // namespace penstock::ikev2
