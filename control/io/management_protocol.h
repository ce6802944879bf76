// SPDX-License-Identifier: BSD-3-Clause
// The management protocol: lines of JSON over a unix stream socket, between penstockd (control/io
// serves it) and the penstock program. docs/cli.md shows the rows field by field.
//
//   client: {"id":1,"command":"show","args":{"topic":"sas"}}
//   server: {"id":1,"list":"ike_sas","part":[{…},{…}]}      any number of parts, lists in the
//           {"id":1,"list":"manual_sas","part":[{…}]}       order of kTopics
//           {"id":1,"value":{"version":"0.1.0",…}}          members of the answer that are no list
//           {"id":1,"done":true,"status":0,"text":"…"}      always the last
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace penstock::io {

using Json = nlohmann::ordered_json;  ///< members keep their order: output is stable

inline constexpr std::string_view kDefaultSocket = "/run/penstock/penstock.sock";
inline constexpr unsigned kSocketMode = 0660;
inline constexpr unsigned kManagementProtocol = 1;  ///< told by `version`
/// Limits: a longer request line ends its connection; a server keeps its lines far below the
/// second.
inline constexpr std::size_t kMaxRequestLine = 4096;
inline constexpr std::size_t kMaxReplyLine = std::size_t{4} << 20;
inline constexpr std::size_t kRowsPerPart = 64;  ///< a server goes back to its loop after so many
inline constexpr std::uint32_t kDefaultTimeout_s = 30;
inline constexpr std::uint32_t kMaxTimeout_s = 3600;

/// How a command ended; also the exit status of the penstock program.
enum class CommandStatus : std::uint8_t {
  kDone = 0,
  kRefused = 1,   ///< the text says why
  kUsage = 2,     ///< wrong usage, or not built yet
  kNoDaemon = 3,  ///< never sent: nobody answers
};

enum class Verb : std::uint8_t { kVersion, kShow, kUp, kDown, kRekey };

struct ManagementRequest {
  std::uint64_t id = 0;
  Verb verb = Verb::kVersion;
  std::string topic{};                          ///< show: a word of kTopics
  std::string connection{};                     ///< up, down, rekey
  std::string child{};                          ///< the same; empty: see docs/cli.md
  bool ike = false;                             ///< rekey: the IKE SA
  std::uint32_t timeout_s = kDefaultTimeout_s;  ///< up, down, rekey
};

// ---- client to server ----

/// One line with its line end.
[[nodiscard]] std::string encode(const ManagementRequest& request);
/// @param line  without its line end
/// @return kMalformed for what is no request, kUnsupported for an unknown command or topic; the
///         server answers either with CommandStatus::kUsage and the error's text
[[nodiscard]] base::Result<ManagementRequest> parse_request(std::string_view line);

// ---- server to client: each one line with its line end ----

/// @param rows  an array; at most kRowsPerPart of them
[[nodiscard]] std::string encode_part(std::uint64_t id, std::string_view list, const Json& rows);
/// @param members  an object; its members become members of the answer
[[nodiscard]] std::string encode_value(std::uint64_t id, const Json& members);
[[nodiscard]] std::string encode_done(std::uint64_t id, CommandStatus status,
                                      std::string_view text = {});

// ---- the shapes ----

enum class FieldKind : std::uint8_t {
  kText,
  kNumber,  ///< an unsigned integer, or null where there is no such figure
  kFlag,
  kTexts,  ///< an array of texts
  kRows,   ///< an array of rows; `rows` names their shape
};

struct FieldShape {
  std::string_view name;
  FieldKind kind;
  std::string_view text;                  ///< one sentence for docs/cli.md
  std::span<const FieldShape> rows = {};  ///< of kRows
};

/// A list of the answer or, for `is_value`, an object of it.
struct ListShape {
  std::string_view name;
  std::span<const FieldShape> fields;
  bool is_value = false;
};

struct TopicShape {
  std::string_view word;  ///< `show WORD`
  std::span<const ListShape> lists;
  std::string_view text;
};

/// Every topic of `show`.
[[nodiscard]] std::span<const TopicShape> topics();
[[nodiscard]] const TopicShape* find_topic(std::string_view word);
/// The members of `version`.
[[nodiscard]] std::span<const FieldShape> version_shape();

/// Does the row have exactly these fields, in this order, of these kinds?
/// @return the first difference
[[nodiscard]] base::Result<void> check_row(std::span<const FieldShape> shape, const Json& row);

/// The part of docs/cli.md that lists the shapes, as Markdown.
[[nodiscard]] std::string shapes_as_markdown();

}  // namespace penstock::io
