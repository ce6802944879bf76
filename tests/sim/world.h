// SPDX-License-Identifier: BSD-3-Clause
// World: two engines, A and B, with models of their data planes, over a virtual network in virtual
// time. Everything that is not an engine's is drawn from one seed.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/ike/engine.h"
#include "control/pki/notary.h"
#include "tests/sim/data_plane.h"

namespace penstock::sim {

/// What the network does to a datagram, in per mille.
struct Weather {
  std::uint64_t lost = 0;
  std::uint64_t doubled = 0;
  std::uint64_t corrupted = 0;
  base::Duration least_delay = base::milliseconds{5};
  base::Duration jitter{};  ///< more than the gap between two datagrams reorders them
};

struct NodeConfig {
  ike::EngineConfig engine;
  ike::ConfigChange (*change)() = nullptr;
};

class World;

/// One gateway.
class Node {
 public:
  Node(World& world, int index, net::IpAddress address);

  /// Starts anew, with empty memory, as after a power cut.
  void boot();
  void power_off();
  [[nodiscard]] bool is_on() const { return engine_ != nullptr; }
  [[nodiscard]] ike::Engine& engine() { return *engine_; }
  [[nodiscard]] DataPlane& plane() { return *plane_; }
  [[nodiscard]] const net::IpAddress& address() const { return address_; }

  /// Calls the engine and carries out what it puts out.
  void input(const std::function<void(ike::Engine&, base::Now)>& call);
  ike::CommandId command(ike::Command::Kind kind, std::string connection, std::string child = {},
                         bool ike = false);

  [[nodiscard]] std::size_t established() const;
  [[nodiscard]] std::size_t live_children() const;
  [[nodiscard]] std::uint64_t counter(std::string_view name) const;

  ike::EngineConfig config;
  std::function<ike::ConfigChange()> configuration;
  std::shared_ptr<const pki::Vault> vault;  ///< keys and trust, where certificates are used
  std::vector<ike::Report> reports;
  std::map<ike::CommandId, base::Result<std::string>> replies;
  std::uint64_t jobs_run = 0;

 private:
  friend class World;
  void carry_out(ike::Output output);
  void later(std::function<void(ike::Engine&, base::Now)> call);

  World& world_;
  int index_;
  net::IpAddress address_;
  std::uint64_t life_ = 0;
  std::unique_ptr<base::SeededRandom> random_;
  std::unique_ptr<DataPlane> plane_;
  std::unique_ptr<pki::Notary> notary_;
  std::unique_ptr<ike::Engine> engine_;
  std::uint64_t last_command_ = 0;
};

class World {
 public:
  explicit World(std::uint64_t seed);

  Node& a() { return *nodes_[0]; }
  Node& b() { return *nodes_[1]; }
  Node& node(int index) { return *nodes_.at(static_cast<std::size_t>(index)); }

  void send(ike::Datagram datagram);
  void at(base::Duration after, std::function<void()> what);
  /// Runs until nothing happens any more, or the time is over.
  void run_for(base::Duration time);
  /// Runs until the condition holds. @return false: it did not within `most`
  bool run_until(const std::function<bool()>& condition, base::Duration most);
  /// One packet by each slot that has an outbound SA; the receiver's data plane sees it.
  void exchange_traffic();

  /// What must hold when nothing is under way: both ends know the same SAs with the same keys.
  [[nodiscard]] std::vector<std::string> faults_at_rest();

  /// Prints what both ends have.
  void dump();

  [[nodiscard]] base::Now now() const;
  [[nodiscard]] std::uint64_t draw(std::uint64_t bound) { return random_.below(bound); }

  Weather weather;
  /// Looks at a datagram on its way; false: it is lost. For directed tests.
  std::function<bool(const ike::Datagram&)> filter;
  /// Changes addresses of a datagram as it arrives, as NATs do.
  std::function<void(ike::Datagram&)> translate;
  base::Duration job_time = base::milliseconds{1};
  base::Duration install_time = base::milliseconds{1};
  bool trace = false;
  crypto::CryptoContext& crypto;
  base::MonoTime time{};

 private:
  void tick_nodes();
  [[nodiscard]] std::optional<base::MonoTime> next_time();
  void compare(Node& from, Node& to, std::vector<std::string>& faults);

  base::SeededRandom random_;
  std::array<std::unique_ptr<Node>, 2> nodes_;
  std::multimap<base::MonoTime, std::function<void()>> events_;
  friend class Node;
};

/// The connection that both nodes of most tests have.
[[nodiscard]] session::ConnectionConfig connection(const std::string& name, bool is_a);
[[nodiscard]] session::ChildConfig child(const std::string& name, bool is_a, int net = 0);
[[nodiscard]] session::SharedSecret secret(std::string_view text = "a shared secret");

}  // namespace penstock::sim
