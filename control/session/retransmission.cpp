// SPDX-License-Identifier: BSD-3-Clause
// Retransmission on both sides of an exchange. Message ids and windows are the exchange's business;
// the engine's deadlines call repeat().
#include "control/session/retransmission.h"

#include <functional>

namespace penstock::session {

base::Duration RetransmissionPolicy::wait_after(unsigned sent) const {
  double wait = std::chrono::duration<double>(base).count();
  for (unsigned i = 1; i < sent; ++i) wait *= factor;
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(wait));
}

base::Duration RetransmissionPolicy::total() const {
  base::Duration sum{};
  for (unsigned sent = 1; sent <= tries + 1; ++sent) sum += wait_after(sent);
  return sum;
}

void OutstandingMessage::start(base::ByteVector bytes, base::MonoTime now,
                               const RetransmissionPolicy& policy) {
  message = std::move(bytes);
  sent = 1;
  due = now + policy.wait_after(sent);
}

bool OutstandingMessage::repeat(base::MonoTime now, const RetransmissionPolicy& policy) {
  if (sent > policy.tries) return false;
  ++sent;
  due = now + policy.wait_after(sent);
  return true;
}

namespace {
std::uint64_t hash_of(base::Bytes bytes) {
  return std::hash<std::string_view>{}(base::as_text(bytes));
}
}  // namespace

void AnsweredRequest::begin(base::Bytes request) {
  recognise(request);
  response_.clear();
}

void AnsweredRequest::recognise(base::Bytes request) {
  request_octets_ = request.size();
  request_hash_ = hash_of(request);
}

void AnsweredRequest::remember(base::Bytes request, base::ByteVector response) {
  begin(request);
  answer(std::move(response));
}

bool AnsweredRequest::is_repetition(base::Bytes request) const {
  return request.size() == request_octets_ && hash_of(request) == request_hash_;
}

}  // namespace penstock::session
