// SPDX-License-Identifier: BSD-3-Clause
// Show: the values of its rows, against a state that the test made.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "control/bridge/show.h"
#include "tests/pipeline/bridge/control_core.h"

namespace penstock::pipeline {
namespace {

using io::Json;

/// Ports of nothing; DPDK's names live as long as the process.
config::DataplaneSettings two_ports() {
  static unsigned device = 0;
  config::DataplaneSettings out;
  out.ports = {{.name = "wan",
                .device = fmt::format("net_null{},no-rx=1", device++),
                .side = config::Side::kOutside,
                .mtu = 1400,
                .addresses = {net::InterfaceAddress::parse("192.0.2.1/24").value()}},
               {.name = "lan",
                .device = fmt::format("net_null{},no-rx=1", device++),
                .addresses = {net::InterfaceAddress::parse("10.1.0.1/24").value()}}};
  out.routes = {{net::Prefix::parse("10.2.0.0/16").value(),
                 net::IpAddress::parse("192.0.2.9").value(), "wan"}};
  out.neighbors = {{"wan", net::IpAddress::parse("192.0.2.9").value(), {2, 0, 0, 0, 0, 9}}};
  out.limits.neighbors = 64;
  return out;
}

struct ShowTest : testing::Test {
  ControlCore core{limits()};
  IpsecGateway& g = core.g;
  config::DataplaneSettings settings = two_ports();
  std::unique_ptr<fib::Fib> fib =
      fib::Fib::create({.routes = 64, .neighbours = 64}, g.gateway.rcu()).value();
  std::vector<dpdk::Port> ports = open_ports();
  std::unique_ptr<bridge::Network> network =
      bridge::Network::create(settings, ports, *fib, core.loop, core.g.random, core.log).value();
  bridge::WorkerRings rings{
      {&g.gateway.channel()}, g.gateway.channel().wakeup, core.driver, *network, core.log};
  std::vector<bridge::WorkerView> workers{{3, -1, {"wan:0"}, &g.gateway.channel().counters}};
  std::vector<bridge::ManualSa> manual_sas;

  ShowTest() {
    network->start(core.transmitter);
    rings.discard();  // what it announces is for ports that the gateway does not have
  }
  ~ShowTest() override {
    rings.discard();
    g.gateway.rcu().quiescent(0);
    core.installer.tend();
  }

  static ipsec::WriterLimits limits() {
    ipsec::WriterLimits out = IpsecGateway::small_limits();
    out.policies = 128;
    return out;
  }
  std::vector<dpdk::Port> open_ports() {
    std::vector<dpdk::Port> out;
    for (const config::PortSettings& port : settings.ports)
      out.push_back(dpdk::Port::open({.name = port.name, .device = port.device, .mtu = port.mtu},
                                     g.gateway.pool(), core.log)
                        .value());
    return out;
  }

  [[nodiscard]] bridge::ShowContext context() const {
    return {core.engine, core.installer, *network, rings, workers, manual_sas};
  }
  /// All rows of a list, and in how many parts they came.
  [[nodiscard]] Json rows(std::string_view topic, std::string_view list,
                          unsigned* parts = nullptr) {
    const bridge::ShowContext made_of = context();
    Json out = Json::array();
    for (auto& source : bridge::sources_of(topic, made_of)) {
      if (source.list != list) continue;
      for (bool more = true; more;) {
        Json part = Json::array();
        more = source.rows(part);
        EXPECT_LE(part.size(), io::kRowsPerPart);
        if (parts != nullptr && !part.empty()) ++*parts;
        out.insert(out.end(), part.begin(), part.end());
      }
    }
    return out;
  }
};

TEST_F(ShowTest, TellsConnectionsAndWhatIsUpOfThem) {
  core.configure(session::StartAction::kTrap);
  EXPECT_EQ(rows("connections", "connections"), Json::parse(R"([{
    "connection": "branch", "version": 2, "local_addrs": "192.0.2.1",
    "remote_addrs": "192.0.2.9/32", "ike_sas": 0,
    "children": [{"child": "net", "mode": "tunnel", "start_action": "trap", "installed": 0,
                  "local_ts": ["10.1.0.0/16"], "remote_ts": ["10.2.0.0/16"]}]}])"));
}

TEST_F(ShowTest, TellsAnIkeSaThatIsBeingMade) {
  core.configure(session::StartAction::kNone);
  core.up();
  const Json sas = rows("sas", "ike_sas");
  ASSERT_EQ(sas.size(), 1U);
  const Json& sa = sas[0];
  EXPECT_EQ(sa["connection"], "branch");
  EXPECT_EQ(sa["role"], "initiator");
  EXPECT_EQ(sa["local"], "192.0.2.1:500");
  EXPECT_EQ(sa["remote"], "192.0.2.9:500");
  EXPECT_EQ(sa["remote_id"], "");
  EXPECT_EQ(sa["spi_i"].get<std::string>().size(), 18U);
  EXPECT_NE(sa["spi_i"], "0x0000000000000000");
  EXPECT_EQ(sa["spi_r"], "0x0000000000000000");
  EXPECT_TRUE(sa["vendor_ids"].empty());
  EXPECT_TRUE(sa["rekey_in_s"].is_null());
  EXPECT_TRUE(sa["children"].empty());
  EXPECT_EQ(rows("connections", "connections")[0]["ike_sas"], 1);
}

TEST_F(ShowTest, TellsManualSasWithWhatWorkersCounted) {
  std::vector<policy::SaSpec> specs;
  specs.push_back(make_spec({.slot = 1}));
  specs.push_back(make_spec({.direction = policy::Direction::kInbound, .spi = kSpiIn}));
  manual_sas =
      bridge::install_manual_sas(std::move(specs), core.installer, std::chrono::system_clock::now())
          .value();
  const ByteVector packet = outbound_packet(100);
  g.gateway.send(0, packet);
  g.gateway.send(0, packet);
  EXPECT_EQ(g.gateway.sent(1).size(), 2U);
  EXPECT_EQ(rows("sas", "manual_sas"), Json::parse(fmt::format(R"([
    {{"name": "test/net", "direction": "out", "protocol": "esp", "mode": "tunnel", "encap": false,
      "local": "192.0.2.1", "remote": "192.0.2.9", "spi": "0x00001001", "proposal": "aes128gcm16",
      "local_ts": ["10.1.0.0/16"], "remote_ts": ["10.2.0.0/16"], "packets": 2, "bytes": {},
      "owner": null}},
    {{"name": "test/net", "direction": "in", "protocol": "esp", "mode": "tunnel", "encap": false,
      "local": "192.0.2.1", "remote": "192.0.2.9", "spi": "0x00002002", "proposal": "aes128gcm16",
      "local_ts": ["10.1.0.0/16"], "remote_ts": ["10.2.0.0/16"], "packets": 0, "bytes": 0,
      "owner": 1}}])",
                                                               2 * packet.size())));
}

TEST_F(ShowTest, TellsPoliciesPartAfterPart) {
  constexpr std::uint32_t kRules = 80;
  core.configure(session::StartAction::kTrap);
  for (std::uint32_t i = 0; i < kRules; ++i) {
    policy::PolicyRule rule;
    rule.id = policy::PolicyId{1000 + i};
    rule.priority = policy::kPriorityPassDrop + i;
    rule.action = policy::PolicyAction::kDiscard;
    rule.local_ts = {policy::TrafficSelector::parse("10.1.0.0/16").value()};
    rule.remote_ts = {policy::TrafficSelector::parse("10.4.0.0/16[tcp/80]").value()};
    rule.name = "hole";
    ASSERT_TRUE(core.installer.install_policy(rule));
  }
  unsigned parts = 0;
  const Json all = rows("policies", "policies", &parts);
  EXPECT_EQ(parts, 2U);
  ASSERT_EQ(all.size(), kRules + 1);
  EXPECT_EQ(all[0], Json::parse(R"({"id": 1000, "priority": 1000, "action": "discard",
      "slot": null, "local_ts": ["10.1.0.0/16"], "remote_ts": ["10.4.0.0/16[tcp/80]"],
      "name": "hole"})"));
  const Json& trap = all[kRules];
  EXPECT_EQ(trap["action"], "protect");
  EXPECT_EQ(trap["priority"], policy::kPriorityTrap);
  EXPECT_EQ(trap["name"], "branch/net");
  EXPECT_GT(trap["slot"].get<unsigned>(), 0U);
}

TEST_F(ShowTest, TellsPortsRoutesAndNeighbours) {
  const Json wan = rows("ports", "ports")[0];
  EXPECT_EQ(wan["name"], "wan");
  EXPECT_EQ(wan["driver"], "net_null");
  EXPECT_EQ(wan["side"], "outside");
  EXPECT_EQ(wan["mtu"], 1400);
  EXPECT_EQ(wan["addresses"], Json::array({"192.0.2.1/24"}));
  EXPECT_EQ(wan["rx_packets"], 0);
  EXPECT_EQ(rows("ports", "ports")[1]["side"], "inside");
  EXPECT_EQ(rows("routes", "routes"), Json::parse(R"([
    {"to": "10.1.0.0/24", "via": "", "port": "lan", "kind": "connected"},
    {"to": "10.2.0.0/16", "via": "192.0.2.9", "port": "wan", "kind": "static"},
    {"to": "192.0.2.0/24", "via": "", "port": "wan", "kind": "connected"}])"));
  EXPECT_EQ(rows("neighbors", "neighbors"), Json::parse(R"([
    {"port": "wan", "address": "192.0.2.9", "mac": "02:00:00:00:00:09", "state": "static",
     "age_s": null}])"));
}

TEST_F(ShowTest, TellsWhatWorkersAndTheEngineCounted) {
  g.gateway.send(0, outbound_packet());  // no policy covers it
  const Json worker = rows("workers", "workers")[0];
  EXPECT_EQ(worker["lcore"], 3);
  EXPECT_EQ(worker["numa"], 0);
  EXPECT_EQ(worker["queues"], Json::array({"wan:0"}));
  EXPECT_EQ(worker["received"], 1);
  EXPECT_EQ(worker["dropped"], 1);
  std::uint64_t dropped = 0;
  for (const Json& row : rows("drops", "drops")) {
    dropped += row["count"].get<std::uint64_t>();
    EXPECT_TRUE(row["count"] == 0 || row["reason"] == "no_policy") << row.dump();
  }
  EXPECT_EQ(dropped, 1U);
  const bridge::ShowContext made_of = context();
  const Json counters = bridge::counters_value(made_of)["counters"];
  EXPECT_EQ(counters["received"], 1);
  EXPECT_EQ(counters["dropped"], 1);
  EXPECT_EQ(counters["transmitted"], 0);
}

TEST_F(ShowTest, CountsWhatIsNoIkeMessage) {
  const ByteVector garbage = udp("192.0.2.9", "192.0.2.1", 500, 500, pattern(40));
  g.gateway.send(1, garbage);
  EXPECT_TRUE(rings.serve());
  std::uint64_t counted = 0;
  for (const Json& row : rows("counters", "ike")) counted += row["count"].get<std::uint64_t>();
  EXPECT_EQ(counted, 1U);
}

}  // namespace
}  // namespace penstock::pipeline
