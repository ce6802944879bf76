// SPDX-License-Identifier: BSD-3-Clause
#include "control/bridge/audit.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace penstock::bridge {
namespace {

constexpr base::MonoTime kStart{base::seconds{1}};

struct Line {
  std::string text;
  std::map<std::string, std::string> fields;
};

struct Lines final : base::Log {
  using base::Log::write;
  void write(base::LogLevel, std::string_view room, std::string_view text,
             std::span<const base::LogField> fields) override {
    EXPECT_EQ(room, "audit");
    Line line{std::string(text), {}};
    for (const auto& field : fields) line.fields.emplace(field.key, field.value);
    all.push_back(std::move(line));
  }
  std::vector<Line> all;
};

policy::SaEvent refused(policy::SaEventKind kind) {
  policy::SaEvent event;
  event.kind = kind;
  event.spi = net::Spi{0x2002};
  event.sequence = 0x100000007;
  event.local.address = net::IpAddress::parse("2001:db8::1").value();
  event.remote.address = net::IpAddress::parse("2001:db8::9").value();
  return event;
}

// RFC 4303 §3.4.4.1: the SPI value, date and time, source and destination address, the sequence
// number.
TEST(Audit, SaysWhatTheClauseNames) {
  Lines log;
  Audit audit(log);
  audit.event(kStart, refused(policy::SaEventKind::kIcvFailed));
  ASSERT_EQ(log.all.size(), 1U);
  EXPECT_EQ(log.all[0].text, "a packet with a wrong ICV");
  EXPECT_EQ(log.all[0].fields["spi"], "0x00002002");
  EXPECT_EQ(log.all[0].fields["sequence"], "4294967303");
  EXPECT_EQ(log.all[0].fields["from"], "2001:db8::9");
  EXPECT_EQ(log.all[0].fields["to"], "2001:db8::1");
}

TEST(Audit, IsSilentAboutOrdinaryEvents) {
  Lines log;
  Audit audit(log);
  audit.event(kStart, refused(policy::SaEventKind::kSoftExpiry));
  audit.event(kStart, refused(policy::SaEventKind::kPeerMoved));
  EXPECT_TRUE(log.all.empty());
}

TEST(Audit, AFloodIsBoundedAndCounted) {
  Lines log;
  Audit audit(log);
  constexpr std::uint64_t kEvents = 1000;
  for (std::uint64_t i = 0; i < kEvents; ++i)
    audit.event(kStart, refused(policy::SaEventKind::kUnknownSpi));
  EXPECT_EQ(log.all.size(), kAuditLinesAtOnce);
  audit.event(kStart + base::seconds{1}, refused(policy::SaEventKind::kUnknownSpi));
  ASSERT_EQ(log.all.size(), kAuditLinesAtOnce + 1);
  EXPECT_EQ(log.all.back().fields["unsaid"], std::to_string(kEvents - kAuditLinesAtOnce));
}

}  // namespace
}  // namespace penstock::bridge
