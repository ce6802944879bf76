// SPDX-License-Identifier: BSD-3-Clause
// Identities: the operator's text to what is on the wire and back, and whom a pattern accepts.
#include "lib/policy/identity.h"

#include <algorithm>

#include "lib/net/address.h"
#include "lib/policy/distinguished_name.h"

namespace penstock::policy {
namespace {

using base::as_bytes;
using base::as_text;
using base::ErrorCode;
using base::fail;
using base::Result;

constexpr std::string_view kAny = "%any";

Identity make(IdType type, base::Bytes data) { return {type, base::to_vector(data)}; }

Result<Identity> address_identity(std::string_view text, net::Family family) {
  PS_ASSIGN(const net::IpAddress address, net::IpAddress::parse(text));
  if (address.family() != family)
    return fail(ErrorCode::kMalformed, "\"" + std::string(text) + "\": of the other IP version");
  return make(address.is_v4() ? IdType::kIpv4Addr : IdType::kIpv6Addr, address.bytes());
}

Result<Identity> name_identity(std::string_view text) {
  PS_ASSIGN(const base::ByteVector der, name_of_text(text));
  return make(IdType::kDerAsn1Dn, der);
}

Result<Identity> text_identity(std::string_view text, IdType type) {
  if (text.empty()) return fail(ErrorCode::kMalformed, "the identity is empty");
  return make(type, as_bytes(text));
}

struct PrefixRow {
  std::string_view prefix;
  IdType type;
};
// strongSwan's explicit prefixes; `@` is FQDN, `@@` is an e-mail address.
constexpr PrefixRow kPrefixes[] = {
    {"ipv4:", IdType::kIpv4Addr},
    {"ipv6:", IdType::kIpv6Addr},
    {"fqdn:", IdType::kFqdn},
    {"dns:", IdType::kFqdn},
    {"email:", IdType::kRfc822Addr},
    {"rfc822:", IdType::kRfc822Addr},
    {"userfqdn:", IdType::kRfc822Addr},
    {"keyid:", IdType::kKeyId},
    {"asn1dn:", IdType::kDerAsn1Dn},
    {"@@", IdType::kRfc822Addr},
    {"@", IdType::kFqdn},
};

bool is_printable(base::Bytes data) {
  return std::ranges::all_of(data, [](std::byte b) {
    return std::to_integer<unsigned>(b) > 0x20 && std::to_integer<unsigned>(b) < 0x7f;
  });
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

/// The pattern of a distinguished name, if the text is one.
std::optional<std::string_view> name_pattern(std::string_view text) {
  constexpr std::string_view kPrefix = "asn1dn:";
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  const bool other = std::ranges::any_of(
      kPrefixes, [&](const PrefixRow& row) { return text.starts_with(row.prefix); });
  if (other || text.find('=') == std::string_view::npos) return std::nullopt;
  return text;
}

/// Text that parse() takes back; what cannot be shown as text is hexadecimal.
std::string text_form(std::string_view prefix, base::Bytes data) {
  if (is_printable(data)) return std::string(prefix) + std::string(as_text(data));
  return std::string(prefix) + "0x" + base::to_hex(data);
}

}  // namespace

Result<Identity> Identity::parse(std::string_view text) {
  if (text == kAny) return fail(ErrorCode::kMalformed, "%any is a pattern and not an identity");
  for (const PrefixRow& row : kPrefixes) {
    if (!text.starts_with(row.prefix)) continue;
    const std::string_view rest = text.substr(row.prefix.size());
    if (row.type == IdType::kIpv4Addr) return address_identity(rest, net::Family::kIpv4);
    if (row.type == IdType::kIpv6Addr) return address_identity(rest, net::Family::kIpv6);
    if (row.type == IdType::kDerAsn1Dn && rest.find('=') != std::string_view::npos)
      return name_identity(rest);
    if (row.type == IdType::kDerAsn1Dn || (row.type == IdType::kKeyId && rest.starts_with("0x"))) {
      PS_ASSIGN(const base::ByteVector data, base::from_hex(rest));
      if (data.empty()) return fail(ErrorCode::kMalformed, "the identity is empty");
      return make(row.type, data);
    }
    return text_identity(rest, row.type);
  }
  if (const auto address = net::IpAddress::parse(text))
    return make(address->is_v4() ? IdType::kIpv4Addr : IdType::kIpv6Addr, address->bytes());
  if (text.find('=') != std::string_view::npos) return name_identity(text);
  return text_identity(
      text, text.find('@') == std::string_view::npos ? IdType::kFqdn : IdType::kRfc822Addr);
}

std::string Identity::to_string() const {
  switch (type) {
    case IdType::kIpv4Addr:
    case IdType::kIpv6Addr:
      if (const auto address = net::IpAddress::from_bytes(data)) return address->to_string();
      break;
    case IdType::kFqdn:
    case IdType::kRfc822Addr: {
      // Bare if it would be read back as it is ("10.0.0.1" may be an FQDN), else with its prefix.
      const std::string bare = text_form("", data);
      const auto back = parse(bare);
      if (back && *back == *this) return bare;
      return text_form(type == IdType::kFqdn ? "fqdn:" : "email:", data);
    }
    case IdType::kKeyId:
      return text_form("keyid:", data);
    case IdType::kDerAsn1Dn:
      if (auto name = text_of_name(data)) return *std::move(name);
      return "asn1dn:0x" + base::to_hex(data);
    default:
      break;
  }
  return "id(" + std::to_string(static_cast<unsigned>(type)) + ") 0x" + base::to_hex(data);
}

Result<IdentityPattern> IdentityPattern::parse(std::string_view text) {
  if (text == kAny || text.empty()) return IdentityPattern{};
  if (const auto name = name_pattern(text)) {
    PS_TRY(check_name_pattern(*name));
    return IdentityPattern{std::string(text)};
  }
  // Also checks the form of `*.example` and `*@example`: a name and an e-mail address.
  PS_ASSIGN(const Identity identity, Identity::parse(text));
  const std::string_view data = as_text(identity.data);
  const bool wildcard = (identity.type == IdType::kFqdn || identity.type == IdType::kRfc822Addr) &&
                        data.find('*') != std::string_view::npos;
  if (wildcard && (data.front() != '*' || data.size() < 2 || (data[1] != '.' && data[1] != '@') ||
                   data.find('*', 1) != std::string_view::npos))
    return fail(ErrorCode::kMalformed,
                "\"" + std::string(text) + "\": a star stands first, before \".\" or \"@\"");
  return IdentityPattern{std::string(text)};
}

bool IdentityPattern::matches(const Identity& identity) const {
  if (is_any()) return true;
  if (const auto name = name_pattern(text))
    return identity.type == IdType::kDerAsn1Dn && matches_name(*name, identity.data);
  const auto wanted = Identity::parse(text);
  if (!wanted || wanted->type != identity.type) return false;
  const std::string_view pattern = as_text(wanted->data);
  const std::string_view actual = as_text(identity.data);
  if (identity.type == IdType::kDerAsn1Dn) return is_same_name(wanted->data, identity.data);
  if (identity.type != IdType::kFqdn && identity.type != IdType::kRfc822Addr)
    return wanted->data == identity.data;
  // Names and mail domains are compared without case (RFC 4945 §3.1.2, §3.1.3).
  if (!pattern.starts_with('*')) return equal_ignoring_case(pattern, actual);
  const std::string_view tail = pattern.substr(1);
  return actual.size() > tail.size() &&
         equal_ignoring_case(actual.substr(actual.size() - tail.size()), tail);
}

}  // namespace penstock::policy
