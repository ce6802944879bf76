// SPDX-License-Identifier: BSD-3-Clause
// Machines: both versions of IKE behind one face, for what does not look into messages. IKE SAs are
// named by serials, which both draw from one counter.
#pragma once

#include "control/ikev1/machine.h"
#include "control/ikev2/machine.h"

namespace penstock::ike {

/// What can be done with an IKE SA.
enum class Use : std::uint8_t {
  kNone,         ///< there is none, or its end is under way
  kOther,        ///< nothing new: the peer sets it up, or another one takes its place
  kDialling,     ///< we are setting it up: tasks wait for it
  kEstablished,  ///< tasks are carried out
};

class Machines {
 public:
  Machines(ikev2::Machine& v2, ikev1::Machine& v1) : v2_(v2), v1_(v1) {}

  /// Dials by the version that the connection has; IKEv2 if it may be either.
  /// @return false if there is no room, no address or no proposal
  bool initiate(session::Connection& connection, std::vector<session::Task> tasks);
  [[nodiscard]] Use use_of(std::uint64_t serial);
  /// Has it keys, so that its end is told to the peer?
  [[nodiscard]] bool has_keys(std::uint64_t serial);
  /// @return false if too many wait already
  bool add_task(std::uint64_t serial, session::Task task);
  void delete_ike(std::uint64_t serial, session::EndReason reason, session::CommandId command = {});
  /// Those whose connection is unknown or removed.
  void delete_orphans();
  void request_child_delete(std::uint64_t serial, net::Spi spi, session::CommandId command);
  /// Borrowed until the next call that changes something; empty if there is no such IKE SA.
  [[nodiscard]] const session::ChildSas& children(std::uint64_t serial);
  /// The task that brings up this child, waiting or under way.
  [[nodiscard]] session::Task* pending(std::uint64_t serial, const session::ChildConfig& child);

 private:
  ikev2::Machine& v2_;
  ikev1::Machine& v1_;
};

}  // namespace penstock::ike
