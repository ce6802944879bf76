// SPDX-License-Identifier: BSD-3-Clause
// What goes into the engine and what comes out of it (design §4.1): plain values without pointers
// to anything outside, so that the engine can live in a process of its own, be simulated and be
// fuzzed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/isakmp/header.h"
#include "control/session/connection_config.h"
#include "control/session/ike_drop.h"
#include "control/session/values.h"
#include "lib/base/log.h"
#include "lib/base/time.h"
#include "lib/crypto/dh.h"
#include "lib/policy/policy_rule.h"
#include "lib/policy/sa_event.h"
#include "lib/policy/sa_spec.h"

namespace penstock::pki {
class Notary;
}

namespace penstock::ike {

using session::CommandId;
using session::IkeSpi;
using session::InboundTraffic;
using session::JobId;
using session::SaToken;

// ---- in ----

using session::Datagram;

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

// ---- jobs ----

using session::ComputeSharedSecret;
using session::GenerateKeyPair;
using session::Job;
using session::JobResult;
using session::SharedSecretResult;

/// Runs a job; any thread that has a context and a notary of its own. The pool's threads call it,
/// so does the simulator.
[[nodiscard]] JobResult run_job(const crypto::CryptoContext& context, pki::Notary& notary, Job job);

// ---- out: described where they are defined ----

using session::AskTraffic;
using session::CommandReply;
using session::InstallInbound;
using session::InstallPolicy;
using session::MoveSa;
using session::NeedSpis;
using session::Output;
using session::RemovePolicy;
using session::Report;
using session::RetireSa;
using session::ReturnSpis;
using session::SendDatagram;
using session::StartJob;
using session::SwitchOutbound;

// ---- what `show` reads ----

struct ChildStatus {
  std::string child;
  policy::IpsecProtocol protocol = policy::IpsecProtocol::kEsp;
  policy::IpsecMode mode = policy::IpsecMode::kTunnel;
  bool encap = false;
  std::string state;  ///< "installing", "installed", "rekeying", "rekeyed", "deleting"
  net::Spi spi_in;
  net::Spi spi_out;
  std::optional<net::Spi> outer_in, outer_out;  ///< of the AH of a bundle
  std::string proposal;                         ///< of a bundle: ESP's, then AH's
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
  std::vector<std::string_view> vendors;  ///< names of the peer's vendor ids; of IKEv1 alone
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

/// Why an IKE message was not processed; a row each in kIkeDropTable (control/session/ike_drop.h).
struct IkeCounter {
  std::string_view name;
  std::string_view clause;
  std::string_view text;
  std::uint64_t count = 0;
};

}  // namespace penstock::ike
