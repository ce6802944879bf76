// SPDX-License-Identifier: BSD-3-Clause
#include "tests/lib/ikev1_pair.h"

#include <algorithm>

#include "control/ike/engine.h"
#include "control/ikev1/protection.h"
#include "lib/base/check.h"

namespace penstock::test {

using session::Datagram;

namespace {

session::ConnectionConfig config_of(bool is_a,
                                    const std::function<void(session::ConnectionConfig&)>& edit) {
  session::ConnectionConfig c;
  c.name = "ab";
  c.version = session::IkeVersion::kIkev1;
  const auto address = [](bool of_a) {
    return net::IpAddress::parse(of_a ? "192.0.2.1" : "192.0.2.2").value();
  };
  c.local_addrs = {address(is_a)};
  c.remote_addrs = {{address(!is_a), 32}};
  c.proposals = crypto::parse_proposals(crypto::ProtocolId::kIke, "aes128-sha1-ecp256").value();
  session::ChildConfig child;
  child.name = "net";
  const auto net_of = [](bool of_a) {
    return policy::TrafficSelector::of(
        net::Prefix::parse(of_a ? "10.1.0.0/24" : "10.2.0.0/24").value());
  };
  child.local_ts = {net_of(is_a)};
  child.remote_ts = {net_of(!is_a)};
  child.esp_proposals =
      crypto::parse_proposals(crypto::ProtocolId::kEsp, "aes128-sha1-ecp256").value();
  c.children.push_back(std::move(child));
  if (edit) edit(c);
  return c;
}

}  // namespace

Ikev1End::Ikev1End(std::uint64_t seed, net::Endpoint local, session::ConnectionConfig config,
                   std::shared_ptr<const pki::Vault> vault)
    : random_(seed),
      context_(seed),
      notary_(context_, std::move(vault)),
      services(
          [&] {
            session::Settings settings;
            settings.local_addresses = {local.address};
            return settings;
          }(),
          random_, context_),
      machine(services),
      connection(services.connections.add(std::move(config))) {
  services.now = {base::MonoTime{base::seconds{1000}}, {}};
  std::vector<session::SharedSecret> secrets(1);
  const std::string_view text = "a secret that both have";
  secrets.front().secret = base::SecretBytes::copy_of(std::as_bytes(std::span(text)));
  services.secrets = session::SecretStore(std::move(secrets));
  input([&] { services.ask_for_spis(); });
}

void Ikev1End::begin(std::size_t children) {
  input([&] {
    std::vector<session::Task> tasks(children);
    for (std::size_t i = 0; i < children; ++i) {
      tasks[i].kind = session::Task::Kind::kNewChild;
      tasks[i].child = &connection.config.children.at(i);
    }
    PS_CHECK(machine.initiate(connection, std::move(tasks)) != nullptr);
  });
}

void Ikev1End::receive(const Datagram& datagram) {
  input([&] { machine.receive(datagram, false); });
}

void Ikev1End::advance(base::Duration by) {
  services.now.mono += by;
  input([&] { machine.tick(); });
}

void Ikev1End::input(const std::function<void()>& call) {
  call();
  machine.settle();
  while (!services.out.empty()) {
    session::Output output = std::move(services.out.front());
    services.out.pop_front();
    carry_out(std::move(output));
    machine.settle();
  }
  services.outcomes.clear();
}

void Ikev1End::carry_out(session::Output output) {
  const auto confirm = [&](session::SaToken token) {
    const auto owner = services.take_token(token);
    if (owner) machine.sa_result(*owner, {});
  };
  if (auto* send = std::get_if<session::SendDatagram>(&output)) {
    sent.push_back({send->datagram.remote, send->datagram.local, std::move(send->datagram.data)});
  } else if (auto* job = std::get_if<session::StartJob>(&output)) {
    jobs.push_back(job->job.index());
    const auto owner = services.take_job(job->id);
    if (owner) machine.job_done(*owner, ike::run_job(context_, notary_, std::move(job->job)));
  } else if (const auto* inbound = std::get_if<session::InstallInbound>(&output)) {
    confirm(inbound->token);
  } else if (const auto* outbound = std::get_if<session::SwitchOutbound>(&output)) {
    confirm(outbound->token);
  } else if (const auto* rule = std::get_if<session::InstallPolicy>(&output)) {
    confirm(rule->token);
  } else if (const auto* move = std::get_if<session::MoveSa>(&output)) {
    confirm(move->token);
  } else if (const auto* need = std::get_if<session::NeedSpis>(&output)) {
    std::vector<net::Spi> spis;
    for (std::uint32_t i = 0; i < need->count; ++i)
      spis.emplace_back(static_cast<std::uint32_t>(0x1000'0000U | (random_.u64() & 0xff'ffffU)));
    services.grant_spis(spis);
    machine.spis_granted();
  } else if (auto* report = std::get_if<session::Report>(&output)) {
    reports.push_back(std::move(*report));
  }
}

ikev1::IsakmpSa* Ikev1End::sa() {
  return machine.all().empty() ? nullptr : machine.all().rbegin()->second.get();
}

std::size_t Ikev1End::children() {
  std::size_t n = 0;
  for (const auto& [serial, one] : machine.all())
    n += static_cast<std::size_t>(
        std::ranges::count_if(one->children, [](const auto& c) { return c->live(); }));
  return n;
}

bool Ikev1End::said(std::string_view words) const {
  return std::ranges::any_of(
      reports, [&](const session::Report& r) { return r.text.find(words) != std::string::npos; });
}

Ikev1Pair::Ikev1Pair(std::uint64_t seed,
                     const std::function<void(session::ConnectionConfig&)>& edit,
                     const std::shared_ptr<const pki::Vault>& vault)
    : a(seed, {net::IpAddress::parse("192.0.2.1").value(), net::Port{500}}, config_of(true, edit),
        vault),
      b(seed + 1, {net::IpAddress::parse("192.0.2.2").value(), net::Port{500}},
        config_of(false, edit), vault) {}

void Ikev1Pair::run(const std::function<void(Ikev1End& to, const Datagram&, std::size_t)>& before) {
  constexpr std::size_t kMost = 64;  // of what two ends say without a clock
  for (std::size_t n = 0; n < kMost && !(a.sent.empty() && b.sent.empty()); ++n) {
    const bool from_a = !a.sent.empty();
    auto& queue = from_a ? a.sent : b.sent;
    const Datagram datagram = std::move(queue.front());
    queue.pop_front();
    Ikev1End& to = from_a ? b : a;
    if (before) before(to, datagram, n);
    to.receive(datagram);
  }
}

bool Ikev1Pair::is_up() { return a.children() == 1 && b.children() == 1; }

namespace {

base::ByteVector iv_of(Ikev1End& to, std::uint32_t message_id) {
  const ikev1::IsakmpSa& sa = *to.sa();
  const auto known = sa.exchanges.find(message_id);
  return known != sa.exchanges.end()
             ? known->second.iv
             : ikev1::phase2_iv(to.services.crypto, sa.algorithms, sa.iv, message_id);
}

}  // namespace

base::ByteVector open_phase2(Ikev1End& to, base::Bytes message) {
  const auto header = isakmp::Header::parse(message);
  const ikev1::IsakmpSa* sa = to.sa();
  if (!header || sa == nullptr || sa->state != ikev1::State::kEstablished) return {};
  base::ByteVector iv = iv_of(to, header->message_id.value());
  const auto plain =
      ikev1::decipher(to.services.crypto, *sa->algorithms.encr, sa->cipher_key.bytes(),
                      message.subspan(isakmp::kHeaderOctets), iv);
  return plain ? *plain : base::ByteVector{};
}

Datagram seal_phase2(Ikev1End& to, const Datagram& model, base::ByteVector inside,
                     std::uint32_t message_id) {
  const ikev1::IsakmpSa& sa = *to.sa();
  const auto known = sa.exchanges.find(message_id);
  const bool answer = known != sa.exchanges.end() && known->second.ours;
  const std::size_t start = sizeof(isakmp::GenericHeader) + sa.algorithms.prf->output_octets;
  // What is broken may have no end that could be found: then HASH is over all of it.
  const base::SecretBytes hash = ikev1::phase2_hash(
      to.services.crypto, *sa.algorithms.prf, sa.keys.a.bytes(), message_id,
      answer ? base::Bytes(known->second.ni) : base::Bytes{}, base::Bytes(inside).subspan(start));
  std::ranges::copy(hash.bytes(), inside.begin() + sizeof(isakmp::GenericHeader));
  base::ByteVector message = base::to_vector(base::Bytes(model.data).first(isakmp::kHeaderOctets));
  for (int i = 0; i < 4; ++i)
    message.at(20U + static_cast<unsigned>(i)) =
        static_cast<std::byte>(message_id >> (24 - 8 * i) & 0xffU);
  message.insert(message.end(), inside.begin(), inside.end());
  base::ByteVector iv = iv_of(to, message_id);
  return {model.local, model.remote,
          ikev1::encipher(to.services.crypto, *sa.algorithms.encr, sa.cipher_key.bytes(),
                          std::move(message), iv)};
}

Datagram with_v1_sa(Ikev1End& to, const Datagram& model,
                    const std::function<void(isakmp::V1SaPayload&)>& edit) {
  return with_v1_sas(to, model, [&](std::vector<isakmp::V1SaPayload>& all) { edit(all.front()); });
}

Datagram with_v1_sas(Ikev1End& to, const Datagram& model,
                     const std::function<void(std::vector<isakmp::V1SaPayload>&)>& edit) {
  const auto header = isakmp::Header::parse(model.data);
  const base::ByteVector plain = open_phase2(to, model.data);
  const auto chain = isakmp::read_v1_inside(header->next_payload, plain);
  isakmp::MessageBuilder builder(*header);
  std::vector<isakmp::V1SaPayload> sas;
  for (const isakmp::PayloadView& p : *chain)
    if (p.type == isakmp::PayloadType::kV1Sa) sas.push_back(isakmp::parse_v1_sa(p.body).value());
  edit(sas);
  for (const isakmp::PayloadView& p : *chain) {
    if (p.type != isakmp::PayloadType::kV1Sa) builder.append(p.type, p.body);
    // RFC 2409 §5.5: behind HASH.
    if (p.type == isakmp::PayloadType::kV1Hash)
      for (const isakmp::V1SaPayload& sa : sas) isakmp::append_v1_sa(builder, sa);
  }
  const base::ByteVector clear = builder.finish();
  return seal_phase2(to, model, base::to_vector(base::Bytes(clear).subspan(isakmp::kHeaderOctets)),
                     header->message_id.value());
}

}  // namespace penstock::test
