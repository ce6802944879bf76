// SPDX-License-Identifier: BSD-3-Clause
// The RCU domain: registration, and the queue of what waits for a grace period. Waiting never
// blocks the writer: it polls.
#include "lib/dpdk/rcu.h"

#include <cstdlib>

#include "lib/base/check.h"

namespace penstock::dpdk {

base::Result<std::unique_ptr<RcuDomain>> RcuDomain::create(unsigned workers) {
  const std::size_t size = (rte_rcu_qsbr_get_memsize(workers) + 63) / 64 * 64;
  auto* qsbr = static_cast<rte_rcu_qsbr*>(std::aligned_alloc(64, size));
  if (qsbr == nullptr) return base::fail(base::ErrorCode::kSystem, "no memory for an RCU domain");
  if (rte_rcu_qsbr_init(qsbr, workers) != 0) {
    std::free(qsbr);
    return base::fail(base::ErrorCode::kSystem, "an RCU domain needs at least one worker");
  }
  return std::unique_ptr<RcuDomain>(new RcuDomain(qsbr));
}

RcuDomain::~RcuDomain() {
  for (const Waiting& waiting : waiting_) waiting.release();  // the workers have left
}

void RcuDomain::enter(unsigned worker) {
  PS_CHECK(rte_rcu_qsbr_thread_register(qsbr_.get(), worker) == 0);
  rte_rcu_qsbr_thread_online(qsbr_.get(), worker);
}

void RcuDomain::leave(unsigned worker) {
  rte_rcu_qsbr_thread_offline(qsbr_.get(), worker);
  PS_CHECK(rte_rcu_qsbr_thread_unregister(qsbr_.get(), worker) == 0);
}

void RcuDomain::retire(GraceToken token, std::function<void()> release) {
  waiting_.push_back({token, std::move(release)});
}

std::size_t RcuDomain::poll() {
  while (!waiting_.empty() && passed(waiting_.front().token)) {
    const auto release = std::move(waiting_.front().release);
    waiting_.pop_front();
    release();  // may retire more
  }
  return waiting_.size();
}

void RcuDomain::Free::operator()(rte_rcu_qsbr* qsbr) const { std::free(qsbr); }

}  // namespace penstock::dpdk
