// SPDX-License-Identifier: BSD-3-Clause
// Runs one job of the engine; it knows no engine and keeps nothing.
#include "control/ike/engine_io.h"

namespace penstock::ike {
namespace {

JobResult run(const crypto::CryptoContext& context, const GenerateKeyPair& job) {
  PS_ASSIGN(crypto::DhKeyPair pair, crypto::dh_generate(context, job.group));
  return pair;
}

JobResult run(const crypto::CryptoContext& context, const ComputeSharedSecret& job) {
  PS_ASSIGN(base::SecretBytes secret, crypto::dh_shared_secret(context, job.own, job.peer_public));
  return SharedSecretResult{std::move(secret)};
}

}  // namespace

JobResult run_job(const crypto::CryptoContext& context, Job job) {
  return std::visit([&](const auto& j) { return run(context, j); }, job);
}

}  // namespace penstock::ike
