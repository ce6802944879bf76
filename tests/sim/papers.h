// SPDX-License-Identifier: BSD-3-Clause
// Two engines with certificates under one root: what tests of both versions of IKE set up.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "control/session/signatures.h"
#include "tests/lib/authority.h"
#include "tests/sim/world.h"

namespace penstock::sim {

/// The World begins at the epoch.
inline constexpr base::UtcTime kFrom{base::seconds{0}};
inline constexpr base::UtcTime kUntil = kFrom + std::chrono::days{30};

/// Certificates of both ends under a root and an authority.
struct Papers {
  explicit Papers(const char* key_a = "P-256", const char* key_b = "P-256") {
    a = issue("a", key_a);
    b = issue("b", key_b);
  }
  test::Entity issue(const std::string& name, const char* key) {
    return authority.issue({.name = name,
                            .key = key,
                            .issuer = &middle,
                            .alternatives = "DNS:" + name + ".example",
                            .from = kFrom,
                            .until = kUntil});
  }
  test::Authority authority;
  test::Entity root =
      authority.issue({.name = "root", .authority = true, .from = kFrom, .until = kUntil});
  test::Entity middle = authority.issue(
      {.name = "middle", .issuer = &root, .authority = true, .from = kFrom, .until = kUntil});
  test::Entity a, b;
};

/// Both ends of a world with their papers.
class PaperEnds {
 protected:
  session::Credential credential(const Papers& papers, const test::Entity& entity) {
    const auto facts = pki::facts_of(context_, entity.certificate);
    const auto above = pki::facts_of(context_, papers.root.certificate);
    EXPECT_TRUE(facts && above);
    return {entity.certificate,  {papers.middle.certificate},
            facts->subject_der,  facts->kind,
            facts->key,          {above->sha1_id},
            {above->subject_der}};
  }
  pki::TrustSet trust(const Papers& papers) const {
    pki::TrustSet t;
    t.anchors = {papers.root.certificate};
    t.crls = crls;
    return t;
  }

  /// One end: it proves itself by `local` and asks the other for `remote`.
  void set_up(World& w, const Papers& papers, bool is_a, session::AuthMethod local,
              session::AuthMethod remote) {
    session::ConnectionConfig c = connection("ab", is_a);
    c.keyingtries = 1;
    c.children.push_back(child("net", is_a));
    const test::Entity& entity = is_a ? papers.a : papers.b;
    pki::Vault vault;
    c.local.auth = local;
    c.remote.auth = remote;
    if (session::AuthMethod::kPsk != local) {
      c.local.credentials = {credential(papers, entity)};
      auto key = pki::read_private_key(context_, entity.pkcs8, {});
      ASSERT_TRUE(key.has_value());
      vault.add_key(*std::move(key));
    }
    if (session::AuthMethod::kPsk != remote) {
      c.remote.trust = vault.add_trust(trust(papers));
      const auto root = pki::facts_of(context_, papers.root.certificate);
      c.remote.authorities = {root->sha1_id};
      c.remote.authority_names = {root->subject_der};
    }
    if (session::encrypts(remote)) c.remote.certificate = (is_a ? papers.b : papers.a).certificate;
    if (change) change(c, is_a);
    Node& node = w.node(is_a ? 0 : 1);
    node.vault = std::make_shared<const pki::Vault>(std::move(vault));
    node.configuration = [c] {
      ike::ConfigChange all;
      all.connections.push_back(c);
      all.secrets.push_back(secret());
      return all;
    };
    node.boot();
  }
  void set_up(World& w, const Papers& papers,
              session::AuthMethod method = session::AuthMethod::kPubkey) {
    set_up(w, papers, true, method, method);
    set_up(w, papers, false, method, method);
  }

  /// @return what `up` answers
  base::Result<std::string> up(World& w, base::Duration most = base::seconds{60}) {
    const auto id = w.a().command(ike::Command::Kind::kUp, "ab");
    if (!w.run_until([&] { return w.a().replies.contains(id); }, most))
      return base::fail(base::ErrorCode::kTimeout, "no answer");
    w.run_for(base::seconds{1});
    return w.a().replies.at(id);
  }
  void expect_up(World& w) {
    const auto answer = up(w);
    EXPECT_TRUE(answer.has_value()) << answer.error().text;
    EXPECT_EQ(w.a().established(), 1U);
    EXPECT_EQ(w.b().live_children(), 1U);
    EXPECT_EQ(w.faults_at_rest(), std::vector<std::string>{});
  }
  void expect_refused(World& w, Node& by, std::string_view why) {
    EXPECT_FALSE(up(w).has_value());
    std::string said;
    for (const ike::Report& r : by.reports) said += r.text + "\n";
    EXPECT_NE(said.find(why), std::string::npos) << said;
    EXPECT_EQ(w.a().established() + w.b().established(), 0U);
    EXPECT_EQ(w.a().live_children() + w.b().live_children(), 0U);
  }
  static bool said(const Node& node, std::string_view what) {
    return std::ranges::any_of(
        node.reports, [&](const ike::Report& r) { return r.text.find(what) != std::string::npos; });
  }

  std::vector<base::ByteVector> crls;
  std::function<void(session::ConnectionConfig&, bool)> change;

 private:
  crypto::CryptoContext context_{3};
};

}  // namespace penstock::sim
