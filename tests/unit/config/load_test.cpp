// SPDX-License-Identifier: BSD-3-Clause
// What a good file becomes: each setting in its place, defaults as strongSwan has them.
#include <fmt/format.h>

#include "sample.h"

namespace penstock::config {
namespace {

using base::seconds;

TEST(Load, ReadsTheFrameOfTheDataplane) {
  const Settings settings = good();
  const DataplaneSettings& d = settings.dataplane;
  EXPECT_EQ(settings.control.socket, "/run/penstock/test.sock");
  EXPECT_EQ(settings.control.jobs, 2U);
  EXPECT_EQ(d.eal, (std::vector<std::string>{"--in-memory"}));
  EXPECT_EQ(d.workers, (std::vector<unsigned>{1, 2}));
  ASSERT_EQ(d.ports.size(), 2U);
  EXPECT_EQ(d.ports[0].device, "net_af_packet0,iface=v0");
  EXPECT_EQ(d.ports[0].side, Side::kOutside);
  ASSERT_EQ(d.ports[1].addresses.size(), 1U);
  EXPECT_EQ(d.ports[1].addresses[0].to_string(), "10.1.0.1/24");
  EXPECT_EQ(d.ports[1].mtu, 1500U);
  ASSERT_EQ(d.routes.size(), 1U);
  EXPECT_EQ(d.routes[0].via->to_string(), "192.0.2.9");
  ASSERT_EQ(d.neighbors.size(), 1U);
  EXPECT_EQ(net::to_string(d.neighbors[0].mac), "02:00:00:00:00:09");
  EXPECT_TRUE(settings.warnings.empty());
}

TEST(Load, PutsAhAroundTheEspThatNamesIt) {
  const auto sa = [](std::string_view name, std::string_view direction, std::string_view spi,
                     std::string_view rest) {
    return fmt::format(
        "  {{ name = \"{}\"; direction = \"{}\"; spi = \"{}\"; local = \"192.0.2.1\"; "
        "remote = \"192.0.2.9\"; {} }},\n",
        name, direction, spi, rest);
  };
  constexpr std::string_view kEnds =
      "mode = \"transport\"; local_ts = \"192.0.2.1\"; remote_ts = \"192.0.2.9\"; ";
  const auto esp = [&](std::string_view key) {
    return fmt::format("{}bundle = \"hull\"; proposal = \"aes128gcm16\"; enc_key = \"{:0>40}\";",
                       kEnds, key);
  };
  const auto ah = [&](std::string_view key) {
    return fmt::format(
        "{}protocol = \"ah\"; align4 = false; proposal = \"aes128gmac\"; "
        "auth_key = \"{:0>40}\";",
        kEnds, key);
  };
  const Settings settings =
      good(with("manual_sas = (", "manual_sas = (\n" + sa("core", "out", "0x3001", esp("aa")) +
                                      sa("core", "in", "0x3002", esp("bb")) +
                                      sa("hull", "out", "0x3003", ah("cc")) +
                                      sa("hull", "in", "0x3004", ah("dd"))));
  const auto& sas = settings.manual_sas;
  ASSERT_EQ(sas.size(), 6U);
  EXPECT_EQ(sas[2].protocol, policy::IpsecProtocol::kAh);
  EXPECT_EQ(sas[2].mode, policy::IpsecMode::kTransport);
  EXPECT_EQ(sas[2].integ, crypto::IntegId::kAes128Gmac);
  EXPECT_FALSE(sas[2].align4);
  EXPECT_EQ(sas[0].bundle, policy::BundlePart::kInner);
  EXPECT_EQ(sas[2].bundle, policy::BundlePart::kOuter);
  EXPECT_EQ(sas[0].outer_slot, sas[2].slot);
  EXPECT_NE(sas[0].slot, sas[2].slot);  // outbound each has its own
  EXPECT_EQ(sas[1].slot, sas[3].slot);  // inbound they are one
}

TEST(Load, PairsManualSasOfOneName) {
  const Settings settings = good();
  ASSERT_EQ(settings.manual_sas.size(), 2U);
  const policy::SaSpec& out = settings.manual_sas[0];
  const policy::SaSpec& in = settings.manual_sas[1];
  EXPECT_EQ(out.direction, policy::Direction::kOutbound);
  EXPECT_EQ(out.slot, in.slot);
  EXPECT_NE(out.slot, policy::ChildSlot{});
  EXPECT_EQ(out.spi, net::Spi{0x1001});
  EXPECT_EQ(out.encr, crypto::EncrId::kAesGcm16);
  EXPECT_EQ(out.encr_key_bits, 128);
  EXPECT_TRUE(out.esn);
  EXPECT_EQ(base::to_hex(out.enc_key.bytes()), "000102030405060708090a0b0c0d0e0f10111213");
  EXPECT_EQ(in.integ, crypto::IntegId::kHmacSha256_128);
  EXPECT_EQ(in.auth_key.size(), 32U);
  EXPECT_EQ(in.replay_window, 128U);
  ASSERT_TRUE(in.encap);
  EXPECT_EQ(in.encap->remote, net::Port{4500});
  EXPECT_FALSE(out.encap);
  ASSERT_EQ(in.local_ts.size(), 1U);
  EXPECT_EQ(in.local_ts[0].to_string(), "10.1.0.0/16");
}

TEST(Load, GivesManualSasOfOtherNamesOtherSlots) {
  const Settings settings =
      good(with("name = \"a\"; direction = \"in\"", "name = \"b\"; direction = \"in\""));
  EXPECT_NE(settings.manual_sas[0].slot, settings.manual_sas[1].slot);
}

TEST(Load, ReadsAConnectionWithItsChildren) {
  const Settings settings = good();
  ASSERT_EQ(settings.connections.size(), 1U);
  const session::ConnectionConfig& c = settings.connections[0];
  EXPECT_EQ(c.name, "branch");
  EXPECT_EQ(c.version, session::IkeVersion::kIkev2);
  ASSERT_EQ(c.local_addrs.size(), 1U);
  EXPECT_TRUE(c.can_be_dialled());
  EXPECT_EQ(c.proposals.size(), 2U);
  EXPECT_EQ(c.local.id.text, "hub.example");
  EXPECT_EQ(c.remote.id.text, "branch.example");
  EXPECT_EQ(c.dpd_delay, seconds{30});
  ASSERT_EQ(c.children.size(), 2U);
  const session::ChildConfig& net = c.children[0];
  EXPECT_EQ(net.name, "net");
  ASSERT_EQ(net.local_ts.size(), 2U);
  EXPECT_EQ(net.local_ts[1].to_string(), "10.3.0.0/16[tcp/80]");
  EXPECT_EQ(net.start_action, session::StartAction::kStart);
  EXPECT_EQ(net.rekey_bytes, std::uint64_t{10} << 30);
  EXPECT_EQ(net.rekey_packets, 1'000'000U);
  EXPECT_EQ(net.replay_window, 256U);
  EXPECT_EQ(c.children[1].mode, session::ChildMode::kPass);
}

TEST(Load, DerivesLifetimesFromRekeyTimesAsSwanctlDoes) {
  const Settings settings = good();
  const session::ConnectionConfig& c = settings.connections[0];
  EXPECT_EQ(c.rekey_time, seconds{7200});
  EXPECT_EQ(c.over_time, seconds{720});
  EXPECT_EQ(c.rand_time, seconds{720});
  const session::ChildConfig& net = c.children[0];
  EXPECT_EQ(net.life_time, seconds{1980});
  EXPECT_EQ(net.rand_time, seconds{180});
  EXPECT_EQ(net.life_bytes, (std::uint64_t{10} << 30) / 10 * 11);
  EXPECT_EQ(net.life_packets, 1'100'000U);
}

TEST(Load, KeepsALifetimeThatIsGiven) {
  const Settings settings =
      good(with("rekey_time = \"30m\";", "rekey_time = \"30m\"; life_time = 3600;"));
  EXPECT_EQ(settings.connections[0].children[0].life_time, seconds{3600});
  EXPECT_EQ(settings.connections[0].children[0].rand_time, seconds{900});
}

TEST(Load, TakesDefaultProposalsWhereNoneAreGiven) {
  const Settings settings = good(with("esp_proposals = \"aes128gcm16-esn\";", ""));
  EXPECT_EQ(settings.connections[0].children[0].esp_proposals,
            crypto::default_proposals(crypto::ProtocolId::kEsp));
}

TEST(Load, HasNoEspBesideAhThatNobodyAskedFor) {
  const auto child = [](const std::string& proposals) {
    return good(with("esp_proposals = \"aes128gcm16-esn\"", proposals)).connections[0].children[0];
  };
  const session::ChildConfig alone = child("ah_proposals = [\"sha256-esn\", \"aes128gmac\"]");
  EXPECT_TRUE(alone.esp_proposals.empty());
  ASSERT_EQ(alone.ah_proposals.size(), 2U);
  EXPECT_EQ(alone.ah_proposals[0].protocol, crypto::ProtocolId::kAh);
  EXPECT_EQ(alone.ah_proposals[0].to_string(), "sha256-esn");
  const session::ChildConfig both = child("ah_proposals = \"sha256\"; esp_proposals = \"default\"");
  EXPECT_EQ(both.esp_proposals, crypto::default_proposals(crypto::ProtocolId::kEsp));
  EXPECT_EQ(both.ah_proposals.size(), 1U);
}

TEST(Load, ReadsLabelsOfAConnectionAndOfAChild) {
  std::string text = with("version = 2",
                          "version = 1; situation = { domain = 7; secrecy_level = 3; "
                          "secrecy_categories = [5, 1, 5]; }");
  const std::string_view two = "local_ts = \"10.1.0.0/16,10.3.0.0/16[tcp/80]\";";
  text.replace(text.find(two), two.size(),
               "local_ts = \"10.1.0.0/16\"; situation = { domain = 9; integrity_level = 2; };");
  const Settings settings = good(text);
  const session::ConnectionConfig& c = settings.connections[0];
  EXPECT_EQ(c.situation, (session::Situation{7, isakmp::Label{3, {1, 5}}, {}}));
  EXPECT_EQ(c.children[0].situation, (session::Situation{9, {}, isakmp::Label{2, {}}}));
}

/// Of IKEv1, with one selector a side.
std::string with_ikev1(std::string_view connection, std::string_view child) {
  std::string text = with("version = 2", "version = 1" + std::string(connection));
  const std::string_view two = "local_ts = \"10.1.0.0/16,10.3.0.0/16[tcp/80]\";";
  return text.replace(text.find(two), two.size(),
                      "local_ts = \"10.1.0.0/16\";" + std::string(child));
}

TEST(Load, ReadsABundleOfIkev1) {
  const session::ChildConfig c =
      good(with_ikev1("; reauth_time = \"1h\"", "bundle = true; ah_proposals = \"sha256\";"))
          .connections[0]
          .children[0];
  EXPECT_TRUE(c.bundle);
  EXPECT_EQ(told(with_ikev1("", "bundle = true;")),
            "connections.branch.children.net.bundle: it is of both: esp_proposals and "
            "ah_proposals\n");
  EXPECT_EQ(told(with_ikev1("; encap = true", "bundle = true; ah_proposals = \"sha256\";")),
            "connections.branch.children.net.bundle: with `encap` all is in UDP, and AH cannot be "
            "(RFC 3948 §1)\n");
  EXPECT_EQ(told(with_ikev1("", "bundle = true; ah_proposals = \"sha256-ecp256\";")),
            "connections.branch.children.net.ah_proposals: a bundle has one group, which stands in "
            "esp_proposals\n");
}

TEST(Load, ReadsTransportMode) {
  const Settings settings =
      good(with("local_ts = \"10.1.0.0/16,10.3.0.0/16[tcp/80]\"; remote_ts = \"10.9.0.0/16\";",
                "mode = \"transport\"; remote_ts = \"198.51.100.0/24[udp]\";"));
  EXPECT_EQ(settings.connections[0].children[0].mode, session::ChildMode::kTransport);
}

TEST(Load, ReadsWhatATunnelDoesWithItsPackets) {
  const Settings settings = good(with(
      "start_action = \"start\";",
      "df = \"set\"; copy_dscp = \"no\"; dscp = 46; copy_ecn = false; ttl = 17; flow_label = true; "
      "esp_fragmentation = \"before\"; clamp_mss = \"auto\"; tfc_padding = \"mtu\"; "
      "dummy_packets = 50;"));
  const policy::TunnelHeader wanted{.df = policy::DfBit::kSet,
                                    .copy_dscp = false,
                                    .copy_ecn = false,
                                    .dscp = 46,
                                    .ttl = 17,
                                    .flow_label = true,
                                    .cut_before = true,
                                    .clamp_mss = policy::kFitsTunnel,
                                    .tfc_padding = policy::kFitsTunnel,
                                    .dummy_packets = 50};
  EXPECT_EQ(settings.connections[0].children[0].tunnel_header, wanted);
  const Settings manual =
      good(with("replay_window = 128;", "clamp_mss = 1300; tfc_padding = 0; copy_df = false;"));
  EXPECT_EQ(manual.manual_sas[1].tunnel_header,
            (policy::TunnelHeader{.df = policy::DfBit::kClear, .clamp_mss = 1300}));
}

TEST(Load, TakesYesAndNoForFlags) {
  EXPECT_TRUE(good(with("version = 2;", "encap = \"yes\";")).connections[0].encap);
  EXPECT_FALSE(good(with("version = 2;", "encap = false;")).connections[0].encap);
}

TEST(Load, TurnsARangeOfPeersIntoPrefixes) {
  const Settings settings =
      good(with("remote_addrs = [\"198.51.100.7\"]",
                "remote_addrs = \"198.51.100.7,198.51.100.8-198.51.100.15\""));
  const auto& remote = settings.connections[0].remote_addrs;
  ASSERT_EQ(remote.size(), 2U);
  EXPECT_EQ(remote[1].to_string(), "198.51.100.8/29");
}

TEST(Load, ReadsSecretsInEveryForm) {
  EXPECT_EQ(base::to_hex(good().secrets[0].secret.bytes()), "0102ff");
  EXPECT_EQ(base::as_text(good(with("0x0102ff", "swordfish")).secrets[0].secret.bytes()),
            "swordfish");
  // RFC 4648 §10
  EXPECT_EQ(base::as_text(good(with("0x0102ff", "0sZm9vYmFy")).secrets[0].secret.bytes()),
            "foobar");
  EXPECT_EQ(base::as_text(good(with("0x0102ff", "0sZm9vYmE=")).secrets[0].secret.bytes()), "fooba");
  EXPECT_EQ(base::as_text(good(with("0x0102ff", "0sZm9vYg==")).secrets[0].secret.bytes()), "foob");
}

TEST(Load, TakesTheCryptodevEngineWithItsDevices) {
  const Settings settings = good(with("engine = \"ipsec-mb\"; devices = []",
                                      "engine = \"cryptodev\"; devices = [\"0000:01:00.0\"]"));
  EXPECT_EQ(settings.dataplane.crypto.engine, "cryptodev");
  EXPECT_EQ(settings.dataplane.crypto.devices, std::vector<std::string>{"0000:01:00.0"});
  EXPECT_TRUE(settings.warnings.empty());
}

TEST(Load, TakesTheOpensslEngine) {
  const Settings settings = good(with("engine = \"ipsec-mb\"", "engine = \"openssl\""));
  EXPECT_EQ(settings.dataplane.crypto.engine, "openssl");
  EXPECT_TRUE(settings.warnings.empty());
}

TEST(Load, RoundsTheNumberOfSasUpToAPowerOfTwo) {
  const std::string limits = "crypto = { }; limits = { sas = 100000; };";
  EXPECT_EQ(
      good(with("crypto = { engine = \"ipsec-mb\"; devices = []; };", limits)).dataplane.limits.sas,
      131072U);
}

TEST(Load, TakesFragmentationAsAWordOrAFlag) {
  const auto read = [](const std::string& text) {
    return good(with("version = 2;", text)).connections.at(0).fragmentation;
  };
  EXPECT_EQ(read(""), session::Fragmentation::kYes);
  EXPECT_EQ(read("fragmentation = true;"), session::Fragmentation::kYes);
  EXPECT_EQ(read("fragmentation = \"accept\";"), session::Fragmentation::kAccept);
  EXPECT_EQ(read("fragmentation = \"no\";"), session::Fragmentation::kNo);
  EXPECT_EQ(read("fragmentation = false;"), session::Fragmentation::kNo);
}

TEST(Load, WarnsOfAWorkerOnTheControlCoresCpu) {
  EXPECT_EQ(good(with("workers = [1, 2]", "workers = [0]")).warnings.size(), 1U);
  EXPECT_TRUE(good(with("workers = [1, 2]; idle = \"poll\"", "workers = [0]; idle = \"sleep\""))
                  .warnings.empty());
}

}  // namespace
}  // namespace penstock::config
