// SPDX-License-Identifier: BSD-3-Clause
// PlainTunnel: sealing under an SA of the common shape, ESP in tunnel mode over IPv4 (RFC 4303
// §3.1.2) without traffic flow padding. What the packets of a run share is read once: octets that
// are stored in between might be any field's, for all that the compiler knows.
#pragma once

#include <bit>
#include <cstring>

#include "dataplane/seal.h"

namespace penstock::dataplane {

static_assert(std::endian::native == std::endian::little, "header words are put together in lanes");

class PlainTunnel {
 public:
  /// Of any SA; its packets may be sealed here if is_plain(sa).
  explicit PlainTunnel(const OutboundSa& sa)
      : session_(&sa.session),
        path_(sa.prefix.path.load(std::memory_order_relaxed)),
        spi_(word32(sa.wire_spi())),
        salt_(word32(sa.session.salt)),
        protocol_(word16(sa.prefix.front + 8)),
        source_(word32(sa.prefix.front + 12)),
        destination_(static_cast<std::uint32_t>(path_)),
        header_sum_(sa.header_sum + (ipsec::TunnelPrefix::destination(path_) >> 16U) +
                    (ipsec::TunnelPrefix::destination(path_) & 0xffffU)),
        iv_start_(sa.iv_start),
        identification_(sa.identification),
        version_(sa.prefix.front[0]),
        tos_copied_(sa.tos_copied),
        tos_set_(sa.tos_set),
        udp_(sa.prefix_octets != sizeof(net::Ipv4Header)),
        esn_(sa.session.esn()),
        iv_octets_(sa.session.iv_octets),
        icv_octets_(sa.session.icv_octets),
        block_(sa.session.block_octets) {}

  [[nodiscard]] static bool is_plain(const OutboundSa& sa) {
    return sa.shape == 0 && !sa.v6 && sa.tfc_padding == 0;
  }

  /// As seal ESP in general. @return false: no room in the buffer
  [[nodiscard, gnu::always_inline]] bool seal(dpdk::Packet* packet, std::uint64_t sequence,
                                              std::uint16_t fragment,
                                              burst_crypto::Job& job) const {
    dpdk::PacketMeta& meta = dpdk::meta(packet);
    const unsigned octets = packet->data_len;
    if (dpdk::headroom(packet) < dpdk::kSealHeadroom + dpdk::kLinkHeadroom ||
        dpdk::tailroom(packet) < dpdk::kSealTailroom) [[unlikely]]
      return false;
    std::uint8_t* inner = base::u8(dpdk::data(packet));
    const unsigned text = (octets + unsigned{sizeof(net::EspTrailer)} + block_ - 1) & -block_;
    put_trailer(inner + octets, text - octets - unsigned{sizeof(net::EspTrailer)}, meta);

    const unsigned outer =
        udp_ ? sizeof(net::Ipv4Header) + sizeof(net::UdpHeader) : sizeof(net::Ipv4Header);
    const unsigned front = outer + unsigned{sizeof(net::EspHeader)} + iv_octets_;
    const unsigned total = front + text + icv_octets_;
    std::uint8_t* out = inner - front;
    const auto tos = static_cast<std::uint8_t>((meta.tos & tos_copied_) | tos_set_);
    put_ip(out, total, sequence, fragment, tos);
    const std::uint64_t counter = iv_start_ + sequence;
    put_esp(out, total, sequence, counter);
    packet->data_off = static_cast<std::uint16_t>(packet->data_off - front);
    dpdk::resize(packet, total);
    fill(job, packet, out + outer, text, sequence, counter);
    describe(meta, total, outer, fragment, tos);
    return true;
  }

 private:
  static std::uint16_t word16(const std::uint8_t* p) {
    std::uint16_t word;
    std::memcpy(&word, p, sizeof(word));
    return word;
  }
  static std::uint32_t word32(const std::uint8_t* p) {
    std::uint32_t word;
    std::memcpy(&word, p, sizeof(word));
    return word;
  }
  template <class Word>
  static void put(std::uint8_t* at, Word word) {
    std::memcpy(at, &word, sizeof(word));
  }
  static std::uint64_t wire(unsigned value) {
    return __builtin_bswap16(static_cast<std::uint16_t>(value));
  }

  static void put_trailer(std::uint8_t* end, unsigned padding, const dpdk::PacketMeta& meta) {
    std::memcpy(end, kPadding.data(), kPadding.size());
    put(end + padding,
        static_cast<std::uint16_t>(padding | unsigned{kNextHeaders[meta.ip_version & 7U]} << 8U));
  }
  /// The header in words (RFC 791 §3.1), its checksum by RFC 1071.
  void put_ip(std::uint8_t* out, unsigned total, std::uint64_t sequence, std::uint16_t fragment,
              std::uint8_t tos) const {
    const auto identification = static_cast<std::uint16_t>(identification_ + sequence);
    std::uint32_t sum = header_sum_ + tos + total + identification + fragment;
    sum = (sum & 0xffffU) + (sum >> 16U);
    sum = (sum & 0xffffU) + (sum >> 16U);
    put(out, std::uint64_t{version_} | std::uint64_t{tos} << 8U | wire(total) << 16U |
                 wire(identification) << 32U | wire(fragment) << 48U);
    put(out + 8,
        std::uint64_t{protocol_} | wire(~sum & 0xffffU) << 16U | std::uint64_t{source_} << 32U);
    put(out + 16, path_);
  }
  /// UDP's length (RFC 3948 §2.1) or not, SPI, sequence number, and the IV of counter modes.
  void put_esp(std::uint8_t* out, unsigned total, std::uint64_t sequence,
               std::uint64_t counter) const {
    if (udp_) {
      put(out + 24, wire(total - unsigned{sizeof(net::Ipv4Header)}) | std::uint64_t{spi_} << 32U);
      out += sizeof(net::UdpHeader);
    }
    put(out + 24, __builtin_bswap32(static_cast<std::uint32_t>(sequence)));
    if (iv_octets_ == sizeof(std::uint64_t)) put(out + 28, __builtin_bswap64(counter));
  }
  void fill(burst_crypto::Job& job, dpdk::Packet* packet, std::uint8_t* esp, unsigned text,
            std::uint64_t sequence, std::uint64_t counter) const {
    const std::uint64_t number = __builtin_bswap64(sequence);
    job.session = session_;
    job.esp = esp;
    job.packet = packet;
    job.cipher_octets = text;
    put(job.sequence_high, static_cast<std::uint32_t>(number));
    put(job.nonce, salt_);
    put(job.nonce + 4, __builtin_bswap64(counter));
    put(job.aad, spi_);
    // RFC 4106 §5: the whole number as it counts.
    if (esn_)
      put(job.aad + 4, number);
    else
      put(job.aad + 4, static_cast<std::uint32_t>(number >> 32U));
    job.status = burst_crypto::JobStatus::kPending;
  }
  void describe(dpdk::PacketMeta& meta, unsigned total, unsigned outer, std::uint16_t fragment,
                std::uint8_t tos) const {
    meta.source = __builtin_bswap32(source_);
    meta.destination = __builtin_bswap32(destination_);
    meta.source_port = 0;
    meta.destination_port = 0;
    meta.protocol = static_cast<std::uint8_t>(protocol_ >> 8U);
    meta.ip_version = 4;
    meta.header_length = sizeof(net::Ipv4Header);
    meta.total_length = static_cast<std::uint16_t>(total);
    meta.tos = tos;
    meta.payload_offset = static_cast<std::uint16_t>(outer);
    mark_sealed(meta);
    meta.flags = (meta.flags & ~kInnerFlags) | (fragment != 0 ? dpdk::kDontFragment : 0U);
  }

  const burst_crypto::Session* session_;
  std::uint64_t path_;
  std::uint32_t spi_;  ///< wire order, as the three behind it
  std::uint32_t salt_;
  std::uint16_t protocol_;  ///< with the TTL in front of it
  std::uint32_t source_;
  std::uint32_t destination_;
  std::uint32_t header_sum_;
  std::uint64_t iv_start_;
  std::uint16_t identification_;
  std::uint8_t version_;
  std::uint8_t tos_copied_;
  std::uint8_t tos_set_;
  bool udp_;
  bool esn_;
  unsigned iv_octets_;
  unsigned icv_octets_;
  unsigned block_;
};

}  // namespace penstock::dataplane
