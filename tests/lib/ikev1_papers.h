// SPDX-License-Identifier: BSD-3-Clause
// RSA certificates of the two ends of an Ikev1Pair, for authentication by encryption.
#pragma once

#include "tests/lib/authority.h"
#include "tests/lib/ikev1_pair.h"

namespace penstock::test {

struct Ikev1Papers {
  Ikev1Papers() : vault(std::make_shared<pki::Vault>()) {
    for (Entity* end : {&a, &b, &other}) {
      *end = authority.issue({.name = end == &a   ? "a"
                                      : end == &b ? "b"
                                                  : "other",
                              .key = "RSA-2048",
                              .from = base::UtcTime{},
                              .until = base::UtcTime{} + days{30}});
      auto key = pki::read_private_key(context, end->pkcs8, {});
      if (key && end != &other) vault->add_key(*std::move(key));
    }
  }
  [[nodiscard]] static bool is_a(const session::ConnectionConfig& c) {
    return c.local_addrs.front() == net::IpAddress::parse("192.0.2.1").value();
  }
  [[nodiscard]] session::Credential credential(const Entity& of) const {
    const auto facts = pki::facts_of(context, of.certificate).value();
    return {of.certificate, {}, facts.subject_der, facts.kind, facts.key, {}};
  }
  /// Makes a pair's end prove itself by encryption; identities are `a.example` and `b.example`.
  void edit(session::ConnectionConfig& c, session::AuthMethod auth) const {
    c.local.auth = c.remote.auth = auth;
    c.local.credentials = {credential(is_a(c) ? a : b)};
    c.remote.certificate = (is_a(c) ? b : a).certificate;
    c.local.id.text = is_a(c) ? "a.example" : "b.example";
    c.remote.id.text = is_a(c) ? "b.example" : "a.example";
  }

  crypto::CryptoContext context{5};
  Authority authority{5};
  Entity a, b, other;
  std::shared_ptr<pki::Vault> vault;
};

}  // namespace penstock::test
