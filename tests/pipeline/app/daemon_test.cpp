// SPDX-License-Identifier: BSD-3-Clause
// penstockd as a process, on ports that receive nothing: what `show` answers has the documented
// shape, field by field; commands are refused with reasons; it ends on SIGTERM.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "app/cli_client.h"
#include "app/cli_tables.h"

namespace penstock::app {
namespace {

namespace fs = std::filesystem;
using io::CommandStatus;
using io::Json;
using io::ManagementRequest;
using io::Verb;

constexpr std::string_view kConfig = R"(
control = { socket = "SOCKET"; };
dataplane = {
  eal = ["--no-pci", "--no-huge", "-m", "192"]; file_prefix = "PREFIX";
  control_cpu = 0; workers = [0]; idle = "sleep";
  ports = (
    { name = "wan"; device = "net_null0,no-rx=1"; side = "outside"; addresses = ["192.0.2.1/24"]; },
    { name = "lan"; device = "net_null1,no-rx=1"; side = "inside"; addresses = ["10.1.0.1/16"]; } );
  routes = ( { to = "10.2.0.0/16"; via = "192.0.2.9"; port = "wan"; } );
  neighbors = ( { port = "wan"; address = "192.0.2.9"; mac = "02:00:00:00:00:09"; } );
  limits = { sas = 1024; policies = 1024; packets = 4096; };
};
manual_sas = (
  { name = "a"; direction = "out"; spi = "0x1001"; local = "192.0.2.1"; remote = "192.0.2.9";
    proposal = "aes128gcm16"; enc_key = "000102030405060708090a0b0c0d0e0f10111213";
    local_ts = "10.1.0.0/16"; remote_ts = "10.2.0.0/16"; },
  { name = "a"; direction = "in"; spi = "0x1002"; local = "192.0.2.1"; remote = "192.0.2.9";
    proposal = "aes128gcm16"; enc_key = "202122232425262728292a2b2c2d2e2f30313233";
    local_ts = "10.1.0.0/16"; remote_ts = "10.2.0.0/16"; } );
connections = { branch = {
  local_addrs = "192.0.2.1"; remote_addrs = ["192.0.2.9", "198.51.100.0/24"];
  local = { id = "hq.example"; }; remote = { id = "branch.example"; };
  children = {
    net = { local_ts = "10.1.0.0/16"; remote_ts = "10.3.0.0/16"; start_action = "trap"; };
    clear = { mode = "pass"; local_ts = "10.1.0.0/16"; remote_ts = "10.4.0.0/16"; }; }; }; };
secrets = { ike-branch = { secret = "swordfish"; }; };
)";

void replace(std::string& text, std::string_view from, const std::string& to) {
  text.replace(text.find(from), from.size(), to);
}

/// One penstockd for all tests here.
class Daemon {
 public:
  Daemon() {
    std::string name = (fs::temp_directory_path() / "penstock-daemon-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    std::string config(kConfig);
    replace(config, "SOCKET", socket());
    replace(config, "PREFIX", "daemon" + std::to_string(::getpid()));
    std::ofstream(folder_ / "conf") << config;
    ::chmod((folder_ / "conf").c_str(), 0600);
    pid_ = ::fork();
    if (pid_ == 0) {
      const std::string log = (folder_ / "log").string();
      if (std::freopen(log.c_str(), "w", stderr) == nullptr) ::_exit(126);
      ::execl(PENSTOCKD, "penstockd", "--config", (folder_ / "conf").c_str(), nullptr);
      ::_exit(127);
    }
    for (int i = 0; i < 600 && !fs::exists(socket()) && is_running(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  ~Daemon() {
    if (pid_ > 0) ::kill(pid_, SIGKILL), ::waitpid(pid_, nullptr, 0);
    fs::remove_all(folder_);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  [[nodiscard]] std::string socket() const { return (folder_ / "socket").string(); }
  [[nodiscard]] bool is_running() {
    if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
    return pid_ > 0;
  }
  /// SIGTERM. @return the exit status, or -1 if it did not end within the design's 5 s (and some
  /// for a busy machine)
  [[nodiscard]] int terminate() {
    ::kill(pid_, SIGTERM);
    for (int i = 0; i < 100 && is_running(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return pid_ < 0 && WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
  }
  [[nodiscard]] std::string log() const {
    std::ifstream in(folder_ / "log");
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

 private:
  fs::path folder_;
  pid_t pid_ = -1;
  int status_ = 0;
};

class DaemonTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { daemon_ = std::make_unique<Daemon>(); }
  static void TearDownTestSuite() { daemon_.reset(); }
  void SetUp() override { ASSERT_TRUE(daemon_->is_running()) << daemon_->log(); }

  static Answer asked(ManagementRequest request) {
    request.id = 1;
    return ask(daemon_->socket(), request);
  }
  static Json shown(std::string_view topic) {
    const Answer answer = asked({.verb = Verb::kShow, .topic = std::string(topic)});
    EXPECT_EQ(answer.status, CommandStatus::kDone) << answer.text;
    return answer.document;
  }

  static inline std::unique_ptr<Daemon> daemon_;
};

TEST_F(DaemonTest, AnswersEveryTopicInItsShape) {
  for (const io::TopicShape& topic : io::topics()) {
    const Json document = shown(topic.word);
    EXPECT_EQ(document.size(), topic.lists.size()) << topic.word << ": " << document.dump();
    for (const io::ListShape& list : topic.lists) {
      const Json& content = document[std::string(list.name)];
      const Json rows = list.is_value ? Json::array({content}) : content;
      for (const Json& row : rows) {
        const auto checked = io::check_row(list.fields, row);
        EXPECT_TRUE(checked) << topic.word << ": " << checked.error().text << " in " << row.dump();
      }
    }
  }
}

TEST_F(DaemonTest, AnswersVersionInItsShape) {
  const Answer answer = asked({.verb = Verb::kVersion});
  const auto checked = io::check_row(io::version_shape(), answer.document);
  EXPECT_TRUE(checked) << checked.error().text << " in " << answer.document.dump();
}

TEST_F(DaemonTest, ShowsWhatIsConfigured) {
  EXPECT_EQ(shown("ports")["ports"].size(), 2U);
  EXPECT_EQ(shown("sas")["manual_sas"].size(), 2U);
  EXPECT_EQ(shown("workers")["workers"].size(), 1U);
  EXPECT_FALSE(shown("drops")["drops"].empty());
  const Json connections = shown("connections")["connections"];
  ASSERT_EQ(connections.size(), 1U);
  EXPECT_EQ(connections[0]["connection"], "branch");
  EXPECT_EQ(connections[0]["local_addrs"], "192.0.2.1");
  EXPECT_EQ(connections[0]["remote_addrs"], "192.0.2.9/32, 198.51.100.0/24");
  EXPECT_EQ(connections[0]["children"].size(), 2U);
  const Json neighbors = shown("neighbors")["neighbors"];
  ASSERT_EQ(neighbors.size(), 1U);
  EXPECT_EQ(neighbors[0]["mac"], "02:00:00:00:00:09");
  EXPECT_EQ(neighbors[0]["state"], "static");
}

TEST_F(DaemonTest, ShowsTheOrderedPolicies) {
  const Json policies = shown("policies")["policies"];
  ASSERT_EQ(policies.size(), 3U) << policies.dump();
  EXPECT_EQ(policies[0]["action"], "bypass");
  EXPECT_EQ(policies[0]["name"], "branch/clear");
  for (std::size_t i = 1; i < policies.size(); ++i) {
    EXPECT_EQ(policies[i]["action"], "protect");
    EXPECT_GE(policies[i]["priority"], policies[i - 1]["priority"]);
  }
}

// What a table names must be a field of the row, or the cell would be empty for ever.
TEST_F(DaemonTest, FillsEveryCellOfItsTables) {
  for (const char* topic : {"connections", "ports", "routes", "workers", "policies"}) {
    const ManagementRequest request{.verb = Verb::kShow, .topic = topic};
    std::ostringstream out;
    print_tables(request, shown(topic), out);
    EXPECT_NE(out.str().find('\n'), out.str().rfind('\n')) << topic << "\n" << out.str();
  }
}

TEST_F(DaemonTest, RefusesWhatDoesNotExistWithAReason) {
  for (const Verb verb : {Verb::kUp, Verb::kDown, Verb::kRekey}) {
    const Answer answer = asked({.verb = verb, .connection = "moon", .timeout_s = 2});
    EXPECT_EQ(answer.status, CommandStatus::kRefused) << answer.text;
    EXPECT_NE(answer.text.find("moon"), std::string::npos) << answer.text;
  }
}

// Nobody is at the other end of a port that receives nothing.
TEST_F(DaemonTest, RefusesAnUpThatNobodyAnswersInTime) {
  const auto begin = std::chrono::steady_clock::now();
  const Answer answer =
      asked({.verb = Verb::kUp, .connection = "branch", .child = "net", .timeout_s = 1});
  EXPECT_EQ(answer.status, CommandStatus::kRefused) << answer.text;
  EXPECT_FALSE(answer.text.empty());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(8));
}

TEST_F(DaemonTest, BalancesItsCountersWhenIdle) {
  const Json c = shown("counters")["counters"];
  const auto sum = [&](std::initializer_list<const char*> names) {
    std::uint64_t total = 0;
    for (const char* name : names) total += c[name].get<std::uint64_t>();
    return total;
  };
  EXPECT_EQ(sum({"received", "injected", "generated"}),
            sum({"transmitted", "dropped", "punted", "consumed", "held"}))
      << c.dump();
}

TEST_F(DaemonTest, HasASocketForItsOwnerAlone) {
  struct stat status {};
  ASSERT_EQ(::stat(daemon_->socket().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, io::kSocketMode);
}

TEST_F(DaemonTest, ZEndsOnSigtermAndTakesItsSocketAway) {
  EXPECT_EQ(daemon_->terminate(), 0) << daemon_->log();
  EXPECT_FALSE(fs::exists(daemon_->socket()));
}

}  // namespace
}  // namespace penstock::app
