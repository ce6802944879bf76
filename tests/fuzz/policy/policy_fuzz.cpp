// SPDX-License-Identifier: BSD-3-Clause
// Selectors and identities as operators write them, and identities as peers send them: what reads
// is printed so that it reads the same.
#include "lib/base/check.h"
#include "lib/policy/distinguished_name.h"
#include "lib/policy/identity.h"
#include "lib/policy/traffic_selector.h"

namespace {

using namespace penstock;
using namespace penstock::policy;

void texts(std::string_view text) {
  if (const auto selector = TrafficSelector::parse(text)) {
    PS_CHECK(TrafficSelector::parse(selector->to_string()) == *selector);
    PS_CHECK(selector->contains(*selector) && selector->intersect(*selector) == *selector);
  }
  if (const auto identity = Identity::parse(text)) {
    const auto again = Identity::parse(identity->to_string());
    // What has no printable form is shown in hexadecimal, which only key ids read back.
    const bool printed = identity->to_string().find("0x") == std::string::npos;
    if (printed) PS_CHECK(again == *identity);
    PS_CHECK(IdentityPattern{}.matches(*identity));
  }
  static_cast<void>(IdentityPattern::parse(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  texts({reinterpret_cast<const char*>(data), size});
  if (size == 0) return 0;
  const base::Bytes rest = base::Bytes(reinterpret_cast<const std::byte*>(data), size).subspan(1);
  const Identity sent{IdType{data[0]}, base::to_vector(rest)};
  PS_CHECK(!sent.to_string().empty() || rest.empty());
  for (const char* pattern :
       {"*.example", "*@example.org", "moon.example", "192.0.2.1", "O=Example, CN=*", "CN=moon, *"})
    static_cast<void>(IdentityPattern{pattern}.matches(sent));
  if (const auto text = text_of_name(rest)) {
    const auto der = name_of_text(*text);
    PS_CHECK(der.has_value() && is_same_name(*der, rest) && matches_name(*text, rest));
  }
  return 0;
}
