// SPDX-License-Identifier: BSD-3-Clause
// A Name is a SEQUENCE of SETs of attributes, each an OID and a string. What is read comes from
// peers, so each length is checked against what holds it.
#include "lib/policy/distinguished_name.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "lib/base/byte_io.h"

namespace penstock::policy {
namespace {

using base::Bytes;
using base::ByteVector;
using base::ErrorCode;
using base::fail;
using base::Result;

// X.690 tags.
constexpr std::uint8_t kOid = 0x06;
constexpr std::uint8_t kUtf8String = 0x0c;
constexpr std::uint8_t kPrintableString = 0x13;
constexpr std::uint8_t kTeletexString = 0x14;
constexpr std::uint8_t kIa5String = 0x16;
constexpr std::uint8_t kSequence = 0x30;
constexpr std::uint8_t kSet = 0x31;

struct TypeRow {
  std::string_view name;
  std::string_view oid;  ///< hexadecimal
};
/// The first row of an OID is its name in text. (RFC 4519 §2, RFC 2985 §5.2.1; strongSwan's names.)
constexpr std::array kTypes{
    TypeRow{"C", "550406"},
    TypeRow{"ST", "550408"},
    TypeRow{"S", "550408"},
    TypeRow{"L", "550407"},
    TypeRow{"STREET", "550409"},
    TypeRow{"O", "55040a"},
    TypeRow{"OU", "55040b"},
    TypeRow{"CN", "550403"},
    TypeRow{"T", "55040c"},
    TypeRow{"SN", "550404"},
    TypeRow{"G", "55042a"},
    TypeRow{"GN", "55042a"},
    TypeRow{"I", "55042b"},
    TypeRow{"N", "550429"},
    TypeRow{"D", "55040d"},
    TypeRow{"serialNumber", "550405"},
    TypeRow{"postalCode", "550411"},
    TypeRow{"dnQualifier", "55042e"},
    TypeRow{"UID", "0992268993f22c640101"},
    TypeRow{"DC", "0992268993f22c640119"},
    TypeRow{"E", "2a864886f70d010901"},
    TypeRow{"emailAddress", "2a864886f70d010901"},
};

struct Attribute {
  std::size_t rdn = 0;  ///< which SET it stands in
  ByteVector oid;
  std::uint8_t tag = 0;
  std::string value;  ///< its octets
};
using Name = std::vector<Attribute>;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ') && !text.ends_with("\\ ")) text.remove_suffix(1);
  return text;
}

// ---- DER ----

ByteVector tlv(std::uint8_t tag, Bytes content) {
  base::ByteWriter out;
  out.u8(tag);
  if (content.size() > 0xff) {
    out.u8(0x82);
    out.u16(static_cast<std::uint16_t>(content.size()));
  } else {
    if (content.size() > 0x7f) out.u8(0x81);
    out.u8(static_cast<std::uint8_t>(content.size()));
  }
  out.append(content);
  return out.release();
}

/// The content of the next element, if it has this tag, and the rest after it.
std::optional<Bytes> take(Bytes& rest, std::uint8_t tag) {
  base::ByteReader reader(rest);
  const auto found = reader.u8();
  const auto first = reader.u8();
  if (!found || !first || *found != tag) return std::nullopt;
  std::size_t length = *first;
  if (*first > 0x80) {
    if (*first > 0x82) return std::nullopt;
    length = 0;
    for (unsigned i = 0; i < *first - 0x80U; ++i) {
      const auto octet = reader.u8();
      if (!octet) return std::nullopt;
      length = length << 8U | *octet;
    }
    if (length < 0x80) return std::nullopt;  // X.690 §10.1: DER has the shortest form
  } else if (*first == 0x80) {
    return std::nullopt;
  }
  const auto content = reader.take(length);
  if (!content) return std::nullopt;
  rest = reader.rest();
  return *content;
}

std::optional<Attribute> read_attribute(Bytes content, std::size_t rdn) {
  const auto oid = take(content, kOid);
  if (!oid || oid->empty() || content.empty()) return std::nullopt;
  Attribute out{rdn, base::to_vector(*oid), std::to_integer<std::uint8_t>(content.front()), {}};
  const auto value = take(content, out.tag);
  if (!value || !content.empty()) return std::nullopt;
  out.value = std::string(base::as_text(*value));
  return out;
}

std::optional<Name> read_name(Bytes der) {
  auto rdns = take(der, kSequence);
  if (!rdns || !der.empty()) return std::nullopt;
  Name name;
  for (std::size_t rdn = 0; !rdns->empty(); ++rdn) {
    auto set = take(*rdns, kSet);
    if (!set || set->empty()) return std::nullopt;
    while (!set->empty()) {
      const auto one = take(*set, kSequence);
      auto attribute = one ? read_attribute(*one, rdn) : std::nullopt;
      if (!attribute || name.size() >= kMaxNameAttributes) return std::nullopt;
      name.push_back(*std::move(attribute));
    }
  }
  return name;
}

// ---- comparing (RFC 5280 §7.1) ----

bool is_text(std::uint8_t tag) {
  return tag == kUtf8String || tag == kPrintableString || tag == kIa5String ||
         tag == kTeletexString;
}

/// Without case and without spaces that say nothing (RFC 4518 §2.6.1).
std::string prepared(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out += lower(c);
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

bool is_same_value(const Attribute& a, const Attribute& b) {
  if (a.oid != b.oid) return false;
  if (!is_text(a.tag) || !is_text(b.tag)) return a.tag == b.tag && a.value == b.value;
  return prepared(a.value) == prepared(b.value);
}

bool is_same(const Name& a, const Name& b) {
  // Within an RDN the order says nothing, so each attribute looks for its like there.
  const auto has_all = [](const Name& of, const Name& in) {
    return std::ranges::all_of(of, [&](const Attribute& one) {
      return std::ranges::any_of(in, [&](const Attribute& other) {
        return one.rdn == other.rdn && is_same_value(one, other);
      });
    });
  };
  return a.size() == b.size() && has_all(a, b) && has_all(b, a);
}

// ---- text ----

/// Parts between commas that no backslash protects.
std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i + 1 < text.size() && text[i] == '\\') {
      ++i;
    } else if (i == text.size() || text[i] == ',') {
      parts.push_back(trimmed(text.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  return parts;
}

std::string without_escapes(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

bool is_printable_string(std::string_view value) {
  constexpr std::string_view kMarks = " '()+,-./:=?";
  return std::ranges::all_of(value, [&](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

std::uint8_t tag_for(std::string_view type, std::string_view value) {
  if (type == "E" || type == "emailAddress" || type == "DC") return kIa5String;
  return is_printable_string(value) ? kPrintableString : kUtf8String;
}

struct Pattern {
  Name attributes;
  std::vector<bool> any;  ///< of each attribute: whatever its value is
  bool and_others = false;
};

Result<Pattern> read_pattern(std::string_view text) {
  Pattern out;
  const auto parts = split(text);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto equals = parts[i].find('=');
    if (parts[i] == "*" && i > 0 && i + 1 == parts.size()) {
      out.and_others = true;
      continue;
    }
    if (equals == std::string_view::npos)
      return fail(ErrorCode::kMalformed,
                  "\"" + std::string(parts[i]) + "\" in a distinguished name has no `=`");
    const std::string_view type = trimmed(parts[i].substr(0, equals));
    const auto* row = std::ranges::find_if(
        kTypes, [&](const TypeRow& one) { return equal_ignoring_case(one.name, type); });
    if (row == kTypes.end())
      return fail(ErrorCode::kUnsupported,
                  "\"" + std::string(type) + "\" is no attribute of a distinguished name");
    const std::string_view raw = trimmed(parts[i].substr(equals + 1));
    const std::string value = without_escapes(raw);
    if (value.empty() || out.attributes.size() >= kMaxNameAttributes)
      return fail(ErrorCode::kMalformed, "an attribute without a value, or one too many");
    PS_ASSIGN(ByteVector oid, base::from_hex(row->oid));
    out.attributes.push_back({i, std::move(oid), tag_for(row->name, value), value});
    out.any.push_back(raw == "*");
  }
  return out;
}

std::string escaped(std::string_view value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const bool at_edge = i == 0 || i + 1 == value.size();
    const bool special = std::string_view("\\,*").find(value[i]) != std::string_view::npos;
    if (special || (value[i] == ' ' && at_edge)) out += '\\';
    out += value[i];
  }
  return out;
}

}  // namespace

Result<ByteVector> name_of_text(std::string_view text) {
  PS_ASSIGN(const Pattern pattern, read_pattern(text));
  if (pattern.and_others || std::ranges::find(pattern.any, true) != pattern.any.end())
    return fail(ErrorCode::kMalformed, "a star is a pattern and no name");
  ByteVector rdns;
  for (const Attribute& one : pattern.attributes) {
    ByteVector pair = tlv(kOid, one.oid);
    const ByteVector value = tlv(one.tag, base::as_bytes(one.value));
    pair.insert(pair.end(), value.begin(), value.end());
    const ByteVector rdn = tlv(kSet, tlv(kSequence, pair));
    rdns.insert(rdns.end(), rdn.begin(), rdn.end());
  }
  constexpr std::size_t kMost = 0xffff;
  if (rdns.size() > kMost) return fail(ErrorCode::kLimit, "the distinguished name is too long");
  return tlv(kSequence, rdns);
}

std::optional<std::string> text_of_name(Bytes der) {
  const auto name = read_name(der);
  if (!name || name->empty()) return std::nullopt;
  std::string text;
  std::size_t rdn = 0;
  for (const Attribute& one : *name) {
    const std::string oid = base::to_hex(one.oid);
    const auto* row = std::ranges::find(kTypes, oid, &TypeRow::oid);
    // What a peer sends reaches terminals and JSON.
    const bool shown = is_text(one.tag) && !one.value.empty() &&
                       std::ranges::all_of(one.value, [](char c) { return c >= 0x20 && c < 0x7f; });
    if (row == kTypes.end() || !shown || one.rdn != rdn++) return std::nullopt;
    if (!text.empty()) text += ", ";
    text += std::string(row->name) + "=" + escaped(one.value);
  }
  return text;
}

bool is_same_name(Bytes a, Bytes b) {
  if (std::ranges::equal(a, b)) return true;
  const auto first = read_name(a);
  const auto second = read_name(b);
  return first && second && is_same(*first, *second);
}

bool matches_name(std::string_view text, Bytes der) {
  const auto pattern = read_pattern(text);
  const auto name = read_name(der);
  if (!pattern || !name) return false;
  if (!pattern->and_others && pattern->attributes.size() != name->size()) return false;
  for (std::size_t i = 0; i < pattern->attributes.size(); ++i) {
    const Attribute& wanted = pattern->attributes[i];
    const bool found = std::ranges::any_of(*name, [&](const Attribute& one) {
      const bool here = pattern->and_others || one.rdn == wanted.rdn;
      return here && (pattern->any[i] ? one.oid == wanted.oid : is_same_value(one, wanted));
    });
    if (!found) return false;
  }
  return true;
}

Result<void> check_name_pattern(std::string_view pattern) {
  PS_TRY(read_pattern(pattern));
  return {};
}

}  // namespace penstock::policy
