// SPDX-License-Identifier: BSD-3-Clause
// The border to libconfig's parser: text in, tree or one syntax error out.
#include "control/config/parsed_file.h"

#include <fmt/format.h>
#include <libconfig.h>

#include "control/config/scan.h"

namespace penstock::config {

void ParsedFile::Destroy::operator()(config_t* config) const {
  config_destroy(config);
  delete config;
}

std::optional<ParsedFile> ParsedFile::parse(std::string_view text, const std::string& file,
                                            Findings& findings) {
  if (!scan(text, file, findings)) return std::nullopt;
  std::unique_ptr<config_t, Destroy> config(new config_t);
  config_init(config.get());
  const auto slash = file.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : file.substr(0, slash + 1);
  if (!folder.empty()) config_set_include_dir(config.get(), folder.c_str());

  auto terminated = base::SecretBytes(text.size() + 1);  // its last octet stays 0
  std::copy(text.begin(), text.end(), reinterpret_cast<char*>(terminated.mutable_bytes().data()));
  if (config_read_string(config.get(), reinterpret_cast<const char*>(terminated.bytes().data())) ==
      CONFIG_FALSE) {
    const char* included = config_error_file(config.get());
    std::string where = file;
    if (included != nullptr) where = included[0] == '/' ? included : folder + included;
    findings.faults.clear();  // a syntax error is told alone: libconfig stops there
    findings.faults.push_back(Fault{std::move(where),
                                    static_cast<unsigned>(config_error_line(config.get())), "",
                                    config_error_text(config.get())});
    return std::nullopt;
  }
  return ParsedFile(std::move(config), file);
}

Place ParsedFile::root(Findings& findings) const {
  return {config_root_setting(config_.get()), *file_, findings};
}

}  // namespace penstock::config
