// SPDX-License-Identifier: BSD-3-Clause
// Admission stands between the bridge and the exchanges: a first request that does not pass costs a
// hash and a short answer.
#include "control/ike/admission.h"

#include <algorithm>

#include "control/isakmp/payload/nonce.h"
#include "control/isakmp/payload/notify.h"
#include "lib/base/byte_io.h"
#include "lib/crypto/prf.h"

namespace penstock::ike {

using isakmp::NotifyType;
using session::IkeDrop;

namespace {
constexpr std::size_t kSecretOctets = 32;
}

void Admission::rotate() {
  const base::MonoTime now = services_.now.mono;
  if (!secret_.empty() && now - rotated_ < kCookieSecretLife) return;
  const bool stale = secret_.empty() || now - rotated_ >= 2 * kCookieSecretLife;
  former_ = stale ? base::SecretBytes() : std::move(secret_);
  secret_ = base::SecretBytes(kSecretOctets);
  services_.random.fill(secret_.mutable_bytes());
  ++version_;
  rotated_ = now;
}

base::ByteVector Admission::make(std::uint8_t version, base::Bytes secret,
                                 const net::Endpoint& source,
                                 const isakmp::MessageView& message) const {
  const isakmp::PayloadView* nonce = message.payloads().find(isakmp::PayloadType::kNonce);
  base::ByteWriter spi;
  spi.u64(message.header().initiator_spi.value());
  // RFC 7296 §2.6: <VersionIDofSecret> | Hash(Ni | IPi | SPIi | <secret>)
  const base::SecretBytes mac = crypto::prf(
      services_.crypto, *crypto::find_prf(crypto::PrfId::kHmacSha256), secret,
      {nonce != nullptr ? nonce->body : base::Bytes{}, source.address.bytes(), spi.bytes()});
  base::ByteVector cookie{std::byte{version}};
  cookie.insert(cookie.end(), mac.bytes().begin(), mac.bytes().end());
  return cookie;
}

base::ByteVector Admission::cookie_for(const net::Endpoint& source,
                                       const isakmp::MessageView& message) {
  rotate();
  return make(version_, secret_.bytes(), source, message);
}

Admission::Cookie Admission::check_cookie(const net::Endpoint& source,
                                          const isakmp::MessageView& message) {
  const auto notify = isakmp::find_notify(message.payloads(), NotifyType::kCookie);
  if (!notify) return Cookie::kNone;
  rotate();
  if (notify->data.empty()) return Cookie::kBad;
  const auto version = std::to_integer<std::uint8_t>(notify->data.front());
  const base::SecretBytes& secret = version == version_ ? secret_ : former_;
  const bool known = version == version_ ||
                     (version == static_cast<std::uint8_t>(version_ - 1) && !former_.empty());
  if (!known) return Cookie::kBad;
  const base::ByteVector wanted = make(version, secret.bytes(), source, message);
  return base::equal_constant_time(notify->data, wanted) ? Cookie::kGood : Cookie::kBad;
}

Admission::Verdict Admission::judge(const session::SessionTable& table, const net::Endpoint& source,
                                    const isakmp::MessageView& message) {
  const auto drop = [&](IkeDrop why) {
    services_.drops.count(why);
    return Verdict::kDrop;
  };
  if (table.half_open() >= limits_.half_open) return drop(IkeDrop::kHalfOpenLimit);
  if (services_.jobs_full()) return drop(IkeDrop::kJobLimit);
  const std::size_t of_source = table.half_open_of(source.address);
  // What others forge in a peer's name must not keep it out: it is refused only once it proved
  // that it is there.
  if (table.half_open() < limits_.cookie_threshold && of_source < limits_.cookie_per_source)
    return Verdict::kAccept;
  switch (check_cookie(source, message)) {
    case Cookie::kGood:
      if (of_source >= limits_.half_open_per_source) return drop(IkeDrop::kHalfOpenSourceLimit);
      return Verdict::kAcceptProved;
    case Cookie::kNone:
      services_.drops.count(IkeDrop::kCookieRequired);
      return Verdict::kAskCookie;
    case Cookie::kBad:
      break;
  }
  // §2.6: a cookie by a secret that is gone: a new one is asked for.
  services_.drops.count(IkeDrop::kCookieInvalid);
  return Verdict::kAskCookie;
}

}  // namespace penstock::ike
