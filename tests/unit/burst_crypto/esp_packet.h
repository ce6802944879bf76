// SPDX-License-Identifier: BSD-3-Clause
// An ESP packet in a buffer, run through an engine as the stages do it.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "lib/burst_crypto/chain.h"

namespace penstock::burst_crypto::test {

inline crypto::EncrRow encr_row(crypto::EncrId id, unsigned key_bits) {
  const crypto::EncrRow* row = crypto::find_encr(id, static_cast<std::uint16_t>(key_bits));
  EXPECT_NE(row, nullptr);
  return *row;
}
inline crypto::IntegRow integ_row(crypto::IntegId id) {
  const crypto::IntegRow* row = crypto::find_integ(id);
  EXPECT_NE(row, nullptr);
  return *row;
}

/// Of the chain of this name (chain.h).
inline SessionFactory& factory(std::string_view engine = "ipsec-mb") {
  static const auto ipsec_mb = make_sessions({.name = "ipsec-mb"}).value();
  static const auto openssl = make_sessions({.name = "openssl"}).value();
  return engine == "openssl" ? *openssl : *ipsec_mb;
}

/// A session with its keys; neither moves.
struct Keyed {
  Session session;
  KeyMaterial keys;
  SessionFactory* sessions;

  explicit Keyed(SessionFactory& made_by) : sessions(&made_by) {}
  ~Keyed() { sessions->release(session, keys); }
  Keyed(const Keyed&) = delete;
  Keyed& operator=(const Keyed&) = delete;

  static std::unique_ptr<Keyed> make(const crypto::EncrRow& encr, const crypto::IntegRow* integ,
                                     CipherDirection direction, bool esn, base::Bytes enc_key,
                                     base::Bytes auth_key, std::string_view engine = "ipsec-mb") {
    auto keyed = std::make_unique<Keyed>(factory(engine));
    const auto built = keyed->sessions->build({.encr = &encr,
                                               .integ = integ,
                                               .direction = direction,
                                               .esn = esn,
                                               .enc_key = enc_key,
                                               .auth_key = auth_key},
                                              keyed->session, keyed->keys);
    EXPECT_TRUE(built) << (built ? "" : built.error().text);
    return keyed;
  }
};

/// One packet: header, IV, text, room for the ICV; and its job.
struct EspPacket {
  base::ByteVector bytes;
  Job job;

  /// @param text  plaintext with padding and trailer
  static EspPacket to_seal(const Keyed& keyed, base::Bytes spi, base::Bytes sequence,
                           base::Bytes nonce, base::Bytes text) {
    EspPacket p;
    p.append(spi);
    p.append(sequence.last(4));
    p.bytes.resize(8U + keyed.session.iv_octets);
    if (keyed.session.iv_octets == 8) std::ranges::copy(nonce.last(8), p.bytes.begin() + 8);
    p.append(text);
    p.bytes.resize(p.bytes.size() + keyed.session.icv_octets);
    p.fill(keyed, sequence, nonce);
    return p;
  }
  static EspPacket to_open(const Keyed& keyed, base::Bytes packet, base::Bytes sequence,
                           base::Bytes nonce) {
    EspPacket p;
    p.append(packet);
    p.fill(keyed, sequence, nonce);
    return p;
  }

  [[nodiscard]] base::Bytes text(const Keyed& keyed) const {
    return base::Bytes(bytes).subspan(8U + keyed.session.iv_octets, job.cipher_octets);
  }

 private:
  void append(base::Bytes more) { bytes.insert(bytes.end(), more.begin(), more.end()); }
  void fill(const Keyed& keyed, base::Bytes sequence, base::Bytes nonce) {
    job = Job{};
    job.session = &keyed.session;
    job.esp = base::u8(bytes.data());
    job.cipher_octets = static_cast<std::uint32_t>(bytes.size() - 8U - keyed.session.iv_octets -
                                                   keyed.session.icv_octets);
    std::copy_n(base::u8(nonce.data()), nonce.size(), job.nonce);
    if (sequence.size() == 8) std::copy_n(base::u8(sequence.data()), 4, job.sequence_high);
    std::uint8_t* aad = std::copy_n(job.esp, 4, job.aad);
    if (keyed.session.esn()) aad = std::copy_n(job.sequence_high, 4, aad);
    std::copy_n(job.esp + 4, 4, aad);
  }
};

inline JobStatus run(Engine& engine, EspPacket& packet) {
  packet.job.esp = base::u8(packet.bytes.data());
  EXPECT_EQ(engine.process(std::span(&packet.job, 1)), 1U);
  return packet.job.status;
}

}  // namespace penstock::burst_crypto::test
