// SPDX-License-Identifier: BSD-3-Clause
// Key derivation of IKEv1 (RFC 2409 §5, §5.5, appendix B): SKEYID and what comes of it, the hashes
// that authenticate phase 1 and phase 2, IVs, KEYMAT.
#pragma once

#include "control/isakmp/header.h"
#include "lib/crypto/prf.h"

namespace penstock::ikev1 {

using isakmp::IkeSpi;

/// What phase 1 agreed on, as rows.
struct Algorithms {
  const crypto::EncrRow* encr = nullptr;  ///< of kind kBlock
  const crypto::PrfRow* prf = nullptr;    ///< HMAC of the hash unless a PRF was negotiated
  std::string_view hash;                  ///< OpenSSL's name of the negotiated hash
};

/// Ni_b and Nr_b: the bodies of the nonce payloads.
struct Nonces {
  base::Bytes i;
  base::Bytes r;
};
struct Cookies {
  IkeSpi i;
  IkeSpi r;
};

/// SKEYID = prf(pre-shared-key, Ni_b | Nr_b)
[[nodiscard]] base::SecretBytes skeyid_of_psk(const crypto::CryptoContext& context,
                                              const crypto::PrfRow& prf, base::Bytes psk,
                                              const Nonces& nonces);
/// SKEYID = prf(Ni_b | Nr_b, g^xy)
[[nodiscard]] base::SecretBytes skeyid_of_signatures(const crypto::CryptoContext& context,
                                                     const crypto::PrfRow& prf,
                                                     const Nonces& nonces, base::Bytes g_xy);

/// SKEYID = prf(hash(Ni_b | Nr_b), CKY-I | CKY-R)
[[nodiscard]] base::SecretBytes skeyid_of_encryption(const crypto::CryptoContext& context,
                                                     const Algorithms& algorithms,
                                                     const Nonces& nonces, const Cookies& cookies);
/// Ke_i or Ke_r of the revised mode: of Ne = prf(N_b, CKY), cut or expanded as appendix B has it.
[[nodiscard]] base::SecretBytes nonce_key(const crypto::CryptoContext& context,
                                          const Algorithms& algorithms, base::Bytes nonce,
                                          IkeSpi cookie);

struct Skeyids {
  base::SecretBytes skeyid, d, a, e;
};
/// SKEYID_d, SKEYID_a and SKEYID_e of SKEYID.
[[nodiscard]] Skeyids derive_skeyids(const crypto::CryptoContext& context,
                                     const crypto::PrfRow& prf, base::SecretBytes skeyid,
                                     base::Bytes g_xy, const Cookies& cookies);

/// The key of the ISAKMP SA's cipher: SKEYID_e cut, or expanded (appendix B).
[[nodiscard]] base::SecretBytes cipher_key(const crypto::CryptoContext& context,
                                           const crypto::PrfRow& prf, base::Bytes skeyid_e,
                                           std::size_t octets);

/// The IV of phase 1's first encrypted message: hash(g^xi | g^xr), cut to a block.
[[nodiscard]] base::ByteVector phase1_iv(const crypto::CryptoContext& context,
                                         const Algorithms& algorithms, base::Bytes g_xi,
                                         base::Bytes g_xr);
/// The IV of a phase 2 exchange's first message: hash(last block of phase 1 | M-ID).
[[nodiscard]] base::ByteVector phase2_iv(const crypto::CryptoContext& context,
                                         const Algorithms& algorithms, base::Bytes last_block,
                                         std::uint32_t message_id);

/// What HASH_I and HASH_R are computed over.
struct Phase1Hash {
  base::Bytes own_public;  ///< of whose hash it is
  base::Bytes peer_public;
  Cookies cookies;
  bool of_initiator = true;
  base::Bytes sai_b;  ///< body of the initiator's SA payload
  base::Bytes id_b;   ///< body of the ID payload of whose hash it is
};
/// HASH_I = prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b), HASH_R likewise.
[[nodiscard]] base::SecretBytes phase1_hash(const crypto::CryptoContext& context,
                                            const crypto::PrfRow& prf, base::Bytes skeyid,
                                            const Phase1Hash& what);

/// HASH(1) = prf(SKEYID_a, M-ID | what follows HASH in the message); HASH(2) has Ni_b before it.
/// @param ni  empty for HASH(1)
[[nodiscard]] base::SecretBytes phase2_hash(const crypto::CryptoContext& context,
                                            const crypto::PrfRow& prf, base::Bytes skeyid_a,
                                            std::uint32_t message_id, base::Bytes ni,
                                            base::Bytes rest);
/// HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b)
[[nodiscard]] base::SecretBytes phase2_last_hash(const crypto::CryptoContext& context,
                                                 const crypto::PrfRow& prf, base::Bytes skeyid_a,
                                                 std::uint32_t message_id, const Nonces& nonces);

/// KEYMAT = prf(SKEYID_d, [g(qm)^xy |] protocol | SPI | Ni_b | Nr_b), expanded (§5.5).
struct KeymatOf {
  base::Bytes shared_secret;  ///< empty without PFS
  std::uint8_t protocol = 3;  ///< RFC 2407 §4.4.1
  std::uint32_t spi = 0;      ///< of the receiver
  Nonces nonces;
};
[[nodiscard]] base::SecretBytes keymat(const crypto::CryptoContext& context,
                                       const crypto::PrfRow& prf, base::Bytes skeyid_d,
                                       const KeymatOf& what, std::size_t octets);

}  // namespace penstock::ikev1
