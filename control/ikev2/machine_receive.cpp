// SPDX-License-Identifier: BSD-3-Clause
// Machine, part four: protected messages before they are read. Requests that come again, those
// that come before there are keys, and what is within SK, or within all the fragments of a message
// (RFC 7383 §2.6).
#include <algorithm>
#include <numeric>

#include "control/ikev2/machine.h"

namespace penstock::ikev2 {

using session::EndReason;
using session::IkeDrop;

// RFC 7296 §2.1: the last request may come again, octet for octet.
void Machine::repeat_answer(IkeSa& sa, const session::Datagram& datagram,
                            const isakmp::MessageView& message) {
  const auto& sk = message.encrypted();
  const bool fragment = sk && sk->is_fragment;
  // RFC 7383 §2.6.1: of its fragments only the first asks for the answer.
  if (fragment && sk->fragment != 1) return drop(IkeDrop::kFragmentRepeated);
  if (!sa.answered.is_repetition(message.bytes())) {
    // RFC 7383 §2.4, §2.5.2: whose request is not answered may cut it anew.
    const bool anew = fragment && sa.fragmentation && sa.open && sa.open->open(sk->aad, sk->body);
    if (!anew) return drop(IkeDrop::kNotIdentical);
    sa.answered.recognise(message.bytes());
  }
  if (sa.answered.response().empty()) return drop(IkeDrop::kRequestInProgress);
  drop(IkeDrop::kDuplicateRequest);
  services_.send_all(datagram.local, datagram.remote, sa.answered.response());
}

// The responder makes the shared secret when the first protected message proves that its sender
// got our answer: strangers cost one key pair and no more.
void Machine::hold(IkeSa& sa, const session::Datagram& datagram,
                   const isakmp::MessageView& message) {
  std::vector<session::Datagram>& held = sa.handshake->held;
  const bool fragment = message.encrypted()->is_fragment;
  if (fragment && !sa.fragmentation) return drop(IkeDrop::kFragmentNotAgreed);
  if (held.empty()) {
    if (services_.jobs_full()) return drop(IkeDrop::kJobLimit);
    services_.start_job({sa.serial, true},
                        session::ComputeSharedSecret{std::move(sa.handshake->pair),
                                                     std::move(sa.handshake->peer_public)});
  } else {
    // None is verified yet: what is held says nothing of what comes, but how much there is.
    if (!fragment) return drop(IkeDrop::kRequestInProgress);
    const std::size_t octets =
        std::accumulate(held.begin(), held.end(), datagram.data.size(),
                        [](std::size_t sum, const auto& d) { return sum + d.data.size(); });
    if (held.size() >= isakmp::kMaxFragments || octets > session::kMaxStrangersOctets)
      return drop(IkeDrop::kFragmentLimit);
  }
  held.push_back(datagram);
}

void retry_held_request(Machine& machine, IkeSa& sa) {
  if (!sa.handshake) return;
  const std::vector<session::Datagram> all = std::exchange(sa.handshake->held, {});
  for (const session::Datagram& held : all) {
    const auto message = isakmp::MessageView::parse(held.data);
    if (message && sa.state != State::kDead) machine.receive_request(sa, held, *message);
  }
}

std::optional<OpenedMessage> Machine::open_message(IkeSa& sa,
                                                   std::unique_ptr<Reassembly>& fragments,
                                                   const isakmp::MessageView& message) {
  const isakmp::EncryptedView& sk = *message.encrypted();
  if (sk.is_fragment) return collect(sa, fragments, message);
  auto plaintext = sa.open->open(sk.aad, sk.body);
  if (!plaintext) {
    drop(IkeDrop::kIntegrity);
    return std::nullopt;
  }
  sa.last_heard = now();
  fragments.reset();
  OpenedMessage whole{sk.inner_type, *std::move(plaintext), {}};
  whole.beginning.begin(message.bytes());
  return whole;
}

// The checks are those of RFC 7383 §2.6, in its order; MessageView has made the first two.
std::optional<OpenedMessage> Machine::collect(IkeSa& sa, std::unique_ptr<Reassembly>& fragments,
                                              const isakmp::MessageView& message) {
  const isakmp::EncryptedView& fragment = *message.encrypted();
  const auto lost = [this](IkeDrop why) {
    drop(why);
    return std::nullopt;
  };
  if (!sa.fragmentation) return lost(IkeDrop::kFragmentNotAgreed);
  if (fragment.fragments_total > isakmp::kMaxFragments) return lost(IkeDrop::kFragmentLimit);
  const std::size_t known = fragments ? fragments->total() : 0;
  if (fragment.fragments_total < known) return lost(IkeDrop::kFragmentOutdated);
  if (fragments && fragments->has(fragment)) return lost(IkeDrop::kFragmentRepeated);
  auto content = sa.open->open(fragment.aad, fragment.body);
  if (!content) return lost(IkeDrop::kIntegrity);
  sa.last_heard = now();
  if (fragment.fragments_total > known) {
    // A new attempt of the peer's. It is given up when the peer gives up, if it is as we are.
    const base::MonoTime until = now() + services_.settings.retransmission.total();
    fragments = std::make_unique<Reassembly>(
        until, sa.handshake ? session::kMaxStrangersOctets : session::kMaxFragmentedOctets,
        fragment.fragments_total);
  }
  if (!fragments->add(fragment, *std::move(content), message.bytes())) {
    // §5: an attack or a broken peer, and what comes is not what it may not say.
    fragments.reset();
    drop(IkeDrop::kFragmentLimit);
    const std::string why = "the peer's message is too long";
    if (message.header().is_response() || sa.handshake) {
      end_in_doubt(sa, why);
    } else {
      delete_ike(sa, EndReason::kExpired);
    }
    return std::nullopt;
  }
  if (!fragments->complete()) return std::nullopt;
  OpenedMessage whole = fragments->take();
  fragments.reset();
  return whole;
}

}  // namespace penstock::ikev2
