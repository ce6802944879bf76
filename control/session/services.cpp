// SPDX-License-Identifier: BSD-3-Clause
// Services: book-keeping of what is under way outside the engine (jobs, installations, SPIs).
#include "control/session/services.h"

#include <algorithm>

#include "control/isakmp/message_builder.h"

namespace penstock::session {

std::optional<net::Spi> SpiStore::take() {
  if (free_.empty()) {
    target_ = std::min(target_ * 2, kSpiStoreMost);
    return std::nullopt;
  }
  const net::Spi spi = free_.front();
  free_.pop_front();
  return spi;
}

void SpiStore::grant(const std::vector<net::Spi>& spis) {
  asked_ = false;
  free_.insert(free_.end(), spis.begin(), spis.end());
}

std::uint32_t SpiStore::to_ask() {
  if (asked_ || closed_ || free_.size() * 2 > target_) return 0;
  asked_ = true;
  return static_cast<std::uint32_t>(target_ - free_.size());
}

std::vector<net::Spi> SpiStore::release() {
  closed_ = true;
  std::vector<net::Spi> all(free_.begin(), free_.end());
  free_.clear();
  return all;
}

policy::ChildSlot Slots::allocate(Slot slot) {
  // Slots index a table of the data plane, so they are used again, the longest unused first.
  constexpr std::size_t kRest = 64;
  std::uint32_t id = 0;
  if (free_.size() > kRest) {
    id = free_.front();
    free_.pop_front();
  } else {
    id = ++last_;
  }
  slots_.emplace(id, slot);
  return policy::ChildSlot{id};
}

Slot* Slots::find(policy::ChildSlot id) {
  const auto found = slots_.find(id.value());
  return found == slots_.end() ? nullptr : &found->second;
}

void Slots::release(policy::ChildSlot id) {
  if (slots_.erase(id.value()) != 0) free_.push_back(id.value());
}

void Services::send_all(const net::Endpoint& local, const net::Endpoint& remote,
                        base::Bytes messages) {
  while (!messages.empty()) {
    const base::Bytes one = isakmp::next_message(messages);
    send(local, remote, base::to_vector(one));
    messages = messages.subspan(one.size());
  }
}

JobId Services::start_job(const JobOwner& owner, Job job) {
  const JobId id{++last_job_};
  jobs_.emplace(id, owner);
  emit(StartJob{id, std::move(job)});
  return id;
}

std::optional<JobOwner> Services::take_job(JobId id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return std::nullopt;
  JobOwner owner = found->second;
  owner.id = id;
  jobs_.erase(found);
  return owner;
}

SaToken Services::new_token(const TokenOwner& owner) {
  const SaToken token{++last_token_};
  tokens_.emplace(token, owner);
  return token;
}

std::optional<TokenOwner> Services::take_token(SaToken token) {
  const auto found = tokens_.find(token);
  if (found == tokens_.end()) return std::nullopt;
  const TokenOwner owner = found->second;
  tokens_.erase(found);
  return owner;
}

base::ByteVector Services::random_bytes(std::size_t octets) {
  base::ByteVector bytes(octets);
  random.fill(bytes);
  return bytes;
}

base::Duration Services::shortened(base::Duration base, base::Duration jitter) {
  const base::Duration most = std::min(jitter, base);
  if (most.count() <= 0) return base;
  return base - base::Duration{static_cast<base::Duration::rep>(
                    random.below(static_cast<std::uint64_t>(most.count()) + 1))};
}

bool Services::allows(Allowance what) {
  if (allowances_.take(what, now.mono)) return true;
  // A withheld log line takes nothing from the peer.
  if (what != Allowance::kReport) drops.count(IkeDrop::kStrangerRate);
  return false;
}

std::optional<net::Spi> Services::take_spi() {
  const auto spi = spis.take();
  ask_for_spis();
  return spi;
}

void Services::grant_spis(const std::vector<net::Spi>& granted) {
  spis.grant(granted);
  if (granted.empty()) spis_due_ = now.mono + kSpiRetry;
}

void Services::ask_for_spis() {
  if (spis_due_ && now.mono < *spis_due_) return;
  spis_due_.reset();
  const std::uint32_t count = spis.to_ask();
  if (count != 0) emit(NeedSpis{count});
}

}  // namespace penstock::session
