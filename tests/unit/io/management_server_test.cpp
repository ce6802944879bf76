// SPDX-License-Identifier: BSD-3-Clause
#include "control/io/management_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "control/io/clock.h"
#include "control/io/wake_fd.h"

namespace penstock::io {
namespace {

std::string socket_path() {
  return testing::TempDir() + "penstock_" + std::to_string(getpid()) + ".sock";
}

int dial(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  std::strncpy(a.sun_path, path.c_str(), sizeof(a.sun_path) - 1);
  EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&a), sizeof(a)), 0);
  return fd;
}

void send_text(int fd, const std::string& text) {
  ASSERT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

/// Reads until `end` is seen or the server hangs up.
std::string read_until(int fd, const std::string& end) {
  std::string all;
  char buffer[4096];
  while (end.empty() || all.find(end) == std::string::npos) {
    const ssize_t got = read(fd, buffer, sizeof(buffer));
    if (got <= 0) break;
    all.append(buffer, static_cast<std::size_t>(got));
  }
  return all;
}

/// `parts` parts of `octets` each, then "end".
class Parts final : public Answer {
 public:
  Parts(std::string name, int parts, std::size_t octets, int* asked = nullptr)
      : name_(std::move(name)), parts_(parts), octets_(octets), asked_(asked) {}
  More next(std::string& lines) override {
    if (asked_ != nullptr) ++*asked_;
    if (parts_-- > 0) {
      lines += name_ + std::string(octets_, '.') + "\n";
      return More::kNow;
    }
    lines += "end " + name_ + "\n";
    return More::kDone;
  }

 private:
  std::string name_;
  int parts_;
  std::size_t octets_;
  int* asked_;
};

class ManagementServerTest : public testing::Test {
 protected:
  void open(ManagementServer::Handler handler, ManagementLimits limits = {}) {
    auto server = ManagementServer::open(loop_, socket_path(), limits, std::move(handler));
    ASSERT_TRUE(server) << server.error().text;
    server_ = std::move(*server);
  }
  /// Runs the loop while `client` talks in a thread of its own.
  void with_client(const std::function<void()>& client) {
    WakeFd finished;
    auto watch = loop_.on_readable(finished.fd(), [this] { loop_.stop(); });
    std::thread thread([&] {
      client();
      finished.signal();
    });
    loop_.run(nullptr);
    thread.join();
  }
  EventLoop loop_;
  std::unique_ptr<ManagementServer> server_;
};

auto answering(int parts, std::size_t octets, int* asked = nullptr) {
  return [=](ClientId, std::string_view line) {
    return std::make_unique<Parts>(std::string(line), parts, octets, asked);
  };
}

TEST_F(ManagementServerTest, AnswersOneRequestAfterTheOther) {
  open(answering(2, 0));
  with_client([] {
    const int fd = dial(socket_path());
    send_text(fd, "a\nb\n");
    EXPECT_EQ(read_until(fd, "end b\n"), "a\na\nend a\nb\nb\nend b\n");
    close(fd);
  });
}

TEST_F(ManagementServerTest, AnswersAClientThatClosedItsHalf) {
  open(answering(50, 4000));
  with_client([] {
    const int fd = dial(socket_path());
    send_text(fd, "a\n");
    shutdown(fd, SHUT_WR);
    const std::string all = read_until(fd, "");
    EXPECT_EQ(all.size(), 50U * 4002 + 6);
    close(fd);
  });
  EXPECT_EQ(server_->clients(), 0U);
}

TEST_F(ManagementServerTest, EndsAConnectionWithATooLongLine) {
  open(answering(0, 0));
  with_client([] {
    const int fd = dial(socket_path());
    send_text(fd, std::string(5000, 'x'));
    EXPECT_EQ(read_until(fd, ""), "");
    close(fd);
  });
}

TEST_F(ManagementServerTest, MakesNoMorePartsThanAClientTakes) {
  int asked = 0;
  open(answering(100'000, 1000, &asked));
  const int fd = dial(socket_path());
  send_text(fd, "a\n");
  auto timer = loop_.make_timer([this] { loop_.stop(); });
  loop_.set_timer(*timer, monotonic_now() + base::milliseconds{100});
  loop_.run(nullptr);
  EXPECT_GT(asked, 100);
  EXPECT_LT(asked, 5000) << "unsent octets are bounded";
  close(fd);
}

TEST_F(ManagementServerTest, DropsAClientThatTakesNothing) {
  open(answering(100'000, 1000), {.stalled_for = base::seconds{1}});
  const int fd = dial(socket_path());
  send_text(fd, "a\n");
  auto timer = loop_.make_timer([this] { loop_.stop(); });
  loop_.set_timer(*timer, monotonic_now() + base::milliseconds{1300});
  loop_.run(nullptr);
  EXPECT_EQ(server_->clients(), 0U);
  close(fd);
}

TEST_F(ManagementServerTest, OthersAreServedWhileALongListGoesOut) {
  open([](ClientId, std::string_view line) {
    return std::make_unique<Parts>(std::string(line), line == "long" ? 100'000 : 1, 1000);
  });
  with_client([] {
    const int slow = dial(socket_path());
    send_text(slow, "long\n");
    const int quick = dial(socket_path());
    send_text(quick, "quick\n");
    EXPECT_NE(read_until(quick, "end quick\n").find("end quick"), std::string::npos);
    close(quick);
    close(slow);
  });
}

TEST_F(ManagementServerTest, RefusesMoreClientsThanItsLimit) {
  open(answering(0, 0), {.clients = 1});
  with_client([] {
    const int first = dial(socket_path());
    send_text(first, "a\n");
    EXPECT_EQ(read_until(first, "end a\n"), "end a\n");
    const int second = dial(socket_path());
    EXPECT_EQ(read_until(second, ""), "");
    close(second);
    close(first);
  });
}

/// Has nothing until told.
class Waits final : public Answer {
 public:
  explicit Waits(const bool& ready) : ready_(ready) {}
  More next(std::string& lines) override {
    if (!ready_) return More::kLater;
    lines += "ready\n";
    return More::kDone;
  }

 private:
  const bool& ready_;
};

TEST_F(ManagementServerTest, AnAnswerMayWaitUntilItIsResumed) {
  bool ready = false;
  ClientId asking;
  open([&](ClientId id, std::string_view) {
    asking = id;
    return std::make_unique<Waits>(ready);
  });
  auto timer = loop_.make_timer([&] {
    ready = true;
    server_->resume(asking);
  });
  loop_.set_timer(*timer, monotonic_now() + base::milliseconds{20});
  with_client([] {
    const int fd = dial(socket_path());
    send_text(fd, "up\n");
    EXPECT_EQ(read_until(fd, "\n"), "ready\n");
    close(fd);
  });
  server_->resume(ClientId{99});  // gone or never there: no fault
}

TEST_F(ManagementServerTest, TheSocketIsForOwnerAndGroupAndGoesWithTheServer) {
  open(answering(0, 0));
  struct stat there {};
  ASSERT_EQ(stat(socket_path().c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 0777, 0660U);
  server_.reset();
  EXPECT_NE(stat(socket_path().c_str(), &there), 0);
}

TEST_F(ManagementServerTest, TakesTheSocketOfADeadProcessButNotOfALivingOne) {
  open(answering(0, 0));
  const auto second = ManagementServer::open(loop_, socket_path(), {}, answering(0, 0));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::ErrorCode::kExists);
  server_.reset();

  const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  std::strncpy(a.sun_path, socket_path().c_str(), sizeof(a.sun_path) - 1);
  ASSERT_EQ(bind(dead, reinterpret_cast<const sockaddr*>(&a), sizeof(a)), 0);
  close(dead);
  open(answering(0, 0));
}

}  // namespace
}  // namespace penstock::io
