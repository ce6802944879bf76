// SPDX-License-Identifier: BSD-3-Clause
// ManagementServer: lines over a unix stream socket. It knows neither the commands nor the data
// plane: a handler makes an Answer for each request line, and the answer is asked for more lines
// whenever the client has taken the earlier ones, so that long lists never hold up the loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/io/event_loop.h"
#include "control/io/management_protocol.h"
#include "lib/base/result.h"
#include "lib/base/strong.h"

struct evconnlistener;
struct sockaddr;

namespace penstock::io {

using ClientId = base::Strong<struct ClientIdTag, std::uint64_t>;

/// The reply to one request. Destroyed when it is done or its client is gone.
class Answer {
 public:
  enum class More {
    kNow,    ///< there is more: ask again when the client has taken this
    kLater,  ///< nothing yet: ask again after ManagementServer::resume()
    kDone,   ///< that was the last line
  };
  virtual ~Answer() = default;
  /// Appends whole lines: one part's worth of work. May be asked without cause after kLater.
  virtual More next(std::string& lines) = 0;
};

struct ManagementLimits {
  std::size_t clients = 64;
  std::size_t line_octets = kMaxRequestLine;       ///< a longer request ends its connection
  std::size_t unsent_octets = 256 * 1024;          ///< no more parts while so much waits
  base::Duration stalled_for = base::seconds{10};  ///< a client that takes nothing for so long goes
};

class ManagementServer {
 public:
  using Handler = std::function<std::unique_ptr<Answer>(ClientId, std::string_view line)>;

  /// Makes the socket, mode 0660, and its folder if that is missing; takes the place of a socket
  /// that nobody serves any more.
  /// @return kExists if another process answers there; kPermission or kSystem with the reason
  [[nodiscard]] static base::Result<std::unique_ptr<ManagementServer>> open(EventLoop& loop,
                                                                            const std::string& path,
                                                                            ManagementLimits limits,
                                                                            Handler handler);
  /// Closes every client and removes the socket.
  ~ManagementServer();
  ManagementServer(const ManagementServer&) = delete;
  ManagementServer& operator=(const ManagementServer&) = delete;

  /// An answer that said kLater has something now. A client that is gone is no fault.
  void resume(ClientId id);
  [[nodiscard]] std::size_t clients() const { return clients_.size(); }

 private:
  class Client;
  ManagementServer(EventLoop& loop, std::string path, ManagementLimits limits, Handler handler);
  static void on_accept(evconnlistener* listener, int fd, sockaddr* from, int length, void* self);
  void accept(int fd);
  void remove(ClientId id);

  EventLoop& loop_;
  std::string path_;
  ManagementLimits limits_;
  Handler handler_;
  evconnlistener* listener_ = nullptr;
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<Client>> gone_;  ///< destroyed outside their own functions
  std::unique_ptr<EventLoop::Handle> bury_;
};

}  // namespace penstock::io
