// SPDX-License-Identifier: BSD-3-Clause
// `show sas|connections|policies`: what the engine knows, joined by SPI with what workers counted.
#include <fmt/format.h>

#include "control/bridge/show_rows.h"
#include "control/io/clock.h"

namespace penstock::bridge {
namespace {

using io::Json;

/// The lcore of the worker that has an inbound SA's window; worker 0 runs on lcore 1.
Json owner_of(const ipsec::Writer& writer, net::Spi spi) { return writer.owner_of(spi) + 1; }

std::string_view name_of(policy::IpsecProtocol protocol) {
  return protocol == policy::IpsecProtocol::kEsp ? "esp" : "ah";
}
std::string_view name_of(policy::IpsecMode mode) {
  return mode == policy::IpsecMode::kTunnel ? "tunnel" : "transport";
}

std::string hex(ike::IkeSpi spi) { return fmt::format("0x{:016x}", spi.value()); }

Json child_row(const ShowContext& context, const ike::IkeSaStatus& sa,
               const ike::ChildStatus& child) {
  const ipsec::Writer& writer = context.installer.writer();
  const auto in = writer.find({policy::Direction::kInbound, child.spi_in, sa.remote.address});
  const auto out = writer.find({policy::Direction::kOutbound, child.spi_out, sa.remote.address});
  const ipsec::SaCounters in_counters = in ? in->counters : ipsec::SaCounters{};
  const ipsec::SaCounters out_counters = out ? out->counters : ipsec::SaCounters{};
  return {{"child", child.child},
          {"protocol", name_of(child.protocol)},
          {"mode", name_of(child.mode)},
          {"encap", child.encap},
          {"state", child.state},
          {"spi_in", net::to_string(child.spi_in)},
          {"spi_out", net::to_string(child.spi_out)},
          {"ah_spi_in", child.outer_in ? Json(net::to_string(*child.outer_in)) : Json(nullptr)},
          {"ah_spi_out", child.outer_out ? Json(net::to_string(*child.outer_out)) : Json(nullptr)},
          {"proposal", child.proposal},
          {"local_ts", texts_of(child.local_ts)},
          {"remote_ts", texts_of(child.remote_ts)},
          {"packets_in", in_counters.packets},
          {"bytes_in", in_counters.bytes},
          {"packets_out", out_counters.packets},
          {"bytes_out", out_counters.bytes},
          {"path_mtu", out && out->path_mtu != 0 ? Json(out->path_mtu) : Json(nullptr)},
          {"owner", in ? owner_of(writer, child.spi_in) : Json(nullptr)}};
}

Json ike_sa_row(const ShowContext& context, const ike::IkeSaStatus& sa) {
  Json children = Json::array();
  for (const ike::ChildStatus& child : sa.children)
    children.push_back(child_row(context, sa, child));
  Json rekey_in(nullptr);
  if (sa.rekey_in)
    rekey_in = static_cast<std::uint64_t>(
        std::max<std::int64_t>(std::chrono::duration_cast<base::seconds>(*sa.rekey_in).count(), 0));
  return {{"connection", sa.connection},
          {"version", static_cast<unsigned>(sa.version)},
          {"state", sa.state},
          {"role", sa.initiator ? "initiator" : "responder"},
          {"local", sa.local.to_string()},
          {"remote", sa.remote.to_string()},
          {"local_id", sa.local_id},
          {"remote_id", sa.remote_id},
          {"spi_i", hex(sa.spi_i)},
          {"spi_r", hex(sa.spi_r)},
          {"proposal", sa.proposal},
          {"vendor_ids", sa.vendors},
          {"rekey_in_s", std::move(rekey_in)},
          {"children", std::move(children)}};
}

Json manual_sa_row(const ShowContext& context, const ManualSa& sa) {
  const ipsec::Writer& writer = context.installer.writer();
  const auto found = writer.find(sa.sa);
  const bool inbound = sa.sa.direction == policy::Direction::kInbound;
  return {{"name", sa.name},
          {"direction", inbound ? "in" : "out"},
          {"protocol", name_of(sa.protocol)},
          {"mode", name_of(sa.mode)},
          {"encap", sa.encap},
          {"local", sa.local.to_string()},
          {"remote", sa.remote.to_string()},
          {"spi", net::to_string(sa.sa.spi)},
          {"proposal", sa.proposal},
          {"local_ts", texts_of(sa.local_ts)},
          {"remote_ts", texts_of(sa.remote_ts)},
          {"packets", found ? found->counters.packets : 0},
          {"bytes", found ? found->counters.bytes : 0},
          {"owner", inbound && found ? owner_of(writer, sa.sa.spi) : Json(nullptr)}};
}

Json connection_row(const ike::ConnectionStatus& connection) {
  Json children = Json::array();
  for (const auto& child : connection.children)
    children.push_back(Json{{"child", child.child},
                            {"mode", child.mode},
                            {"start_action", child.start_action},
                            {"installed", child.installed},
                            {"local_ts", texts_of(child.local_ts)},
                            {"remote_ts", texts_of(child.remote_ts)}});
  return {{"connection", connection.connection},
          {"version", static_cast<unsigned>(connection.version)},
          {"local_addrs", connection.local_addrs},
          {"remote_addrs", connection.remote_addrs},
          {"ike_sas", connection.ike_sas},
          {"children", std::move(children)}};
}

Json policy_row(const policy::PolicyRule& rule) {
  return {{"id", rule.id.value()},
          {"priority", rule.priority},
          {"action", policy::name_of(rule.action)},
          {"slot", rule.slot.value() != 0 ? Json(rule.slot.value()) : Json(nullptr)},
          {"local_ts", texts_of(rule.local_ts)},
          {"remote_ts", texts_of(rule.remote_ts)},
          {"name", rule.name}};
}

}  // namespace

RowSource ike_sa_rows(const ShowContext& context) {
  return [&context, next = std::uint64_t{0}](Json& rows) mutable {
    const auto part = context.engine.list_ike_sas(io::now(), next, io::kRowsPerPart);
    for (const ike::IkeSaStatus& sa : part) rows.push_back(ike_sa_row(context, sa));
    if (!part.empty()) next = part.back().serial + 1;
    return part.size() == io::kRowsPerPart;
  };
}

RowSource manual_sa_rows(const ShowContext& context) {
  return snapshot_source(context.manual_sas,
                         [&context](const ManualSa& sa) { return manual_sa_row(context, sa); });
}

RowSource connection_rows(const ShowContext& context) {
  return [&context, next = std::size_t{0}](Json& rows) mutable {
    const auto part = context.engine.list_connections(next, io::kRowsPerPart);
    for (const ike::ConnectionStatus& connection : part) rows.push_back(connection_row(connection));
    next += part.size();
    return part.size() == io::kRowsPerPart;
  };
}

RowSource policy_rows(const ShowContext& context) {
  return [&context, after = std::optional<SaInstaller::PolicyCursor>{}](Json& rows) mutable {
    const auto part = context.installer.list_policies(after, io::kRowsPerPart);
    for (const auto& [cursor, rule] : part) rows.push_back(policy_row(rule));
    if (!part.empty()) after = part.back().first;
    return part.size() == io::kRowsPerPart;
  };
}

}  // namespace penstock::bridge
