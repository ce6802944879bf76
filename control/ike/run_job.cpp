// SPDX-License-Identifier: BSD-3-Clause
// Runs one job of the engine; it knows no engine and keeps nothing.
#include "control/ike/engine_io.h"
#include "control/pki/notary.h"

namespace penstock::ike {
namespace {

/// What a job may use: its thread's own.
struct Tools {
  const crypto::CryptoContext& context;
  pki::Notary& notary;
};

JobResult run(const Tools& tools, GenerateKeyPair& job) {
  PS_ASSIGN(crypto::DhKeyPair pair, job.own_group
                                        ? crypto::private_generate(tools.context, *job.own_group)
                                        : crypto::dh_generate(tools.context, job.group));
  return pair;
}

JobResult run(const Tools& tools, ComputeSharedSecret& job) {
  PS_ASSIGN(base::SecretBytes secret,
            job.own_group ? crypto::private_shared_secret(tools.context, *job.own_group, job.own,
                                                          job.peer_public)
                          : crypto::dh_shared_secret(tools.context, job.own, job.peer_public));
  return SharedSecretResult{std::move(secret)};
}

JobResult run(const Tools& tools, session::CheckGroup& job) {
  PS_TRY(crypto::check_private_group(tools.context, job.group));
  return session::GroupResult{};
}

JobResult run(const Tools& tools, session::SignOctets& job) {
  PS_ASSIGN(base::ByteVector signature, tools.notary.sign(job.key, job.scheme, job.octets));
  return session::SignatureResult{std::move(signature)};
}

JobResult run(const Tools& tools, session::SignHash& job) {
  PS_ASSIGN(base::ByteVector signature, tools.notary.sign_hash(job.key, job.hash));
  return session::SignatureResult{std::move(signature)};
}

JobResult run(const Tools& tools, session::EncryptFor& job) {
  session::EncryptedResult result;
  for (const base::SecretBytes& plaintext : job.plaintexts) {
    PS_ASSIGN(base::ByteVector ciphertext,
              tools.notary.encrypt(job.certificate, plaintext.bytes()));
    result.ciphertexts.push_back(std::move(ciphertext));
  }
  return result;
}

JobResult run(const Tools& tools, session::Decrypt& job) {
  session::DecryptedResult result;
  for (const session::Decrypt::One& one : job.all) {
    PS_ASSIGN(base::SecretBytes plaintext,
              tools.notary.decrypt(job.key, one.ciphertext, one.octets));
    result.plaintexts.push_back(std::move(plaintext));
  }
  return result;
}

JobResult run(const Tools& tools, session::VerifyProof& job) {
  const pki::PeerProof proof{
      .certificates = std::move(job.certificates),
      .name = {static_cast<std::uint8_t>(job.identity.type), std::move(job.identity.data)},
      .trust = job.trust,
      .octets = std::move(job.octets),
      .signature = std::move(job.signature),
      .schemes = std::move(job.schemes),
      .of_hash = job.of_hash,
      .kind = job.kind,
      .now = job.now};
  PS_ASSIGN(pki::ProvedPeer proved, tools.notary.verify(proof));
  return session::ProofResult{std::move(proved.subject), proved.scheme};
}

}  // namespace

JobResult run_job(const crypto::CryptoContext& context, pki::Notary& notary, Job job) {
  const Tools tools{context, notary};
  return std::visit([&](auto& j) { return run(tools, j); }, job);
}

}  // namespace penstock::ike
