// SPDX-License-Identifier: BSD-3-Clause
// A response counts if it is valid at the time that we were given and signed by the certificate's
// issuer or by whom that issuer delegated it to (RFC 6960 §4.2.2.2).
#include "control/pki/revocation.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>

#include "lib/base/check.h"

namespace penstock::pki {
namespace {

using OcspIdPtr = std::unique_ptr<OCSP_CERTID, OpensslFree<OCSP_CERTID_free>>;

constexpr std::array kLacking{
    X509_V_ERR_UNABLE_TO_GET_CRL,
    X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER,
    X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE,
    X509_V_ERR_CRL_SIGNATURE_FAILURE,
    X509_V_ERR_CRL_NOT_YET_VALID,
    X509_V_ERR_CRL_HAS_EXPIRED,
    X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD,
    X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD,
    X509_V_ERR_KEYUSAGE_NO_CRL_SIGN,
    X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION,
    X509_V_ERR_DIFFERENT_CRL_SCOPE,
    X509_V_ERR_CRL_PATH_VALIDATION_ERROR,
};

/// The certificate's CertID with the hash that the response uses.
bool is_about(const OCSP_SINGLERESP* single, const X509* subject, const X509* issuer) {
  const OCSP_CERTID* named = OCSP_SINGLERESP_get0_id(single);
  ASN1_OBJECT* hash = nullptr;
  if (OCSP_id_get0_info(nullptr, &hash, nullptr, nullptr, const_cast<OCSP_CERTID*>(named)) != 1)
    return false;
  const EVP_MD* digest = EVP_get_digestbyobj(hash);
  if (digest == nullptr) return false;
  const OcspIdPtr ours(OCSP_cert_to_id(digest, subject, issuer));
  return ours && OCSP_id_cmp(ours.get(), named) == 0;
}

OcspVerdict verdict_of(OCSP_BASICRESP* response, X509* subject, X509* issuer, base::UtcTime now) {
  for (int i = 0; i < OCSP_resp_count(response); ++i) {
    OCSP_SINGLERESP* single = OCSP_resp_get0(response, i);
    if (!is_about(single, subject, issuer)) continue;
    ASN1_GENERALIZEDTIME* from = nullptr;
    ASN1_GENERALIZEDTIME* until = nullptr;
    int reason = 0;
    const int status = OCSP_single_get0_status(single, &reason, nullptr, &from, &until);
    if (status == V_OCSP_CERTSTATUS_REVOKED) return {OcspStatus::kRevoked, {}};
    // RFC 6960 §4.2.2.1: without nextUpdate newer information is always to be had.
    if (status != V_OCSP_CERTSTATUS_GOOD || from == nullptr || until == nullptr) continue;
    const base::UtcTime first = utc_of(from);
    const base::UtcTime last = utc_of(until);
    if (first <= now && now <= last) return {OcspStatus::kGood, last};
  }
  return {};
}

}  // namespace

base::UtcTime utc_of(const ASN1_TIME* time) {
  int days = 0;
  int seconds = 0;
  const std::unique_ptr<ASN1_TIME, OpensslFree<ASN1_STRING_free>> epoch(ASN1_TIME_set(nullptr, 0));
  if (!epoch || time == nullptr || ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1)
    return {};
  return base::UtcTime{std::chrono::days{days} + std::chrono::seconds{seconds}};
}

bool lacks_revocation_data(int x509_error) {
  return std::ranges::find(kLacking, x509_error) != kLacking.end();
}

OcspVerdict ask_ocsp(std::span<const OcspBasicPtr> responses, X509_STORE* store,
                     STACK_OF(X509) * chain, int position, base::UtcTime now) {
  X509* subject = sk_X509_value(chain, position);
  X509* issuer = sk_X509_value(chain, position + 1);
  OcspVerdict best;
  for (const OcspBasicPtr& response : responses) {
    const OcspVerdict verdict = verdict_of(response.get(), subject, issuer, now);
    if (verdict.status == OcspStatus::kUnknown) continue;
    const bool genuine = OCSP_basic_verify(response.get(), chain, store, 0) == 1;
    ERR_clear_error();
    if (!genuine) continue;
    if (verdict.status == OcspStatus::kRevoked) return verdict;
    best = verdict;
  }
  return best;
}

}  // namespace penstock::pki
