// SPDX-License-Identifier: BSD-3-Clause
// OpenSSL does what the openssl command does.
#include "tests/lib/authority.h"

#include <openssl/pem.h>

#include "control/pki/openssl.h"
#include "lib/base/check.h"

namespace penstock::test {

using base::Bytes;
using base::ByteVector;
using crypto::PkeyPtr;
using pki::CrlPtr;
using pki::X509Ptr;
using TimePtr = std::unique_ptr<ASN1_TIME, crypto::OpensslFree<ASN1_STRING_free>>;

namespace {

/// Of 2048 bits, made once: to find some takes seconds.
constexpr std::string_view kDsaParameters =
    "-----BEGIN DSA PARAMETERS-----\n"
    "MIICKAKCAQEA54OdrXrkY1P8Ssx+KxbLAcHQ6aIzAazSps1AXlDovutf/4QS1AL2\n"
    "v1ut/E2mXuKCLwrUR5JmTtscE3svfgSt+lViZVMsT+Vpmx2Ds3mdfUd/rg4RaKv5\n"
    "TkZ3GpEFYK3RymE0x7ebCkTj366/hFacAUs40cW9pLTic+1l0ulCgrTANAAz7j9u\n"
    "0dCfbO48+vvu4H5PuXcTVKZ4DtV8btcssBLp3vQdqSqPhpu6IUfXDwOhJPdCw+eP\n"
    "NwtUfC5RPmSut3GCFpYSvznJXAIg+aIsmTDRzevPJ3kGHPPx4L5ziPjCLT5VyAsO\n"
    "tptpy2Brvewu9CuB0Nn+ILukCV5SakP6twIdAKrFlA+NhEEWNLHBtwYZlSL0If4k\n"
    "RvJXq5tBcWsCggEARO8Mt06Mh+3EkCUp2dcaMCXsUb300Oyb5VvVm0nc43z8jUDv\n"
    "KloBXcFYZznlX8Dnkoih7MTGC7FLnSnV7w5XUepDwPnHjWjlSNZvxMoatK1YSftb\n"
    "cbkI3V3QR9O0c9nNlxddktQ7jmNkBcFqtwZxERirTHu2JdRpFZB1so6kHBT6OmEp\n"
    "4XcACS6NCZJkZzU8PsF+sySamz5CPbZb7KpMLbUJSUEaaTgo0U5YPg8Ym0JKytUe\n"
    "bBVOIczG6aA7GfseXGc51XmjHpmqL5UogOIQt5UQ1xTOd31YuZAwNS9AvC43QGpU\n"
    "tOqQCPtrn9R395eIWjwbZU6kOUA4aNTSKi5fkQ==\n"
    "-----END DSA PARAMETERS-----\n";

template <auto kEncode, class T>
ByteVector der_of(T* object) {
  unsigned char* out = nullptr;
  const int octets = kEncode(object, &out);
  PS_CHECK(octets > 0);
  const pki::BufferPtr owned(out);
  const auto* first = reinterpret_cast<const std::byte*>(out);
  return {first, first + octets};
}

TimePtr time_of(base::UtcTime t) {
  return TimePtr(ASN1_TIME_set(nullptr, std::chrono::system_clock::to_time_t(t)));
}

X509Ptr certificate_of(const Entity& entity) {
  const unsigned char* at = base::u8(entity.certificate.data());
  X509Ptr x(d2i_X509(nullptr, &at, static_cast<long>(entity.certificate.size())));
  PS_CHECK(x != nullptr);
  return x;
}

PkeyPtr key_of(const Entity& entity, OSSL_LIB_CTX* library) {
  const unsigned char* at = base::u8(entity.pkcs8.data());
  PkeyPtr key(d2i_AutoPrivateKey_ex(nullptr, &at, static_cast<long>(entity.pkcs8.size()), library,
                                    nullptr));
  PS_CHECK(key != nullptr);
  return key;
}

PkeyPtr make_dsa_key(OSSL_LIB_CTX* library) {
  const std::unique_ptr<BIO, crypto::OpensslFree<BIO_free_all>> in(
      BIO_new_mem_buf(kDsaParameters.data(), static_cast<int>(kDsaParameters.size())));
  const PkeyPtr parameters(PEM_read_bio_Parameters_ex(in.get(), nullptr, library, nullptr));
  const std::unique_ptr<EVP_PKEY_CTX, crypto::OpensslFree<EVP_PKEY_CTX_free>> ctx(
      EVP_PKEY_CTX_new_from_pkey(library, parameters.get(), nullptr));
  EVP_PKEY* key = nullptr;
  PS_CHECK(ctx && EVP_PKEY_keygen_init(ctx.get()) == 1 && EVP_PKEY_keygen(ctx.get(), &key) == 1);
  return PkeyPtr(key);
}

PkeyPtr make_key(const std::string& kind, OSSL_LIB_CTX* library) {
  if (kind == "DSA") return make_dsa_key(library);
  EVP_PKEY* key = nullptr;
  if (kind.starts_with("RSA-")) {
    key = EVP_PKEY_Q_keygen(library, nullptr, "RSA", std::stoul(kind.substr(4)));
  } else if (kind.starts_with("ED")) {
    key = EVP_PKEY_Q_keygen(library, nullptr, kind.c_str());
  } else {
    key = EVP_PKEY_Q_keygen(library, nullptr, "EC", kind.c_str());
  }
  PS_CHECK(key != nullptr);
  return PkeyPtr(key);
}

const EVP_MD* digest_for(EVP_PKEY* key) {
  return EVP_PKEY_is_a(key, "ED25519") == 1 || EVP_PKEY_is_a(key, "ED448") == 1 ? nullptr
                                                                                : EVP_sha256();
}

void add_extension(X509* x, X509* issuer, int nid, const std::string& value) {
  if (value.empty()) return;
  X509V3_CTX ctx{};
  X509V3_set_ctx(&ctx, issuer, x, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, crypto::OpensslFree<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &ctx, nid, value.c_str()));
  PS_CHECK(extension && X509_add_ext(x, extension.get(), -1) == 1);
}

}  // namespace

Authority::Authority(std::uint64_t seed) : context_(seed) {}

Entity Authority::issue(const Wish& wish) {
  OSSL_LIB_CTX* library = context_.impl().library.get();
  const PkeyPtr key = make_key(wish.key, library);
  const X509Ptr x(X509_new());
  X509_set_version(x.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x.get()), ++serial_);
  if (!wish.name.empty())
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(wish.name.c_str()), -1, -1,
                               0);
  X509_set1_notBefore(x.get(), time_of(wish.from).get());
  X509_set1_notAfter(x.get(), time_of(wish.until).get());
  X509_set_pubkey(x.get(), key.get());
  const X509Ptr issuer = wish.issuer != nullptr ? certificate_of(*wish.issuer) : nullptr;
  X509* signer = issuer ? issuer.get() : x.get();
  X509_set_issuer_name(x.get(), X509_get_subject_name(signer));
  add_extension(x.get(), signer, NID_subject_key_identifier, "hash");
  if (wish.authority) add_extension(x.get(), signer, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(x.get(), signer, NID_subject_alt_name, wish.alternatives);
  add_extension(x.get(), signer, NID_key_usage, wish.key_usage);
  add_extension(x.get(), signer, NID_ext_key_usage, wish.extended_key_usage);
  add_extension(x.get(), signer, NID_name_constraints, wish.name_constraints);
  const PkeyPtr other = issuer ? key_of(*wish.issuer, library) : nullptr;
  EVP_PKEY* signing = other ? other.get() : key.get();
  PS_CHECK(X509_sign(x.get(), signing, digest_for(signing)) > 0);
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, crypto::OpensslFree<PKCS8_PRIV_KEY_INFO_free>> info(
      EVP_PKEY2PKCS8(key.get()));
  return {wish.name, der_of<i2d_X509>(x.get()), der_of<i2d_PKCS8_PRIV_KEY_INFO>(info.get())};
}

ByteVector Authority::revoke(const Entity& issuer, const std::vector<Entity>& revoked,
                             base::UtcTime from, base::UtcTime until) {
  const CrlPtr crl(X509_CRL_new());
  const X509Ptr by = certificate_of(issuer);
  X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(by.get()));
  X509_CRL_set1_lastUpdate(crl.get(), time_of(from).get());
  X509_CRL_set1_nextUpdate(crl.get(), time_of(until).get());
  for (const Entity& one : revoked) {
    const X509Ptr x = certificate_of(one);
    X509_REVOKED* entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(x.get()));
    X509_REVOKED_set_revocationDate(entry, time_of(from).get());
    X509_CRL_add0_revoked(crl.get(), entry);
  }
  X509_CRL_sort(crl.get());
  const PkeyPtr key = key_of(issuer, context_.impl().library.get());
  PS_CHECK(X509_CRL_sign(crl.get(), key.get(), digest_for(key.get())) > 0);
  return der_of<i2d_X509_CRL>(crl.get());
}

ByteVector Authority::answer(const Entity& issuer, const Entity& subject, bool revoked,
                             const Entity& signer, base::UtcTime from, base::UtcTime until) {
  const pki::OcspBasicPtr basic(OCSP_BASICRESP_new());
  const X509Ptr by = certificate_of(issuer);
  const X509Ptr about = certificate_of(subject);
  const X509Ptr signer_x = certificate_of(signer);
  OCSP_CERTID* id = OCSP_cert_to_id(EVP_sha1(), about.get(), by.get());
  const TimePtr when = time_of(from);
  OCSP_basic_add1_status(basic.get(), id,
                         revoked ? V_OCSP_CERTSTATUS_REVOKED : V_OCSP_CERTSTATUS_GOOD,
                         OCSP_REVOKED_STATUS_UNSPECIFIED, revoked ? when.get() : nullptr,
                         when.get(), time_of(until).get());
  OCSP_CERTID_free(id);
  const PkeyPtr key = key_of(signer, context_.impl().library.get());
  PS_CHECK(OCSP_basic_sign(basic.get(), signer_x.get(), key.get(), digest_for(key.get()), nullptr,
                           0) == 1);
  const pki::OcspPtr response(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
  return der_of<i2d_OCSP_RESPONSE>(response.get());
}

std::string pem(std::string_view label, Bytes der) {
  const pki::BioPtr bio(BIO_new(BIO_s_mem()));
  PS_CHECK(PEM_write_bio(bio.get(), std::string(label).c_str(), "", base::u8(der.data()),
                         static_cast<long>(der.size())) > 0);
  char* data = nullptr;
  const long octets = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(octets)};
}

std::string encrypted_pem(const Entity& entity, const std::string& passphrase) {
  const PkeyPtr key = key_of(entity, nullptr);
  const pki::BioPtr bio(BIO_new(BIO_s_mem()));
  PS_CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), EVP_aes_256_cbc(),
                                         passphrase.c_str(), static_cast<int>(passphrase.size()),
                                         nullptr, nullptr) == 1);
  char* data = nullptr;
  const long octets = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(octets)};
}

}  // namespace penstock::test
