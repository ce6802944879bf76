// SPDX-License-Identifier: BSD-3-Clause
// A gateway with IPsec tables: inside 10.1.0.0/24 on port 0, outside 192.0.2.0/24 on port 1 with a
// peer at 192.0.2.9, behind whom 10.2.0.0/16 lies; of IPv6 2001:db8:1::/64, 2001:db8:f::/64,
// 2001:db8:f::9 and 2001:db8:2::/48, where the MTU allows it. And a peer that makes and opens ESP
// by OpenSSL.
#pragma once

#include "dataplane/ipsec_state.h"
#include "lib/base/random.h"
#include "lib/burst_crypto/chain.h"
#include "lib/ipsec/writer.h"
#include "lib/net/esp.h"
#include "tests/pipeline/harness/gateway.h"

namespace penstock::pipeline {

inline constexpr std::uint32_t kSpiOut = 0x1001;
inline constexpr std::uint32_t kSpiIn = 0x2002;
inline constexpr std::uint32_t kSlot = 5;

/// ipsec-mb; or cryptodev with the device that PENSTOCK_TEST_DEVICE names, on which the same tests
/// run: the test device gives everything back in the poll behind the enqueue.
[[nodiscard]] burst_crypto::EngineOptions test_engine();

/// An algorithm as a test names it.
struct Suite {
  std::string name;
  crypto::EncrId encr = crypto::EncrId::kAesGcm16;
  std::uint16_t key_bits = 128;
  crypto::IntegId integ = crypto::IntegId::kNone;
};

struct SpecOptions {
  policy::Direction direction = policy::Direction::kOutbound;
  std::uint32_t spi = kSpiOut;
  Suite suite{};
  bool esn = false;
  bool encap = false;
  std::uint32_t slot = kSlot;
  std::string local = "192.0.2.1";
  std::string remote = "192.0.2.9";
  std::string local_ts = "10.1.0.0/16";
  std::string remote_ts = "10.2.0.0/16";
  std::uint32_t replay_window = 64;
  policy::IpsecProtocol protocol = policy::IpsecProtocol::kEsp;
  policy::IpsecMode mode = policy::IpsecMode::kTunnel;
  policy::BundlePart bundle = policy::BundlePart::kAlone;
  std::uint32_t outer_slot = 0;
};

/// Octets that differ from key to key and repeat from run to run.
[[nodiscard]] base::ByteVector test_key(std::uint32_t spi, std::size_t octets, unsigned salt);
[[nodiscard]] policy::SaSpec make_spec(const SpecOptions& options);

class IpsecGateway {
 public:
  explicit IpsecGateway(const ipsec::WriterLimits& limits = small_limits(),
                        std::uint16_t outside_mtu = 1500, PortSpec inside = inside_port(),
                        burst_crypto::EngineOptions engine = test_engine());
  ~IpsecGateway();

  [[nodiscard]] static ipsec::WriterLimits small_limits();
  [[nodiscard]] static PortSpec inside_port() {
    return {.name = "in", .addresses = {"10.1.0.1/24", "2001:db8:1::1/64"}};
  }

  void must_install(const policy::SaSpec& spec);
  void policy(policy::PolicyAction action, std::string_view local, std::string_view remote,
              std::uint32_t slot = kSlot, std::uint32_t priority = policy::kPriorityChild);
  /// PROTECT 10.1.0.0/16 to 10.2.0.0/16 under SAs of both directions.
  void protect(const Suite& suite = {}, bool esn = false, bool encap = false);

  [[nodiscard]] std::vector<policy::SaEvent> events();
  /// The only packet that left by the port, without Ethernet; empty (and a failure) if not one.
  [[nodiscard]] ByteVector only(unsigned port);
  void expect_drop(net::DropReason reason, std::uint64_t count = 1) const;
  [[nodiscard]] ipsec::SaCounters counters_in() const;
  [[nodiscard]] ipsec::SaCounters counters_out() const;

  Gateway gateway;
  base::SeededRandom random{1};
  std::unique_ptr<burst_crypto::SessionFactory> sessions;
  std::unique_ptr<ipsec::Writer> writer;
  std::unique_ptr<dataplane::IpsecState> state;

 private:
  std::uint64_t next_policy_ = 1;
};

/// A packet from inside to behind the peer, and one the other way.
[[nodiscard]] ByteVector outbound_packet(std::size_t octets = 64, Ipv4Spec rest = {});
[[nodiscard]] ByteVector inbound_packet(std::size_t octets = 64, Ipv4Spec rest = {});

/// As it left the forwarding stage: one less to live.
[[nodiscard]] ByteVector forwarded(ByteVector packet);
/// The fragments of an IPv4 packet without options.
[[nodiscard]] std::vector<ByteVector> cut(const ByteVector& packet, unsigned mtu);
/// The payload of fragments in their order, behind the header of the first.
[[nodiscard]] ByteVector joined(const std::vector<ByteVector>& frames);

/// How the peer makes a packet; what a test breaks is set here.
struct PeerOptions {
  std::uint32_t spi = kSpiIn;
  std::uint64_t sequence = 1;
  bool esn = false;
  bool encap = false;
  std::string source = "192.0.2.9";
  std::string destination = "192.0.2.1";
  std::uint16_t source_port = 4500;
  std::uint8_t outer_tos = 0;
  std::uint8_t next_header = 4;
  ByteVector padding{};  ///< instead of 1, 2, 3 …
  int pad_length = -1;   ///< instead of the padding's
  std::size_t tfc = 0;   ///< octets behind the inner packet
};
/// AES-128-GCM-16 under test_key(spi), by OpenSSL.
[[nodiscard]] ByteVector peer_seal(Bytes inner, const PeerOptions& options = {});
/// The plaintext with padding and trailer, or empty if the ICV is wrong. `esp` starts at the SPI.
[[nodiscard]] ByteVector peer_open(Bytes esp, std::uint32_t spi, std::uint32_t sequence_high,
                                   bool esn);

/// The inner packet of what left under kSpiOut, opened by the peer; `outer` octets before the SPI.
[[nodiscard]] ByteVector inner_of(const ByteVector& sent, std::size_t outer = 20,
                                  std::uint32_t high = 0, bool esn = false);

}  // namespace penstock::pipeline
