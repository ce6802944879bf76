// SPDX-License-Identifier: BSD-3-Clause
// The management protocol's lines and shapes; docs/cli.md must tell the same shapes.
#include "control/io/management_protocol.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

namespace penstock::io {
namespace {

ManagementRequest parsed(std::string_view line) {
  auto request = parse_request(line);
  EXPECT_TRUE(request) << line;
  return request ? *request : ManagementRequest{};
}

base::ErrorCode refused(std::string_view line) {
  const auto request = parse_request(line);
  EXPECT_FALSE(request) << line;
  return request ? base::ErrorCode::kSystem : request.error().code;
}

TEST(ManagementRequestLine, SurvivesTheWayThere) {
  ManagementRequest request{.id = 7,
                            .verb = Verb::kRekey,
                            .connection = "branch",
                            .child = "net",
                            .ike = true,
                            .timeout_s = 5};
  const std::string line = encode(request);
  ASSERT_EQ(line.back(), '\n');
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const ManagementRequest back = parsed(std::string_view(line).substr(0, line.size() - 1));
  EXPECT_EQ(back.id, 7U);
  EXPECT_EQ(back.verb, Verb::kRekey);
  EXPECT_EQ(back.connection, "branch");
  EXPECT_EQ(back.child, "net");
  EXPECT_TRUE(back.ike);
  EXPECT_EQ(back.timeout_s, 5U);
}

TEST(ManagementRequestLine, HasTheDocumentedForm) {
  EXPECT_EQ(encode({.id = 1, .verb = Verb::kShow, .topic = "sas"}),
            "{\"id\":1,\"command\":\"show\",\"args\":{\"topic\":\"sas\"}}\n");
  EXPECT_EQ(encode({.id = 2, .verb = Verb::kVersion}),
            "{\"id\":2,\"command\":\"version\",\"args\":{}}\n");
  EXPECT_EQ(encode({.id = 3, .verb = Verb::kUp, .connection = "a"}),
            "{\"id\":3,\"command\":\"up\",\"args\":{\"connection\":\"a\",\"timeout_s\":30}}\n");
}

TEST(ManagementRequestLine, MayLeaveOutWhatHasADefault) {
  const ManagementRequest request = parsed(R"({"id":1,"command":"up","args":{"connection":"a"}})");
  EXPECT_EQ(request.timeout_s, kDefaultTimeout_s);
  EXPECT_FALSE(request.ike);
  EXPECT_EQ(parsed(R"({"id":1,"command":"version"})").verb, Verb::kVersion);
}

TEST(ManagementRequestLine, IsRefusedWhenItIsNoRequest) {
  using base::ErrorCode;
  EXPECT_EQ(refused(""), ErrorCode::kMalformed);
  EXPECT_EQ(refused("[]"), ErrorCode::kMalformed);
  EXPECT_EQ(refused(R"({"id":1,"command":)"), ErrorCode::kMalformed);
  EXPECT_EQ(refused(R"({"id":-1,"command":"version"})"), ErrorCode::kMalformed);
  EXPECT_EQ(refused(R"({"command":"version"})"), ErrorCode::kMalformed);
  EXPECT_EQ(refused(R"({"id":1,"command":3})"), ErrorCode::kMalformed);
  EXPECT_EQ(refused(R"({"id":1,"command":"version","args":[]})"), ErrorCode::kMalformed);
  EXPECT_EQ(refused(R"({"id":1,"command":"up","args":{}})"), ErrorCode::kMalformed);
  EXPECT_EQ(refused(R"({"id":1,"command":"up","args":{"connection":1}})"), ErrorCode::kMalformed);
  EXPECT_EQ(refused(R"({"id":1,"command":"up","args":{"connection":"a","timeout_s":3601}})"),
            ErrorCode::kMalformed);
  EXPECT_EQ(refused(R"({"id":1,"command":"show","args":{"topic":"moon"}})"),
            ErrorCode::kUnsupported);
  EXPECT_EQ(refused(R"({"id":1,"command":"fly"})"), ErrorCode::kUnsupported);
}

TEST(ManagementReplyLine, HasTheDocumentedForm) {
  EXPECT_EQ(encode_part(4, "drops", Json::array({Json{{"reason", "no_sa"}, {"count", 3}}})),
            "{\"id\":4,\"list\":\"drops\",\"part\":[{\"reason\":\"no_sa\",\"count\":3}]}\n");
  EXPECT_EQ(encode_value(4, Json{{"version", "1"}}), "{\"id\":4,\"value\":{\"version\":\"1\"}}\n");
  EXPECT_EQ(encode_done(4, CommandStatus::kRefused, "no connection 'x'"),
            "{\"id\":4,\"done\":true,\"status\":1,\"text\":\"no connection 'x'\"}\n");
}

TEST(ManagementReplyLine, ReplacesOctetsThatAreNoUtf8) {
  const std::string line = encode_done(1, CommandStatus::kDone, "peer \xff\xfe");
  EXPECT_FALSE(Json::parse(line, nullptr, false).is_discarded());
}

TEST(ManagementShapes, CoverEveryWordOfShowOnce) {
  std::set<std::string_view> words;
  for (const TopicShape& topic : topics()) {
    EXPECT_TRUE(words.insert(topic.word).second) << topic.word;
    EXPECT_FALSE(topic.lists.empty());
  }
  EXPECT_EQ(words, (std::set<std::string_view>{"sas", "connections", "policies", "ports", "routes",
                                               "neighbors", "workers", "counters", "drops"}));
}

TEST(ManagementShapes, TellTheFirstFieldThatDiffers) {
  const auto shape = find_topic("drops")->lists[0].fields;
  const Json good{{"reason", "no_sa"}, {"count", 3}, {"clause", "RFC"}, {"text", "t"}};
  EXPECT_TRUE(check_row(shape, good));
  Json missing = good;
  missing.erase("clause");
  EXPECT_FALSE(check_row(shape, missing));
  Json extra = good;
  extra["more"] = 1;
  EXPECT_FALSE(check_row(shape, extra));
  Json other = good;
  other["count"] = "3";
  EXPECT_FALSE(check_row(shape, other));
  Json negative = good;
  negative["count"] = -3;
  EXPECT_FALSE(check_row(shape, negative));
}

// PENSTOCK_UPDATE_DOCS=1 writes the page instead.
TEST(ManagementShapes, AreToldByTheDocumentation) {
  constexpr std::string_view kBegin = "<!-- shapes: made by the test ManagementShapes -->\n";
  const std::string path = std::string(PENSTOCK_SOURCE_ROOT) + "/docs/cli.md";
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  std::string page = text.str();
  const auto begin = page.find(kBegin);
  ASSERT_NE(begin, std::string::npos) << path;
  const std::string wanted = page.substr(0, begin) + std::string(kBegin) + shapes_as_markdown();
  if (std::getenv("PENSTOCK_UPDATE_DOCS") != nullptr) {
    std::ofstream(path) << wanted;
    return;
  }
  EXPECT_TRUE(page == wanted) << "run this test with PENSTOCK_UPDATE_DOCS=1";
}

}  // namespace
}  // namespace penstock::io
