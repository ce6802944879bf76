// SPDX-License-Identifier: BSD-3-Clause
// Connections: the configured ones with what the engine keeps about each, found by name, and by
// the addresses of a first message (RFC 4301 §4.4.3: the peer authorization database).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/session/connection_config.h"
#include "control/session/task.h"
#include "lib/policy/policy_rule.h"

namespace penstock::session {

/// A rule that a child has whether it is up or not: a trap, a bypass, a discard.
struct StandingPolicy {
  const ChildConfig* child = nullptr;
  policy::PolicyId id;
  policy::ChildSlot slot;  ///< of a trap; else 0
};

struct Connection {
  ConnectionConfig config;
  bool removed = false;                ///< no longer configured; waits for its IKE SAs to end
  std::vector<std::uint64_t> ike_sas;  ///< serials, those of dying ones too
  std::vector<StandingPolicy> policies;
  std::vector<Task> waiting;  ///< children to be brought up when it is dialled again
  unsigned attempts = 0;      ///< of dialling, since the last success (keyingtries)
  std::optional<base::MonoTime> redial_at;
  std::uint64_t redial = 0;  ///< names it among those to be dialled again
};

/// The address of ours that the connection speaks from, of this IP version or, if that is not known
/// yet, of either.
[[nodiscard]] std::optional<net::IpAddress> own_address(const std::vector<net::IpAddress>& ours,
                                                        const ConnectionConfig& config,
                                                        std::optional<net::Family> family);

class Connections {
 public:
  Connection& add(ConnectionConfig config);
  /// Out of the tables; it lives on until drop_unused() finds it without IKE SAs.
  void remove(Connection& connection);
  void drop_unused();
  void attach(Connection& connection, std::uint64_t ike_sa) {
    connection.ike_sas.push_back(ike_sa);
  }
  void detach(Connection& connection, std::uint64_t ike_sa);

  [[nodiscard]] Connection* find(std::string_view name) const;
  /// Those that allow these addresses and this version, the most specific first.
  [[nodiscard]] std::vector<Connection*> candidates(const net::IpAddress& local,
                                                    const net::IpAddress& remote,
                                                    IkeVersion version = IkeVersion::kIkev2) const;
  /// Is IKEv1 spoken at all? It is off unless a connection asks for it (RFC 9395 §3).
  [[nodiscard]] bool speak_ikev1() const { return ikev1_ != 0; }
  [[nodiscard]] const std::map<std::string, std::unique_ptr<Connection>, std::less<>>& all() const {
    return by_name_;
  }

 private:
  std::map<std::string, std::unique_ptr<Connection>, std::less<>> by_name_;
  std::unordered_map<net::IpAddress, std::vector<Connection*>> by_host_;
  std::vector<Connection*> by_prefix_;
  std::unordered_map<const Connection*, std::unique_ptr<Connection>> removed_;
  std::vector<const Connection*> unused_;  ///< of those removed
  std::size_t ikev1_ = 0;                  ///< connections that are not for IKEv2 alone
};

}  // namespace penstock::session
