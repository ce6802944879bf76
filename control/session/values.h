// SPDX-License-Identifier: BSD-3-Clause
// What crosses the border of the engine (design §4.1), as plain values without pointers to anything
// outside: jobs and outputs here, because the exchanges make them; inputs in
// control/ike/engine_io.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "control/isakmp/header.h"
#include "control/session/connection_config.h"
#include "lib/base/log.h"
#include "lib/crypto/private_group.h"
#include "lib/crypto/rsa_encryption.h"
#include "lib/policy/policy_rule.h"
#include "lib/policy/sa_spec.h"

namespace penstock::session {

using isakmp::IkeSpi;  ///< RFC 7296 §3.1; RFC 2408: cookie

using SaToken = base::Strong<struct SaTokenTag, std::uint64_t>;
using JobId = base::Strong<struct JobIdTag, std::uint64_t>;
using CommandId = base::Strong<struct CommandIdTag, std::uint64_t>;

/// A UDP payload. On port 4500 the non-ESP marker is stripped before and added after.
struct Datagram {
  net::Endpoint local;
  net::Endpoint remote;
  base::ByteVector data;
};

// ---- jobs: what draws randomness inside OpenSSL, or takes long ----

struct GenerateKeyPair {
  crypto::DhGroupId group;
  std::optional<crypto::PrivateGroup> own_group{};  ///< of a private number: what it stands for
};
struct ComputeSharedSecret {
  crypto::DhKeyPair own;
  base::ByteVector peer_public;
  std::optional<crypto::PrivateGroup> own_group{};  ///< likewise
};
/// IKEv1: may a group that the peer proposes be trusted (RFC 2409 §5.6)?
struct CheckGroup {
  crypto::PrivateGroup group;
};
/// With a private key of ours, by its name.
struct SignOctets {
  crypto::KeyId key;
  crypto::SignatureScheme scheme;
  base::ByteVector octets;
};
/// IKEv1: a HASH that is signed as it is (RFC 2409 §5.1, RFC 4754 §5).
struct SignHash {
  crypto::KeyId key;
  base::ByteVector hash;
};
/// IKEv1: for whom a certificate is, by RSA (RFC 2409 §5.2, §5.3).
struct EncryptFor {
  base::ByteVector certificate;  ///< DER
  std::vector<base::SecretBytes> plaintexts;
};
/// IKEv1: what was encrypted for us. Whether the padding was good, nobody learns.
struct Decrypt {
  struct One {
    base::ByteVector ciphertext;
    crypto::PlaintextOctets octets;
  };
  crypto::KeyId key;
  std::vector<One> all;
};
/// Is the peer whom it says it is? Its chain, its name and its signature (control/pki).
struct VerifyProof {
  std::vector<base::ByteVector> certificates;  ///< DER, the end entity first
  policy::Identity identity;
  TrustName trust{};
  base::ByteVector octets;                       ///< what was signed
  base::ByteVector signature;                    ///< ECDSA's as DER
  std::vector<crypto::SignatureScheme> schemes;  ///< any of them
  bool of_hash = false;                          ///< `octets` is a HASH, as above; no scheme counts
  std::optional<crypto::KeyKind> kind;           ///< nothing: any key that makes them
  base::UtcTime now{};
};
using Job = std::variant<GenerateKeyPair, ComputeSharedSecret, CheckGroup, SignOctets, SignHash,
                         EncryptFor, Decrypt, VerifyProof>;

/// It may.
struct GroupResult {};
struct SharedSecretResult {
  base::SecretBytes secret;
};
struct SignatureResult {
  base::ByteVector signature;  ///< ECDSA's as DER, of a HASH as r | s
};
struct ProofResult {
  std::string subject;               ///< of the peer's certificate, for people
  crypto::SignatureScheme scheme{};  ///< unless of a HASH
};
struct EncryptedResult {
  std::vector<base::ByteVector> ciphertexts;
};
struct DecryptedResult {
  std::vector<base::SecretBytes> plaintexts;
};
using JobResult =
    base::Result<std::variant<crypto::DhKeyPair, SharedSecretResult, GroupResult, SignatureResult,
                              ProofResult, EncryptedResult, DecryptedResult>>;

// ---- outputs ----

struct SendDatagram {
  Datagram datagram;
};

/// Answered by sa_result(token, …) before the peer is told of the SA.
struct InstallInbound {
  SaToken token;
  policy::SaSpec spec;
};
/// Installs the outbound SA and points its slot at it. Also answered by sa_result.
struct SwitchOutbound {
  SaToken token;
  policy::SaSpec spec;
};
/// The SA passes nothing more from `spi`; its memory goes when nothing can hold it (design §4.4).
struct RetireSa {
  policy::Direction direction;
  net::Spi spi;
  policy::ChildSlot slot;
  net::IpAddress remote;
};
/// The peer of an SA is elsewhere (RFC 7296 §2.23): outbound goes there from now on, inbound comes
/// from there. Outbound is answered by sa_result; if it is refused, the SA is gone.
struct MoveSa {
  SaToken token;  ///< 0 inbound
  policy::Direction direction;
  net::Spi spi;
  net::IpAddress remote;  ///< what it was: names the SA
  net::Endpoint to;
};
/// How many packets were verified so far? Answered by Engine::traffic().
struct AskTraffic {
  std::uint64_t ike_sa;  ///< serial
  std::vector<net::Spi> inbound;
};
/// One inbound SA's answer.
struct InboundTraffic {
  net::Spi spi;
  std::uint64_t packets;
};
/// A rule of the SPD: a trap, or a negotiated child's selectors. Answered by sa_result.
struct InstallPolicy {
  SaToken token;
  policy::PolicyRule rule;
};
struct RemovePolicy {
  policy::PolicyId id;
};

/// Asks for inbound SPIs of the data plane's choice; answered by grant_spis.
struct NeedSpis {
  std::uint32_t count;
};
/// SPIs granted and never keyed: the data plane may reuse them.
struct ReturnSpis {
  std::vector<net::Spi> spis;
};

struct StartJob {
  JobId id;
  Job job;
};

/// Something worth a log line: structured, names connection and peer, holds no secret.
struct Report {
  base::LogLevel level = base::LogLevel::kInfo;
  std::string connection;  ///< empty before the peer is known
  std::string peer;        ///< endpoint, and identity once authenticated
  std::string code;        ///< stable: "ike_established", "no_proposal_chosen", …
  std::string text;        ///< one sentence: what happened and why, ours and theirs
};

struct CommandReply {
  CommandId id;
  base::Result<std::string> result;  ///< a sentence, or why it was refused
};

using Output =
    std::variant<SendDatagram, InstallInbound, SwitchOutbound, MoveSa, RetireSa, AskTraffic,
                 InstallPolicy, RemovePolicy, NeedSpis, ReturnSpis, StartJob, Report, CommandReply>;

}  // namespace penstock::session
