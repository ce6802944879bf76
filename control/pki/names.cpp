// SPDX-License-Identifier: BSD-3-Clause
// Names are compared as RFC 4945 §3.1 says: addresses octet for octet, host names and mail
// addresses without case, distinguished names as RFC 5280 §7.1 says, wildcards nowhere. Nothing is
// read out of the CN.
#include "control/pki/names.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>

#include "control/pki/openssl.h"

namespace penstock::pki {

using base::Bytes;
using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

// RFC 7296 §3.5.
constexpr std::uint8_t kIpv4Addr = 1;
constexpr std::uint8_t kFqdn = 2;
constexpr std::uint8_t kRfc822Addr = 3;
constexpr std::uint8_t kIpv6Addr = 5;
constexpr std::uint8_t kDerAsn1Dn = 9;

constexpr std::size_t kMaxSubjectText = 200;

struct NameRow {
  std::uint8_t id_type;
  int general_name;    ///< OpenSSL's type
  std::size_t octets;  ///< 0: any
  bool ignore_case;
};
constexpr std::array kNameTable{
    NameRow{kIpv4Addr, GEN_IPADD, 4, false},
    NameRow{kIpv6Addr, GEN_IPADD, 16, false},
    NameRow{kFqdn, GEN_DNS, 0, true},
    NameRow{kRfc822Addr, GEN_EMAIL, 0, true},
};

Bytes octets_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const std::byte*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::byte lower(std::byte b) {
  return b >= std::byte{'A'} && b <= std::byte{'Z'} ? b | std::byte{0x20} : b;
}

bool equal(Bytes a, Bytes b, bool ignore_case) {
  if (!ignore_case) return std::ranges::equal(a, b);
  return std::ranges::equal(a, b, [](std::byte x, std::byte y) { return lower(x) == lower(y); });
}

bool has_alternative(const X509* certificate, const NameRow& row, Bytes wanted) {
  const GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = names ? sk_GENERAL_NAME_num(names.get()) : 0;
  for (int i = 0; i < count; ++i) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
    if (type != row.general_name) continue;
    if (equal(octets_of(static_cast<const ASN1_STRING*>(value)), wanted, row.ignore_case))
      return true;
  }
  return false;
}

bool is_subject(const X509* certificate, Bytes wanted) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  // §3.1.5: an empty subject names nobody.
  if (X509_NAME_entry_count(subject) == 0) return false;
  const unsigned char* at = base::u8(wanted.data());
  const std::unique_ptr<X509_NAME, OpensslFree<X509_NAME_free>> name(
      d2i_X509_NAME(nullptr, &at, static_cast<long>(wanted.size())));
  ERR_clear_error();
  if (!name || at != base::u8(wanted.data()) + wanted.size()) return false;
  return X509_NAME_cmp(subject, name.get()) == 0;
}

}  // namespace

Result<void> match_name(const X509* certificate, const PeerName& name) {
  bool matches = false;
  if (name.id_type == kDerAsn1Dn) {
    matches = is_subject(certificate, name.data);
  } else {
    const auto* row = std::ranges::find(kNameTable, name.id_type, &NameRow::id_type);
    if (row == kNameTable.end())
      return fail(ErrorCode::kRefused, "an identity of a type that no certificate holds");
    matches = (row->octets == 0 || name.data.size() == row->octets) && !name.data.empty() &&
              has_alternative(certificate, *row, name.data);
  }
  if (matches) return {};
  return fail(ErrorCode::kRefused,
              subject_text(certificate) + ": the certificate is not for this identity" +
                  (name.id_type == kDerAsn1Dn ? "" : " (subjectAltName, RFC 4945 §3.1)"));
}

std::string subject_text(const X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  if (X509_NAME_entry_count(subject) == 0) return "(no subject)";
  const BioPtr bio(BIO_new(BIO_s_mem()));
  // In the certificate's order, as an operator writes it in `id`.
  constexpr unsigned long kForm = XN_FLAG_RFC2253 & ~XN_FLAG_DN_REV & ~ASN1_STRFLGS_DUMP_UNKNOWN;
  if (!bio || X509_NAME_print_ex(bio.get(), subject, 0, kForm) < 0) return "(unreadable subject)";
  char* data = nullptr;
  const long octets = BIO_get_mem_data(bio.get(), &data);
  std::string text(data, static_cast<std::size_t>(octets));
  if (text.size() > kMaxSubjectText) text = text.substr(0, kMaxSubjectText) + "...";
  return text;
}

}  // namespace penstock::pki
