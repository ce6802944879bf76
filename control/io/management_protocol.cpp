// SPDX-License-Identifier: BSD-3-Clause
// The management protocol's lines, written and read without exceptions: what is no JSON, or JSON of
// another shape, is a Result.
#include "control/io/management_protocol.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

namespace penstock::io {

using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

struct VerbRow {
  Verb verb;
  std::string_view word;
};
constexpr std::array kVerbs{
    VerbRow{Verb::kVersion, "version"}, VerbRow{Verb::kShow, "show"},   VerbRow{Verb::kUp, "up"},
    VerbRow{Verb::kDown, "down"},       VerbRow{Verb::kRekey, "rekey"},
};

/// Text that is no UTF-8 (a peer's identity may hold anything) is replaced, never thrown about.
std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

const VerbRow* find_verb(std::string_view word) {
  for (const VerbRow& row : kVerbs)
    if (row.word == word) return &row;
  return nullptr;
}

Result<std::string> text_argument(const Json& args, const char* name) {
  const auto found = args.find(name);
  if (found == args.end()) return std::string{};
  if (!found->is_string())
    return fail(ErrorCode::kMalformed, fmt::format("argument '{}' is not a text", name));
  return found->get<std::string>();
}

Result<bool> flag_argument(const Json& args, const char* name) {
  const auto found = args.find(name);
  if (found == args.end()) return false;
  if (!found->is_boolean())
    return fail(ErrorCode::kMalformed, fmt::format("argument '{}' is not true or false", name));
  return found->get<bool>();
}

Result<std::uint32_t> timeout_argument(const Json& args) {
  const auto found = args.find("timeout_s");
  if (found == args.end()) return kDefaultTimeout_s;
  if (!found->is_number_unsigned() || found->get<std::uint64_t>() > kMaxTimeout_s)
    return fail(ErrorCode::kMalformed,
                fmt::format("argument 'timeout_s' is not 0 to {} seconds", kMaxTimeout_s));
  return found->get<std::uint32_t>();
}

Result<void> read_arguments(const Json& args, ManagementRequest& request) {
  PS_ASSIGN(request.topic, text_argument(args, "topic"));
  PS_ASSIGN(request.connection, text_argument(args, "connection"));
  PS_ASSIGN(request.child, text_argument(args, "child"));
  PS_ASSIGN(request.ike, flag_argument(args, "ike"));
  PS_ASSIGN(request.timeout_s, timeout_argument(args));
  if (request.verb == Verb::kShow && find_topic(request.topic) == nullptr)
    return fail(ErrorCode::kUnsupported, fmt::format("nothing to show named '{}'", request.topic));
  const bool of_connection = request.verb != Verb::kShow && request.verb != Verb::kVersion;
  if (of_connection && request.connection.empty())
    return fail(ErrorCode::kMalformed, "no connection is named");
  return {};
}

bool is_of_kind(const Json& value, FieldKind kind) {
  switch (kind) {
    case FieldKind::kText:
      return value.is_string();
    case FieldKind::kNumber:
      return value.is_null() || (value.is_number_integer() && value >= 0);
    case FieldKind::kFlag:
      return value.is_boolean();
    case FieldKind::kTexts:
      if (!value.is_array()) return false;
      for (const Json& item : value)
        if (!item.is_string()) return false;
      return true;
    case FieldKind::kRows:
      return value.is_array();
  }
  return false;
}

}  // namespace

std::string encode(const ManagementRequest& request) {
  std::string_view word;
  for (const VerbRow& row : kVerbs)
    if (row.verb == request.verb) word = row.word;
  Json args = Json::object();
  if (request.verb == Verb::kShow) {
    args["topic"] = request.topic;
  } else if (request.verb != Verb::kVersion) {
    args["connection"] = request.connection;
    if (!request.child.empty()) args["child"] = request.child;
    if (request.ike) args["ike"] = true;
    args["timeout_s"] = request.timeout_s;
  }
  return line_of(Json{{"id", request.id}, {"command", word}, {"args", std::move(args)}});
}

Result<ManagementRequest> parse_request(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (json.is_discarded() || !json.is_object())
    return fail(ErrorCode::kMalformed, "a request is one line with a JSON object");
  const auto id = json.find("id");
  const auto command = json.find("command");
  const auto args = json.find("args");
  if (id == json.end() || !id->is_number_unsigned())
    return fail(ErrorCode::kMalformed, "a request has a number 'id'");
  if (command == json.end() || !command->is_string())
    return fail(ErrorCode::kMalformed, "a request has a text 'command'");
  if (args != json.end() && !args->is_object())
    return fail(ErrorCode::kMalformed, "'args' of a request is an object");
  const VerbRow* verb = find_verb(command->get_ref<const std::string&>());
  if (verb == nullptr)
    return fail(ErrorCode::kUnsupported,
                fmt::format("unknown command '{}'", command->get_ref<const std::string&>()));
  ManagementRequest request;
  request.id = id->get<std::uint64_t>();
  request.verb = verb->verb;
  PS_TRY(read_arguments(args == json.end() ? Json::object() : *args, request));
  return request;
}

std::string encode_part(std::uint64_t id, std::string_view list, const Json& rows) {
  return line_of(Json{{"id", id}, {"list", list}, {"part", rows}});
}

std::string encode_value(std::uint64_t id, const Json& members) {
  return line_of(Json{{"id", id}, {"value", members}});
}

std::string encode_done(std::uint64_t id, CommandStatus status, std::string_view text) {
  return line_of(
      Json{{"id", id}, {"done", true}, {"status", static_cast<unsigned>(status)}, {"text", text}});
}

Result<void> check_row(std::span<const FieldShape> shape, const Json& row) {
  if (!row.is_object()) return fail(ErrorCode::kMalformed, "a row is an object");
  auto member = row.begin();
  for (const FieldShape& field : shape) {
    if (member == row.end() || member.key() != field.name)
      return fail(ErrorCode::kMalformed,
                  fmt::format("'{}' expected, '{}' found", field.name,
                              member == row.end() ? std::string("the end") : member.key()));
    if (!is_of_kind(member.value(), field.kind))
      return fail(ErrorCode::kMalformed, fmt::format("'{}' is of another kind", field.name));
    if (field.kind == FieldKind::kRows)
      for (const Json& inner : member.value()) PS_TRY(check_row(field.rows, inner));
    ++member;
  }
  if (member != row.end())
    return fail(ErrorCode::kMalformed, fmt::format("'{}' is not part of the row", member.key()));
  return {};
}

}  // namespace penstock::io
