// SPDX-License-Identifier: BSD-3-Clause
// crypto: hands the burst's jobs to the worker's engine. A synchronous one has done them all when
// it returns. An asynchronous one takes packets out here, as held, and gives back what it has
// completed, each SA's in their order (design §4.8). Way out: onward, with a status in its job.
#include "dataplane/ipsec_state.h"
#include "dataplane/stages.h"

namespace penstock::dataplane {

using burst_crypto::CipherDirection;

namespace {

void run_jobs(WorkerContext& ctx, Burst& burst, CipherDirection direction) {
  if (burst.empty() && !crypto_pending(ctx, direction)) return;
  IpsecState& state = *ctx.ipsec;
  const std::span jobs(state.jobs);
  const std::size_t given = burst.size();
  const std::size_t ended = state.engine->process(jobs.first(given));
  if (!state.asynchronous) [[likely]] {
    PS_CHECK(ended == given);
    return;
  }
  const std::size_t back = state.engine->completed(direction, jobs.subspan(ended));
  ctx.hold(channel::Held::kCrypto, static_cast<unsigned>(given - ended));
  ctx.release(channel::Held::kCrypto, static_cast<unsigned>(back));
  burst.clear();
  for (const burst_crypto::Job& job : jobs.first(ended + back))
    burst.push(static_cast<dpdk::Packet*>(job.packet));
}

}  // namespace

void crypto_inbound(WorkerContext& ctx, Burst& burst) {
  run_jobs(ctx, burst, CipherDirection::kOpen);
}
void crypto_outbound(WorkerContext& ctx, Burst& burst) {
  run_jobs(ctx, burst, CipherDirection::kSeal);
}

bool pending_outbound(const WorkerContext& ctx) {
  return crypto_pending(ctx, CipherDirection::kSeal);
}

}  // namespace penstock::dataplane
