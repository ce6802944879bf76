// SPDX-License-Identifier: BSD-3-Clause
// docs/configuration.md from the rows of the schema: a table a group.
#include <fmt/format.h>

#include "control/config/schema.h"

namespace penstock::config {

namespace {

using Docs = std::vector<const OptionDoc*>;

std::string words_of(const OptionDoc& doc) {
  std::string words;
  for (const Word& word : doc.words)
    if (word.later.empty()) words += fmt::format("{}`{}`", words.empty() ? "" : ", ", word.word);
  return words;
}

std::string kind_of(const OptionDoc& doc) {
  switch (doc.shape) {
    case OptionShape::kGroup:
      return "group";
    case OptionShape::kList:
      return "list of groups";
    case OptionShape::kNamed:
      return "groups";
    case OptionShape::kValue:
      break;
  }
  if (!doc.words.empty()) return words_of(doc);
  if (doc.high != 0) return fmt::format("{}, {} to {}", doc.kind, doc.low, doc.high);
  return std::string(doc.kind);
}

std::string preset_of(const OptionDoc& doc) {
  if (doc.required) return "required";
  return doc.preset.empty() ? "" : fmt::format("`{}`", doc.preset);
}

std::string path_below(std::string_view path, const OptionDoc& doc) {
  constexpr std::string_view kTails[] = {"", "", "[]", ".NAME"};
  return fmt::format("{}{}{}{}", path, path.empty() ? "" : ".", doc.name,
                     kTails[static_cast<std::size_t>(doc.shape)]);
}

void append_group(std::string& out, std::string_view path, const Docs& docs) {
  out += fmt::format("## {}\n\n", path.empty() ? "The file" : fmt::format("`{}`", path));
  out += "| setting | what is written | default | meaning | read by |\n|---|---|---|---|---|\n";
  std::string later;
  for (const OptionDoc* doc : docs) {
    if (!doc->later.empty()) {
      later += fmt::format("{}`{}` ({})", later.empty() ? "" : ", ", doc->name, doc->later);
      continue;
    }
    const std::string unit = doc->unit.empty() ? "" : fmt::format(" In {}.", doc->unit);
    out += fmt::format("| `{}` | {} | {} | {}{} | {} |\n", doc->name, kind_of(*doc),
                       preset_of(*doc), doc->text, doc->unit == "time" ? "" : unit, doc->reader);
  }
  if (!later.empty()) out += fmt::format("\nKnown names that are not built yet: {}.\n", later);
  out += '\n';
  for (const OptionDoc* doc : docs)
    if (doc->below != nullptr) append_group(out, path_below(path, *doc), doc->below());
}

constexpr std::string_view kHead =
    R"(# The configuration file

This page is made from the schema (`control/config`), and a test compares them.
`penstockd --config-reference` prints it. The examples are in [configs/](../configs).
`penstockd --config FILE --check` tells every fault with file, line and setting, and exits with 1 if
there is one; a syntax error is told alone, because the parser stops there.

The file is in libconfig's format: `name = value;`, groups `{ … }`, lists `( … )`, arrays `[ … ]`,
comments `#`, `//` and `/* */`, `@include "other.conf"` beside the first file, ten deep. Names begin
with a letter and have no dots. Settings of `connections` and `secrets` have the names and the
meanings of strongSwan's swanctl.conf; its names that nothing reads yet are faults that say so,
never ignored.

| what is written | how |
|---|---|
| text | in quotes |
| integer | 31 bits and a sign; libconfig 1.5 wraps larger ones silently, here they are a fault |
| flag | `true` or `false`; also `"yes"` or `"no"` |
| duration | seconds as an integer, or a text: `"20s"`, `"30m"`, `"1h"`, `"1d"` |
| size | an integer, or a text; of octets also `"64K"`, `"10M"`, `"2G"`, powers of 1024 |
| addresses, prefixes, selectors, proposals | an array of texts, or one text with commas |
| texts, identities | an array of texts, or one text, which is not split at commas |
| SPI | a text: `"0x1001"` |
| key | a text of hexadecimal digits |
| secret | a text: `0x` and hexadecimal, `0s` and Base64, or else the text itself |

)";

}  // namespace

std::string reference_as_markdown() {
  std::string out(kHead);
  append_group(out, "", docs_of(root_options()));
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

}  // namespace penstock::config
