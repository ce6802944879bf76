// SPDX-License-Identifier: BSD-3-Clause
// The whole packet path. An input is a list of steps: frames as they are, frames whose headers are
// made right so that what lies behind is reached, ESP that the peer has sealed around octets of the
// fuzzer's, the same damaged or in fragments, time, and changes of SAs, policies and neighbours.
// Each input runs twice, over memory that held different octets before: what is sent and what is
// dropped must be the same, so nothing is ever read that did not arrive.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "lib/net/checksum.h"
#include "lib/net/ethernet.h"
#include "lib/net/ipv4.h"
#include "tests/fuzz/dataplane/fuzz_gateway.h"

namespace {

using namespace penstock;
using base::Bytes;
using base::ByteVector;
using fuzz::FuzzGateway;

constexpr std::size_t kMaxSteps = 48;
constexpr std::size_t kMaxPacket = 1600;

constexpr std::uint32_t kAddresses[] = {
    0x0a010009, 0x0a010001, 0x0a010042, 0x0a020009, 0x0a030009, 0x0a040009, 0x0a050009, 0x0a060009,
    0xc0000201, 0xc0000209, 0xc000020a, 0xc6336407, 0xcb007105, 0x0a01ffff, 0xe0000005, 0x0a01004d};

/// The octets of the input from front to back; nothing left reads as 0.
class Input {
 public:
  explicit Input(Bytes data) : data_(data) {}
  [[nodiscard]] bool empty() const { return data_.empty(); }
  std::uint8_t u8() {
    if (data_.empty()) return 0;
    const auto value = std::to_integer<std::uint8_t>(data_.front());
    data_ = data_.subspan(1);
    return value;
  }
  std::uint16_t u16() {
    const unsigned high = u8();
    return static_cast<std::uint16_t>(high << 8U | u8());
  }
  ByteVector take(std::size_t most) {
    const std::size_t n = std::min({most, data_.size(), kMaxPacket});
    ByteVector out = base::to_vector(data_.first(n));
    data_ = data_.subspan(n);
    return out;
  }

 private:
  Bytes data_;
};

net::Ipv4Header* header_of(ByteVector& packet) {
  return packet.size() < sizeof(net::Ipv4Header)
             ? nullptr
             : reinterpret_cast<net::Ipv4Header*>(packet.data());
}

void set_checksum(ByteVector& packet) {
  net::Ipv4Header* ip = header_of(packet);
  if (ip == nullptr || ip->header_length() < sizeof(*ip) || ip->header_length() > packet.size())
    return;
  ip->checksum = base::Be16{0};
  ip->checksum = base::Be16{net::internet_checksum(Bytes(packet).first(ip->header_length()))};
}

/// Version, lengths and checksum right; the rest is the fuzzer's.
void make_sound(ByteVector& packet) {
  net::Ipv4Header* ip = header_of(packet);
  if (ip == nullptr) return;
  const unsigned words = std::clamp<unsigned>(ip->version_ihl & 15U, 5, 15);
  ip->version_ihl = static_cast<std::uint8_t>(0x40U | (words * 4 <= packet.size() ? words : 5U));
  ip->total_length = base::Be16{static_cast<std::uint16_t>(packet.size())};
  set_checksum(packet);
}

/// Addresses of the world; a small TTL and a fragment now and then.
void place(ByteVector& packet, std::uint8_t addresses) {
  net::Ipv4Header* ip = header_of(packet);
  if (ip == nullptr) return;
  ip->source = base::Be32{kAddresses[addresses >> 4U]};
  ip->destination = base::Be32{kAddresses[addresses & 15U]};
}

class Case {
 public:
  Case(FuzzGateway& gateway, Bytes input) : gateway_(gateway), in_(input) {}

  void run() {
    for (std::size_t step = 0; step < kMaxSteps && !in_.empty(); ++step) {
      const std::uint8_t what = in_.u8();
      const bool together = (what & 0x80U) != 0;  // in one burst with the next step
      perform(what & 0x0fU, (what >> 4U) & 7U);
      if (!together) gateway_.round();
    }
  }

 private:
  void perform(unsigned what, unsigned detail) {
    const unsigned port = detail & 1U;
    switch (what) {
      case 0:
        return gateway_.put(port, in_.take(in_.u16()));
      case 1:
        return send(port, in_.take(in_.u16()));
      case 2:
      case 3:
      case 4:
        return send_sound(port, what, detail);
      case 5:
      case 6:
      case 7:
      case 8:
        return send_sealed(what, detail);
      case 9:
        return gateway_.advance(base::milliseconds{in_.u16()});
      case 10:
        return gateway_.retire_or_install(in_.u8());
      case 11:
        return gateway_.toggle_policy(in_.u8());
      case 12:
        return gateway_.toggle_neighbour();
      case 13:
        return flood(port, detail);
      case 14:
        return gateway_.toggle_route();
      default:
        return perform_rare(detail);
    }
  }

  void perform_rare(unsigned detail) {
    if (detail == 0) return gateway_.toggle_larval();
    if (detail == 1) return gateway_.stop_at_end();
    if (detail >= 4) return send_larval();
    const std::uint32_t to = kAddresses[in_.u8() & 15U];
    gateway_.inject(to, detail == 3, in_.take(in_.u16()));
  }

  void send(unsigned port, Bytes packet) {
    struct Link {
      net::EthernetHeader header;
    } link{};
    link.header.destination = FuzzGateway::mac(port);
    link.header.source = FuzzGateway::mac(0x80 + port);
    link.header.ether_type = base::Be16{net::kEtherTypeIpv4};
    ByteVector frame = base::to_vector(std::as_bytes(std::span(&link, 1)));
    frame.insert(frame.end(), packet.begin(), packet.end());
    gateway_.put(port, frame);
  }

  void send_sound(unsigned port, unsigned what, unsigned detail) {
    const std::uint8_t addresses = in_.u8();
    const std::uint16_t piece = what == 4 ? in_.u16() : std::uint16_t{0};
    ByteVector packet = in_.take(in_.u16());
    if (what >= 3) place(packet, addresses);
    make_sound(packet);
    if (what == 4)
      send_fragments(port, packet, piece, detail);
    else
      send(port, packet);
  }

  /// In pieces of `piece` octets (rounded to 8): in order, backwards, one twice, or one missing.
  void send_fragments(unsigned port, const ByteVector& packet, std::uint16_t piece,
                      unsigned detail) {
    if (packet.size() < sizeof(net::Ipv4Header)) return;
    const std::size_t header = (std::to_integer<unsigned>(packet[0]) & 15U) * 4U;
    const std::size_t size = std::max<std::size_t>(piece % 1024U / 8U * 8U, 8U);
    std::vector<ByteVector> pieces;
    for (std::size_t at = header; at < packet.size() && pieces.size() < 32; at += size) {
      const std::size_t end = std::min(at + size, packet.size());
      ByteVector fragment(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(header));
      fragment.insert(fragment.end(), packet.begin() + static_cast<std::ptrdiff_t>(at),
                      packet.begin() + static_cast<std::ptrdiff_t>(end));
      auto word = static_cast<std::uint16_t>((at - header) / 8);
      if (end < packet.size()) word |= net::kIpv4MoreFragments;
      header_of(fragment)->fragment = base::Be16{word};
      make_sound(fragment);
      pieces.push_back(std::move(fragment));
    }
    if ((detail & 2U) != 0) std::ranges::reverse(pieces);
    if ((detail & 4U) != 0 && !pieces.empty()) {
      const std::size_t which = piece % pieces.size();
      if (piece >= 0x8000U)
        pieces.push_back(pieces[which]);
      else
        pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(which));
    }
    for (const ByteVector& fragment : pieces) send(port, fragment);
  }

  /// RFC 4303 §2.4: 1, 2, 3 …; then pad length and next header.
  static void pad(ByteVector& text, std::size_t block) {
    std::uint8_t octets = 0;
    while ((text.size() + 2) % block != 0) text.push_back(std::byte{++octets});
    text.push_back(std::byte{octets});
    text.push_back(std::byte{net::kProtocolIpv4});
  }

  /// From the peer of SA 0, for the SPI that was offered.
  void send_larval() {
    const std::uint16_t sequence = in_.u16();
    const std::uint8_t addresses = in_.u8();
    ByteVector text = in_.take(in_.u16());
    place(text, addresses);
    make_sound(text);
    pad(text, gateway_.block_of(0));
    send(fuzz::kWan, gateway_.around(0, gateway_.seal(0, sequence, std::move(text), true), 0));
  }

  /// 5: an inner packet, made sound and padded; 6: the same, and damaged on the way; 7: text and
  /// trailer are the fuzzer's; 8: an inner packet, in fragments.
  void send_sealed(unsigned what, unsigned detail) {
    const unsigned sa = detail % fuzz::kSas;
    const std::uint64_t sequence = std::uint64_t{in_.u16()} << (detail >= 6 ? 17U : 0U);
    const std::uint8_t addresses = in_.u8();
    const std::uint8_t tos = in_.u8();
    const std::uint16_t damage = what == 6 || what == 8 ? in_.u16() : std::uint16_t{0};
    ByteVector text = in_.take(in_.u16());
    if (what != 7) {
      if ((tos & 0x80U) == 0) place(text, addresses);
      make_sound(text);
      pad(text, gateway_.block_of(sa));
    }
    if (text.size() < 2) return;
    ByteVector packet = gateway_.around(sa, gateway_.seal(sa, sequence, std::move(text)), tos);
    if (what == 6) {
      packet[damage % packet.size()] ^= std::byte{static_cast<std::uint8_t>(1U + (damage >> 11U))};
      if ((detail & 4U) != 0) packet.resize(damage % packet.size());
      set_checksum(packet);
    }
    if (what == 8) return send_fragments(fuzz::kWan, packet, damage, detail);
    send(fuzz::kWan, packet);
  }

  /// One packet many times, with its identification counting: rates and tables fill up.
  void flood(unsigned port, unsigned detail) {
    const std::uint8_t addresses = in_.u8();
    ByteVector packet = in_.take(in_.u8());
    place(packet, addresses);
    make_sound(packet);
    if (packet.size() < sizeof(net::Ipv4Header)) return;
    for (std::uint16_t i = 0; i < 16U << (detail >> 1U); ++i) {
      header_of(packet)->identification = base::Be16{i};
      set_checksum(packet);
      send(port, packet);
    }
  }

  FuzzGateway& gateway_;
  Input in_;
};

/// With PENSTOCK_FUZZ_SHOW in the environment: what an input led to.
void show(const fuzz::Outcome& outcome) {
  for (const auto& sent : outcome.sent)
    std::fprintf(stderr, "port %u: %s\n", sent.port, base::to_hex(sent.frame).c_str());
  for (const auto& row : net::kDropReasonTable)
    if (const auto n = outcome.dropped[static_cast<std::size_t>(row.reason)]; n != 0)
      std::fprintf(stderr, "dropped %llu: %.*s\n", static_cast<unsigned long long>(n),
                   static_cast<int>(row.name.size()), row.name.data());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto* gateway = new FuzzGateway();  // the EAL is never ended
  const Bytes input = std::as_bytes(std::span(data, size));
  fuzz::Outcome outcomes[2];
  constexpr std::uint8_t kFills[2] = {0x00, 0xa5};
  for (unsigned i = 0; i < 2; ++i) {
    gateway->begin(kFills[i]);
    Case(*gateway, input).run();
    outcomes[i] = gateway->end();
  }
  static const bool shown = std::getenv("PENSTOCK_FUZZ_SHOW") != nullptr;
  if (shown) show(outcomes[0]);
  PS_CHECK(outcomes[0] == outcomes[1]);
  return 0;
}
