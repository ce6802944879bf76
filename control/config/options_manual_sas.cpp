// SPDX-License-Identifier: BSD-3-Clause
// The options of `manual_sas`: an SA with its keys, as `ip xfrm state` has them.
#include <fmt/format.h>

#include <array>

#include "control/config/options_tunnel.h"
#include "control/config/schema.h"

namespace penstock::config {

using policy::SaSpec;

namespace {

constexpr std::string_view kTables = "lib/ipsec";
constexpr net::Port kNatTraversal{4500};  ///< RFC 3948 §2.1

constexpr std::array kDirectionWords{
    Word{.word = "in", .value = static_cast<int>(policy::Direction::kInbound)},
    Word{.word = "out", .value = static_cast<int>(policy::Direction::kOutbound)},
};
constexpr std::array kProtocolWords{
    Word{.word = "esp", .value = static_cast<int>(policy::IpsecProtocol::kEsp)},
    Word{.word = "ah", .value = static_cast<int>(policy::IpsecProtocol::kAh)},
};
constexpr std::array kModeWords{
    Word{.word = "tunnel", .value = static_cast<int>(policy::IpsecMode::kTunnel)},
    Word{.word = "transport", .value = static_cast<int>(policy::IpsecMode::kTransport)},
};

/// What the words mean depends on the protocol: check_manual_sas.cpp reads them.
void read_words(const Place& at, SaSpec& /*out*/) { (void)text_of(at); }

template <auto kMember>
void read_key(const Place& at, SaSpec& out) {
  const auto text = text_of(at);
  if (!text) return;
  auto key = parse_key(*text);
  at.wipe_text();
  if (!key) return at.fault(key.error().text);
  out.*kMember = *std::move(key);
}

void read_encap(const Place& at, SaSpec& out) {
  bool encap = false;
  Reader<bool>::read(at, encap);
  if (encap) out.encap = policy::UdpEncapsulation{kNatTraversal, kNatTraversal};
}

constexpr std::array kManualSa{
    value<&SaSpec::name>({.name = "name",
                          .text = "An `in` and an `out` of one name are a pair.",
                          .reader = kTables,
                          .required = true}),
    value<&SaSpec::direction>({.name = "direction",
                               .text = "From the peer, or to it.",
                               .reader = kTables,
                               .required = true,
                               .words = kDirectionWords}),
    value<&SaSpec::protocol>({.name = "protocol",
                              .preset = "esp",
                              .text = "IPsec protocol.",
                              .reader = kTables,
                              .words = kProtocolWords}),
    value<&SaSpec::mode>({.name = "mode",
                          .preset = "tunnel",
                          .text = "`transport` is for traffic of `local` and `remote` themselves.",
                          .reader = kTables,
                          .words = kModeWords}),
    value<&SaSpec::spi>({.name = "spi",
                         .text = "`0x1001`; 0 to 255 are reserved (RFC 4303 §2.1).",
                         .reader = kTables,
                         .required = true}),
    value<&SaSpec::local>(
        {.name = "local", .text = "Our outer address.", .reader = kTables, .required = true}),
    value<&SaSpec::remote>({.name = "remote",
                            .text = "The peer's outer address.",
                            .reader = kTables,
                            .required = true}),
    Option<SaSpec>{{.name = "proposal",
                    .kind = "proposal",
                    .text = "`aes128gcm16-esn`, `aes256-sha256`; of AH `sha256`, `aes128gmac-esn`.",
                    .reader = kTables,
                    .required = true},
                   read_words},
    Option<SaSpec>{
        {.name = "bundle",
         .kind = "text",
         .text = "Of ESP: the name of the AH SA around it, each in either mode. The same "
                 "direction and ends; the AH's `local_ts` and `remote_ts` are `local` "
                 "and `remote`.",
         .reader = kTables},
        read_words},
    value<&SaSpec::align4>({.name = "align4",
                            .preset = "true",
                            .text = "AH over IPv4, `out`: whole words of 32 bits (RFC 4302 §2.6); "
                                    "false: of 64, as Linux wants without its `align4`.",
                            .reader = kTables}),
    Option<SaSpec>{{.name = "enc_key",
                    .kind = "key",
                    .text = "Hexadecimal: the cipher's key, then its salt "
                            "([lengths](algorithms.md); GCM and ChaCha20: 4 octets). No "
                            "two SAs have the same.",
                    .reader = kTables},
                   read_key<&SaSpec::enc_key>},
    Option<SaSpec>{{.name = "auth_key",
                    .kind = "key",
                    .text = "Hexadecimal: the key of the integrity algorithm, of AES-GMAC "
                            "with its salt; none for an AEAD.",
                    .reader = kTables},
                   read_key<&SaSpec::auth_key>},
    Option<SaSpec>{{.name = "encap",
                    .kind = "flag",
                    .preset = "false",
                    .text = "In UDP, port 4500 at both ends (RFC 3948).",
                    .reader = kTables},
                   read_encap},
    value<&SaSpec::replay_window>({.name = "replay_window",
                                   .preset = "64",
                                   .unit = "packets",
                                   .text = "Of an `in`; 0: no check.",
                                   .reader = kTables,
                                   .low = 0,
                                   .high = kMaxReplayWindow}),
    value<&SaSpec::local_ts>(
        {.name = "local_ts", .text = "Traffic behind us.", .reader = kTables, .required = true}),
    value<&SaSpec::remote_ts>({.name = "remote_ts",
                               .text = "Traffic behind the peer.",
                               .reader = kTables,
                               .required = true}),
};

}  // namespace

Options<SaSpec> manual_sa_options() {
  static constexpr std::array kWhole = joined(kManualSa, kTunnelOptions<SaSpec>);
  return kWhole;
}

}  // namespace penstock::config
