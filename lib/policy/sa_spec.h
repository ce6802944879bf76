// SPDX-License-Identifier: BSD-3-Clause
// SaSpec: what was negotiated or keyed by hand for one direction, as a plain value. lib/ipsec
// builds from it what a worker needs (InboundSa, OutboundSa); nothing else goes to the data plane.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/secret.h"
#include "lib/crypto/algorithms.h"
#include "lib/net/address.h"
#include "lib/policy/traffic_selector.h"

namespace penstock::policy {

enum class Direction : std::uint8_t { kInbound, kOutbound };
enum class IpsecProtocol : std::uint8_t { kEsp, kAh };
enum class IpsecMode : std::uint8_t { kTunnel, kTransport };
/// AH around ESP, both of one policy.
enum class BundlePart : std::uint8_t {
  kAlone,
  kInner,  ///< the ESP
  kOuter,  ///< the AH
};

/// A place in the SPD's action that outlives its SAs: a child of a connection (or one manual pair).
/// A rekey switches the slot's outbound SA and never touches the SPD (design §4.5). 0 is no slot.
using ChildSlot = base::Strong<struct ChildSlotTag, std::uint32_t>;
/// An interface of route-based tunnels; 0 for now.
using InterfaceId = base::Strong<struct InterfaceIdTag, std::uint32_t>;

/// RFC 3948: ESP in UDP between these ports.
struct UdpEncapsulation {
  net::Port local;
  net::Port remote;
  friend bool operator==(const UdpEncapsulation&, const UdpEncapsulation&) = default;
};

/// RFC 4301 §4.4.2.1. 0: no limit. Time limits are the control plane's own deadlines; these are
/// counted by the data plane and come back as events.
struct TrafficLifetime {
  std::uint64_t soft_bytes = 0;
  std::uint64_t hard_bytes = 0;
  std::uint64_t soft_packets = 0;
  std::uint64_t hard_packets = 0;
};

/// What the tunnel header takes from the inner one (RFC 4301 §5.1.2), and what is done to inner
/// packets so that they suit the tunnel.
enum class DfBit : std::uint8_t { kCopy, kSet, kClear };
/// Instead of a size: what fits the tunnel's path.
inline constexpr std::uint16_t kFitsTunnel = 0xffff;
struct TunnelHeader {
  DfBit df = DfBit::kCopy;
  bool copy_dscp = true;
  bool copy_ecn = true;   ///< RFC 6040 normal mode; false: compatibility mode
  std::uint8_t dscp = 0;  ///< used when not copied
  std::uint8_t ttl = 64;
  bool flow_label = false;          ///< outer IPv6: of the inner flow (RFC 6438); false: none
  bool cut_before = false;          ///< IPv4 that is too big: cut before it is sealed, not after
  std::uint16_t clamp_mss = 0;      ///< of TCP, both ways; 0: left alone
  std::uint16_t tfc_padding = 0;    ///< inner packets are padded to so many octets (RFC 4303 §2.7)
  std::uint16_t dummy_packets = 0;  ///< a second (RFC 4303 §2.6), of ESP in tunnel mode alone
  friend bool operator==(const TunnelHeader&, const TunnelHeader&) = default;
};

/// One SA in one direction. Move-only: it holds the keys.
struct SaSpec {
  Direction direction = Direction::kInbound;
  IpsecProtocol protocol = IpsecProtocol::kEsp;
  IpsecMode mode = IpsecMode::kTunnel;
  net::Spi spi;
  net::Vrf vrf;
  InterfaceId interface_id;
  ChildSlot slot;
  net::IpAddress local;   ///< our outer address: destination inbound, source outbound
  net::IpAddress remote;  ///< the peer's
  std::optional<UdpEncapsulation> encap;
  /// Both inbound SAs of a bundle name one slot. Outbound, the policy's slot is the inner one's,
  /// and `outer_slot` of the inner one is the slot of the outer one.
  BundlePart bundle = BundlePart::kAlone;
  ChildSlot outer_slot;

  crypto::EncrId encr{};            ///< with its key length; of ESP
  std::uint16_t encr_key_bits = 0;  ///< without the salt
  crypto::IntegId integ{};          ///< kNone for an AEAD
  base::SecretBytes enc_key;        ///< key, then salt for GCM, CCM, CTR, GMAC and ChaCha20
  base::SecretBytes auth_key;       ///< of AES-GMAC in AH key, then salt
  bool esn = false;
  /// Outbound, ciphers with a counter for an IV: added to the sequence number. Keys that are used
  /// once need none; those that come again after a restart need one that never comes again.
  std::uint64_t iv_start = 0;
  std::uint32_t replay_window = 64;  ///< packets; 0: no check (RFC 4303 §3.4.3), inbound only

  TrafficSelectors local_ts;   ///< what lies behind us
  TrafficSelectors remote_ts;  ///< what lies behind the peer
  TrafficLifetime lifetime;
  TunnelHeader tunnel_header;
  /// AH over IPv4, outbound: of whole words of 32 bits (RFC 4302 §2.6); false: of 64 bits, which
  /// Linux wants unless its own `align4` is set.
  bool align4 = true;
  std::string name;  ///< "connection/child" or the manual SA's name, for show and logs
};

}  // namespace penstock::policy
