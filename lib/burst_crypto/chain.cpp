// SPDX-License-Identifier: BSD-3-Clause
// A chain of two engines: each session knows whose it is, and a burst goes to them in runs, as a
// rule in a single one.
#include "lib/burst_crypto/chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lib/burst_crypto/ipsec_mb.h"
#include "lib/burst_crypto/openssl.h"

namespace penstock::burst_crypto {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;

constexpr std::array kEngines{
    EngineRow{kIpsecMbName, [](unsigned) { return make_ipsec_mb_sessions(); },
              [](unsigned) { return make_ipsec_mb_engine(); }},
    EngineRow{kOpensslName, make_openssl_sessions, make_openssl_engine},
};

Result<const EngineRow*> find_engine(std::string_view name) {
  const auto* row = std::ranges::find(kEngines, name, &EngineRow::name);
  if (row == kEngines.end())
    return fail(ErrorCode::kUnsupported, fmt::format("there is no engine '{}'", name));
  return row;
}

class ChainSessions final : public SessionFactory {
 public:
  ChainSessions(std::unique_ptr<SessionFactory> first, std::unique_ptr<SessionFactory> second)
      : links_{std::move(first), std::move(second)} {}

  std::string_view name() const override { return links_[0]->name(); }
  bool supports(const SessionRows& rows) const override {
    return links_[0]->supports(rows) || links_[1]->supports(rows);
  }
  Result<void> build(const SessionSpec& spec, Session& session, KeyMaterial& keys) const override {
    const std::uint8_t link = links_[0]->supports({spec.encr, spec.integ}) ? 0 : 1;
    PS_TRY(links_[link]->build(spec, session, keys));
    session.engine = link;
    return {};
  }
  void release(Session& session, KeyMaterial& keys) const override {
    links_[session.engine]->release(session, keys);
  }

 private:
  std::array<std::unique_ptr<SessionFactory>, 2> links_;
};

class ChainEngine final : public Engine {
 public:
  ChainEngine(std::unique_ptr<Engine> first, std::unique_ptr<Engine> second)
      : links_{std::move(first), std::move(second)} {}

  std::string_view name() const override { return links_[0]->name(); }

  std::size_t process(std::span<Job> jobs) override {
    std::size_t done = 0;
    while (!jobs.empty()) {
      const std::uint8_t link = jobs[0].session->engine;
      std::size_t run = 1;
      while (run < jobs.size() && jobs[run].session->engine == link) ++run;
      done += links_[link]->process(jobs.first(run));
      jobs = jobs.subspan(run);
    }
    return done;
  }

 private:
  std::array<std::unique_ptr<Engine>, 2> links_;
};

}  // namespace

std::span<const EngineRow> engine_table() { return kEngines; }

Result<std::unique_ptr<SessionFactory>> make_sessions(std::string_view name, unsigned workers) {
  PS_ASSIGN(const EngineRow* row, find_engine(name));
  PS_ASSIGN(auto first, row->sessions(workers));
  if (name == kOpensslName) return first;
  PS_ASSIGN(auto second, make_openssl_sessions(workers));
  return std::make_unique<ChainSessions>(std::move(first), std::move(second));
}

Result<std::unique_ptr<Engine>> make_engine(std::string_view name, unsigned worker) {
  PS_ASSIGN(const EngineRow* row, find_engine(name));
  PS_ASSIGN(auto first, row->engine(worker));
  if (name == kOpensslName) return first;
  PS_ASSIGN(auto second, make_openssl_engine(worker));
  return std::make_unique<ChainEngine>(std::move(first), std::move(second));
}

}  // namespace penstock::burst_crypto
