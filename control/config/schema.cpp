// SPDX-License-Identifier: BSD-3-Clause
// What all tables of options share: the words of their faults, and the guess what was meant.
#include "control/config/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace penstock::config {

namespace {

/// Levenshtein's distance: insertions, deletions and replacements from one to the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

constexpr std::size_t kLongestGuess = 64;  ///< a longer name is not guessed at

}  // namespace

bool expect(const Place& place, PlaceKind kind) {
  if (place.kind() == kind) return true;
  place.fault(fmt::format("{} is wanted, and {} is there", name_of(kind), name_of(place.kind())));
  return false;
}

bool is_named_by(const OptionDoc& doc, std::string_view name) {
  return doc.prefix ? name.starts_with(doc.name) : name == doc.name;
}

void unknown_setting(const Place& place, const std::vector<const OptionDoc*>& known) {
  const std::string name = place.name();
  std::string_view guess;
  std::size_t best = std::max<std::size_t>(1, name.size() / 3) + 1;
  for (const OptionDoc* doc : known) {
    const std::size_t d = name.size() > kLongestGuess ? best : distance(name, doc->name);
    if (d >= best) continue;
    best = d;
    guess = doc->name;
  }
  place.fault(guess.empty() ? "unknown setting"
                            : fmt::format("unknown setting; did you mean '{}'?", guess));
}

void not_built_yet(const Place& place, std::string_view what) {
  place.fault(fmt::format("not built yet: {}", what));
}

}  // namespace penstock::config
