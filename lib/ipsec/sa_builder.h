// SPDX-License-Identifier: BSD-3-Clause
// From an SaSpec to the record that workers use: checked, keys expanded, headers written once.
#pragma once

#include "lib/burst_crypto/session.h"
#include "lib/ipsec/inbound_sa.h"
#include "lib/ipsec/outbound_sa.h"
#include "lib/policy/sa_spec.h"

namespace penstock::ipsec {

/// Memory for a window or for selectors that do not lie in the record, on the workers' node.
class SaMemory {
 public:
  virtual ~SaMemory() = default;
  /// Zeroed, on a cache line. @return nullptr if there is none
  [[nodiscard]] virtual void* allocate(std::size_t octets) = 0;
  virtual void free(void* memory) = 0;
};

/// Fills a record that nobody reads. The record keeps its generation.
/// @return kUnsupported, kMalformed, kLimit; the text names what is wrong. Nothing is kept then.
[[nodiscard]] base::Result<void> build_inbound(const policy::SaSpec& spec,
                                               const burst_crypto::SessionFactory& sessions,
                                               SaMemory& memory, InboundSa& sa);
/// @param shared  several workers reserve sequence numbers
[[nodiscard]] base::Result<void> build_outbound(const policy::SaSpec& spec,
                                                const burst_crypto::SessionFactory& sessions,
                                                bool shared, OutboundSa& sa);
/// The peer is elsewhere now. Workers may use the record meanwhile: they see the old place or the
/// new one.
void move(InboundSa& sa, const net::Endpoint& to);
void move(OutboundSa& sa, const net::Endpoint& to);
/// Wipes the keys and frees what lies outside of the record, if it was built.
void clear_inbound(const burst_crypto::SessionFactory& sessions, SaMemory& memory, InboundSa& sa);
void clear_outbound(const burst_crypto::SessionFactory& sessions, OutboundSa& sa);

}  // namespace penstock::ipsec
