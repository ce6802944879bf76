// SPDX-License-Identifier: BSD-3-Clause
// What every engine's factory has in common: refusals, and the head of a session. Runs on the
// control core when an SA is installed, never per packet.
#include "lib/burst_crypto/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "lib/base/check.h"
#include "lib/base/secret.h"

namespace penstock::burst_crypto {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;
using crypto::CipherKind;
using crypto::EncrId;

bool is_aead(const crypto::EncrRow& encr) { return encr.icv_octets != 0; }

Result<void> check_keys(const SessionSpec& spec) {
  if (spec.encr != nullptr) {
    const crypto::EncrRow& encr = *spec.encr;
    const std::size_t octets = encr.key_bits / 8U + encr.salt_octets;
    if (spec.enc_key.size() != octets)
      return fail(ErrorCode::kMalformed,
                  fmt::format("{} takes an encryption key of {} octets ({} of them salt), not {}",
                              encr.name, octets, encr.salt_octets, spec.enc_key.size()));
  }
  const std::size_t octets =
      spec.integ != nullptr ? std::size_t{spec.integ->key_octets} + spec.integ->salt_octets : 0;
  if (spec.auth_key.size() != octets)
    return fail(ErrorCode::kMalformed,
                fmt::format("{} takes an integrity key of {} octets, not {}",
                            spec.integ != nullptr ? spec.integ->name : spec.encr->name, octets,
                            spec.auth_key.size()));
  return {};
}

Result<void> check(const SessionFactory& factory, const SessionSpec& spec) {
  PS_CHECK(spec.encr != nullptr || spec.integ != nullptr);
  const auto refuse = [](std::string text) { return fail(ErrorCode::kUnsupported, text); };
  if (spec.encr != nullptr) {
    const crypto::EncrRow& encr = *spec.encr;
    if (is_aead(encr) && spec.integ != nullptr)
      return refuse(fmt::format("{} protects integrity itself: no {} beside it (RFC 4303 §3.2.3)",
                                encr.name, spec.integ->name));
    // RFC 8221 §4: encryption without integrity is never used.
    if (!is_aead(encr) && spec.integ == nullptr)
      return refuse(
          fmt::format("{} needs an integrity algorithm beside it (RFC 8221 §4)", encr.name));
    if (spec.integ != nullptr && spec.integ->salt_octets != 0)
      return refuse(
          fmt::format("{} is an integrity algorithm of AH only (RFC 4543 §5.3)", spec.integ->name));
  }
  if (!factory.supports({spec.encr, spec.integ}))
    return refuse(
        fmt::format("the {} engine has no {}{}{}", factory.name(),
                    spec.encr != nullptr ? spec.encr->name : spec.integ->name,
                    spec.encr != nullptr && spec.integ != nullptr ? " with " : "",
                    spec.encr != nullptr && spec.integ != nullptr ? spec.integ->name : ""));
  return check_keys(spec);
}

SessionKind kind_of(const SessionSpec& spec) {
  if (spec.encr == nullptr)
    return spec.integ->salt_octets != 0 ? SessionKind::kGmac : SessionKind::kNull;
  switch (spec.encr->kind) {
    case CipherKind::kAuthOnly:
      return SessionKind::kGmac;
    case CipherKind::kBlock:
      return SessionKind::kCbc;
    case CipherKind::kCounter:
      return SessionKind::kCtr;
    case CipherKind::kNull:
      return SessionKind::kNull;
    case CipherKind::kAead:
      break;
  }
  switch (spec.encr->id) {
    case EncrId::kChaCha20Poly1305:
      return SessionKind::kChaCha;
    case EncrId::kAesCcm8:
    case EncrId::kAesCcm12:
    case EncrId::kAesCcm16:
      return SessionKind::kCcm;
    default:
      return SessionKind::kGcm;
  }
}

}  // namespace

base::Bytes cipher_key(const SessionSpec& spec) {
  return spec.encr != nullptr ? spec.enc_key.first(spec.encr->key_bits / 8U)
                              : spec.auth_key.first(spec.integ->key_octets);
}

Result<void> begin_session(const SessionFactory& factory, const SessionSpec& spec, Session& session,
                           KeyMaterial& keys) {
  PS_TRY(check(factory, spec));
  session = Session{};
  session.keys = &keys;
  session.kind = kind_of(spec);
  session.direction = spec.direction;
  session.ah = spec.encr == nullptr;
  session.aad_octets = spec.esn ? 12 : 8;
  session.key_octets = static_cast<std::uint8_t>(cipher_key(spec).size());
  session.icv_octets = spec.integ != nullptr ? spec.integ->icv_octets : spec.encr->icv_octets;
  session.iv_octets = session.ah ? spec.integ->iv_octets : spec.encr->iv_octets;
  session.block_octets =
      session.ah ? std::uint8_t{1} : std::max<std::uint8_t>(spec.encr->block_octets, 4);
  const std::size_t salt = session.ah ? spec.integ->salt_octets : spec.encr->salt_octets;
  const base::Bytes all = session.ah ? spec.auth_key : spec.enc_key;
  if (salt != 0)  // of no octets at all memcpy wants an address too, and NULL has no key
    std::memcpy(session.salt + sizeof(session.salt) - salt, all.last(salt).data(), salt);
  return {};
}

void SessionFactory::release(Session& session, KeyMaterial& keys) const {
  base::wipe(std::as_writable_bytes(std::span(&keys, 1)));
  base::wipe(std::as_writable_bytes(std::span(session.salt)));
}

}  // namespace penstock::burst_crypto
