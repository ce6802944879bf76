// SPDX-License-Identifier: BSD-3-Clause
// A good configuration, and ways to spoil it.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "control/config/settings.h"

namespace penstock::config {

inline constexpr std::string_view kGood = R"(# line 1
control = { socket = "/run/penstock/test.sock"; jobs = 2; };
dataplane = {
  eal = ["--in-memory"];
  file_prefix = "test"; control_cpu = 0; workers = [1, 2]; idle = "poll";
  ports = (
    { name = "wan"; device = "net_af_packet0,iface=v0"; side = "outside"; mtu = 1500;
      addresses = ["192.0.2.1/24"]; queues = 1; },
    { name = "lan"; device = "0000:3b:00.0"; side = "inside"; addresses = "10.1.0.1/24"; } );
  routes = ( { to = "10.2.0.0/16"; via = "192.0.2.9"; port = "wan"; } );
  neighbors = ( { port = "wan"; address = "192.0.2.9"; mac = "02:00:00:00:00:09"; } );
  crypto = { engine = "ipsec-mb"; devices = []; };
};
manual_sas = (
  { name = "a"; direction = "out"; protocol = "esp"; mode = "tunnel"; spi = "0x1001";
    local = "192.0.2.1"; remote = "192.0.2.9"; proposal = "aes128gcm16-esn";
    enc_key = "000102030405060708090a0b0c0d0e0f10111213"; auth_key = "";
    local_ts = ["10.1.0.0/16"]; remote_ts = ["10.2.0.0/16"]; },
  { name = "a"; direction = "in"; spi = "0x1002"; local = "192.0.2.1"; remote = "192.0.2.9";
    proposal = "aes256-sha256"; replay_window = 128; encap = true;
    enc_key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    auth_key = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f";
    local_ts = "10.1.0.0/16"; remote_ts = "10.2.0.0/16"; } );
connections = {
  branch = {
    version = 2;
    local_addrs = "192.0.2.1"; remote_addrs = ["198.51.100.7"];
    proposals = "aes128gcm16-prfsha256-x25519, aes256-sha256-modp2048";
    local = { auth = "psk"; id = "hub.example"; };
    remote = { auth = "psk"; id = "branch.example"; };
    dpd_delay = "30s"; rekey_time = "2h";
    children = {
      net = {
        local_ts = "10.1.0.0/16,10.3.0.0/16[tcp/80]"; remote_ts = "10.9.0.0/16";
        esp_proposals = "aes128gcm16-esn"; start_action = "start";
        rekey_time = "30m"; rekey_bytes = "10G"; rekey_packets = 1000000; replay_window = 256;
      };
      clear = { mode = "pass"; local_ts = "10.1.0.0/16"; remote_ts = "10.1.0.0/16"; };
    };
  };
};
secrets = { ike-branch = { id = ["branch.example"]; secret = "0x0102ff"; }; };
)";

/// kGood with the first `from` replaced; a sample that does not hold it is a fault of the test.
inline std::string with(std::string_view from, std::string_view to) {
  std::string text(kGood);
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

inline std::vector<Fault> faults_of(const std::string& text) {
  auto settings = load_text(text, "test.conf");
  return settings ? std::vector<Fault>{} : settings.error();
}

/// All faults as `setting: text`, a line each.
inline std::string told(const std::string& text) {
  std::string lines;
  for (const Fault& fault : faults_of(text)) lines += fault.setting + ": " + fault.text + "\n";
  return lines;
}

inline Settings good(const std::string& text = std::string(kGood)) {
  auto settings = load_text(text, "test.conf");
  EXPECT_TRUE(settings);
  if (!settings)
    for (const Fault& fault : settings.error()) ADD_FAILURE() << to_string(fault);
  return settings ? *std::move(settings) : Settings{};
}

}  // namespace penstock::config
