// SPDX-License-Identifier: BSD-3-Clause
// The operator's door. Each client has one request at a time; while its answer is under way nothing
// more is read from it, so what a client can make us hold is a line and a bounded buffer.
#include "control/io/management_server.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "lib/base/check.h"

namespace penstock::io {

/// One connection. When it ends it is only unlinked: it is destroyed at the next pass of the loop.
class ManagementServer::Client {
 public:
  Client(ManagementServer& server, ClientId id, int fd)
      : server_(server), id_(id), again_(server.loop_.make_timer([this] { go_on(); })) {
    buffers_ = bufferevent_socket_new(server.loop_.base(), fd, BEV_OPT_CLOSE_ON_FREE);
    PS_CHECK(buffers_ != nullptr);
    bufferevent_setcb(buffers_, &Client::on_read, &Client::on_write, &Client::on_event, this);
    bufferevent_setwatermark(buffers_, EV_READ, 0, server.limits_.line_octets + 1);
    bufferevent_setwatermark(buffers_, EV_WRITE, server.limits_.unsent_octets / 4, 0);
    timeval stalled{};
    stalled.tv_sec = std::chrono::duration_cast<base::seconds>(server.limits_.stalled_for).count();
    bufferevent_set_timeouts(buffers_, nullptr, &stalled);
    bufferevent_enable(buffers_, EV_READ | EV_WRITE);
  }
  ~Client() { bufferevent_free(buffers_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Takes the next request or the next part, at the next pass of the loop.
  void soon() { server_.loop_.set_timer(*again_, base::MonoTime{}); }

 private:
  static void on_read(bufferevent*, void* self) { static_cast<Client*>(self)->go_on(); }
  static void on_write(bufferevent*, void* self) { static_cast<Client*>(self)->go_on(); }
  static void on_event(bufferevent*, short what, void* self) {
    auto* client = static_cast<Client*>(self);
    if ((what & BEV_EVENT_EOF) == 0) return client->end();
    // The peer may have closed its half only: it still gets what it asked for.
    client->ending_ = true;
    client->soon();
  }

  void go_on() {
    if (answer_ == nullptr && !take_request()) {
      if (ending_ && unsent() == 0) end();
      return;
    }
    if (unsent() >= server_.limits_.unsent_octets) return;  // on_write comes back
    std::string lines;
    const Answer::More more = answer_->next(lines);
    if (bufferevent_write(buffers_, lines.data(), lines.size()) != 0) return end();
    if (more == Answer::More::kDone) {
      answer_.reset();
      bufferevent_enable(buffers_, EV_READ);
    }
    if (more != Answer::More::kLater) soon();
  }

  /// @return false: there is no whole line yet, or the client is gone
  bool take_request() {
    evbuffer* in = bufferevent_get_input(buffers_);
    std::size_t length = 0;
    char* line = evbuffer_readln(in, &length, EVBUFFER_EOL_LF);
    if (line == nullptr) {
      ending_ = ending_ || evbuffer_get_length(in) > server_.limits_.line_octets;
      return false;
    }
    answer_ = server_.handler_(id_, std::string_view(line, length));
    std::free(line);  // NOLINT(cppcoreguidelines-no-malloc): libevent allocated it
    PS_CHECK(answer_ != nullptr);
    bufferevent_disable(buffers_, EV_READ);
    return true;
  }

  [[nodiscard]] std::size_t unsent() const {
    return evbuffer_get_length(bufferevent_get_output(buffers_));
  }
  void end() {
    bufferevent_setcb(buffers_, nullptr, nullptr, nullptr, nullptr);
    server_.loop_.clear_timer(*again_);
    server_.remove(id_);
  }

  ManagementServer& server_;
  ClientId id_;
  std::unique_ptr<EventLoop::Handle> again_;
  bufferevent* buffers_ = nullptr;
  std::unique_ptr<Answer> answer_;
  bool ending_ = false;
};

namespace {

base::Error system_error(const std::string& path, const char* what) {
  const int error = errno;
  const bool denied = error == EACCES || error == EPERM;
  return {denied ? base::ErrorCode::kPermission : base::ErrorCode::kSystem,
          fmt::format("{}: {}: {}", path, what, std::strerror(error))};
}

/// A socket file without a process behind it is what a killed daemon leaves.
base::Result<void> clear_path(const std::string& path, const sockaddr_un& address) {
  struct stat there {};
  if (lstat(path.c_str(), &there) != 0) return {};
  if (!S_ISSOCK(there.st_mode))
    return base::fail(base::ErrorCode::kExists, path + ": is there and is no socket");
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return tl::unexpected(system_error(path, "socket"));
  const bool answered =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  if (answered)
    return base::fail(base::ErrorCode::kExists, path + ": another process answers there already");
  if (unlink(path.c_str()) != 0) return tl::unexpected(system_error(path, "unlink"));
  return {};
}

base::Result<int> listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path))
    return base::fail(base::ErrorCode::kMalformed,
                      fmt::format("{}: a socket's path has at most {} octets", path,
                                  sizeof(address.sun_path) - 1));
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const std::string folder = path.substr(0, path.rfind('/'));
  if (!folder.empty() && folder != path) mkdir(folder.c_str(), 0755);  // bind() tells if it failed
  PS_TRY(clear_path(path, address));
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return tl::unexpected(system_error(path, "socket"));
  // The mode holds from the start: nobody gets in between bind() and a chmod().
  const mode_t before = umask(0777 & ~kSocketMode);
  const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  umask(before);
  if (!bound || listen(fd, SOMAXCONN) != 0) {
    const base::Error error = system_error(path, bound ? "listen" : "bind");
    close(fd);
    return tl::unexpected(error);
  }
  return fd;
}

}  // namespace

base::Result<std::unique_ptr<ManagementServer>> ManagementServer::open(EventLoop& loop,
                                                                       const std::string& path,
                                                                       ManagementLimits limits,
                                                                       Handler handler) {
  PS_ASSIGN(const int fd, listen_at(path));
  std::unique_ptr<ManagementServer> server(
      new ManagementServer(loop, path, limits, std::move(handler)));
  server->listener_ = evconnlistener_new(loop.base(), &ManagementServer::on_accept, server.get(),
                                         LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
  PS_CHECK(server->listener_ != nullptr);
  return server;
}

ManagementServer::ManagementServer(EventLoop& loop, std::string path, ManagementLimits limits,
                                   Handler handler)
    : loop_(loop),
      path_(std::move(path)),
      limits_(limits),
      handler_(std::move(handler)),
      bury_(loop.make_timer([this] { gone_.clear(); })) {}

ManagementServer::~ManagementServer() {
  clients_.clear();
  gone_.clear();
  if (listener_ == nullptr) return;
  evconnlistener_free(listener_);
  unlink(path_.c_str());
}

void ManagementServer::on_accept(evconnlistener*, int fd, sockaddr*, int, void* self) {
  static_cast<ManagementServer*>(self)->accept(fd);
}

void ManagementServer::accept(int fd) {
  if (clients_.size() >= limits_.clients) {
    close(fd);
    return;
  }
  const ClientId id{++last_id_};
  clients_.emplace(id.value(), std::make_unique<Client>(*this, id, fd));
}

void ManagementServer::remove(ClientId id) {
  const auto found = clients_.find(id.value());
  if (found == clients_.end()) return;
  gone_.push_back(std::move(found->second));
  clients_.erase(found);
  loop_.set_timer(*bury_, base::MonoTime{});
}

void ManagementServer::resume(ClientId id) {
  if (const auto found = clients_.find(id.value()); found != clients_.end()) found->second->soon();
}

}  // namespace penstock::io
