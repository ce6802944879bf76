// SPDX-License-Identifier: BSD-3-Clause
// Services: what the engine lends to the exchanges of both IKE versions: outputs, jobs, SPIs,
// slots, tokens, counters, randomness, the time of this input.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <unordered_map>

#include "control/isakmp/v1_rules.h"
#include "control/session/authentication.h"
#include "control/session/connections.h"
#include "control/session/ike_drop.h"
#include "control/session/retransmission.h"
#include "control/session/values.h"
#include "lib/base/random.h"
#include "lib/base/token_bucket.h"

namespace penstock::session {

/// Key exchanges that may wait for the job pool; above it first messages are dropped.
inline constexpr std::size_t kMaxJobs = 4096;
/// Inbound SPIs kept in store.
inline constexpr std::size_t kSpiStore = 64;
inline constexpr std::size_t kSpiStoreMost = 4096;  ///< grown to when the store ran dry
/// After the data plane had none to give it is asked again.
inline constexpr base::Duration kSpiRetry = base::seconds{1};

/// What unprotected messages may make us do (RFC 7296 §2.6, §2.21.4). Each has a budget of its own,
/// so that a flood of one kind takes nothing from the others.
enum class Allowance : std::uint8_t {
  kStray,          ///< answers to what belongs to no IKE SA, and what it hints at
  kCookie,         ///< requests for a cookie: stateless, and hardly longer than what asks for them
  kRefusal,        ///< refused first requests
  kProvedRefusal,  ///< the same, from an address that a cookie proved
  kReport,         ///< log lines of refused first requests
  kCount,
};
struct AllowanceRow {
  Allowance id;
  std::uint64_t per_second;
  std::uint64_t burst;  ///< saved up
};
inline constexpr std::array<AllowanceRow, static_cast<std::size_t>(Allowance::kCount)>
    kAllowanceTable{{
        {Allowance::kStray, 200, 400},
        {Allowance::kCookie, 20'000, 20'000},
        {Allowance::kRefusal, 200, 400},
        {Allowance::kProvedRefusal, 200, 400},
        {Allowance::kReport, 10, 50},
    }};

/// Counts what is allowed and says when it is used up.
class Allowances {
 public:
  [[nodiscard]] bool take(Allowance what, base::MonoTime now) {
    return buckets_.at(static_cast<std::size_t>(what)).take(now);
  }

 private:
  static constexpr base::TokenBucket bucket(Allowance what) {
    const AllowanceRow& row = kAllowanceTable.at(static_cast<std::size_t>(what));
    return {row.per_second, row.burst};
  }
  std::array<base::TokenBucket, static_cast<std::size_t>(Allowance::kCount)> buckets_{
      bucket(Allowance::kStray), bucket(Allowance::kCookie), bucket(Allowance::kRefusal),
      bucket(Allowance::kProvedRefusal), bucket(Allowance::kReport)};
};

class SpiStore {
 public:
  [[nodiscard]] std::optional<net::Spi> take();
  void grant(const std::vector<net::Spi>& spis);
  /// How many to ask for now; 0: enough, or asked already.
  [[nodiscard]] std::uint32_t to_ask();
  [[nodiscard]] std::size_t size() const { return free_.size(); }
  /// Empties the store, to give everything back.
  [[nodiscard]] std::vector<net::Spi> release();

 private:
  std::deque<net::Spi> free_;
  std::size_t target_ = kSpiStore;
  bool asked_ = false;
  bool closed_ = false;
};

/// A slot in the data plane and whose it is.
struct Slot {
  std::uint64_t ike_sa = 0;  ///< serial; 0: a trap's
  Connection* connection = nullptr;
  const ChildConfig* child = nullptr;
  policy::ChildSlot outer;  ///< of a bundle: where its AH seals; 0: none
  policy::PolicyId policy;
  bool policy_installed = false;
  net::Spi sealing;     ///< inbound SPI of the child SA whose outbound half seals; 0: none
  std::size_t sas = 0;  ///< child SAs that use the slot
};

class Slots {
 public:
  [[nodiscard]] policy::ChildSlot allocate(Slot slot);
  [[nodiscard]] Slot* find(policy::ChildSlot id);
  void release(policy::ChildSlot id);
  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  [[nodiscard]] policy::PolicyId next_policy() { return policy::PolicyId{++last_policy_}; }

 private:
  std::unordered_map<std::uint32_t, Slot> slots_;
  std::deque<std::uint32_t> free_;
  std::uint32_t last_ = 0;
  std::uint64_t last_policy_ = 0;
};

/// Who waits for an sa_result.
struct TokenOwner {
  enum class What : std::uint8_t { kInbound, kOutbound, kPolicy, kMove };
  What what = What::kInbound;
  policy::ChildSlot slot;  ///< finds the IKE SA, even after it was rekeyed
  net::Spi spi;            ///< the child SA's inbound SPI; 0: a standing policy
  net::Spi outer;          ///< inbound SPI of the AH around it, if it is about that
};

/// Who waits for a job.
struct JobOwner {
  std::uint64_t ike_sa = 0;
  bool for_peer = false;  ///< the peer's request, not ours
  JobId id{};
};

struct Settings {
  RetransmissionPolicy retransmission;
  std::vector<net::IpAddress> local_addresses;
  base::Duration half_open_timeout = base::seconds{30};
  std::size_t ike_sas = 200'000;
  std::size_t children_per_ike_sa = 256;
  // IKEv1 has no cookies to ask for: these alone stand between strangers and our memory.
  std::size_t half_open = 10'000;
  std::size_t half_open_per_source = 50;
};

/// Counts broken rules of RFC 2408 §5.
class V1RuleCounters {
 public:
  void count(isakmp::V1Rule rule) { ++counts_.at(static_cast<std::size_t>(rule)); }
  [[nodiscard]] std::uint64_t get(isakmp::V1Rule rule) const {
    return counts_.at(static_cast<std::size_t>(rule));
  }

 private:
  std::array<std::uint64_t, static_cast<std::size_t>(isakmp::V1Rule::kCount)> counts_{};
};

class Services {
 public:
  Services(Settings settings_in, base::RandomSource& random_in,
           const crypto::CryptoContext& crypto_in)
      : settings(std::move(settings_in)), random(random_in), crypto(crypto_in) {}

  void emit(Output output) { out.push_back(std::move(output)); }
  void note(Outcome outcome) { outcomes.push_back(std::move(outcome)); }
  void send(const net::Endpoint& local, const net::Endpoint& remote, base::ByteVector data) {
    emit(SendDatagram{{local, remote, std::move(data)}});
  }
  /// A message, or the fragments of one, each a datagram (isakmp::next_message()).
  void send_all(const net::Endpoint& local, const net::Endpoint& remote, base::Bytes messages);
  /// Names an IKE SA of either version.
  [[nodiscard]] std::uint64_t next_serial() { return ++last_serial_; }
  JobId start_job(const JobOwner& owner, Job job);
  [[nodiscard]] std::optional<JobOwner> take_job(JobId id);
  [[nodiscard]] bool jobs_full() const { return jobs_.size() >= kMaxJobs; }
  [[nodiscard]] std::size_t jobs() const { return jobs_.size(); }

  [[nodiscard]] SaToken new_token(const TokenOwner& owner);
  [[nodiscard]] std::optional<TokenOwner> take_token(SaToken token);
  [[nodiscard]] std::size_t tokens() const { return tokens_.size(); }

  [[nodiscard]] base::ByteVector random_bytes(std::size_t octets);
  /// `base` shortened by a random part of `jitter`: rekeying spreads (RFC 7296 §2.8).
  [[nodiscard]] base::Duration shortened(base::Duration base, base::Duration jitter);

  /// An inbound SPI of the store; asks for more when it runs low.
  [[nodiscard]] std::optional<net::Spi> take_spi();
  /// Takes one of what unprotected messages may make us do. A withheld answer is counted.
  [[nodiscard]] bool allows(Allowance what);

  void return_spi(net::Spi spi) { emit(ReturnSpis{{spi}}); }
  void ask_for_spis();
  /// None granted: the data plane is full.
  void grant_spis(const std::vector<net::Spi>& granted);
  /// When a data plane that was full is asked again.
  [[nodiscard]] const std::optional<base::MonoTime>& spis_due() const { return spis_due_; }

  Settings settings;
  base::RandomSource& random;
  const crypto::CryptoContext& crypto;
  base::Now now{};
  std::deque<Output> out;
  std::deque<Outcome> outcomes;
  SpiStore spis;
  Slots slots;
  Connections connections;
  SecretStore secrets;
  IkeDropCounters drops;
  V1RuleCounters v1_broken;

 private:
  std::unordered_map<JobId, JobOwner> jobs_;
  std::unordered_map<SaToken, TokenOwner> tokens_;
  Allowances allowances_;
  std::uint64_t last_serial_ = 0;
  std::uint64_t last_job_ = 0;
  std::uint64_t last_token_ = 0;
  std::optional<base::MonoTime> spis_due_;
};

}  // namespace penstock::session
