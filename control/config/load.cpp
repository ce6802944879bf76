// SPDX-License-Identifier: BSD-3-Clause
// From a file to settings: scan, parse, read by the schema, check the whole. All faults are told.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <ostream>

#include "control/config/check.h"
#include "control/config/parsed_file.h"
#include "control/config/scan.h"
#include "control/config/schema.h"

namespace penstock::config {

namespace {

void sort_by_place(std::vector<Fault>& faults) {
  std::stable_sort(faults.begin(), faults.end(), [](const Fault& a, const Fault& b) {
    return a.file != b.file ? a.file < b.file : a.line < b.line;
  });
}

bool holds_secrets(const Settings& settings) {
  return !settings.secrets.empty() || !settings.manual_sas.empty() || !settings.key_files.empty();
}

void warn_of_access(const std::string& file, std::vector<Fault>& warnings) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return;
  if ((status.st_mode & S_IROTH) != 0)
    warnings.push_back({file, 0, "", "it may hold keys and everybody may read it: chmod o-r"});
  if ((status.st_mode & S_IWOTH) != 0)
    warnings.push_back({file, 0, "", "everybody may change it: chmod o-w"});
}

}  // namespace

std::string to_string(const Fault& fault) {
  std::string text = fault.file;
  if (fault.line != 0) text += fmt::format(":{}", fault.line);
  if (!fault.setting.empty()) text += fmt::format(": {}", fault.setting);
  return text + ": " + fault.text;
}

tl::expected<Settings, std::vector<Fault>> load_text(std::string_view text,
                                                     const std::string& file) {
  Findings findings;
  const auto parsed = ParsedFile::parse(text, file, findings);
  if (!parsed) return tl::unexpected(std::move(findings.faults));
  const Place root = parsed->root(findings);
  Settings settings;
  read_group(root_options(), root, settings);
  check_dataplane(root, settings);
  const bool ports_have_faults =
      std::any_of(findings.faults.begin(), findings.faults.end(), [](const Fault& fault) {
        return fault.setting == "dataplane" || fault.setting.starts_with("dataplane.ports");
      });
  const DataplaneSettings* addresses = ports_have_faults ? nullptr : &settings.dataplane;
  check_manual_sas(root, settings, addresses);
  check_connections(root, settings, addresses);
  load_certificates(root, settings, file);
  load_private_groups(root, settings, file);
  sort_by_place(findings.faults);
  if (!findings.faults.empty()) return tl::unexpected(std::move(findings.faults));
  sort_by_place(findings.warnings);
  settings.warnings = std::move(findings.warnings);
  settings.included = std::move(findings.included);
  return settings;
}

tl::expected<Settings, std::vector<Fault>> load(const std::string& file) {
  const auto content = read_whole_file(file);
  if (!content)
    return tl::unexpected(
        std::vector<Fault>{{file, 0, "", "cannot be read: " + content.error().text}});
  auto settings = load_text(base::as_text(content->bytes()), file);
  if (!settings || !holds_secrets(*settings)) return settings;
  warn_of_access(file, settings->warnings);
  for (const auto* files : {&settings->included, &settings->key_files})
    for (const std::string& one : *files) warn_of_access(one, settings->warnings);
  return settings;
}

int check_configuration(const std::string& file, std::ostream& out) {
  const auto settings = load(file);
  if (!settings) {
    for (const Fault& fault : settings.error()) out << to_string(fault) << '\n';
    out << fmt::format("{}: {} fault{}\n", file, settings.error().size(),
                       settings.error().size() == 1 ? "" : "s");
    return 1;
  }
  for (const Fault& warning : settings->warnings) out << "warning: " << to_string(warning) << '\n';
  out << file << ": good\n";
  return 0;
}

}  // namespace penstock::config
