// SPDX-License-Identifier: BSD-3-Clause
// OpenSSL builds and validates the path; here are its limits, what RFC 4945 wants beyond it, and
// what is made of its errors.
#include "control/pki/chain.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>

#include "control/pki/names.h"
#include "control/pki/revocation.h"
#include "lib/base/check.h"

namespace penstock::pki {

using base::ErrorCode;
using base::Result;

namespace {

/// id-kp-ipsecIKE (RFC 4945 §5.1.3.12).
constexpr const char* kIpsecIke = "1.3.6.1.5.5.7.3.17";

/// One validation: what OpenSSL's callback leaves.
struct Run {
  Revocation revocation = Revocation::kRelaxed;
  int error = X509_V_OK;
  int depth = 0;
  std::array<bool, kMaxDepth + 3> unknown{};  ///< no CRL clears the certificate at this depth
};

int on_verdict(int good, X509_STORE_CTX* ctx) {
  if (good == 1) return 1;
  auto& run = *static_cast<Run*>(X509_STORE_CTX_get_app_data(ctx));
  const int error = X509_STORE_CTX_get_error(ctx);
  const int depth = X509_STORE_CTX_get_error_depth(ctx);
  if (lacks_revocation_data(error)) {
    if (depth >= 0 && static_cast<std::size_t>(depth) < run.unknown.size())
      run.unknown.at(static_cast<std::size_t>(depth)) = true;
    return 1;
  }
  if (run.error == X509_V_OK) {
    run.error = error;
    run.depth = depth;
  }
  return 0;
}

/// Is it signed by a certificate of this name in the chain?
bool is_of_chain(X509_CRL* crl, STACK_OF(X509) * chain, const X509_NAME* issuer) {
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    X509* one = sk_X509_value(chain, i);
    if (X509_NAME_cmp(X509_get_subject_name(one), issuer) != 0) continue;
    EVP_PKEY* key = X509_get0_pubkey(one);
    const bool signed_by_it = key != nullptr && X509_CRL_verify(crl, key) == 1;
    ERR_clear_error();
    if (signed_by_it) return true;
  }
  return false;
}

/// OpenSSL picks a CRL by its issuer's name. Two authorities may have the same: of several CRLs
/// only those are looked at that the chain's own signed (RFC 5280 §6.3.3 (g)).
STACK_OF(X509_CRL) * crls_of(const X509_STORE_CTX* ctx, const X509_NAME* issuer) {
  STACK_OF(X509_CRL)* all = X509_STORE_CTX_get1_crls(ctx, issuer);
  if (all == nullptr || sk_X509_CRL_num(all) < 2) return all;
  STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(ctx);
  for (int i = sk_X509_CRL_num(all) - 1; i >= 0; --i)
    if (!is_of_chain(sk_X509_CRL_value(all, i), chain, issuer))
      X509_CRL_free(sk_X509_CRL_delete(all, i));
  return all;
}

base::Error about(const X509* certificate, const std::string& what) {
  return {ErrorCode::kRefused, subject_text(certificate) + ": " + what};
}

Result<void> check_key_usage(X509* certificate) {
  // RFC 4945 §5.1.3.2
  if ((X509_get_extension_flags(certificate) & EXFLAG_KUSAGE) == 0) return {};
  if ((X509_get_key_usage(certificate) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) != 0)
    return {};
  return tl::unexpected(about(certificate, "its key usage allows no signatures"));
}

Result<void> check_extended_key_usage(X509* certificate) {
  // RFC 4945 §5.1.3.12
  if ((X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) == 0) return {};
  const std::unique_ptr<EXTENDED_KEY_USAGE, OpensslFree<EXTENDED_KEY_USAGE_free>> usages(
      static_cast<EXTENDED_KEY_USAGE*>(
          X509_get_ext_d2i(certificate, NID_ext_key_usage, nullptr, nullptr)));
  const std::unique_ptr<ASN1_OBJECT, OpensslFree<ASN1_OBJECT_free>> ike(OBJ_txt2obj(kIpsecIke, 1));
  const int count = usages ? sk_ASN1_OBJECT_num(usages.get()) : 0;
  for (int i = 0; i < count; ++i) {
    const ASN1_OBJECT* usage = sk_ASN1_OBJECT_value(usages.get(), i);
    if (OBJ_obj2nid(usage) == NID_anyExtendedKeyUsage || OBJ_cmp(usage, ike.get()) == 0) return {};
  }
  return tl::unexpected(
      about(certificate, "its extended key usage names neither ipsecIKE nor any"));
}

/// RFC 5280 §4.2.1.9: who issues certificates says that it does. (OpenSSL lets old ones pass.)
Result<void> check_issuers(STACK_OF(X509) * chain) {
  const int top = sk_X509_num(chain) - 1;
  for (int i = 1; i < top; ++i) {
    X509* issuer = sk_X509_value(chain, i);
    constexpr std::uint32_t kCa = EXFLAG_BCONS | EXFLAG_CA;
    if ((X509_get_extension_flags(issuer) & kCa) != kCa)
      return tl::unexpected(about(issuer, "it issued a certificate and is no authority"));
  }
  return {};
}

std::string text_of(int error) { return X509_verify_cert_error_string(error); }

Result<void> fill_store(const crypto::CryptoContext& context, const TrustSet& trust,
                        X509_STORE* store) {
  for (const base::ByteVector& der : trust.anchors) {
    PS_ASSIGN(const X509Ptr anchor, parse_certificate(context, der));
    PS_CHECK(X509_STORE_add_cert(store, anchor.get()) == 1);
  }
  for (const base::ByteVector& der : trust.crls) {
    PS_ASSIGN(const CrlPtr crl, parse_crl(context, der));
    PS_CHECK(X509_STORE_add_crl(store, crl.get()) == 1);
  }
  return {};
}

/// The earliest end of what a chain stands on.
base::UtcTime end_of(STACK_OF(X509) * chain) {
  base::UtcTime end = base::UtcTime::max();
  for (int i = 0; i < sk_X509_num(chain); ++i)
    end = std::min(end, utc_of(X509_get0_notAfter(sk_X509_value(chain, i))));
  return end;
}

}  // namespace

Result<ChainVerifier> ChainVerifier::create(const crypto::CryptoContext& context,
                                            const TrustSet& trust) {
  ChainVerifier made;
  made.store_.reset(X509_STORE_new());
  PS_CHECK(made.store_ != nullptr);
  PS_TRY(fill_store(context, trust, made.store_.get()));
  for (const base::ByteVector& der : trust.intermediates) {
    PS_ASSIGN(X509Ptr intermediate, parse_certificate(context, der));
    made.intermediates_.push_back(std::move(intermediate));
  }
  for (const base::ByteVector& der : trust.ocsp_responses) {
    PS_ASSIGN(OcspBasicPtr response, parse_ocsp_response(der));
    made.ocsp_.push_back(std::move(response));
  }
  made.revocation_ = trust.revocation;
  made.has_crls_ = !trust.crls.empty();
  X509_STORE_set_lookup_crls(made.store_.get(), crls_of);
  // What the operator trusts is trusted, whether it signed itself or not (RFC 5280 §6.1.1 (d)).
  X509_STORE_set_flags(made.store_.get(), X509_V_FLAG_PARTIAL_CHAIN);
  return made;
}

Result<base::UtcTime> ChainVerifier::verify(const crypto::CryptoContext& context,
                                            std::span<const X509Ptr> certificates,
                                            base::UtcTime now) {
  PS_CHECK(!certificates.empty());
  const X509StackPtr others(sk_X509_new_null());
  for (const X509Ptr& one : certificates.subspan(1)) sk_X509_push(others.get(), one.get());
  for (const X509Ptr& one : intermediates_) sk_X509_push(others.get(), one.get());
  const StoreCtxPtr ctx(X509_STORE_CTX_new_ex(context.impl().library.get(), nullptr));
  X509* leaf = certificates.front().get();
  PS_CHECK(ctx && X509_STORE_CTX_init(ctx.get(), store_.get(), leaf, others.get()) == 1);
  const std::time_t at = std::chrono::system_clock::to_time_t(now);
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(ctx.get());
  X509_VERIFY_PARAM_set_time(param, at);
  X509_VERIFY_PARAM_set_depth(param, kMaxDepth);
  X509_VERIFY_PARAM_set_auth_level(param, kSecurityLevel);
  if (revocation_ != Revocation::kOff && (has_crls_ || revocation_ == Revocation::kStrict))
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  Run run{revocation_};
  X509_STORE_CTX_set_app_data(ctx.get(), &run);
  X509_STORE_CTX_set_verify_cb(ctx.get(), on_verdict);
  const bool good = X509_verify_cert(ctx.get()) == 1;
  ERR_clear_error();
  STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(ctx.get());
  if (!good) {
    const int error = run.error != X509_V_OK ? run.error : X509_STORE_CTX_get_error(ctx.get());
    X509* at_fault = chain != nullptr ? sk_X509_value(chain, run.depth) : nullptr;
    return tl::unexpected(about(at_fault != nullptr ? at_fault : leaf, text_of(error)));
  }
  PS_TRY(check_key_usage(leaf));
  PS_TRY(check_extended_key_usage(leaf));
  PS_TRY(check_issuers(chain));
  base::UtcTime until = end_of(chain);
  if (revocation_ == Revocation::kOff) return until;
  X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store_.get()), at);
  for (int i = 0; i + 1 < sk_X509_num(chain); ++i) {
    const OcspVerdict verdict = ask_ocsp(ocsp_, store_.get(), chain, i, now);
    if (verdict.status == OcspStatus::kRevoked)
      return tl::unexpected(about(sk_X509_value(chain, i), "revoked, says OCSP"));
    if (verdict.status == OcspStatus::kGood) {
      until = std::min(until, verdict.until);
    } else if (revocation_ == Revocation::kStrict && run.unknown.at(static_cast<std::size_t>(i))) {
      return tl::unexpected(
          about(sk_X509_value(chain, i),
                "neither a CRL nor an OCSP response that is valid now clears it"));
    }
  }
  return until;
}

}  // namespace penstock::pki
