// SPDX-License-Identifier: BSD-3-Clause
// A stand-in for the bridge: datagrams between the kernel and the engine.
#include "control/io/udp_sockets.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace penstock::io {
namespace {

constexpr std::size_t kMarkerOctets = 4;  // RFC 3948 §2.2
constexpr std::size_t kMaxDatagram = 65535;
constexpr unsigned kDatagramsAPass = 32;  // then the loop looks at the others

base::Result<sockaddr_in> to_kernel(const net::Endpoint& endpoint) {
  if (!endpoint.address.is_v4())
    return base::fail(base::ErrorCode::kUnsupported, "IPv6 sockets are not spoken yet");
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(endpoint.port.value());
  a.sin_addr.s_addr = htonl(endpoint.address.v4_value());
  return a;
}

tl::unexpected<base::Error> system_failure(const net::Endpoint& local, const char* what) {
  return base::fail(base::ErrorCode::kSystem,
                    fmt::format("{} {}: {}", what, local.to_string(), std::strerror(errno)));
}

}  // namespace

struct UdpSockets::Socket {
  ~Socket() {
    watch.reset();
    close(fd);
  }
  int fd = -1;
  net::Endpoint local;
  bool marker = false;
  std::unique_ptr<EventLoop::Handle> watch;
};

UdpSockets::UdpSockets(EventLoop& loop, Receiver receiver)
    : loop_(loop), receiver_(std::move(receiver)) {}
UdpSockets::~UdpSockets() = default;

base::Result<void> UdpSockets::bind(const net::Endpoint& local, bool marker) {
  PS_ASSIGN(const sockaddr_in address, to_kernel(local));
  auto socket = std::make_unique<Socket>();
  socket->fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket->fd < 0) return system_failure(local, "socket");
  if (::bind(socket->fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return system_failure(local, "bind");
  socket->local = local;
  socket->marker = marker;
  socket->watch = loop_.on_readable(socket->fd, [this, s = socket.get()] { read(*s); });
  sockets_.push_back(std::move(socket));
  return {};
}

void UdpSockets::read(Socket& socket) {
  std::array<std::byte, kMaxDatagram> buffer;
  for (unsigned i = 0; i < kDatagramsAPass; ++i) {
    sockaddr_in from{};
    socklen_t length = sizeof(from);
    const ssize_t got = recvfrom(socket.fd, buffer.data(), buffer.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &length);
    if (got < 0) return;
    base::Bytes data(buffer.data(), static_cast<std::size_t>(got));
    if (socket.marker) {
      constexpr std::array<std::byte, kMarkerOctets> kZero{};
      const bool ike =
          data.size() > kMarkerOctets && std::memcmp(data.data(), kZero.data(), kMarkerOctets) == 0;
      if (!ike) {  // ESP, or the keepalive of RFC 3948 §2.3
        esp_packets_ += data.size() > 1 ? 1 : 0;
        continue;
      }
      data = data.subspan(kMarkerOctets);
    }
    const net::Endpoint remote{net::IpAddress::v4(ntohl(from.sin_addr.s_addr)),
                               net::Port{ntohs(from.sin_port)}};
    receiver_({socket.local, remote, base::to_vector(data)});
  }
}

base::Result<void> UdpSockets::send(const ike::Datagram& datagram) {
  PS_ASSIGN(const sockaddr_in to, to_kernel(datagram.remote));
  for (const auto& socket : sockets_) {
    if (socket->local != datagram.local) continue;
    const std::size_t marker = socket->marker ? kMarkerOctets : 0;
    base::ByteVector data(marker + datagram.data.size());
    std::ranges::copy(datagram.data, base::MutableBytes(data).subspan(marker).begin());
    if (sendto(socket->fd, data.data(), data.size(), 0, reinterpret_cast<const sockaddr*>(&to),
               sizeof(to)) < 0)
      return system_failure(datagram.local, "send");
    return {};
  }
  return base::fail(base::ErrorCode::kNotFound,
                    "no socket is bound to " + datagram.local.to_string());
}

}  // namespace penstock::io
