// SPDX-License-Identifier: BSD-3-Clause
// Show: the rows of `penstock show`, in the shapes of control/io/management_protocol.h. Each list
// is a source that gives a part at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/bridge/manual_sas.h"
#include "control/bridge/network.h"
#include "control/bridge/worker_rings.h"
#include "control/ike/engine.h"
#include "control/io/management_protocol.h"
#include "lib/channel/worker_counters.h"

namespace penstock::bridge {

struct WorkerView {
  unsigned lcore = 0;
  int numa = -1;
  std::vector<std::string> queues;  ///< "wan:0"
  const channel::WorkerCounters* counters = nullptr;
};

/// What rows are made of; all borrowed.
struct ShowContext {
  const ike::Engine& engine;
  const SaInstaller& installer;
  const Network& network;
  const WorkerRings& rings;
  const std::vector<WorkerView>& workers;
  const std::vector<ManualSa>& manual_sas;
};

/// Appends at most io::kRowsPerPart rows to an array. @return whether there may be more
using RowSource = std::function<bool(io::Json& rows)>;

struct NamedSource {
  std::string_view list;
  RowSource rows;
};

/// The lists of a topic in the order of its shape; empty for an unknown one. Sources hold the
/// context, which outlives them.
[[nodiscard]] std::vector<NamedSource> sources_of(std::string_view topic,
                                                  const ShowContext& context);
/// The object of `show counters`: {"counters":{…}}.
[[nodiscard]] io::Json counters_value(const ShowContext& context);

/// The sum over workers; any thread.
[[nodiscard]] std::uint64_t dummies_received(const channel::CounterTotals& totals);
[[nodiscard]] channel::CounterTotals totals_of(const std::vector<WorkerView>& workers);

}  // namespace penstock::bridge
