// SPDX-License-Identifier: BSD-3-Clause
// crypto: hands the burst's jobs to the worker's engine. The engines of today are synchronous, so
// the burst goes on as it is; an asynchronous one would take it out here, as held, and give back
// what it has completed (design §4.8). Way out: onward, with a status in its job.
#include "dataplane/ipsec_state.h"
#include "dataplane/stages.h"

namespace penstock::dataplane {

namespace {

void run_jobs(WorkerContext& ctx, const Burst& burst) {
  if (burst.empty()) return;
  IpsecState& state = *ctx.ipsec;
  const std::size_t done =
      state.engine->process(std::span(state.jobs.data(), std::size_t{burst.size()}));
  PS_CHECK(done == burst.size());
}

}  // namespace

void crypto_inbound(WorkerContext& ctx, Burst& burst) { run_jobs(ctx, burst); }
void crypto_outbound(WorkerContext& ctx, Burst& burst) { run_jobs(ctx, burst); }

bool pending_outbound(const WorkerContext&) { return false; }

}  // namespace penstock::dataplane
