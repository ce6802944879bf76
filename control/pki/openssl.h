// SPDX-License-Identifier: BSD-3-Clause
// Owners of OpenSSL's X.509 objects and their reading from DER, for the .cpp files of this room.
#pragma once

#include <openssl/ocsp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "lib/crypto/context_impl.h"

namespace penstock::pki {

using crypto::OpensslFree;
using X509Ptr = std::unique_ptr<X509, OpensslFree<X509_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, OpensslFree<X509_CRL_free>>;
using StorePtr = std::unique_ptr<X509_STORE, OpensslFree<X509_STORE_free>>;
using StoreCtxPtr = std::unique_ptr<X509_STORE_CTX, OpensslFree<X509_STORE_CTX_free>>;
using OcspPtr = std::unique_ptr<OCSP_RESPONSE, OpensslFree<OCSP_RESPONSE_free>>;
using OcspBasicPtr = std::unique_ptr<OCSP_BASICRESP, OpensslFree<OCSP_BASICRESP_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>>;
using BioPtr = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;

struct OpensslBufferFree {
  void operator()(unsigned char* p) const { OPENSSL_free(p); }
};
using BufferPtr = std::unique_ptr<unsigned char, OpensslBufferFree>;

/// Borrows what it holds.
struct StackFree {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
using X509StackPtr = std::unique_ptr<STACK_OF(X509), StackFree>;

/// @return kMalformed unless it is one certificate and nothing else; kLimit; kUnsupported for its
///         key. Its work is bounded: it is done for strangers.
[[nodiscard]] base::Result<X509Ptr> parse_certificate(const crypto::CryptoContext& context,
                                                      base::Bytes der);
[[nodiscard]] base::Result<CrlPtr> parse_crl(const crypto::CryptoContext& context, base::Bytes der);
[[nodiscard]] base::Result<OcspBasicPtr> parse_ocsp_response(base::Bytes der);

}  // namespace penstock::pki
