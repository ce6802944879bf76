// SPDX-License-Identifier: BSD-3-Clause
// Messages in fragments, in and out. Fragments come after the first message alone: before it the
// peer has no cookie of ours, and could be anybody anywhere.
#include "control/ikev1/fragments.h"

#include <algorithm>

#include "control/ikev1/machine.h"
#include "control/session/ends.h"

namespace penstock::ikev1 {

using session::Fragmentation;
using session::IkeDrop;

bool Fragments::has(const isakmp::V1FragmentPayload& fragment) const {
  const base::SecretBytes* part = parts_.find(fragment.number);
  const bool last = parts_.total() == fragment.number;
  return part != nullptr && last == fragment.last &&
         std::ranges::equal(part->bytes(), fragment.data);
}

bool Fragments::add(const isakmp::V1FragmentPayload& fragment) {
  if (!parts_.put(fragment.number, base::SecretBytes::copy_of(fragment.data))) return false;
  if (fragment.last) {
    parts_.set_total(fragment.number);
  } else if (parts_.total() == fragment.number) {
    parts_.set_total(0);
  }
  return true;
}

std::optional<base::ByteVector> Fragments::whole() const {
  if (!parts_.complete()) return std::nullopt;
  base::ByteVector message = base::to_vector(parts_.join().bytes());
  const auto header = isakmp::Header::parse(message);
  if (!header || header->length != message.size()) return std::nullopt;
  return message;
}

// ---- in ----

bool Machine::takes_fragments(const IsakmpSa& sa) {
  // The answer to our first message says itself that the peer makes them.
  if (sa.initiator && sa.state == State::kOffered)
    return sa.connection->config.fragmentation != Fragmentation::kNo;
  return sa.fragmentation;
}

void Machine::receive_fragment(const session::Datagram& datagram,
                               const isakmp::MessageView& message) {
  const auto fragment = isakmp::read_v1_fragment(message);
  if (!fragment) return broken(fragment.error());
  const isakmp::Header& h = message.header();
  IsakmpSa* sa = h.responder_spi.value() == 0 ? nullptr : find_by_cookies(h);
  if (sa == nullptr) return broken({isakmp::V1Rule::kCookie, "of a fragment"});
  touch(*sa);
  if (!is_from_peer(*sa, datagram)) return drop(IkeDrop::kSpiMismatch);
  if (!takes_fragments(*sa)) return drop(IkeDrop::kFragmentNotAgreed);
  const Fragments::Origin origin{datagram.remote, h.responder_spi, fragment->id};
  if (!sa->fragments || sa->fragments->origin() != origin) {
    sa->fragments.reset();
    sa->fragments = std::make_unique<Fragments>(
        origin, now() + services_.settings.retransmission.total(),
        sa->phase1 ? session::kMaxStrangersOctets : session::kMaxFragmentedOctets,
        fragment_budget_);
  }
  if (sa->fragments->has(*fragment)) return drop(IkeDrop::kFragmentRepeated);
  if (!sa->fragments->add(*fragment)) {
    sa->fragments.reset();
    return drop(IkeDrop::kFragmentLimit);
  }
  auto whole = sa->fragments->whole();
  if (!whole) return;
  sa->fragments.reset();
  const session::Datagram joined{datagram.local, datagram.remote, *std::move(whole)};
  const auto inside = isakmp::read_v1_message(joined.data);
  if (!inside) return broken(inside.error());
  const isakmp::Header& inner = inside->header();
  if (inner.initiator_spi != h.initiator_spi || inner.responder_spi != h.responder_spi ||
      inner.next_payload == isakmp::PayloadType::kV1Fragment)
    return broken({isakmp::V1Rule::kFragment, "what they hold is not of this ISAKMP SA"});
  receive_whole(joined, *inside, true);
}

// ---- out ----

void Machine::put_out(const IsakmpSa& sa, const base::ByteVector& message) {
  const session::ConnectionConfig& c = sa.connection->config;
  const bool may =
      c.fragmentation == Fragmentation::kForce || (sa.fragmentation && session::makes_fragments(c));
  const std::size_t most = session::largest_message(c, sa.remote.address.family());
  if (!may || message.size() <= most) return services_.send(sa.local, sa.remote, message);
  services_.send_all(sa.local, sa.remote, isakmp::cut_v1_message(message, sa.exchange, most));
}

}  // namespace penstock::ikev1
