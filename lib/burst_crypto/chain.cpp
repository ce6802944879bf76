// SPDX-License-Identifier: BSD-3-Clause
// A chain of engines: each session knows whose it is, and a burst goes to them in runs, as a rule
// in a single one.
#include "lib/burst_crypto/chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "lib/base/log.h"
#include "lib/burst_crypto/cryptodev.h"
#include "lib/burst_crypto/ipsec_mb.h"
#include "lib/burst_crypto/openssl.h"

namespace penstock::burst_crypto {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;

/// An engine's place is behind those that it stands in for; the last one has everything.
constexpr std::array kEngines{
    EngineRow{kCryptodevName, make_cryptodev_sessions, true},
    EngineRow{kIpsecMbName, make_ipsec_mb_sessions, false},
    EngineRow{kOpensslName, make_openssl_sessions, false},
};

/// The first link may be asynchronous, the others are not.
class ChainEngine final : public Engine {
 public:
  explicit ChainEngine(std::vector<std::unique_ptr<Engine>> links) : links_(std::move(links)) {
    for (const auto& link : links_)
      if (link->name() == kIpsecMbName) key_lines_ = link->key_lines();
  }

  std::string_view name() const override { return links_[0]->name(); }

  std::size_t process(std::span<Job> jobs) override {
    std::size_t done = 0;
    for (std::size_t first = 0; first < jobs.size();) {
      const std::uint8_t link = jobs[first].session->engine;
      std::size_t end = first + 1;
      while (end < jobs.size() && jobs[end].session->engine == link) ++end;
      const std::size_t ended = links_[link]->process(jobs.subspan(first, end - first));
      // Some of an earlier run may be under way: those that ended close up.
      if (done != first)
        std::copy_n(jobs.begin() + static_cast<std::ptrdiff_t>(first), ended,
                    jobs.begin() + static_cast<std::ptrdiff_t>(done));
      done += ended;
      first = end;
    }
    return done;
  }
  std::size_t completed(CipherDirection direction, std::span<Job> out) override {
    return links_[0]->completed(direction, out);
  }
  bool pending(CipherDirection direction) const override { return links_[0]->pending(direction); }
  std::span<const FifoProgress> fifos() const override { return links_[0]->fifos(); }

 private:
  std::vector<std::unique_ptr<Engine>> links_;
};

class ChainSessions final : public SessionFactory {
 public:
  explicit ChainSessions(std::vector<std::unique_ptr<SessionFactory>> links)
      : links_(std::move(links)) {}

  std::string_view name() const override { return links_[0]->name(); }
  bool supports(const SessionRows& rows) const override {
    return std::ranges::any_of(links_, [&](const auto& link) { return link->supports(rows); });
  }
  Result<void> build(const SessionSpec& spec, Session& session, KeyMaterial& keys) const override {
    std::size_t link = 0;
    while (link + 1 < links_.size() && !links_[link]->supports({spec.encr, spec.integ})) ++link;
    PS_TRY(links_[link]->build(spec, session, keys));
    session.engine = static_cast<std::uint8_t>(link);
    return {};
  }
  void release(Session& session, KeyMaterial& keys) const override {
    links_[session.engine]->release(session, keys);
  }
  Result<std::unique_ptr<Engine>> make_engine(unsigned worker) const override {
    std::vector<std::unique_ptr<Engine>> engines;
    for (const auto& link : links_) {
      PS_ASSIGN(auto engine, link->make_engine(worker));
      engines.push_back(std::move(engine));
    }
    return std::make_unique<ChainEngine>(std::move(engines));
  }
  bool supervise(dpdk::RcuDomain& rcu, base::Log& log) override {
    return links_[0]->supervise(rcu, log);
  }

  /// What the first engine lacks, by the names of the algorithms.
  [[nodiscard]] std::string lacking() const {
    std::string names;
    const auto ask = [&](std::string_view name, const SessionRows& rows) {
      if (!links_[0]->supports(rows)) names += fmt::format("{}{}", names.empty() ? "" : " ", name);
    };
    for (const crypto::EncrRow& row : crypto::encr_table())
      if (row.for_esp) ask(row.name, {&row, nullptr});
    for (const crypto::IntegRow& row : crypto::integ_table())
      if (row.for_ipsec) ask(row.name, {nullptr, &row});
    return names;
  }

 private:
  std::vector<std::unique_ptr<SessionFactory>> links_;
};

}  // namespace

std::span<const EngineRow> engine_table() { return kEngines; }

Result<std::unique_ptr<SessionFactory>> make_sessions(const EngineOptions& options) {
  const auto* row = std::ranges::find(kEngines, options.name, &EngineRow::name);
  if (row == kEngines.end())
    return fail(ErrorCode::kUnsupported, fmt::format("there is no engine '{}'", options.name));
  std::vector<std::unique_ptr<SessionFactory>> links;
  std::string names;
  for (; row != kEngines.end(); ++row) {
    PS_ASSIGN(auto link, row->sessions(options));
    links.push_back(std::move(link));
    if (links.size() > 1) names += fmt::format("{}{}", names.empty() ? "" : ", then ", row->name);
  }
  if (links.size() == 1) return std::move(links.front());
  auto chain = std::make_unique<ChainSessions>(std::move(links));
  if (const std::string lacking = chain->lacking(); options.log != nullptr && !lacking.empty())
    options.log->write(base::LogLevel::kInfo, "burst_crypto",
                       fmt::format("{} lacks {}: SAs with one of them are carried by {}",
                                   options.name, lacking, names));
  return chain;
}

}  // namespace penstock::burst_crypto
