// SPDX-License-Identifier: BSD-3-Clause
// The command line against a server of the test: what it asks, what it prints, how it exits.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "app/cli.h"
#include "app/cli_tables.h"
#include "control/io/management_protocol.h"

namespace penstock::app {
namespace {

namespace fs = std::filesystem;
using io::Json;

/// Takes one connection, reads one line, writes what it was told to, and closes.
class FakeDaemon {
 public:
  explicit FakeDaemon(std::string reply) : reply_(std::move(reply)) {
    std::string name = (fs::temp_directory_path() / "penstock-cli-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeDaemon() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    fs::remove_all(folder_);
  }
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;

  [[nodiscard]] std::string path() const { return (folder_ / "s").string(); }
  /// The request, once the program has ended.
  [[nodiscard]] std::string request() const { return request_; }

 private:
  void serve() {
    const int peer = ::accept(listener_, nullptr, nullptr);
    if (peer < 0) return;
    char c = 0;
    while (::recv(peer, &c, 1, 0) == 1 && c != '\n') request_ += c;
    std::string_view rest = reply_;
    while (!rest.empty()) {
      const ssize_t sent = ::send(peer, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    ::close(peer);
  }

  std::string reply_;
  std::string request_;
  fs::path folder_;
  int listener_ = -1;
  std::thread thread_;
};

struct Ran {
  int status = 0;
  std::string out;
  std::string err;
};

Ran run(std::vector<std::string> words) {
  words.insert(words.begin(), "penstock");
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  std::ostringstream out;
  std::ostringstream err;
  Ran ran;
  ran.status = run_cli(static_cast<int>(argv.size()), argv.data(), out, err);
  ran.out = out.str();
  ran.err = err.str();
  return ran;
}

struct Talk {
  Ran ran;
  std::string request;
};

Talk talk(const std::string& reply, std::vector<std::string> words) {
  Talk talk;
  FakeDaemon daemon(reply);
  words.insert(words.begin(), {"--socket", daemon.path()});
  talk.ran = run(std::move(words));
  talk.request = daemon.request();
  return talk;
}

std::string done(io::CommandStatus status = io::CommandStatus::kDone, std::string_view text = "") {
  return io::encode_done(1, status, text);
}

Json drop(const char* reason, int count) {
  return Json{
      {"reason", reason}, {"count", count}, {"clause", "RFC 4303 §3.4.2"}, {"text", "a sentence"}};
}

TEST(Cli, AsksForATopic) {
  EXPECT_EQ(talk(done(), {"show", "sas"}).request,
            R"({"id":1,"command":"show","args":{"topic":"sas"}})");
}

TEST(Cli, AsksForAChildWithATimeout) {
  EXPECT_EQ(
      talk(done(), {"up", "branch/net", "--timeout", "7"}).request,
      R"({"id":1,"command":"up","args":{"connection":"branch","child":"net","timeout_s":7}})");
  EXPECT_EQ(talk(done(), {"down", "branch"}).request,
            R"({"id":1,"command":"down","args":{"connection":"branch","timeout_s":30}})");
  EXPECT_EQ(
      talk(done(), {"rekey", "branch", "--ike"}).request,
      R"({"id":1,"command":"rekey","args":{"connection":"branch","ike":true,"timeout_s":30}})");
}

TEST(Cli, PutsThePartsOfAListTogether) {
  const std::string reply = io::encode_part(1, "drops", Json::array({drop("no_sa", 3)})) +
                            io::encode_part(1, "drops", Json::array({drop("replay", 0)})) + done();
  const Talk said = talk(reply, {"--json", "show", "drops"});
  EXPECT_EQ(said.ran.status, 0);
  EXPECT_EQ(Json::parse(said.ran.out), (Json{{"drops", {drop("no_sa", 3), drop("replay", 0)}}}));
  EXPECT_EQ(said.ran.out.find('\n'), said.ran.out.size() - 1);
}

TEST(Cli, PutsAHundredThousandRowsTogether) {
  std::string reply;
  for (int part = 0; part < 1000; ++part) {
    Json rows = Json::array();
    for (int i = 0; i < 100; ++i) rows.push_back(Json{{"to", "10.0.0.0/8"}, {"via", ""}});
    reply += io::encode_part(1, "routes", rows);
  }
  const Talk said = talk(reply + done(), {"--json", "show", "routes"});
  EXPECT_EQ(said.ran.status, 0);
  EXPECT_EQ(Json::parse(said.ran.out)["routes"].size(), 100'000U);
}

TEST(Cli, HasEveryListOfATopicEvenWithoutRows) {
  const Talk said = talk(done(), {"show", "sas", "--json"});
  EXPECT_EQ(said.ran.out, "{\"ike_sas\":[],\"manual_sas\":[]}\n");
}

TEST(Cli, TakesObjectsAsMembersOfTheDocument) {
  const Json counters{{"received", 7}, {"injected", 1}};
  const std::string reply = io::encode_value(1, Json{{"counters", counters}}) + done();
  EXPECT_EQ(talk(reply, {"--json", "show", "counters"}).ran.out,
            "{\"counters\":{\"received\":7,\"injected\":1},\"ike\":[]}\n");
  EXPECT_EQ(
      talk(io::encode_value(1, Json{{"version", "0.1.0"}}) + done(), {"--json", "version"}).ran.out,
      "{\"version\":\"0.1.0\"}\n");
}

TEST(Cli, PrintsATableWithoutReasonsThatNeverHappened) {
  const std::string reply =
      io::encode_part(1, "drops", Json::array({drop("no_sa", 30), drop("replay", 0)})) + done();
  EXPECT_EQ(talk(reply, {"show", "drops"}).ran.out,
            "COUNT  REASON  CLAUSE           WHAT IT MEANS\n"
            "   30  no_sa   RFC 4303 §3.4.2  a sentence\n");
}

TEST(Cli, PrintsChildrenWithTheirConnection) {
  const Json child{{"child", "net"},
                   {"mode", "tunnel"},
                   {"start_action", "trap"},
                   {"installed", 1},
                   {"local_ts", {"10.1.0.0/16", "10.3.0.0/16"}},
                   {"remote_ts", {"10.2.0.0/16"}}};
  const Json row{{"connection", "branch"},      {"version", 2}, {"local_addrs", "%any"},
                 {"remote_addrs", "192.0.2.9"}, {"ike_sas", 1}, {"children", {child}}};
  const std::string out =
      talk(io::encode_part(1, "connections", Json::array({row})) + done(), {"show", "connections"})
          .ran.out;
  EXPECT_EQ(out,
            "Connections\n"
            "CONNECTION  IKE  LOCAL  REMOTE     IKE SAS\n"
            "branch        2  %any   192.0.2.9        1\n"
            "\n"
            "Children\n"
            "CONNECTION  CHILD  MODE    START  INSTALLED  LOCAL TS                  REMOTE TS\n"
            "branch      net    tunnel  trap           1  10.1.0.0/16, 10.3.0.0/16  10.2.0.0/16\n");
}

Json sample_of(std::span<const io::FieldShape> shape) {
  Json row = Json::object();
  for (const io::FieldShape& field : shape) {
    Json& value = row[std::string(field.name)];
    switch (field.kind) {
      case io::FieldKind::kText:
        value = "text";
        break;
      case io::FieldKind::kNumber:
        value = 7;
        break;
      case io::FieldKind::kFlag:
        value = true;
        break;
      case io::FieldKind::kTexts:
        value = {"one", "two"};
        break;
      case io::FieldKind::kRows:
        value = Json::array({sample_of(field.rows)});
        break;
    }
  }
  return row;
}

// A column that names no field of the documented shape would be "-" for ever.
TEST(Cli, HasAFieldForEveryColumn) {
  for (const io::TopicShape& topic : io::topics()) {
    Json document = Json::object();
    for (const io::ListShape& list : topic.lists) {
      const Json row = sample_of(list.fields);
      document[std::string(list.name)] = list.is_value ? row : Json::array({row});
    }
    std::ostringstream out;
    print_tables({.verb = io::Verb::kShow, .topic = std::string(topic.word)}, document, out);
    EXPECT_EQ(out.str().find('-'), std::string::npos) << out.str();
    EXPECT_EQ(out.str().find("none"), std::string::npos) << out.str();
  }
}

TEST(Cli, SaysNoneForAnEmptyTable) {
  EXPECT_EQ(talk(done(), {"show", "routes"}).ran.out, "none\n");
}

TEST(Cli, WritesControlCharactersOut) {
  EXPECT_EQ(printable("a\x1b[2Jb\n"), "a\\x1b[2Jb\\x0a");
  const std::string reply = done(io::CommandStatus::kRefused, "peer \x1b]0;x\x07");
  EXPECT_EQ(talk(reply, {"up", "a"}).ran.err, "penstock: peer \\x1b]0;x\\x07\n");
}

TEST(Cli, ExitsWith0WhenDone) {
  const Talk said = talk(done(io::CommandStatus::kDone, "branch/net is up"), {"up", "branch/net"});
  EXPECT_EQ(said.ran.status, 0);
  EXPECT_EQ(said.ran.out, "branch/net is up\n");
  EXPECT_EQ(talk(done(io::CommandStatus::kDone, "x"), {"--json", "up", "b"}).ran.out,
            "{\"status\":0,\"text\":\"x\"}\n");
}

TEST(Cli, ExitsWith1AndTheReasonWhenRefused) {
  const std::string reply = done(io::CommandStatus::kRefused, "NO_PROPOSAL_CHOSEN");
  const Talk said = talk(reply, {"up", "branch"});
  EXPECT_EQ(said.ran.status, 1);
  EXPECT_EQ(said.ran.out, "");
  EXPECT_EQ(said.ran.err, "penstock: NO_PROPOSAL_CHOSEN\n");
  const Talk json = talk(reply, {"up", "branch", "--json"});
  EXPECT_EQ(json.ran.status, 1);
  EXPECT_EQ(json.ran.out, "{\"status\":1,\"text\":\"NO_PROPOSAL_CHOSEN\"}\n");
}

TEST(Cli, ExitsWith2OnWrongUsage) {
  EXPECT_EQ(run({}).status, 2);
  EXPECT_EQ(run({"fly"}).status, 2);
  EXPECT_EQ(run({"show"}).status, 2);
  EXPECT_EQ(run({"show", "moon"}).status, 2);
  EXPECT_EQ(run({"up"}).status, 2);
  EXPECT_EQ(run({"up", "a", "--timeout", "3601"}).status, 2);
  EXPECT_EQ(run({"down", "a", "--ike"}).status, 2);
  EXPECT_EQ(run({"show", "sas", "--colour"}).status, 2);
  EXPECT_FALSE(run({"fly"}).err.empty());
}

TEST(Cli, ExitsWith2ForWordsThatAreNotBuiltYet) {
  for (const char* word : {"reload", "explain", "capture", "trace", "bench"}) {
    const Ran ran = run({word, "something", "--and-more"});
    EXPECT_EQ(ran.status, 2) << word;
    EXPECT_EQ(ran.err, std::string("penstock: not built yet: ") + word + "\n");
  }
}

TEST(Cli, ExitsWith0ForHelp) {
  const Ran ran = run({"--help"});
  EXPECT_EQ(ran.status, 0);
  EXPECT_NE(ran.out.find("rekey"), std::string::npos);
}

TEST(Cli, ExitsWith3WithoutADaemon) {
  const Ran ran = run({"--socket", "/nonexistent/penstock.sock", "version"});
  EXPECT_EQ(ran.status, 3);
  EXPECT_EQ(
      ran.err,
      "penstock: no daemon answers at /nonexistent/penstock.sock: No such file or directory\n");
  EXPECT_EQ(run({"--json", "--socket", "/nonexistent/p", "version"}).status, 3);
  EXPECT_EQ(run({"--socket", std::string(200, 'x'), "version"}).status, 3);
}

TEST(Cli, ExitsWith3WhenTheAnswerIsNone) {
  EXPECT_EQ(talk("", {"version"}).ran.status, 3);
  EXPECT_EQ(talk("hello\n", {"version"}).ran.status, 3);
  EXPECT_EQ(talk("[]\n", {"version"}).ran.status, 3);
  EXPECT_EQ(talk("{\"id\":2,\"done\":true,\"status\":0}\n", {"version"}).ran.status, 3);
  EXPECT_EQ(talk("{\"id\":1,\"done\":true,\"status\":9}\n", {"version"}).ran.status, 3);
  EXPECT_EQ(talk(io::encode_part(1, "drops", Json::array()), {"show", "drops"}).ran.status, 3);
  EXPECT_EQ(talk(std::string(io::kMaxReplyLine + 2, 'x'), {"version"}).ran.status, 3);
}

}  // namespace
}  // namespace penstock::app
