// SPDX-License-Identifier: BSD-3-Clause
// One connection, one request, lines until the last. Everything that is wrong with the daemon's end
// is told as "no daemon" with the reason.
#include "app/cli_client.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace penstock::app {

using base::ErrorCode;
using base::fail;
using base::Result;
using io::CommandStatus;
using io::Json;
using io::ManagementRequest;
using io::Verb;

namespace {

constexpr long kPatience_s = 10;  ///< beyond what the request lets the daemon wait

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Result<void> connect_to(int fd, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path))
    return fail(ErrorCode::kSystem, fmt::format("'{}' is no path of a socket", path));
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return {};
  const int reason = errno;
  if (reason == EACCES || reason == EPERM)
    return fail(ErrorCode::kPermission, fmt::format("no permission for {}: be root", path));
  return fail(ErrorCode::kSystem,
              fmt::format("no daemon answers at {}: {}", path, std::strerror(reason)));
}

Result<void> send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return fail(ErrorCode::kSystem, "the daemon does not take the request");
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

/// Reads until the answer's last line.
Result<void> receive(int fd, AnswerReader& reader) {
  std::string waiting;
  char chunk[1 << 16];
  for (;;) {
    const ssize_t got = ::recv(fd, chunk, sizeof(chunk), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return fail(ErrorCode::kTimeout, "the daemon does not answer in time");
    if (got <= 0) return fail(ErrorCode::kSystem, "the daemon ended before its answer");
    std::size_t begin = 0;
    std::size_t look_from = waiting.size();
    waiting.append(chunk, static_cast<std::size_t>(got));
    for (auto end = waiting.find('\n', look_from); end != std::string::npos;
         end = waiting.find('\n', begin)) {
      PS_ASSIGN(const bool last, reader.take(std::string_view(waiting).substr(begin, end - begin)));
      if (last) return {};
      begin = end + 1;
    }
    waiting.erase(0, begin);
    if (waiting.size() > io::kMaxReplyLine)
      return fail(ErrorCode::kLimit, "a line of the answer is too long");
  }
}

Result<Answer> exchange(const std::string& socket, const ManagementRequest& request) {
  const Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return fail(ErrorCode::kSystem, std::strerror(errno));
  PS_TRY(connect_to(fd.get(), socket));
  const bool waits = request.verb != Verb::kShow && request.verb != Verb::kVersion;
  const timeval patience{kPatience_s + (waits ? static_cast<long>(request.timeout_s) : 0), 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  PS_TRY(send_all(fd.get(), io::encode(request)));
  AnswerReader reader(request);
  PS_TRY(receive(fd.get(), reader));
  return std::move(reader).answer();
}

Result<std::uint64_t> unsigned_member(const Json& line, const char* name) {
  const auto found = line.find(name);
  if (found == line.end() || !found->is_number_unsigned())
    return fail(ErrorCode::kMalformed,
                fmt::format("a line of the answer has no number '{}'", name));
  return found->get<std::uint64_t>();
}

}  // namespace

AnswerReader::AnswerReader(const ManagementRequest& request) : id_(request.id) {
  answer_.document = Json::object();
  const io::TopicShape* topic =
      request.verb == Verb::kShow ? io::find_topic(request.topic) : nullptr;
  if (topic == nullptr) return;
  // A list without rows is still part of the document.
  for (const io::ListShape& list : topic->lists)
    answer_.document[std::string(list.name)] = list.is_value ? Json::object() : Json::array();
}

Result<void> AnswerReader::take_part(const Json& line) {
  const auto list = line.find("list");
  const auto part = line.find("part");
  if (list == line.end() || !list->is_string() || part == line.end() || !part->is_array())
    return fail(ErrorCode::kMalformed, "a part of the answer has no rows");
  Json& rows = answer_.document[list->get<std::string>()];
  if (!rows.is_array() && !rows.is_null())
    return fail(ErrorCode::kMalformed, "a part of the answer belongs to no list");
  for (const Json& row : *part) rows.push_back(row);
  return {};
}

Result<bool> AnswerReader::take(std::string_view text) {
  const Json line = Json::parse(text, nullptr, false);
  if (line.is_discarded() || !line.is_object())
    return fail(ErrorCode::kMalformed, "a line of the answer is no JSON object");
  PS_ASSIGN(const std::uint64_t id, unsigned_member(line, "id"));
  if (id != id_) return fail(ErrorCode::kMalformed, "the answer is to another request");
  if (line.contains("part")) {
    PS_TRY(take_part(line));
    return false;
  }
  if (const auto value = line.find("value"); value != line.end() && value->is_object()) {
    for (const auto& [name, member] : value->items()) answer_.document[name] = member;
    return false;
  }
  PS_ASSIGN(const std::uint64_t status, unsigned_member(line, "status"));
  if (status > static_cast<std::uint64_t>(CommandStatus::kUsage))
    return fail(ErrorCode::kMalformed, "the answer has an unknown status");
  answer_.status = static_cast<CommandStatus>(status);
  if (const auto said = line.find("text"); said != line.end() && said->is_string())
    answer_.text = said->get<std::string>();
  return true;
}

Answer ask(const std::string& socket, const ManagementRequest& request) {
  auto answer = exchange(socket, request);
  if (answer) return *std::move(answer);
  return Answer{CommandStatus::kNoDaemon, answer.error().text, Json::object()};
}

}  // namespace penstock::app
