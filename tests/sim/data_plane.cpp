// SPDX-License-Identifier: BSD-3-Clause
// The model judges as it goes: what the real data plane would refuse or leak is a fault.
#include "tests/sim/data_plane.h"

#include <algorithm>

namespace penstock::sim {
namespace {

ModelSa model_of(const policy::SaSpec& spec) {
  ModelSa sa;
  sa.protocol = spec.protocol;
  sa.mode = spec.mode;
  sa.spi = spec.spi;
  sa.slot = spec.slot;
  sa.keys = base::to_vector(spec.enc_key.bytes());
  sa.keys.insert(sa.keys.end(), spec.auth_key.bytes().begin(), spec.auth_key.bytes().end());
  sa.esn = spec.esn;
  sa.encap = spec.encap.has_value();
  sa.encr = spec.encr;
  sa.integ = spec.integ;
  sa.remote = {spec.remote, spec.encap ? spec.encap->remote : net::Port{}};
  sa.local_ts = spec.local_ts;
  sa.remote_ts = spec.remote_ts;
  sa.tunnel_header = spec.tunnel_header;
  return sa;
}

/// What no table would take, or take and pass nothing by it.
void judge(const policy::SaSpec& spec, std::vector<std::string>& faults) {
  const auto fault = [&](std::string_view text) {
    faults.push_back("SA " + net::to_string(spec.spi) + ": " + std::string(text));
  };
  const bool ah = spec.protocol == policy::IpsecProtocol::kAh;
  if (ah && (spec.encap || !spec.enc_key.empty())) fault("AH in UDP, or with a cipher");
  if (ah == (spec.encr != crypto::EncrId::kNone)) fault("the cipher does not fit the protocol");
  if (ah && spec.auth_key.empty()) fault("AH without a key");
  if (spec.mode != policy::IpsecMode::kTransport) return;
  const auto is_host = [](const policy::TrafficSelectors& side, const net::IpAddress& host) {
    return std::ranges::all_of(side,
                               [&](const auto& s) { return s.first == host && s.last == host; });
  };
  if (!is_host(spec.local_ts, spec.local) || !is_host(spec.remote_ts, spec.remote))
    fault("transport mode for others than its ends");
}

}  // namespace

base::Result<void> DataPlane::install_inbound(const policy::SaSpec& spec) {
  judge(spec, faults);
  if (larval.erase(spec.spi) == 0)
    faults.push_back("inbound SA with an SPI that was not granted: " + net::to_string(spec.spi));
  if (fail_installs) {
    larval.insert(spec.spi);
    return base::fail(base::ErrorCode::kLimit, "the model refuses");
  }
  if (spec.slot.value() == 0) faults.push_back("inbound SA without a slot");
  inbound.emplace(spec.spi, model_of(spec));
  return {};
}

base::Result<void> DataPlane::install_outbound(const policy::SaSpec& spec) {
  judge(spec, faults);
  if (fail_installs) return base::fail(base::ErrorCode::kLimit, "the model refuses");
  if (!outbound.emplace(spec.spi, model_of(spec)).second)
    return base::fail(base::ErrorCode::kExists, "the outbound SA is there already");
  slots[spec.slot] = spec.spi;
  return {};
}

base::Result<void> DataPlane::move(const ike::MoveSa& m) {
  auto& table = m.direction == policy::Direction::kInbound ? inbound : outbound;
  const auto found = table.find(m.spi);
  if (found == table.end() || found->second.remote.address != m.remote) {
    faults.push_back("moved an SA that is not there: " + net::to_string(m.spi));
    return base::fail(base::ErrorCode::kNotFound, "the model does not have it");
  }
  found->second.remote = m.to;
  return {};
}

std::vector<ike::InboundTraffic> DataPlane::traffic(const std::vector<net::Spi>& spis) const {
  std::vector<ike::InboundTraffic> counts;
  for (const net::Spi spi : spis) {
    const auto found = inbound.find(spi);
    if (found != inbound.end()) counts.push_back({spi, found->second.packets});
  }
  return counts;
}

void DataPlane::retire(const ike::RetireSa& r) {
  auto& table = r.direction == policy::Direction::kInbound ? inbound : outbound;
  const auto named = table.find(r.spi);
  if (named != table.end() && named->second.remote.address != r.remote)
    faults.push_back("retired an SA by an address that its peer has left: " +
                     net::to_string(r.spi));
  if (table.erase(r.spi) == 0)
    faults.push_back("retired an SA that is not there: " + net::to_string(r.spi));
  const auto slot = slots.find(r.slot);
  if (r.direction == policy::Direction::kOutbound && slot != slots.end() && slot->second == r.spi)
    slots.erase(slot);
}

base::Result<void> DataPlane::install_policy(const policy::PolicyRule& rule) {
  if (fail_installs) return base::fail(base::ErrorCode::kLimit, "the model refuses");
  if (!policies.emplace(rule.id, rule).second) faults.push_back("a policy id is used twice");
  return {};
}

void DataPlane::remove_policy(policy::PolicyId id) {
  if (policies.erase(id) == 0) faults.push_back("removed a policy that is not there");
}

std::vector<net::Spi> DataPlane::allocate(std::uint32_t count) {
  ++asked_for;
  if (full) return {};
  std::vector<net::Spi> spis;
  for (std::uint32_t i = 0; i < count; ++i) {
    spis.emplace_back(next_spi_++);
    larval.insert(spis.back());
  }
  return spis;
}

void DataPlane::give_back(const std::vector<net::Spi>& spis) {
  for (const net::Spi spi : spis)
    if (larval.erase(spi) == 0)
      faults.push_back("gave back an SPI that was not larval: " + net::to_string(spi));
}

}  // namespace penstock::sim
