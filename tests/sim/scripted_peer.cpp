// SPDX-License-Identifier: BSD-3-Clause
// The scripted peer builds its messages from the codec and the key derivation, without the machine.
#include "tests/sim/scripted_peer.h"

#include <algorithm>

#include "control/isakmp/payload/authentication.h"
#include "control/isakmp/payload/identification.h"
#include "control/isakmp/payload/key_exchange.h"
#include "control/isakmp/payload/nonce.h"
#include "control/isakmp/payload/sa.h"
#include "control/isakmp/payload/traffic_selectors.h"
#include "control/session/authentication.h"

namespace penstock::sim {

using isakmp::PayloadType;

bool Answer::says(isakmp::NotifyType type) const {
  return std::ranges::find(notifies, type) != notifies.end();
}

bool Answer::has(PayloadType type) const { return std::ranges::find(types, type) != types.end(); }

ScriptedPeer::ScriptedPeer(World& world)
    : from{world.a().address(), net::Port{500}},
      at{world.b().address(), net::Port{500}},
      world_(world) {
  pair_ = *crypto::dh_generate(world.crypto, crypto::DhGroupId::kX25519);
  ni_.assign(32, std::byte{0x4e});
  world.filter = [this](const ike::Datagram& d) {
    received_.push_back(d.data);
    return false;
  };
}

std::optional<Answer> ScriptedPeer::read(base::ByteVector raw) {
  Answer answer;
  answer.raw = std::move(raw);
  const auto message = isakmp::MessageView::parse(answer.raw);
  if (!message) return std::nullopt;
  answer.header = message->header();
  std::optional<isakmp::PayloadChain> inside;
  if (message->encrypted()) {
    if (!open_) return std::nullopt;
    auto plaintext = open_->open(message->encrypted()->aad, message->encrypted()->body);
    if (!plaintext) return std::nullopt;
    answer.plaintext = *std::move(plaintext);
    if (message->encrypted()->is_fragment) return answer;  // a piece has no payloads
    inside =
        *isakmp::PayloadChain::parse(message->encrypted()->inner_type, answer.plaintext.bytes());
  }
  for (const isakmp::PayloadView& p : inside ? *inside : message->payloads()) {
    answer.types.push_back(p.type);
    if (p.type == PayloadType::kNotify)
      answer.notifies.push_back(isakmp::parse_notify(p.body)->type);
  }
  return answer;
}

std::optional<Answer> ScriptedPeer::wait(base::Duration time) {
  world_.run_for(time);
  if (received_.empty()) return std::nullopt;
  return read(received_.back());
}

std::optional<Answer> ScriptedPeer::wait_new(base::Duration time) {
  received_.clear();
  return wait(time);
}

std::optional<Answer> ScriptedPeer::send_raw(base::ByteVector octets) {
  received_.clear();
  ike::Datagram d{at, from, std::move(octets)};
  world_.b().input([&](ike::Engine& e, base::Now t) { e.receive(t, d); });
  world_.run_for(base::milliseconds{200});
  if (received_.empty()) return std::nullopt;
  return read(received_.back());
}

void ScriptedPeer::append_init(isakmp::MessageBuilder& builder) {
  isakmp::append_sa(builder, connection("ab", true).proposals, {});
  isakmp::append_key_exchange(builder, pair_.group, pair_.public_value);
  isakmp::append_nonce(builder, ni_);
  if (takes_fragments) isakmp::append_notify(builder, isakmp::NotifyType::kFragmentationSupported);
  if (!behind_nat && !gateway_behind_nat) return;
  const auto hash = [&](const net::Endpoint& e) {
    return isakmp::nat_detection_hash(world_.crypto, spi_i, {}, e);
  };
  isakmp::append_notify(
      builder, isakmp::NotifyType::kNatDetectionSourceIp,
      hash({behind_nat ? net::IpAddress::v4(0x0a010203) : from.address, from.port}));
  isakmp::append_notify(
      builder, isakmp::NotifyType::kNatDetectionDestinationIp,
      hash({gateway_behind_nat ? net::IpAddress::v4(0xcb007109) : at.address, at.port}));
}

std::optional<Answer> ScriptedPeer::first_request(
    const Fill& fill, const std::function<void(isakmp::Header&)>& bend) {
  isakmp::Header h;
  h.initiator_spi = spi_i;
  h.exchange = isakmp::ExchangeType::kIkeSaInit;
  h.flags = isakmp::kFlagInitiator;
  if (bend) bend(h);
  isakmp::MessageBuilder builder(h);
  fill(builder);
  init_request_ = builder.finish();
  return send_raw(init_request_);
}

bool ScriptedPeer::exchange_init() {
  const auto answer = first_request([this](auto& b) { append_init(b); });
  if (!answer || !answer->has(PayloadType::kKeyExchange)) return false;
  const auto message = isakmp::MessageView::parse(answer->raw);
  const isakmp::PayloadChain& p = message->payloads();
  spi_r = answer->header.responder_spi;
  nr_ = base::to_vector(isakmp::parse_nonce(p.find(PayloadType::kNonce)->body)->data);
  const auto ke = isakmp::parse_key_exchange(p.find(PayloadType::kKeyExchange)->body);
  const auto shared = crypto::dh_shared_secret(world_.crypto, pair_, ke->data);
  agreed_ = session::choose_proposal(
                connection("ab", true).proposals,
                std::vector<session::OfferedProposal>{{1, {}, connection("ab", true).proposals[0]}})
                ->agreed;
  const auto algorithms = *ikev2::algorithms_of(agreed_);
  const auto seed = ikev2::skeyseed(world_.crypto, *algorithms.prf, {ni_, nr_}, shared->bytes());
  keys_ = ikev2::derive_ike_keys(world_.crypto, algorithms, seed.bytes(), {ni_, nr_}, spi_i, spi_r);
  seal_ = *crypto::SkCipher::create(world_.crypto, *algorithms.encr, nullptr, keys_.ei.bytes(), {});
  open_ = *crypto::SkCipher::create(world_.crypto, *algorithms.encr, nullptr, keys_.er.bytes(), {});
  return true;
}

base::ByteVector ScriptedPeer::sealed(isakmp::ExchangeType exchange, std::uint32_t id,
                                      const Fill& fill) {
  return seal(exchange, id, isakmp::kFlagInitiator, fill);
}

base::ByteVector ScriptedPeer::sealed_answer(isakmp::ExchangeType exchange, std::uint32_t id,
                                             const Fill& fill) {
  return seal(exchange, id, isakmp::kFlagInitiator | isakmp::kFlagResponse, fill);
}

isakmp::MessageBuilder ScriptedPeer::build(isakmp::ExchangeType exchange, std::uint32_t id,
                                           std::uint8_t flags, const Fill& fill) const {
  isakmp::Header h;
  h.initiator_spi = spi_i;
  h.responder_spi = spi_r;
  h.exchange = exchange;
  h.flags = flags;
  h.message_id = isakmp::MessageId{id};
  isakmp::MessageBuilder builder(h);
  fill(builder);
  return builder;
}

base::ByteVector ScriptedPeer::seal(isakmp::ExchangeType exchange, std::uint32_t id,
                                    std::uint8_t flags, const Fill& fill) {
  return build(exchange, id, flags, fill).seal(*seal_, ++sealed_, random_);
}

std::vector<base::ByteVector> ScriptedPeer::fragments(isakmp::ExchangeType exchange,
                                                      std::uint32_t id, const Fill& fill,
                                                      std::size_t most_octets) {
  const base::ByteVector train = build(exchange, id, isakmp::kFlagInitiator, fill)
                                     .seal_fragments(*seal_, sealed_, random_, most_octets);
  std::vector<base::ByteVector> all;
  for (base::Bytes rest = train; !rest.empty(); rest = rest.subspan(all.back().size()))
    all.push_back(base::to_vector(isakmp::next_message(rest)));
  return all;
}

std::optional<Answer> ScriptedPeer::request(isakmp::ExchangeType exchange, const Fill& fill) {
  return send_raw(sealed(exchange, next_id++, fill));
}

void append_child(isakmp::MessageBuilder& b, const session::ChildConfig& c, base::Bytes spi) {
  if (c.is_transport()) isakmp::append_notify(b, isakmp::NotifyType::kUseTransportMode);
  crypto::Proposals both = c.esp_proposals;
  both.insert(both.end(), c.ah_proposals.begin(), c.ah_proposals.end());
  isakmp::append_sa(b, both, spi);
  isakmp::append_traffic_selectors(b, PayloadType::kTsInitiator, session::to_wire(c.local_ts));
  isakmp::append_traffic_selectors(b, PayloadType::kTsResponder, session::to_wire(c.remote_ts));
}

Fill ScriptedPeer::authentication(std::string_view secret_text) {
  const auto identity = *policy::Identity::parse(name);
  const auto type = static_cast<std::uint8_t>(identity.type);
  base::ByteVector body = isakmp::identification_body(type, identity.data);
  body[1] = id_reserved;  // RFC 7296 §3.5
  const auto auth =
      session::psk_auth(world_.crypto, *ikev2::algorithms_of(agreed_)->prf,
                        base::as_bytes(secret_text), {init_request_, nr_, body, keys_.pi.bytes()});
  return [this, body, auth = base::to_vector(auth.bytes())](isakmp::MessageBuilder& b) {
    b.append(PayloadType::kIdInitiator, body);
    isakmp::append_authentication(b, isakmp::AuthenticationMethod::kSharedKey, auth);
    base::ByteWriter spi;
    spi.u32(spi_in.value());
    append_child(b, asks, spi.bytes());
    if (refuses_padding) isakmp::append_notify(b, isakmp::NotifyType::kEspTfcPaddingNotSupported);
  };
}

std::optional<Answer> ScriptedPeer::authenticate(std::string_view secret_text) {
  return request(isakmp::ExchangeType::kIkeAuth, authentication(secret_text));
}

}  // namespace penstock::sim
