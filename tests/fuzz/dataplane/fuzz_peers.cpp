// SPDX-License-Identifier: BSD-3-Clause
// ESP and AH as the peers make them (RFC 4303 §3.3, RFC 4302 §3.3), around whatever the fuzzer has.
#include "tests/fuzz/dataplane/fuzz_peers.h"

#include <cstring>

#include "lib/net/ah.h"
#include "lib/net/esp.h"
#include "lib/net/ipv4.h"
#include "lib/net/udp.h"

namespace penstock::fuzz {

namespace {

net::Spi spi_in(unsigned index, const Making& making) {
  return making.larval ? making.larval_spi : spi_of(policy::Direction::kInbound, index);
}

burst_crypto::Job job_of(const burst_crypto::Session& session, std::uint64_t sequence,
                         std::uint8_t* at, std::size_t octets) {
  burst_crypto::Job job;
  job.session = &session;
  job.esp = at;
  job.cipher_octets = static_cast<std::uint32_t>(octets);
  const base::Be32 high{static_cast<std::uint32_t>(sequence >> 32U)};
  std::memcpy(job.sequence_high, &high, sizeof(high));
  std::memcpy(job.nonce, session.salt, sizeof(session.salt));
  for (std::size_t i = 0; i < 8; ++i)
    job.nonce[4 + i] = static_cast<std::uint8_t>(sequence >> (i % 8 * 8));
  return job;
}

net::IpAddress peer_of(unsigned index) { return must(net::IpAddress::parse(rows()[index].peer)); }

}  // namespace

void make_inner(unsigned index, ByteVector& packet, std::uint8_t addresses) {
  place(packet, addresses);
  if (rows()[index].transport)
    set_addresses(packet, peer_of(index), our_address(kWan, is_v6(packet)));
  make_sound(packet);
  set_upper_checksum(packet);
}

FuzzPeers::FuzzPeers(const burst_crypto::SessionFactory& sessions)
    : engine_(must(sessions.make_engine(kPeersWorker))) {
  for (unsigned i = 0; i < kSas; ++i) {
    const SaRow& row = rows()[i];
    const ByteVector enc = key_of(i, row.key_octets, 0);
    const ByteVector auth = key_of(i, row.auth_octets, 1);
    sas_[i] = std::make_unique<PeerSa>();
    must(sessions.build(
        {.encr = row.ah() ? nullptr : crypto::find_encr(row.encr, row.key_bits),
         .integ = row.integ == crypto::IntegId::kNone ? nullptr : crypto::find_integ(row.integ),
         .direction = burst_crypto::CipherDirection::kSeal,
         .esn = row.esn,
         .enc_key = enc,
         .auth_key = auth},
        sas_[i]->session, sas_[i]->keys));
  }
}

void FuzzPeers::process(burst_crypto::Job& job) {
  (void)engine_->process({&job, 1});
  PS_CHECK(job.status == burst_crypto::JobStatus::kDone);
}

ByteVector FuzzPeers::seal(unsigned index, ByteVector text, const Making& making) {
  const SaRow& row = rows()[index];
  std::uint8_t next = is_v6(text) ? net::kProtocolIpv6 : net::kProtocolIpv4;
  if (!making.raw && row.transport) {
    Carried carried = carried_by(text);
    next = carried.protocol;
    text = std::move(carried.octets);
  }
  if (row.ah()) return seal_ah(index, next, text, making);
  if (!making.raw) pad(text, sas_[index]->session.block_octets, next);
  const ByteVector esp = seal_esp(index, std::move(text), making);
  if (index == kBundleEsp) return seal_ah(kBundleAh, net::kProtocolEsp, esp, making);
  const net::IpAddress peer = peer_of(index);
  const net::IpAddress& us = our_address(kWan, !peer.is_v4());
  return row.encap ? udp_packet(peer, us, net::kIkeNatPort, esp, making.tos)
                   : ip_packet(peer, us, net::kProtocolEsp, esp, making.tos);
}

ByteVector FuzzPeers::seal_esp(unsigned index, ByteVector text, const Making& making) {
  const burst_crypto::Session& session = sas_[index]->session;
  text.resize(text.size() / session.block_octets * session.block_octets);
  ByteVector esp(sizeof(net::EspHeader) + session.iv_octets);
  auto* header = reinterpret_cast<net::EspHeader*>(esp.data());
  header->spi = base::Be32{spi_in(index, making).value()};
  header->sequence = base::Be32{static_cast<std::uint32_t>(making.sequence)};
  esp.insert(esp.end(), text.begin(), text.end());
  esp.resize(esp.size() + session.icv_octets);
  burst_crypto::Job job = job_of(session, making.sequence, base::u8(esp.data()), text.size());
  // What is not of eight octets the engine writes.
  if (session.iv_octets == 8) std::memcpy(esp.data() + sizeof(net::EspHeader), job.nonce + 4, 8);
  std::memcpy(job.aad, esp.data(), sizeof(net::EspHeader));
  if (session.esn()) {  // RFC 4106 §5
    std::memcpy(job.aad + 4, job.sequence_high, 4);
    std::memcpy(job.aad + 8, esp.data() + 4, 4);
  }
  process(job);
  return esp;
}

ByteVector FuzzPeers::seal_ah(unsigned index, std::uint8_t next, Bytes payload,
                              const Making& making) {
  const burst_crypto::Session& session = sas_[index]->session;
  const net::IpAddress peer = peer_of(index);
  const std::size_t field = std::size_t{session.iv_octets} + session.icv_octets;
  const unsigned octets = net::ah_octets(static_cast<unsigned>(field),
                                         peer.is_v4() ? net::kAhAlignment : net::kAhAlignment6);
  net::AhHeader ah{};
  ah.next_header = next;
  ah.payload_length = static_cast<std::uint8_t>(octets / 4U - 2U);
  ah.spi = base::Be32{spi_in(index, making).value()};
  ah.sequence = base::Be32{static_cast<std::uint32_t>(making.sequence)};
  ByteVector body = base::to_vector(base::bytes_of(ah));
  body.resize(octets);
  body.insert(body.end(), payload.begin(), payload.end());
  ByteVector packet =
      ip_packet(peer, our_address(kWan, !peer.is_v4()), net::kProtocolAh, body, making.tos);
  ByteVector covered = packet;
  hide_mutable(covered);
  covered.resize(packet.size() + 4);  // for the engine's use
  const std::size_t at = packet.size() - body.size() + sizeof(ah);
  burst_crypto::Job job = job_of(session, making.sequence, base::u8(covered.data()), packet.size());
  job.icv_offset = static_cast<std::uint16_t>(at);
  process(job);
  std::memcpy(packet.data() + at, covered.data() + at, field);
  return packet;
}

}  // namespace penstock::fuzz
