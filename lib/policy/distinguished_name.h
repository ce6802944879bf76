// SPDX-License-Identifier: BSD-3-Clause
// Distinguished names: the operator's `C=DE, O=Example, CN=gateway` to DER (X.501 Name, RFC 5280
// §4.1.2.4) and back, whether two are the same (§7.1), and whom a pattern means (RFC 4945 §3.1.5).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/base/result.h"

namespace penstock::policy {

/// Attributes of a name that is read; more is no name.
inline constexpr std::size_t kMaxNameAttributes = 32;

/// Attributes in the order of the text, `\` before a character that would separate. Values are
/// PrintableString where they can, IA5String in E and DC, else UTF8String.
/// @return kMalformed, kUnsupported for an attribute without a short name
[[nodiscard]] base::Result<base::ByteVector> name_of_text(std::string_view text);

/// Text that name_of_text() takes back, in such octets as it writes; nothing if the name has what
/// text cannot say (an RDN of several attributes, an unknown attribute) or is not ASCII.
[[nodiscard]] std::optional<std::string> text_of_name(base::Bytes der);

/// The same name, whatever its kind of string, its case (of ASCII) and its spaces.
[[nodiscard]] bool is_same_name(base::Bytes a, base::Bytes b);

/// @param pattern  as name_of_text(), where `CN=*` is any CN, and a last `*` allows whatever else
///                 there is: then each attribute may stand anywhere in the name
[[nodiscard]] bool matches_name(std::string_view pattern, base::Bytes der);
/// @return what is wrong with the pattern
[[nodiscard]] base::Result<void> check_name_pattern(std::string_view pattern);

}  // namespace penstock::policy
