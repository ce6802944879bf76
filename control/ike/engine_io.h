// SPDX-License-Identifier: BSD-3-Clause
// What goes into the engine and what comes out of it (design §4.1): plain values without pointers
// to anything outside, so that the engine can live in a process of its own, be simulated and be
// fuzzed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "control/isakmp/header.h"
#include "control/session/connection_config.h"
#include "lib/base/log.h"
#include "lib/base/time.h"
#include "lib/crypto/dh.h"
#include "lib/policy/policy_rule.h"
#include "lib/policy/sa_event.h"
#include "lib/policy/sa_spec.h"

namespace penstock::ike {

using SaToken = base::Strong<struct SaTokenTag, std::uint64_t>;
using JobId = base::Strong<struct JobIdTag, std::uint64_t>;
using CommandId = base::Strong<struct CommandIdTag, std::uint64_t>;
using IkeSpi = isakmp::IkeSpi;  ///< RFC 7296 §3.1; RFC 2408: cookie

// ---- in ----

/// A UDP payload. On port 4500 the non-ESP marker is stripped before and added after.
struct Datagram {
  net::Endpoint local;
  net::Endpoint remote;
  base::ByteVector data;
};

struct ConfigChange {
  std::vector<session::ConnectionConfig> connections;  ///< all of them: what is missing is removed
  std::vector<session::SharedSecret> secrets;
};

/// `penstock up|down|rekey`: answered by a CommandReply, at once or when it is done.
struct Command {
  enum class Kind : std::uint8_t { kUp, kDown, kRekey };
  Kind kind{};
  std::string connection;
  std::string child;  ///< empty: all children (up, rekey), the IKE SA too (down)
  bool ike = false;   ///< rekey: the IKE SA
  base::Duration timeout = base::seconds{30};
};

// ---- jobs: what draws randomness inside OpenSSL, or takes long ----

struct GenerateKeyPair {
  crypto::DhGroupId group;
};
struct ComputeSharedSecret {
  crypto::DhKeyPair own;
  base::ByteVector peer_public;
};
using Job = std::variant<GenerateKeyPair, ComputeSharedSecret>;

struct SharedSecretResult {
  base::SecretBytes secret;
};
using JobResult = base::Result<std::variant<crypto::DhKeyPair, SharedSecretResult>>;

/// Runs a job; any thread that has a context of its own. control/io calls it, so does the
/// simulator.
[[nodiscard]] JobResult run_job(const crypto::CryptoContext& context, Job job);

// ---- out ----

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

using Output = std::variant<SendDatagram, InstallInbound, SwitchOutbound, RetireSa, InstallPolicy,
                            RemovePolicy, NeedSpis, ReturnSpis, StartJob, Report, CommandReply>;

// ---- what `show` reads ----

struct ChildStatus {
  std::string child;
  policy::IpsecProtocol protocol = policy::IpsecProtocol::kEsp;
  policy::IpsecMode mode = policy::IpsecMode::kTunnel;
  bool encap = false;
  std::string state;  ///< "installing", "installed", "rekeying", "rekeyed", "deleting"
  net::Spi spi_in;
  net::Spi spi_out;
  std::string proposal;
  policy::TrafficSelectors local_ts;
  policy::TrafficSelectors remote_ts;
};

struct IkeSaStatus {
  std::uint64_t serial = 0;  ///< cursor: list_ike_sas(serial + 1, …) goes on after this one
  std::string connection;
  int version = 2;
  std::string state;  ///< the transition table's state, in words
  bool initiator = false;
  net::Endpoint local;
  net::Endpoint remote;
  std::string local_id;
  std::string remote_id;
  IkeSpi spi_i;
  IkeSpi spi_r;
  std::string proposal;
  std::optional<base::Duration> rekey_in;
  std::vector<ChildStatus> children;
};

struct ConnectionStatus {
  std::string connection;
  int version = 2;
  std::string local_addrs;
  std::string remote_addrs;
  std::size_t ike_sas = 0;
  struct Child {
    std::string child;
    std::string mode;
    std::string start_action;
    std::size_t installed = 0;
    policy::TrafficSelectors local_ts;
    policy::TrafficSelectors remote_ts;
  };
  std::vector<Child> children;
};

/// Why an IKE message was not processed; a row each in kIkeDropTable (control/ike/ike_drop.h).
struct IkeCounter {
  std::string_view name;
  std::string_view clause;
  std::string_view text;
  std::uint64_t count = 0;
};

}  // namespace penstock::ike
