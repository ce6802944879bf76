// SPDX-License-Identifier: BSD-3-Clause
// The whole packet path. An input is a list of steps: frames as they are, frames whose headers are
// made right so that what lies behind is reached, ESP that the peer has sealed around octets of the
// fuzzer's, the same damaged or in fragments, time, and changes of SAs, policies and neighbours.
// Each input runs twice, over memory that held different octets before: what is sent and what is
// dropped must be the same, so nothing is ever read that did not arrive.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "lib/net/ethernet.h"
#include "lib/net/ipv6.h"
#include "tests/fuzz/dataplane/fuzz_gateway.h"
#include "tests/fuzz/dataplane/fuzz_packets.h"

namespace {

using namespace penstock;
using base::Bytes;
using base::ByteVector;
using fuzz::FuzzGateway;

constexpr std::size_t kMaxSteps = 48;
constexpr std::size_t kMaxPacket = 1600;

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
        return send(port, in_.take(in_.u16()), detail);
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
    const std::uint8_t place = in_.u8();
    const fuzz::Places& to = (place & 0x80U) != 0 ? fuzz::places6() : fuzz::places4();
    // Whom IKE writes to has one host's address, and not one of the link alone.
    gateway_.inject(to[(place & 15U) % fuzz::kForwarded], detail == 3, in_.take(in_.u16()));
  }

  /// @param detail  4: with the VLAN's tag; 6: with one of another VLAN, or of none
  void send(unsigned port, Bytes packet, unsigned detail = 0) {
    net::EthernetHeader link{fuzz::mac_of(port), fuzz::mac_of(0x80 + port),
                             fuzz::is_v6(packet) ? net::kEtherTypeIpv6 : net::kEtherTypeIpv4};
    if (fuzz::is_v6(packet)) {  // RFC 2464 §7
      const auto& ip = *reinterpret_cast<const net::Ipv6Header*>(packet.data());
      if (net::is_multicast_v6(ip.destination)) link.destination = net::group_mac(ip.destination);
    }
    ByteVector frame = base::to_vector(base::bytes_of(link));
    if ((detail & 4U) != 0) {
      const std::uint16_t number = (detail & 2U) != 0 ? in_.u16() : fuzz::kVlanTag;
      const net::VlanTag tag{net::kEtherTypeVlan, number};
      const Bytes octets = base::bytes_of(tag);
      frame.insert(frame.begin() + offsetof(net::EthernetHeader, ether_type), octets.begin(),
                   octets.end());
    }
    frame.insert(frame.end(), packet.begin(), packet.end());
    gateway_.put(port, frame);
  }

  /// 2: headers right; 3: addresses of the world and checksums too; 4: likewise, in fragments.
  void send_sound(unsigned port, unsigned what, unsigned detail) {
    const std::uint8_t addresses = in_.u8();
    const std::uint16_t piece = what == 4 ? in_.u16() : std::uint16_t{0};
    ByteVector packet = in_.take(in_.u16());
    if (what >= 3) fuzz::place(packet, addresses);
    fuzz::make_sound(packet);
    if (what >= 3) fuzz::set_upper_checksum(packet);
    if (what == 4)
      send_fragments(port, packet, piece, detail);
    else
      send(port, packet, detail);
  }

  /// In order, backwards, one twice, or one missing.
  void send_fragments(unsigned port, const ByteVector& packet, std::uint16_t piece,
                      unsigned detail) {
    std::vector<ByteVector> pieces = fuzz::cut(packet, piece % 1024U);
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

  /// From the peer of SA 0, for the SPI that was offered.
  void send_larval() {
    fuzz::Making making{.larval = true};
    making.sequence = in_.u16();
    making.addresses = in_.u8();
    ByteVector text = in_.take(in_.u16());
    send(fuzz::kWan, gateway_.seal(0, std::move(text), making));
  }

  /// 5: an inner packet, made sound and padded; 6: the same, and damaged on the way; 7: what is
  /// carried is the fuzzer's, and ESP's trailer; 8: an inner packet, in fragments. The detail: 1 a
  /// high sequence number; of damage 4: cut off; of fragments 2 and 4 as in send_fragments().
  void send_sealed(unsigned what, unsigned detail) {
    fuzz::Making making{.raw = what == 7};
    const unsigned sa = in_.u8() % fuzz::kSas;
    making.sequence = std::uint64_t{in_.u16()} << ((detail & 1U) != 0 ? 17U : 0U);
    making.addresses = in_.u8();
    making.tos = in_.u8();
    const std::uint16_t damage = what == 6 || what == 8 ? in_.u16() : std::uint16_t{0};
    ByteVector text = in_.take(in_.u16());
    if (text.size() < 2) return;
    ByteVector packet = gateway_.seal(sa, std::move(text), making);
    if (what == 6) {
      packet[damage % packet.size()] ^= std::byte{static_cast<std::uint8_t>(1U + (damage >> 11U))};
      if ((detail & 4U) != 0) packet.resize(damage % packet.size());
      fuzz::set_header_checksum(packet);
    }
    if (what == 8) return send_fragments(fuzz::kWan, packet, damage, detail);
    send(fuzz::kWan, packet);
  }

  /// One packet many times, with its identification counting: rates and tables fill up.
  void flood(unsigned port, unsigned detail) {
    const std::uint8_t addresses = in_.u8();
    ByteVector packet = in_.take(in_.u8());
    fuzz::place(packet, addresses);
    fuzz::make_sound(packet);
    for (unsigned i = 0; i < 16U << (detail >> 1U); ++i) {
      fuzz::number(packet, static_cast<std::uint16_t>(i));
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
