// SPDX-License-Identifier: BSD-3-Clause
// Children of AH and of transport mode for the tests of both.
#pragma once

#include <algorithm>

#include "control/session/narrowing.h"
#include "tests/sim/world.h"

namespace penstock::sim {

inline crypto::Proposals esp(std::string_view text) {
  return *crypto::parse_proposals(crypto::ProtocolId::kEsp, text);
}
inline crypto::Proposals ah(std::string_view text) {
  return *crypto::parse_proposals(crypto::ProtocolId::kAh, text);
}
inline policy::TrafficSelectors ts(std::string_view text) {
  return {*policy::TrafficSelector::parse(text)};
}

inline bool reported(const Node& n, std::string_view code, std::string_view words) {
  return std::ranges::any_of(n.reports, [&](const ike::Report& r) {
    return r.code == code && r.text.find(words) != std::string::npos;
  });
}

inline session::ChildConfig ah_child(const std::string& name, bool is_a, std::string_view proposals,
                                     int net = 0) {
  session::ChildConfig c = child(name, is_a, net);
  c.esp_proposals.clear();
  c.ah_proposals = ah(proposals);
  return c;
}

/// Between the hosts themselves, whichever they are.
inline session::ChildConfig transport_child(const std::string& name, bool is_a) {
  session::ChildConfig c = child(name, is_a);
  c.mode = session::ChildMode::kTransport;
  c.local_ts.clear();
  c.remote_ts.clear();
  return c;
}

}  // namespace penstock::sim
