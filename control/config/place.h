// SPDX-License-Identifier: BSD-3-Clause
// Place: a setting in the file, with its path and line, and where faults about it go. The one file
// beside parsed_file.h that knows libconfig.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/config/settings.h"

struct config_setting_t;

namespace penstock::config {

struct OptionDoc;

/// Faults and warnings of one load, in the order in which they are found.
struct Findings {
  std::vector<Fault> faults;
  std::vector<Fault> warnings;
  std::vector<std::string> included;  ///< files that the first one includes, also indirectly
};

enum class PlaceKind : unsigned char {
  kAbsent,
  kText,
  kInteger,
  kFloat,
  kFlag,
  kGroup,
  kArray,  ///< `[ … ]`, scalars of one kind
  kList,   ///< `( … )`, anything
};

/// How faults and names are told.
[[nodiscard]] std::string_view name_of(PlaceKind kind);

/// Borrowed from a ParsedFile, which outlives it; cheap to copy. A setting that is absent has the
/// line of the group that lacks it.
class Place {
 public:
  Place(const config_setting_t* setting, std::string_view root_file, Findings& findings);

  [[nodiscard]] PlaceKind kind() const;
  [[nodiscard]] bool exists() const { return missing_.empty(); }
  [[nodiscard]] std::string name() const;
  [[nodiscard]] std::string path() const;  ///< `connections.branch.children.net.local_ts`

  [[nodiscard]] std::size_t size() const;  ///< of a group, array or list; 0 for a scalar
  [[nodiscard]] Place operator[](std::size_t index) const;
  [[nodiscard]] Place operator[](std::string_view member) const;
  /// A row of the schema goes with the place while it is read (limits, words).
  [[nodiscard]] Place described_by(const OptionDoc& doc) const;
  [[nodiscard]] const OptionDoc& doc() const { return *doc_; }

  // The value of a scalar; only for a place of that kind.
  [[nodiscard]] std::string_view text() const;
  [[nodiscard]] long long integer() const;
  [[nodiscard]] bool flag() const;
  /// Overwrites the octets of a text that is a secret; libconfig frees it without.
  void wipe_text() const;

  void fault(std::string text) const;
  void warn(std::string text) const;

 private:
  [[nodiscard]] Fault finding(std::string text) const;

  const config_setting_t* setting_;  ///< the nearest that exists
  std::string missing_;              ///< names below it that do not
  std::string_view root_file_;       ///< of settings that no include brought
  Findings* findings_;
  const OptionDoc* doc_ = nullptr;
};

}  // namespace penstock::config
