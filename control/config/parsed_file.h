// SPDX-License-Identifier: BSD-3-Clause
// ParsedFile: libconfig's tree of one configuration, kept while places point into it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "control/config/place.h"

struct config_t;

namespace penstock::config {

class ParsedFile {
 public:
  /// @param text  what the file holds; a syntax error is the only fault then
  /// @param file  its name, for faults and to find includes beside it
  /// @return nothing if it could not be parsed; the findings say why
  [[nodiscard]] static std::optional<ParsedFile> parse(std::string_view text,
                                                       const std::string& file, Findings& findings);

  [[nodiscard]] Place root(Findings& findings) const;

 private:
  struct Destroy {
    void operator()(config_t* config) const;
  };
  ParsedFile(std::unique_ptr<config_t, Destroy> config, std::string file)
      : config_(std::move(config)), file_(std::make_unique<std::string>(std::move(file))) {}

  std::unique_ptr<config_t, Destroy> config_;
  std::unique_ptr<std::string> file_;  ///< places look at it
};

}  // namespace penstock::config
