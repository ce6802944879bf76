// SPDX-License-Identifier: BSD-3-Clause
// `show workers|counters|drops`: sums over the workers' own counters.
#include "control/bridge/show_rows.h"
#include "lib/net/drop_reason.h"

namespace penstock::bridge {

using io::Json;

channel::CounterTotals totals_of(const std::vector<WorkerView>& workers) {
  channel::CounterTotals totals;
  for (const WorkerView& worker : workers) totals += channel::snapshot(*worker.counters);
  return totals;
}

std::uint64_t dummies_received(const channel::CounterTotals& totals) {
  return totals.consumed[static_cast<std::size_t>(channel::Consumed::kDummy)];
}

Json counters_value(const ShowContext& context) {
  const channel::CounterTotals totals = totals_of(context.workers);
  return {{"counters",
           {{"received", totals.received},
            {"injected", totals.injected},
            {"generated", totals.generated},
            {"transmitted", totals.transmitted},
            {"dropped", totals.dropped_total()},
            {"punted", totals.punted},
            {"consumed", totals.consumed_total()},
            {"held", totals.held_total()},
            {"dummies_sent", totals.dummies_sent},
            {"dummies_received", dummies_received(totals)}}}};
}

RowSource worker_rows(const ShowContext& context) {
  return snapshot_source(context.workers, [](const WorkerView& worker) -> Json {
    const channel::CounterTotals totals = channel::snapshot(*worker.counters);
    return {{"lcore", worker.lcore},
            {"numa", static_cast<unsigned>(std::max(worker.numa, 0))},
            {"queues", worker.queues},
            {"polls", totals.loops},
            {"empty_polls", totals.empty_loops},
            {"received", totals.received},
            {"transmitted", totals.transmitted},
            {"dropped", totals.dropped_total()},
            {"handed_over", totals.handed_over},
            {"taken_over", totals.taken_over},
            {"wakeups", totals.wakeups}};
  });
}

RowSource ike_counter_rows(const ShowContext& context) {
  std::vector<ike::IkeCounter> counters = context.engine.counters();
  counters.push_back({"punt_malformed", "RFC 768",
                      "no IKE message in UDP, or its UDP checksum is wrong",
                      context.rings.counters().malformed});
  return snapshot_source(std::move(counters), [](const ike::IkeCounter& counter) -> Json {
    return {{"reason", counter.name},
            {"count", counter.count},
            {"clause", counter.clause},
            {"text", counter.text}};
  });
}

RowSource drop_rows(const ShowContext& context) {
  const channel::CounterTotals totals = totals_of(context.workers);
  const std::vector<net::DropReasonRow> reasons(net::kDropReasonTable.begin(),
                                                net::kDropReasonTable.end());
  return snapshot_source(reasons, [totals](const net::DropReasonRow& row) -> Json {
    return {{"reason", row.name},
            {"count", totals.dropped[static_cast<std::size_t>(row.reason)]},
            {"clause", row.clause},
            {"text", row.text}};
  });
}

}  // namespace penstock::bridge
