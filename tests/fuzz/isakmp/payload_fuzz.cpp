// SPDX-License-Identifier: BSD-3-Clause
// The first octet names a payload, the rest is its body. What parses is appended to a message and
// must parse again to the same text; text is all a log sees, and it holds each field.
#include "control/isakmp/describe.h"
#include "control/isakmp/payload/authentication.h"
#include "control/isakmp/payload/certificate.h"
#include "control/isakmp/payload/configuration.h"
#include "control/isakmp/payload/delete.h"
#include "control/isakmp/payload/eap.h"
#include "control/isakmp/payload/identification.h"
#include "control/isakmp/payload/key_exchange.h"
#include "control/isakmp/payload/nonce.h"
#include "control/isakmp/payload/notify.h"
#include "control/isakmp/payload/sa.h"
#include "control/isakmp/payload/traffic_selectors.h"
#include "control/isakmp/payload/vendor_id.h"
#include "lib/base/check.h"

namespace {

using namespace penstock;
using namespace penstock::isakmp;

/// What `append` adds must be one payload of the type that reads as `wanted`.
template <class Append>
void expect_text(PayloadType type, const std::string& wanted, Append append) {
  MessageBuilder builder{Header{}};
  append(builder);
  const base::ByteVector message = builder.finish();
  const auto view = MessageView::parse(message);
  PS_CHECK(view.has_value() && view->payloads().size() == 1);
  const PayloadView& payload = view->payloads().payloads()[0];
  PS_CHECK(payload.type == type && describe(payload) == wanted);
}

void sa_again(const SaPayload& sa) {
  for (const ProposalView& view : sa.proposals) {
    PS_CHECK(!view.transforms.empty() && view.transforms.size() <= kMaxTransforms);
    const auto proposal = to_proposal(view);
    if (!proposal) continue;
    MessageBuilder builder{Header{}};
    if (proposal->to_string().empty()) continue;  // integrity NONE alone
    append_sa_choice(builder, *proposal, view.number, view.spi);
    const base::ByteVector message = builder.finish();
    const auto reread = MessageView::parse(message);
    PS_CHECK(reread.has_value());
    const auto again = parse_sa(reread->payloads().payloads()[0].body);
    PS_CHECK(again.has_value() && to_proposal(again->proposals.at(0)) == *proposal);
  }
}

void notify_again(base::Bytes body, const std::string& text) {
  const auto notify = parse_notify(body);
  if (!notify) return;
  static_cast<void>(cookie_of(*notify));
  static_cast<void>(window_size_of(*notify));
  if (const auto group = invalid_ke_group_of(*notify); group && notify->spi.empty())
    expect_text(PayloadType::kNotify, text,
                [&](MessageBuilder& b) { append_invalid_ke(b, *group); });
  if (const auto child = child_of(*notify))
    expect_text(PayloadType::kNotify, text, [&](MessageBuilder& b) {
      append_child_notify(b, notify->type, child->protocol, child->spi, notify->data);
    });
}

void again(PayloadType type, base::Bytes body, const std::string& text) {
  const auto expect = [&](auto append) { expect_text(type, text, append); };
  using B = MessageBuilder;
  switch (type) {
    case PayloadType::kSa:
      if (const auto p = parse_sa(body)) sa_again(*p);
      break;
    case PayloadType::kKeyExchange:
      if (const auto p = parse_key_exchange(body))
        expect([&](B& b) { append_key_exchange(b, p->group, p->data); });
      break;
    case PayloadType::kIdInitiator:
    case PayloadType::kIdResponder:
      if (const auto p = parse_identification(body))
        expect([&](B& b) { append_identification(b, type, p->type, p->data); });
      break;
    case PayloadType::kCertificate:
      if (const auto p = parse_certificate(body))
        expect([&](B& b) { append_certificate(b, p->encoding, p->data); });
      break;
    case PayloadType::kCertificateRequest:
      if (const auto p = parse_certificate_request(body))
        expect([&](B& b) { append_certificate_request(b, p->encoding, p->authorities); });
      break;
    case PayloadType::kAuthentication:
      if (const auto p = parse_authentication(body))
        expect([&](B& b) { append_authentication(b, p->method, p->data); });
      break;
    case PayloadType::kNonce:
      if (const auto p = parse_nonce(body)) expect([&](B& b) { append_nonce(b, p->data); });
      break;
    case PayloadType::kNotify:
      notify_again(body, text);
      break;
    case PayloadType::kDelete:
      if (const auto p = parse_delete(body)) {
        std::vector<net::Spi> spis;
        for (std::size_t i = 0; i < p->count(); ++i) spis.push_back(p->spi(i));
        if (p->protocol == ProtocolId::kIke)
          expect([&](B& b) { append_delete_ike(b); });
        else
          expect([&](B& b) { append_delete_children(b, p->protocol, spis); });
      }
      break;
    case PayloadType::kTsInitiator:
    case PayloadType::kTsResponder:
      if (const auto p = parse_traffic_selectors(body); p && p->skipped == 0)
        expect([&](B& b) { append_traffic_selectors(b, type, p->selectors); });
      break;
    case PayloadType::kConfiguration:
      if (const auto p = parse_configuration(body))
        expect([&](B& b) { append_configuration(b, p->type, p->values); });
      break;
    default:
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // 33 … 48 are all the payloads of IKEv2 with a body to read.
  const auto type = PayloadType{static_cast<std::uint8_t>(33 + data[0] % 16)};
  const base::Bytes body = base::Bytes(reinterpret_cast<const std::byte*>(data), size).subspan(1);
  const std::string text = describe(PayloadView{type, false, body, body});
  PS_CHECK(!text.empty());
  again(type, body, text);
  return 0;
}
