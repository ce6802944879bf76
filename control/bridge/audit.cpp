// SPDX-License-Identifier: BSD-3-Clause
// RFC 4303 §3.4.2 and §3.4.4: SPI, addresses, sequence number; the log has the time.
#include "control/bridge/audit.h"

#include <string>

namespace penstock::bridge {

namespace {

std::string_view text_of(policy::SaEventKind kind) {
  switch (kind) {
    case policy::SaEventKind::kUnknownSpi:
      return "a packet for an SPI that no SA has";
    case policy::SaEventKind::kIcvFailed:
      return "a packet with a wrong ICV";
    default:
      return {};
  }
}

}  // namespace

void Audit::event(base::MonoTime now, const policy::SaEvent& event) {
  const std::string_view text = text_of(event.kind);
  if (text.empty()) return;
  if (!lines_.take(now)) {
    ++unsaid_;
    return;
  }
  const base::LogField fields[] = {{"spi", net::to_string(event.spi)},
                                   {"sequence", std::to_string(event.sequence)},
                                   {"from", event.remote.address.to_string()},
                                   {"to", event.local.address.to_string()},
                                   {"unsaid", std::to_string(unsaid_)}};
  log_.write(base::LogLevel::kWarning, "audit", text, fields);
  unsaid_ = 0;
}

}  // namespace penstock::bridge
