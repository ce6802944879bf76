// SPDX-License-Identifier: BSD-3-Clause
// A setting and where it stands. libconfig knows file and line of each; the path is made by walking
// up.
#include "control/config/place.h"

#include <fmt/format.h>
#include <libconfig.h>

namespace penstock::config {

namespace {

/// libconfig names an included file as the directive did, beside the file that was loaded.
std::string file_of(const config_setting_t* setting, std::string_view root_file) {
  const char* included = config_setting_source_file(setting);
  if (included == nullptr) return std::string(root_file);
  const auto slash = root_file.rfind('/');
  if (included[0] == '/' || slash == std::string_view::npos) return included;
  return fmt::format("{}/{}", root_file.substr(0, slash), included);
}

std::string path_of(const config_setting_t* setting) {
  std::string path;
  while (config_setting_is_root(setting) == CONFIG_FALSE) {
    const char* name = config_setting_name(setting);
    std::string step =
        name != nullptr ? std::string(name) : fmt::format("[{}]", config_setting_index(setting));
    if (!path.empty() && path.front() != '[') step += '.';
    path.insert(0, step);
    setting = config_setting_parent(setting);
  }
  return path;
}

}  // namespace

std::string_view name_of(PlaceKind kind) {
  switch (kind) {
    case PlaceKind::kAbsent:
      return "nothing";
    case PlaceKind::kText:
      return "a text";
    case PlaceKind::kInteger:
      return "an integer";
    case PlaceKind::kFloat:
      return "a number with a fraction";
    case PlaceKind::kFlag:
      return "true or false";
    case PlaceKind::kGroup:
      return "a group { }";
    case PlaceKind::kArray:
      return "an array [ ]";
    case PlaceKind::kList:
      return "a list ( )";
  }
  return "?";
}

Place::Place(const config_setting_t* setting, std::string_view root_file, Findings& findings)
    : setting_(setting), root_file_(root_file), findings_(&findings) {}

PlaceKind Place::kind() const {
  if (!exists()) return PlaceKind::kAbsent;
  switch (config_setting_type(setting_)) {
    case CONFIG_TYPE_STRING:
      return PlaceKind::kText;
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
      return PlaceKind::kInteger;
    case CONFIG_TYPE_FLOAT:
      return PlaceKind::kFloat;
    case CONFIG_TYPE_BOOL:
      return PlaceKind::kFlag;
    case CONFIG_TYPE_ARRAY:
      return PlaceKind::kArray;
    case CONFIG_TYPE_LIST:
      return PlaceKind::kList;
    default:
      return PlaceKind::kGroup;
  }
}

std::string Place::name() const {
  if (!exists()) return missing_.substr(missing_.rfind('.') + 1);
  const char* name = config_setting_name(setting_);
  return name != nullptr ? name : "";
}

std::string Place::path() const {
  const std::string path = path_of(setting_);
  if (exists()) return path;
  return path.empty() ? missing_ : fmt::format("{}.{}", path, missing_);
}

std::size_t Place::size() const {
  return exists() ? static_cast<std::size_t>(config_setting_length(setting_)) : 0;
}

Place Place::operator[](std::size_t index) const {
  Place element = *this;
  element.setting_ = config_setting_get_elem(setting_, static_cast<unsigned>(index));
  return element;
}

Place Place::operator[](std::string_view member) const {
  Place below = *this;
  const std::string terminated(member);
  const config_setting_t* found = nullptr;
  if (kind() == PlaceKind::kGroup) found = config_setting_get_member(setting_, terminated.c_str());
  if (found != nullptr) {
    below.setting_ = found;
  } else {
    below.missing_ = exists() ? terminated : fmt::format("{}.{}", missing_, member);
  }
  return below;
}

Place Place::described_by(const OptionDoc& doc) const {
  Place described = *this;
  described.doc_ = &doc;
  return described;
}

std::string_view Place::text() const { return config_setting_get_string(setting_); }
long long Place::integer() const { return config_setting_get_int64(setting_); }
bool Place::flag() const { return config_setting_get_bool(setting_) == CONFIG_TRUE; }

void Place::wipe_text() const {
  // The octets are libconfig's own allocation, not a constant.
  auto* text = const_cast<char*>(config_setting_get_string(setting_));
  base::wipe(std::as_writable_bytes(std::span(text, std::string_view(text).size())));
}

Fault Place::finding(std::string text) const {
  const unsigned line = config_setting_source_line(setting_);
  return Fault{file_of(setting_, root_file_), line, path(), std::move(text)};
}

void Place::fault(std::string text) const { findings_->faults.push_back(finding(std::move(text))); }
void Place::warn(std::string text) const {
  findings_->warnings.push_back(finding(std::move(text)));
}

}  // namespace penstock::config
