// SPDX-License-Identifier: BSD-3-Clause
// What the files of `show` share: a cursor over anything that can be listed from a place on.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "control/bridge/show.h"

namespace penstock::bridge {

[[nodiscard]] inline io::Json texts_of(const policy::TrafficSelectors& selectors) {
  io::Json out = io::Json::array();
  for (const policy::TrafficSelector& selector : selectors) out.push_back(selector.to_string());
  return out;
}

/// A source over a vector that was copied when the list was asked for; for small bounded tables.
template <class Item, class Row>
[[nodiscard]] RowSource snapshot_source(std::vector<Item> items, Row row) {
  return [items = std::move(items), row, at = std::size_t{0}](io::Json& rows) mutable {
    for (std::size_t n = 0; n < io::kRowsPerPart && at < items.size(); ++n)
      rows.push_back(row(items[at++]));
    return at < items.size();
  };
}

// show_sas.cpp
[[nodiscard]] RowSource ike_sa_rows(const ShowContext& context);
[[nodiscard]] RowSource manual_sa_rows(const ShowContext& context);
[[nodiscard]] RowSource connection_rows(const ShowContext& context);
[[nodiscard]] RowSource policy_rows(const ShowContext& context);
// show_network.cpp
[[nodiscard]] RowSource port_rows(const ShowContext& context);
[[nodiscard]] RowSource route_rows(const ShowContext& context);
[[nodiscard]] RowSource neighbour_rows(const ShowContext& context);
// show_counters.cpp
[[nodiscard]] RowSource worker_rows(const ShowContext& context);
[[nodiscard]] RowSource ike_counter_rows(const ShowContext& context);
[[nodiscard]] RowSource drop_rows(const ShowContext& context);

}  // namespace penstock::bridge
