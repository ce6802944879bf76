// SPDX-License-Identifier: BSD-3-Clause
// What keys we take, as OpenSSL holds them: for the .cpp files of this room and of control/pki.
#pragma once

#include "lib/crypto/context_impl.h"
#include "lib/crypto/signature.h"

namespace penstock::crypto {

/// @return kUnsupported for another kind or size of key, or an unnamed curve
[[nodiscard]] base::Result<KeyKind> kind_of(EVP_PKEY* key);
/// SHA-256 of its SubjectPublicKeyInfo.
[[nodiscard]] base::Result<KeyId> id_of(EVP_PKEY* key);

}  // namespace penstock::crypto
