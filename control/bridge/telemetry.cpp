// SPDX-License-Identifier: BSD-3-Clause
// rte_telemetry gives its handlers no argument, so what they read hangs on one pointer that is
// taken away, under a lock, before what it points at goes.
#include "control/bridge/telemetry.h"

#include <rte_telemetry.h>
#include <rte_version.h>

#include <mutex>
#include <string>

#include "lib/base/check.h"

namespace penstock::bridge {
namespace {

struct Source {
  const std::vector<WorkerView>& workers;
  const ipsec::Writer& writer;
};
std::mutex source_mutex;
const Source* source = nullptr;

/// The one difference between the releases that we build with.
void add_number(rte_tel_data* out, const char* name, std::uint64_t value) {
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
  rte_tel_data_add_dict_uint(out, name, value);
#else
  rte_tel_data_add_dict_u64(out, name, value);
#endif
}
void add_number(rte_tel_data* out, std::string_view name, std::uint64_t value) {
  add_number(out, std::string(name).c_str(), value);
}

template <class Fill>
int with_source(rte_tel_data* out, Fill fill) {
  const std::lock_guard lock(source_mutex);
  if (source == nullptr) return -1;
  rte_tel_data_start_dict(out);
  return fill(*source);
}

int on_totals(const char*, const char*, rte_tel_data* out) {
  return with_source(out, [out](const Source& from) {
    const channel::CounterTotals totals = totals_of(from.workers);
    add_number(out, "received", totals.received);
    add_number(out, "injected", totals.injected);
    add_number(out, "generated", totals.generated);
    add_number(out, "transmitted", totals.transmitted);
    add_number(out, "dropped", totals.dropped_total());
    add_number(out, "punted", totals.punted);
    add_number(out, "consumed", totals.consumed_total());
    add_number(out, "held", totals.held_total());
    add_number(out, "dummies_sent", totals.dummies_sent);
    add_number(out, "dummies_received", dummies_received(totals));
    return 0;
  });
}

int on_drops(const char*, const char*, rte_tel_data* out) {
  return with_source(out, [out](const Source& from) {
    const channel::CounterTotals totals = totals_of(from.workers);
    for (const net::DropReasonRow& row : net::kDropReasonTable)
      add_number(out, row.name, totals.dropped[static_cast<std::size_t>(row.reason)]);
    return 0;
  });
}

int on_workers(const char*, const char*, rte_tel_data* out) {
  return with_source(out, [out](const Source& from) {
    for (const WorkerView& worker : from.workers) {
      rte_tel_data* one = rte_tel_data_alloc();
      if (one == nullptr) return -1;
      const channel::CounterTotals totals = channel::snapshot(*worker.counters);
      rte_tel_data_start_dict(one);
      add_number(one, "loops", totals.loops);
      add_number(one, "empty_loops", totals.empty_loops);
      add_number(one, "received", totals.received);
      add_number(one, "transmitted", totals.transmitted);
      add_number(one, "dropped", totals.dropped_total());
      add_number(one, "handed_over", totals.handed_over);
      add_number(one, "taken_over", totals.taken_over);
      add_number(one, "wakeups", totals.wakeups);
      rte_tel_data_add_dict_container(out, std::to_string(worker.lcore).c_str(), one, 0);
    }
    return 0;
  });
}

int on_sa(const char*, const char* parameters, rte_tel_data* out) {
  const auto spi = net::parse_spi(parameters == nullptr ? "" : parameters);
  if (!spi) return -1;
  return with_source(out, [out, &spi](const Source& from) {
    const auto counters = from.writer.counters_of_inbound(*spi);
    if (!counters) return -1;
    add_number(out, "packets", counters->packets);
    add_number(out, "bytes", counters->bytes);
    add_number(out, "sequence", counters->sequence);
    add_number(out, "replays", counters->replays);
    add_number(out, "icv_failures", counters->icv_failures);
    add_number(out, "errors", counters->errors);
    return 0;
  });
}

struct CommandRow {
  const char* path;
  telemetry_cb handler;
  const char* help;
};
constexpr CommandRow kCommands[] = {
    {"/penstock/totals", on_totals, "Where packets went, all workers. No parameters."},
    {"/penstock/drops", on_drops, "Packets lost, by reason. No parameters."},
    {"/penstock/workers", on_workers, "Counters of each worker. No parameters."},
    {"/penstock/sa", on_sa, "Counters of one inbound SA. Parameter: its SPI, 0x…"},
};

}  // namespace

Telemetry::Telemetry(const std::vector<WorkerView>& workers, const ipsec::Writer& writer) {
  {
    const std::lock_guard lock(source_mutex);
    PS_CHECK(source == nullptr);
    source = new Source{workers, writer};
  }
  // A second registration of the same command is refused, and harmless: the handlers stay.
  for (const CommandRow& row : kCommands)
    static_cast<void>(rte_telemetry_register_cmd(row.path, row.handler, row.help));
}

Telemetry::~Telemetry() {
  const std::lock_guard lock(source_mutex);
  delete std::exchange(source, nullptr);
}

}  // namespace penstock::bridge
