// SPDX-License-Identifier: BSD-3-Clause
// The options of `connections`: swanctl.conf's names, with its meanings. Names of
// swanctl.conf that nothing reads yet are rows too, so that they are told and never ignored.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/config/options_tunnel.h"
#include "control/config/schema.h"
#include "lib/crypto/proposal.h"

namespace penstock::config {

using session::ChildConfig;
using session::ChildMode;
using session::ConnectionConfig;
using session::EndAction;
using session::Fragmentation;
using session::IkeVersion;
using session::PrivateGroupConfig;
using session::StartAction;
using session::UniquePolicy;

namespace {

constexpr std::string_view kEngine = "control/ike";
constexpr std::string_view kTables = "lib/ipsec";

// ---- values that are read in a way of their own ----

template <auto kMember, crypto::ProtocolId kProtocol>
void read_proposals(const Place& at, ClassOf<kMember>& out) {
  crypto::Proposals proposals;
  for (const TextAt& text : texts_of(at, true)) {
    auto some = crypto::parse_proposals(kProtocol, text.text);  // one, or what `default` stands for
    if (!some) {
      text.at.fault(some.error().text);
      continue;
    }
    for (crypto::Proposal& proposal : *some) proposals.push_back(std::move(proposal));
  }
  out.*kMember = std::move(proposals);
}

void read_version(const Place& at, ConnectionConfig& out) {
  if (!expect(at, PlaceKind::kInteger)) return;
  if (at.integer() < 0 || at.integer() > 2)
    return at.fault("the version is 2 (IKEv2), 1 (IKEv1) or 0 (either)");
  out.version = IkeVersion{static_cast<std::uint8_t>(at.integer())};
}

void read_local_addrs(const Place& at, ConnectionConfig& out) {
  if (at.kind() == PlaceKind::kText && at.text() == "%any") return;
  Reader<std::vector<net::IpAddress>>::read(at, out.local_addrs);
}

/// An address, a prefix, or a range, which becomes the prefixes that cover it.
void read_remote(const TextAt& text, std::vector<net::Prefix>& out) {
  const auto dash = text.text.find('-');
  if (dash == std::string_view::npos) {
    const auto prefix = net::Prefix::parse(text.text);
    if (!prefix) return text.at.fault(prefix.error().text + " (names are not resolved)");
    out.push_back(*prefix);
    return;
  }
  const auto first = net::IpAddress::parse(text.text.substr(0, dash));
  const auto last = net::IpAddress::parse(text.text.substr(dash + 1));
  if (!first || !last || first->family() != last->family() || *last < *first)
    return text.at.fault(fmt::format("'{}' is no address, prefix or range", text.text));
  for (const net::Prefix& prefix : policy::prefixes_of_range(*first, *last)) out.push_back(prefix);
}

void read_remote_addrs(const Place& at, ConnectionConfig& out) {
  if (at.kind() == PlaceKind::kText && at.text() == "%any") return;
  for (const TextAt& text : texts_of(at, true)) read_remote(text, out.remote_addrs);
}

/// A flag of which only `false` is built.
template <const auto& kWhat>
void read_only_false(const Place& at) {
  bool wanted = false;
  Reader<bool>::read(at, wanted);
  if (wanted) not_built_yet(at, kWhat);
}

constexpr std::string_view kMobike = "MOBIKE (RFC 4555)";

// ---- words ----

constexpr std::array kModeWords{
    Word{.word = "tunnel", .value = static_cast<int>(ChildMode::kTunnel)},
    Word{.word = "transport", .value = static_cast<int>(ChildMode::kTransport)},
    Word{.word = "pass", .value = static_cast<int>(ChildMode::kPass)},
    Word{.word = "drop", .value = static_cast<int>(ChildMode::kDrop)},
    Word{.word = "transport_proxy", .later = "transport mode for others"},
    Word{.word = "beet", .later = "BEET mode"},
};

constexpr std::array kFragmentationWords{
    Word{.word = "yes", .value = static_cast<int>(Fragmentation::kYes)},
    Word{.word = "accept", .value = static_cast<int>(Fragmentation::kAccept)},
    Word{.word = "force", .value = static_cast<int>(Fragmentation::kForce)},
    Word{.word = "no", .value = static_cast<int>(Fragmentation::kNo)},
};

/// A word, or a flag.
void read_fragmentation(const Place& at, ConnectionConfig& out) {
  if (at.kind() != PlaceKind::kFlag) return Reader<Fragmentation>::read(at, out.fragmentation);
  bool wanted = true;
  Reader<bool>::read(at, wanted);
  out.fragmentation = wanted ? Fragmentation::kYes : Fragmentation::kNo;
}

constexpr std::array kStartWords{
    Word{.word = "none", .value = static_cast<int>(StartAction::kNone)},
    Word{.word = "trap", .value = static_cast<int>(StartAction::kTrap)},
    Word{.word = "start", .value = static_cast<int>(StartAction::kStart)},
    Word{.word = "trap|start", .later = "trap and start together"},
};

/// dpd_action and close_action; swanctl.conf has had two words for some of them.
constexpr std::array kEndWords{
    Word{.word = "none", .value = static_cast<int>(EndAction::kClear)},
    Word{.word = "clear", .value = static_cast<int>(EndAction::kClear)},
    Word{.word = "trap", .value = static_cast<int>(EndAction::kTrap)},
    Word{.word = "start", .value = static_cast<int>(EndAction::kRestart)},
    Word{.word = "restart", .value = static_cast<int>(EndAction::kRestart)},
};

constexpr std::array kUniqueWords{
    Word{.word = "no", .value = static_cast<int>(UniquePolicy::kNo)},
    Word{.word = "replace", .value = static_cast<int>(UniquePolicy::kReplace)},
    Word{.word = "keep", .value = static_cast<int>(UniquePolicy::kKeep)},
    Word{.word = "never", .value = static_cast<int>(UniquePolicy::kNever)},
};

// ---- labels ----

template <std::optional<isakmp::Label> session::Situation::*kLabel>
isakmp::Label& label_of(session::Situation& situation) {
  auto& label = situation.*kLabel;
  return label ? *label : label.emplace();
}

template <std::optional<isakmp::Label> session::Situation::*kLabel>
void read_level(const Place& at, session::Situation& out) {
  std::uint32_t level = 0;
  Reader<std::uint32_t>::read(at, level);
  label_of<kLabel>(out).level = level;
}

template <std::optional<isakmp::Label> session::Situation::*kLabel>
void read_categories(const Place& at, session::Situation& out) {
  std::vector<unsigned>& categories = label_of<kLabel>(out).categories;
  Reader<std::vector<unsigned>>::read(at, categories);
  std::ranges::sort(categories);
  categories.erase(std::unique(categories.begin(), categories.end()), categories.end());
}

/// What libconfig holds without another suffix.
constexpr long long kMostLevel = 0x7fff'ffff;
/// The bitmap stays so small that a first message is one packet.
constexpr long long kMostCategory = 1023;

template <std::optional<isakmp::Label> session::Situation::*kLabel>
constexpr Option<session::Situation> level_option(std::string_view name, std::string_view text) {
  return {{.name = name, .kind = "integer", .text = text, .reader = kEngine, .high = kMostLevel},
          read_level<kLabel>};
}

template <std::optional<isakmp::Label> session::Situation::*kLabel>
constexpr Option<session::Situation> categories_option(std::string_view name,
                                                       std::string_view text) {
  return {
      {.name = name, .kind = "integers", .text = text, .reader = kEngine, .high = kMostCategory},
      read_categories<kLabel>};
}

constexpr std::array kSituation{
    value<&session::Situation::domain>({.name = "domain",
                                        .text = "Labeled Domain Identifier: what gives levels and "
                                                "categories their meaning.",
                                        .reader = kEngine,
                                        .required = true,
                                        .low = 1,
                                        .high = kMostLevel}),
    level_option<&session::Situation::secrecy>("secrecy_level",
                                               "SIT_SECRECY: the sensitivity level."),
    categories_option<&session::Situation::secrecy>(
        "secrecy_categories", "Compartments beside it, as bits of the bitmap: `[1, 5]`."),
    level_option<&session::Situation::integrity>("integrity_level",
                                                 "SIT_INTEGRITY: the integrity level."),
    categories_option<&session::Situation::integrity>("integrity_categories",
                                                      "Compartments beside it."),
};
Options<session::Situation> situation_options() { return kSituation; }

// ---- children ----

constexpr std::array kChild{
    value<&ChildConfig::mode>({.name = "mode",
                               .preset = "tunnel",
                               .text = "`transport` is for our own traffic with the peer, between "
                                       "the addresses of the IKE SA; a peer that answers with "
                                       "tunnel mode is refused. `pass` and `drop` are BYPASS and "
                                       "DISCARD of RFC 4301 §4.4.1: rules without SAs.",
                               .reader = kTables,
                               .words = kModeWords}),
    value<&ChildConfig::local_ts>(
        {.name = "local_ts",
         .preset = "dynamic",
         .text = "Traffic behind us: `10.1.0.0/16`, `10.1.0.1[tcp/80]`; `dynamic` is our own "
                 "address of the IKE SA.",
         .reader = kEngine}),
    value<&ChildConfig::remote_ts>({.name = "remote_ts",
                                    .preset = "dynamic",
                                    .text = "Traffic behind the peer.",
                                    .reader = kEngine}),
    Option<ChildConfig>{
        {.name = "esp_proposals",
         .kind = "proposals",
         .preset = "default",
         .text = "Most wanted first: `aes128gcm16-esn`, `aes256-sha256-x25519`. A group asks for "
                 "perfect forward secrecy at rekeying. Beside ah_proposals there is no default.",
         .reader = kEngine},
        read_proposals<&ChildConfig::esp_proposals, crypto::ProtocolId::kEsp>},
    Option<ChildConfig>{
        {.name = "ah_proposals",
         .kind = "proposals",
         .preset = "none",
         .text = "Of AH: `sha256-esn`, `aes128gmac`. Alone: the child is AH; beside esp_proposals: "
                 "offered and taken after them, or around them with `bundle`. AH passes no NAT.",
         .reader = kEngine},
        read_proposals<&ChildConfig::ah_proposals, crypto::ProtocolId::kAh>},
    value<&ChildConfig::bundle>(
        {.name = "bundle",
         .preset = "false",
         .text =
             "IKEv1: AH around ESP, one of ah_proposals and one of esp_proposals together, both "
             "or nothing. A group stands in esp_proposals. IKEv2 has none (RFC 7296 §1.7).",
         .reader = kEngine}),
    value<&ChildConfig::sha256_96>(
        {.name = "sha256_96",
         .preset = "false",
         .text = "For peers that cut HMAC-SHA2-256 to 96 bits, against RFC 4868; it is not "
                 "negotiated ([algorithms](algorithms.md)).",
         .reader = kEngine}),
    value<&ChildConfig::start_action>(
        {.name = "start_action",
         .preset = "none",
         .text = "`start`: at once; `trap`: at the first packet; `none`: by the peer or by hand.",
         .reader = kEngine,
         .words = kStartWords}),
    value<&ChildConfig::dpd_action>({.name = "dpd_action",
                                     .preset = "clear",
                                     .text = "When the peer is found dead.",
                                     .reader = kEngine,
                                     .words = kEndWords}),
    value<&ChildConfig::close_action>({.name = "close_action",
                                       .preset = "none",
                                       .text = "When the peer deletes it.",
                                       .reader = kEngine,
                                       .words = kEndWords}),
    value<&ChildConfig::rekey_time>({.name = "rekey_time",
                                     .preset = "1h",
                                     .unit = "time",
                                     .text = "Rekeyed after this; 0: never by time.",
                                     .reader = kEngine}),
    value<&ChildConfig::life_time>({.name = "life_time",
                                    .preset = "rekey_time + 10 %",
                                    .unit = "time",
                                    .text = "Ends after this; 0: never by time.",
                                    .reader = kEngine}),
    value<&ChildConfig::rand_time>(
        {.name = "rand_time",
         .preset = "life_time - rekey_time",
         .unit = "time",
         .text = "rekey_time is shortened by up to this, at random; the default is "
                 "half of rekey_time at most.",
         .reader = kEngine}),
    value<&ChildConfig::rekey_bytes>({.name = "rekey_bytes",
                                      .preset = "0",
                                      .unit = "octets",
                                      .text = "Rekeyed after so much traffic; 0: never by octets.",
                                      .reader = kTables}),
    value<&ChildConfig::life_bytes>({.name = "life_bytes",
                                     .preset = "rekey_bytes + 10 %",
                                     .unit = "octets",
                                     .text = "Passes no more than this.",
                                     .reader = kTables}),
    value<&ChildConfig::rekey_packets>({.name = "rekey_packets",
                                        .preset = "0",
                                        .unit = "packets",
                                        .text = "Rekeyed after so many packets; 0: never.",
                                        .reader = kTables}),
    value<&ChildConfig::life_packets>({.name = "life_packets",
                                       .preset = "rekey_packets + 10 %",
                                       .unit = "packets",
                                       .text = "Passes no more than this.",
                                       .reader = kTables}),
    value<&ChildConfig::replay_window>(
        {.name = "replay_window",
         .preset = "64",
         .unit = "packets",
         .text = "Anti-replay window (RFC 4303 §3.4.3); 0: no check.",
         .reader = kTables,
         .low = 0,
         .high = kMaxReplayWindow}),
    value<&ChildConfig::priority>({.name = "priority",
                                   .preset = "0",
                                   .text = "Place in the SPD, lower first; 0: by kind, `pass` and "
                                           "`drop` at 1000, tunnels at 2000, traps at 3000.",
                                   .reader = kTables,
                                   .low = 0,
                                   .high = 100'000}),
    group<&ChildConfig::situation, situation_options>(
        {.name = "situation",
         .text = "IKEv1: the labels that its SAs have (RFC 2407 §4.2). The peer's must be the "
                 "same; without it neither has any."}),
    later<ChildConfig>("ipcomp", "IPComp", "Compression."),
    later<ChildConfig>("inactivity", "closing idle children", "Time without traffic."),
    later<ChildConfig>("rand_bytes", "random traffic lifetimes", "As rand_time, for octets."),
    later<ChildConfig>("rand_packets", "random traffic lifetimes", "As rand_time, for packets."),
    later<ChildConfig>("if_id_in", "route-based tunnels", "Interface of inbound SAs."),
    later<ChildConfig>("if_id_out", "route-based tunnels", "Interface of outbound SAs."),
    later<ChildConfig>("mark_in", "marks", "Mark of inbound SAs."),
    later<ChildConfig>("mark_out", "marks", "Mark of outbound SAs."),
    later<ChildConfig>("reqid", "fixed reqids", "The kernel's name for a child."),
    later<ChildConfig>("interface", "children bound to a port", "A port to bind policies to."),
    later<ChildConfig>("label", "security labels", "Label of the traffic."),
    later<ChildConfig>("updown", "scripts at up and down", "A script to call."),
    later<ChildConfig>("hostaccess", "scripts at up and down", "A hint for the script."),
    later<ChildConfig>("hw_offload", "ESP in the network card", "Offloading to the port."),
    later<ChildConfig>("policies", "children without policies", "Whether to install policies."),
};
constexpr std::array kWholeChild = joined(kChild, kTunnelOptions<ChildConfig>);
Options<ChildConfig> child_options() { return kWholeChild; }

// ---- connections ----

constexpr std::array kPrivateGroup{
    value<&PrivateGroupConfig::number>({.name = "number",
                                        .text = "The number that both ends call it by.",
                                        .reader = kEngine,
                                        .required = true,
                                        .low = 32768,
                                        .high = 65535}),
    value<&PrivateGroupConfig::file>(
        {.name = "file",
         .text = "PEM with DH PARAMETERS, of a safe prime of 2048 to 4096 bits.",
         .reader = kEngine,
         .required = true}),
};
Options<PrivateGroupConfig> private_group_options() { return kPrivateGroup; }

constexpr std::array kSendCertWords{
    Word{.word = "ifasked", .value = static_cast<int>(session::SendCertificate::kIfAsked)},
    Word{.word = "always", .value = static_cast<int>(session::SendCertificate::kAlways)},
    Word{.word = "never", .value = static_cast<int>(session::SendCertificate::kNever)},
};

// Base and Authentication Only: RFC 2408 §4.4, §4.6.
constexpr std::array kExchangeWords{
    Word{"main", static_cast<int>(session::Phase1Exchange::kMain)},
    Word{"aggressive", static_cast<int>(session::Phase1Exchange::kAggressive)},
    Word{"base", static_cast<int>(session::Phase1Exchange::kBase)},
    Word{"authentication_only", static_cast<int>(session::Phase1Exchange::kAuthenticationOnly)}};

constexpr std::array kConnection{
    Option<ConnectionConfig>{{.name = "version",
                              .kind = "integer",
                              .preset = "2",
                              .text = "2: IKEv2; 1: IKEv1; 0: either, and IKEv2 when we dial.",
                              .reader = kEngine},
                             read_version},
    Option<ConnectionConfig>{{.name = "local_addrs",
                              .kind = "addresses",
                              .preset = "%any",
                              .text = "Addresses of ours that it uses.",
                              .reader = kEngine},
                             read_local_addrs},
    Option<ConnectionConfig>{{.name = "remote_addrs",
                              .kind = "prefixes",
                              .preset = "%any",
                              .text = "Addresses, prefixes or ranges of the peer; only a single "
                                      "address, the first, can be dialled.",
                              .reader = kEngine},
                             read_remote_addrs},
    value<&ConnectionConfig::local_port>(
        {.name = "local_port",
         .preset = "500",
         .text = "Our UDP port for the first message: 500, or 4500 with remote_port 4500.",
         .reader = kEngine,
         .low = 1,
         .high = 65535}),
    value<&ConnectionConfig::remote_port>({.name = "remote_port",
                                           .preset = "500",
                                           .text = "The peer's.",
                                           .reader = kEngine,
                                           .low = 1,
                                           .high = 65535}),
    Option<ConnectionConfig>{
        {.name = "proposals",
         .kind = "proposals",
         .preset = "default",
         .text = "For the IKE SA, most wanted first: `aes128gcm16-prfsha256-x25519`.",
         .reader = kEngine},
        read_proposals<&ConnectionConfig::proposals, crypto::ProtocolId::kIke>},
    group<&ConnectionConfig::local, peer_auth_options>(
        {.name = "local", .text = "How we prove who we are."}),
    group<&ConnectionConfig::remote, peer_auth_options>(
        {.name = "remote", .text = "How the peer proves who it is."}),
    value<&ConnectionConfig::encap>({.name = "encap",
                                     .preset = "false",
                                     .text = "ESP in UDP (RFC 3948) even where there is no NAT.",
                                     .reader = kEngine}),
    Option<ConnectionConfig>{
        {.name = "mobike",
         .kind = "flag",
         .preset = "false",
         .text = "Peers that change their addresses (RFC 4555): not built yet.",
         .reader = kEngine},
        [](const Place& at, ConnectionConfig&) { read_only_false<kMobike>(at); }},
    Option<ConnectionConfig>{
        {.name = "fragmentation",
         .kind = "word",
         .preset = "yes",
         .text = "Fragments of IKE messages that are too long for a packet, where the peer agrees: "
                 "RFC 7383, and for IKEv1 as Cisco and Microsoft do it. `accept`: the peer's are "
                 "taken, ours go whole. `force`: IKEv1's are made even where the peer did not say "
                 "that it takes them.",
         .reader = kEngine,
         .words = kFragmentationWords},
        read_fragmentation},
    value<&ConnectionConfig::fragment_size>(
        {.name = "fragment_size",
         .preset = "1280",
         .unit = "octets",
         .text =
             "The longest IP packet with an IKE fragment of ours; messages that fit it go whole.",
         .reader = kEngine,
         .low = 576,
         .high = 9000}),
    value<&ConnectionConfig::dpd_delay>(
        {.name = "dpd_delay",
         .preset = "0",
         .unit = "time",
         .text = "A liveness check after so long without a sign of the peer; 0: none.",
         .reader = kEngine}),
    value<&ConnectionConfig::rekey_time>({.name = "rekey_time",
                                          .preset = "4h",
                                          .unit = "time",
                                          .text = "The IKE SA is rekeyed after this; 0: never.",
                                          .reader = kEngine}),
    value<&ConnectionConfig::over_time>(
        {.name = "over_time",
         .preset = "10 % of rekey_time",
         .unit = "time",
         .text = "It ends so long after rekey_time if it could not be rekeyed.",
         .reader = kEngine}),
    value<&ConnectionConfig::rand_time>({.name = "rand_time",
                                         .preset = "over_time",
                                         .unit = "time",
                                         .text = "As for children.",
                                         .reader = kEngine}),
    value<&ConnectionConfig::reauth_time>(
        {.name = "reauth_time",
         .preset = "0",
         .unit = "time",
         .text =
             "Both ends prove anew who they are after this, while the children live on; 0: "
             "never. Of IKEv1, where it is how an ISAKMP SA is rekeyed: the shorter of this and "
             "rekey_time counts. For IKEv2 it is not built yet.",
         .reader = kEngine}),
    value<&ConnectionConfig::keyingtries>({.name = "keyingtries",
                                           .preset = "1",
                                           .text = "Attempts to set it up; 0: for ever.",
                                           .reader = kEngine,
                                           .low = 0,
                                           .high = 1'000'000}),
    value<&ConnectionConfig::unique>({.name = "unique",
                                      .preset = "no",
                                      .text = "A second IKE SA of the same identity: `replace` the "
                                              "first, `keep` it, or have both.",
                                      .reader = kEngine,
                                      .words = kUniqueWords}),
    named<&ConnectionConfig::children, child_options>(
        {.name = "children", .text = "Its child SAs: a group each.", .required = true}),
    later<ConnectionConfig>("dpd_timeout", "IKEv1", "Only IKEv1 knows it."),
    value<&ConnectionConfig::exchange>(
        {.name = "exchange",
         .preset = "main",
         .text = "IKEv1: the exchange of phase 1 when we dial, taken of the peer beside Main Mode. "
                 "All but `main` show who both ends are. `authentication_only` makes no keys, so "
                 "no child.",
         .reader = kEngine,
         .words = kExchangeWords}),
    value<&ConnectionConfig::aggressive>({.name = "aggressive",
                                          .preset = "false",
                                          .text = "The same as `exchange = \"aggressive\"`.",
                                          .reader = kEngine}),
    value<&ConnectionConfig::aggressive_psk>(
        {.name = "aggressive_psk",
         .preset = "false",
         .text = "Allows any exchange but `main` with a pre-shared key, though it lets whoever "
                 "asks, or is asked, try secrets at leisure: only with a secret of full strength.",
         .reader = kEngine}),
    value<&ConnectionConfig::commit_bit>(
        {.name = "commit_bit",
         .preset = "false",
         .text = "IKEv1: as responder of Quick Mode we set the commit bit, and the peer sends "
                 "nothing before we have installed (RFC 2408 §3.1).",
         .reader = kEngine}),
    value<&ConnectionConfig::several_sas>(
        {.name = "several_sas",
         .preset = "false",
         .text = "IKEv1: children with the same selectors that start at once are asked for in one "
                 "Quick Mode, with an SA payload each (RFC 2409 §5.5). A peer that asks so is "
                 "answered in any case.",
         .reader = kEngine}),
    group<&ConnectionConfig::situation, situation_options>(
        {.name = "situation",
         .text = "IKEv1: the labels of the ISAKMP SA, as of children (RFC 2407 §4.2)."}),
    named<&ConnectionConfig::private_groups, private_group_options>(
        {.name = "private_groups",
         .text =
             "IKEv1: groups that New Group Mode proposes for the children whose `esp_proposals` "
             "name them (`aes128-sha256-private32768`), and takes of the peer: a group each."}),
    value<&ConnectionConfig::accept_private_groups>(
        {.name = "accept_private_groups",
         .preset = "false",
         .text = "IKEv1: private groups that the peer proposes are taken too, if their prime is "
                 "safe and of 2048 to 4096 bits.",
         .reader = kEngine}),
    later<ConnectionConfig>("pull", "IKEv1", "Mode config."),
    later<ConnectionConfig>("vips", "virtual addresses", "Addresses to ask for."),
    later<ConnectionConfig>("pools", "address pools", "Pools to give addresses from."),
    value<&ConnectionConfig::send_cert>({.name = "send_cert",
                                         .preset = "ifasked",
                                         .text = "Whether our certificates are sent.",
                                         .reader = kEngine,
                                         .words = kSendCertWords}),
    value<&ConnectionConfig::send_certreq>(
        {.name = "send_certreq",
         .preset = "true",
         .text = "Whether the peer is asked for certificates under our authorities.",
         .reader = kEngine}),
    later<ConnectionConfig>("ppk_id", "post-quantum keys (RFC 8784)", "Name of the key."),
    later<ConnectionConfig>("ppk_required", "post-quantum keys (RFC 8784)", "Whether it must be."),
    later<ConnectionConfig>("childless", "childless IKE SAs (RFC 6023)", "IKE SAs without child."),
    later<ConnectionConfig>("dscp", "DSCP of IKE packets", "DSCP of our IKE packets."),
    later<ConnectionConfig>("if_id_in", "route-based tunnels", "Interface of inbound SAs."),
    later<ConnectionConfig>("if_id_out", "route-based tunnels", "Interface of outbound SAs."),
    later<ConnectionConfig>("mediation", "mediation", "A mediation connection."),
    later<ConnectionConfig>("mediated_by", "mediation", "The mediator."),
    later<ConnectionConfig>("mediation_peer", "mediation", "The mediated peer."),
};

}  // namespace

Options<ConnectionConfig> connection_options() { return kConnection; }

}  // namespace penstock::config
