// SPDX-License-Identifier: BSD-3-Clause
// Which lists a topic has: a row a list.
#include "control/bridge/show.h"

#include "control/bridge/show_rows.h"

namespace penstock::bridge {
namespace {

struct TopicRow {
  std::string_view topic;
  std::string_view list;
  RowSource (*make)(const ShowContext& context);
};

constexpr TopicRow kTopicRows[] = {
    {"sas", "ike_sas", ike_sa_rows},
    {"sas", "manual_sas", manual_sa_rows},
    {"connections", "connections", connection_rows},
    {"policies", "policies", policy_rows},
    {"ports", "ports", port_rows},
    {"routes", "routes", route_rows},
    {"neighbors", "neighbors", neighbour_rows},
    {"workers", "workers", worker_rows},
    {"counters", "ike", ike_counter_rows},
    {"drops", "drops", drop_rows},
};

}  // namespace

std::vector<NamedSource> sources_of(std::string_view topic, const ShowContext& context) {
  std::vector<NamedSource> out;
  for (const TopicRow& row : kTopicRows)
    if (row.topic == topic) out.push_back({row.list, row.make(context)});
  return out;
}

}  // namespace penstock::bridge
