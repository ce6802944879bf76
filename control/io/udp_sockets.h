// SPDX-License-Identifier: BSD-3-Clause
// UdpSockets: IKE over the kernel's UDP sockets instead of DPDK ports, for tests and laboratories:
// the engine meets a real peer without a data plane. ESP in UDP is counted and left.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "control/ike/engine_io.h"
#include "control/io/event_loop.h"

namespace penstock::io {

class UdpSockets {
 public:
  using Receiver = std::function<void(const ike::Datagram&)>;

  explicit UdpSockets(EventLoop& loop, Receiver receiver);
  ~UdpSockets();
  UdpSockets(const UdpSockets&) = delete;
  UdpSockets& operator=(const UdpSockets&) = delete;

  /// @param marker  the non-ESP marker of RFC 3948 §2.2 stands before each message (port 4500)
  /// @return kSystem with the reason
  [[nodiscard]] base::Result<void> bind(const net::Endpoint& local, bool marker);
  /// From the socket bound to datagram.local.
  /// @return kNotFound if there is none; kSystem with the reason
  [[nodiscard]] base::Result<void> send(const ike::Datagram& datagram);
  [[nodiscard]] std::uint64_t esp_packets() const { return esp_packets_; }

 private:
  struct Socket;
  void read(Socket& socket);

  EventLoop& loop_;
  Receiver receiver_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  std::uint64_t esp_packets_ = 0;
};

}  // namespace penstock::io
