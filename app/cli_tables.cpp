// SPDX-License-Identifier: BSD-3-Clause
// Which fields a table shows, as a table; the widths follow from the rows.
#include "app/cli_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <ostream>
#include <vector>

namespace penstock::app {

using io::Json;

namespace {

struct Column {
  std::string_view head;
  std::string_view field;
  bool of_parent = false;  ///< of the row that a nested row lies in
};

/// A table of one list, or of the rows nested in its rows.
struct View {
  std::string_view topic;
  std::string_view list;
  std::string_view nested = {};     ///< the field with the nested rows
  std::string_view title = {};      ///< a line above, where a topic has several tables
  std::string_view only_with = {};  ///< rows whose number here is 0 are left out
  std::span<const Column> columns = {};
};

constexpr std::array kIkeSa{
    Column{"CONNECTION", "connection"},
    Column{"STATE", "state"},
    Column{"ROLE", "role"},
    Column{"LOCAL", "local"},
    Column{"REMOTE", "remote"},
    Column{"REMOTE ID", "remote_id"},
    Column{"PROPOSAL", "proposal"},
    Column{"REKEY IN S", "rekey_in_s"},
};
constexpr std::array kChild{
    Column{"CONNECTION", "connection", true},
    Column{"CHILD", "child"},
    Column{"STATE", "state"},
    Column{"SPI IN", "spi_in"},
    Column{"SPI OUT", "spi_out"},
    Column{"UDP", "encap"},
    Column{"PROPOSAL", "proposal"},
    Column{"LOCAL TS", "local_ts"},
    Column{"REMOTE TS", "remote_ts"},
    Column{"PACKETS IN", "packets_in"},
    Column{"BYTES IN", "bytes_in"},
    Column{"PACKETS OUT", "packets_out"},
    Column{"BYTES OUT", "bytes_out"},
};
constexpr std::array kManualSa{
    Column{"NAME", "name"},
    Column{"DIR", "direction"},
    Column{"SPI", "spi"},
    Column{"LOCAL", "local"},
    Column{"REMOTE", "remote"},
    Column{"UDP", "encap"},
    Column{"PROPOSAL", "proposal"},
    Column{"LOCAL TS", "local_ts"},
    Column{"REMOTE TS", "remote_ts"},
    Column{"PACKETS", "packets"},
    Column{"BYTES", "bytes"},
};
constexpr std::array kConnection{
    Column{"CONNECTION", "connection"}, Column{"IKE", "version"},
    Column{"LOCAL", "local_addrs"},     Column{"REMOTE", "remote_addrs"},
    Column{"IKE SAS", "ike_sas"},
};
constexpr std::array kConnectionChild{
    Column{"CONNECTION", "connection", true},
    Column{"CHILD", "child"},
    Column{"MODE", "mode"},
    Column{"START", "start_action"},
    Column{"INSTALLED", "installed"},
    Column{"LOCAL TS", "local_ts"},
    Column{"REMOTE TS", "remote_ts"},
};
constexpr std::array kPolicy{
    Column{"PRIORITY", "priority"}, Column{"ACTION", "action"},       Column{"NAME", "name"},
    Column{"LOCAL TS", "local_ts"}, Column{"REMOTE TS", "remote_ts"}, Column{"SLOT", "slot"},
};
constexpr std::array kPort{
    Column{"PORT", "name"},
    Column{"VLAN", "vlan"},
    Column{"SIDE", "side"},
    Column{"LINK", "link"},
    Column{"MTU", "mtu"},
    Column{"MAC", "mac"},
    Column{"ADDRESSES", "addresses"},
    Column{"DUPLICATE", "duplicate"},
    Column{"DRIVER", "driver"},
    Column{"OFFLOADS", "offloads"},
    Column{"SPREAD", "spread"},
    Column{"STEERED BY SPI", "steering"},
    Column{"RX", "rx_packets"},
    Column{"TX", "tx_packets"},
    Column{"RX MISSED", "rx_missed"},
    Column{"RX ERRORS", "rx_errors"},
    Column{"TX ERRORS", "tx_errors"},
};
constexpr std::array kRoute{Column{"TO", "to"}, Column{"VIA", "via"}, Column{"PORT", "port"},
                            Column{"KIND", "kind"}};
constexpr std::array kNeighbor{
    Column{"PORT", "port"},   Column{"ADDRESS", "address"}, Column{"MAC", "mac"},
    Column{"STATE", "state"}, Column{"AGE S", "age_s"},
};
constexpr std::array kWorker{
    Column{"LCORE", "lcore"},
    Column{"NUMA", "numa"},
    Column{"QUEUES", "queues"},
    Column{"POLLS", "polls"},
    Column{"EMPTY", "empty_polls"},
    Column{"RECEIVED", "received"},
    Column{"SENT", "transmitted"},
    Column{"DROPPED", "dropped"},
    Column{"HANDED OVER", "handed_over"},
    Column{"TAKEN OVER", "taken_over"},
    Column{"WAKEUPS", "wakeups"},
};
constexpr std::array kReason{
    Column{"COUNT", "count"},
    Column{"REASON", "reason"},
    Column{"CLAUSE", "clause"},
    Column{"WHAT IT MEANS", "text"},
};

constexpr std::array kViews{
    View{.topic = "sas", .list = "ike_sas", .title = "IKE SAs", .columns = kIkeSa},
    View{.topic = "sas",
         .list = "ike_sas",
         .nested = "children",
         .title = "Child SAs",
         .columns = kChild},
    View{.topic = "sas", .list = "manual_sas", .title = "Manual SAs", .columns = kManualSa},
    View{.topic = "connections",
         .list = "connections",
         .title = "Connections",
         .columns = kConnection},
    View{.topic = "connections",
         .list = "connections",
         .nested = "children",
         .title = "Children",
         .columns = kConnectionChild},
    View{.topic = "policies", .list = "policies", .columns = kPolicy},
    View{.topic = "ports", .list = "ports", .columns = kPort},
    View{.topic = "routes", .list = "routes", .columns = kRoute},
    View{.topic = "neighbors", .list = "neighbors", .columns = kNeighbor},
    View{.topic = "workers", .list = "workers", .columns = kWorker},
    View{.topic = "counters",
         .list = "ike",
         .title = "IKE messages not processed",
         .only_with = "count",
         .columns = kReason},
    View{.topic = "drops", .list = "drops", .only_with = "count", .columns = kReason},
};

struct Cell {
  std::string text;
  bool number = false;
};
using Row = std::vector<Cell>;

Cell cell_of(const Json& row, std::string_view field) {
  const auto found = row.find(std::string(field));
  if (found == row.end() || found->is_null()) return {"-"};
  if (found->is_number()) return {found->dump(), true};
  if (found->is_boolean()) return {found->get<bool>() ? "yes" : "no"};
  if (found->is_string()) {
    const auto& text = found->get_ref<const std::string&>();
    return {text.empty() ? "-" : printable(text)};
  }
  std::string joined;
  if (found->is_array())
    for (const Json& item : *found)
      if (item.is_string())
        joined += (joined.empty() ? "" : ", ") + printable(item.get_ref<const std::string&>());
  return {joined.empty() ? "-" : joined};
}

Row row_of(const View& view, const Json& row, const Json& parent) {
  Row cells;
  for (const Column& column : view.columns)
    cells.push_back(cell_of(column.of_parent ? parent : row, column.field));
  return cells;
}

bool is_left_out(const View& view, const Json& row) {
  if (view.only_with.empty()) return false;
  const auto found = row.find(std::string(view.only_with));
  return found != row.end() && found->is_number() && *found == 0;
}

std::vector<Row> rows_of(const View& view, const Json& list) {
  std::vector<Row> rows;
  for (const Json& row : list) {
    if (!row.is_object() || is_left_out(view, row)) continue;
    if (view.nested.empty()) {
      rows.push_back(row_of(view, row, row));
    } else if (const auto nested = row.find(std::string(view.nested)); nested != row.end()) {
      for (const Json& inner : *nested) rows.push_back(row_of(view, inner, row));
    }
  }
  return rows;
}

/// Characters, not octets: a sentence may hold §.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

void print_line(const Row& row, const std::vector<std::size_t>& widths, std::ostream& out) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::string gap(widths[i] - width_of(row[i].text), ' ');
    line += row[i].number ? gap + row[i].text : row[i].text + gap;
    line += "  ";
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out << line << '\n';
}

void print_view(const View& view, const Json& list, std::ostream& out) {
  const std::vector<Row> rows = rows_of(view, list);
  if (!view.title.empty()) out << view.title << '\n';
  if (rows.empty()) {
    out << "none\n";
    return;
  }
  Row head;
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < view.columns.size(); ++i) {
    head.push_back({std::string(view.columns[i].head), rows.front()[i].number});
    widths.push_back(width_of(view.columns[i].head));
    for (const Row& row : rows) widths[i] = std::max(widths[i], width_of(row[i].text));
  }
  print_line(head, widths, out);
  for (const Row& row : rows) print_line(row, widths, out);
}

/// An object: a line a member.
void print_members(const Json& object, std::ostream& out) {
  std::size_t widest = 0;
  for (const auto& [name, member] : object.items()) widest = std::max(widest, name.size());
  for (const auto& [name, member] : object.items())
    out << fmt::format("{:<{}}  {}\n", name, widest, cell_of(object, name).text);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x20 || octet == 0x7f)
      out += fmt::format("\\x{:02x}", octet);
    else
      out += c;
  }
  return out;
}

void print_tables(const io::ManagementRequest& request, const Json& document, std::ostream& out) {
  if (request.verb == io::Verb::kVersion) return print_members(document, out);
  bool first = true;
  const auto between = [&] {
    if (!first) out << '\n';
    first = false;
  };
  for (const io::ListShape& list : io::find_topic(request.topic)->lists) {
    const Json& content = document.at(std::string(list.name));
    if (list.is_value) {
      between();
      print_members(content, out);
    }
    for (const View& view : kViews) {
      if (view.topic != request.topic || view.list != list.name) continue;
      between();
      print_view(view, content, out);
    }
  }
}

}  // namespace penstock::app
