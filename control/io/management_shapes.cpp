// SPDX-License-Identifier: BSD-3-Clause
// What `show` answers, as a table: a row a field. The server fills these shapes, the penstock
// program makes its tables from them, docs/cli.md is checked against them.
#include <fmt/format.h>

#include <array>

#include "control/io/management_protocol.h"

namespace penstock::io {

namespace {

using K = FieldKind;

constexpr std::array kIkeChild{
    FieldShape{"child", K::kText, "its name in the connection's `children`"},
    FieldShape{"protocol", K::kText, "`esp` or `ah`"},
    FieldShape{"mode", K::kText, "`tunnel` or `transport`"},
    FieldShape{"encap", K::kFlag, "in UDP (RFC 3948)"},
    FieldShape{"state", K::kText, "`installing`, `installed`, `rekeying`, `rekeyed` or `deleting`"},
    FieldShape{"spi_in", K::kText, "SPI of the inbound SA, `0x…`"},
    FieldShape{"spi_out", K::kText, "SPI of the outbound SA, `0x…`"},
    FieldShape{"ah_spi_in", K::kText, "of a bundle: of the inbound AH around it; null: none"},
    FieldShape{"ah_spi_out", K::kText, "of a bundle: of the outbound AH around it; null: none"},
    FieldShape{"proposal", K::kText,
               "what was agreed, in the words of `esp_proposals` or `ah_proposals`"},
    FieldShape{"local_ts", K::kTexts, "traffic selectors behind us"},
    FieldShape{"remote_ts", K::kTexts, "traffic selectors behind the peer"},
    FieldShape{"packets_in", K::kNumber, "packets that passed inbound, after all checks"},
    FieldShape{"bytes_in", K::kNumber, "octets of their inner packets"},
    FieldShape{"packets_out", K::kNumber, "packets sealed"},
    FieldShape{"bytes_out", K::kNumber, "octets of their inner packets"},
    FieldShape{"path_mtu", K::kNumber, "what ICMP told about the path to the peer; null: nothing"},
    FieldShape{"owner", K::kNumber, "lcore that has the replay window; null: none yet"},
};

constexpr std::array kIkeSa{
    FieldShape{"connection", K::kText, "its name in `connections`"},
    FieldShape{"version", K::kNumber, "2 or 1"},
    FieldShape{"state", K::kText, "`established`, or the step of the exchange it is in"},
    FieldShape{"role", K::kText, "`initiator` or `responder`"},
    FieldShape{"local", K::kText, "our address and port, `192.0.2.1:500`"},
    FieldShape{"remote", K::kText, "the peer's"},
    FieldShape{"local_id", K::kText, "who we said we are"},
    FieldShape{"remote_id", K::kText, "who the peer proved to be; empty before it did"},
    FieldShape{"spi_i", K::kText, "the initiator's IKE SPI, `0x` and 16 digits"},
    FieldShape{"spi_r", K::kText, "the responder's"},
    FieldShape{"proposal", K::kText, "what was agreed, in the words of `proposals`"},
    FieldShape{"vendor_ids", K::kTexts, "what the peer names itself or speaks, of IKEv1 alone"},
    FieldShape{"rekey_in_s", K::kNumber, "seconds to our rekey; null: none is planned"},
    FieldShape{"children", K::kRows, "its child SAs", kIkeChild},
};

constexpr std::array kManualSa{
    FieldShape{"name", K::kText, "its name in `manual_sas`"},
    FieldShape{"direction", K::kText, "`in` or `out`"},
    FieldShape{"protocol", K::kText, "`esp` or `ah`"},
    FieldShape{"mode", K::kText, "`tunnel` or `transport`"},
    FieldShape{"encap", K::kFlag, "in UDP (RFC 3948)"},
    FieldShape{"local", K::kText, "our outer address"},
    FieldShape{"remote", K::kText, "the peer's"},
    FieldShape{"spi", K::kText, "`0x…`"},
    FieldShape{"proposal", K::kText, "as in the configuration"},
    FieldShape{"local_ts", K::kTexts, "traffic selectors behind us"},
    FieldShape{"remote_ts", K::kTexts, "traffic selectors behind the peer"},
    FieldShape{"packets", K::kNumber, "packets that it opened or sealed"},
    FieldShape{"bytes", K::kNumber, "octets of their inner packets"},
    FieldShape{"owner", K::kNumber, "lcore that has the replay window; null: none"},
};

constexpr std::array kConnectionChild{
    FieldShape{"child", K::kText, "its name"},
    FieldShape{"mode", K::kText, "`tunnel`, `transport`, `pass` or `drop`"},
    FieldShape{"start_action", K::kText, "`none`, `trap` or `start`"},
    FieldShape{"installed", K::kNumber, "child SAs of it that are installed now"},
    FieldShape{"local_ts", K::kTexts, "configured traffic selectors behind us"},
    FieldShape{"remote_ts", K::kTexts, "configured traffic selectors behind the peer"},
};

constexpr std::array kConnection{
    FieldShape{"connection", K::kText, "its name"},
    FieldShape{"version", K::kNumber, "2: IKEv2, 1: IKEv1, 0: either"},
    FieldShape{"local_addrs", K::kText, "addresses of ours, with commas; `%any`"},
    FieldShape{"remote_addrs", K::kText, "addresses or prefixes of the peer, with commas; `%any`"},
    FieldShape{"ike_sas", K::kNumber, "IKE SAs that it has now"},
    FieldShape{"children", K::kRows, "its children", kConnectionChild},
};

constexpr std::array kPolicy{
    FieldShape{"id", K::kNumber, "names the rule while the process lives"},
    FieldShape{"priority", K::kNumber, "lower is looked at first"},
    FieldShape{"action", K::kText, "`protect`, `bypass` or `discard`"},
    FieldShape{"slot", K::kNumber, "whose outbound SA seals; null: none"},
    FieldShape{"local_ts", K::kTexts, "traffic selectors behind us"},
    FieldShape{"remote_ts", K::kTexts, "traffic selectors behind the peer"},
    FieldShape{"name", K::kText, "`connection/child`, or the manual SA's name"},
};

constexpr std::array kPort{
    FieldShape{"name", K::kText, "its name in `ports`"},
    FieldShape{"device", K::kText, "PCI address or vdev string"},
    FieldShape{"driver", K::kText, "the DPDK driver that has it"},
    FieldShape{"side", K::kText, "`inside` or `outside`"},
    FieldShape{"mac", K::kText, "its Ethernet address"},
    FieldShape{"mtu", K::kNumber, "octets of an IP packet"},
    FieldShape{"addresses", K::kTexts, "its IP addresses with prefix lengths"},
    FieldShape{"tentative", K::kTexts,
               "of IPv6, link-local among them: not known yet to be ours alone"},
    FieldShape{"duplicate", K::kTexts,
               "of IPv6, link-local among them: somebody else has them; not used"},
    FieldShape{"address_claims", K::kNumber, "messages of others that claimed an address of ours"},
    FieldShape{"port", K::kText, "itself; of a VLAN: the port that carries it"},
    FieldShape{"vlan", K::kNumber, "of a VLAN: its number; null: a port"},
    FieldShape{"link", K::kText, "`up` or `down`"},
    FieldShape{"speed_mbps", K::kNumber, "null: the driver does not say"},
    FieldShape{"queues", K::kNumber, "receive queues in use"},
    FieldShape{"numa", K::kNumber, "NUMA node; null: unknown"},
    FieldShape{"offloads", K::kTexts, "what the port can do for us: `rx_ipv4_cksum`, `rss`, …"},
    FieldShape{"spread", K::kText,
               "how packets come to its queues: `one_queue`, `rss_spi`, `rss_ports`, "
               "`rss_addresses` or `driver`"},
    FieldShape{"steering", K::kTexts,
               "what rules bring to its owner's queue by SPI before that: `ipv4_esp`, "
               "`ipv6_udp_esp`, `ipv4_ah`, `vlan_ipv4_esp`, …"},
    FieldShape{"rx_packets", K::kNumber, "packets received"},
    FieldShape{"rx_bytes", K::kNumber, "octets received"},
    FieldShape{"tx_packets", K::kNumber, "packets transmitted"},
    FieldShape{"tx_bytes", K::kNumber, "octets transmitted"},
    FieldShape{"rx_missed", K::kNumber, "lost in the port: its queue was full"},
    FieldShape{"rx_errors", K::kNumber, "received damaged"},
    FieldShape{"rx_no_mbuf", K::kNumber, "lost in the driver: no buffer"},
    FieldShape{"tx_errors", K::kNumber, "not transmitted"},
};

constexpr std::array kRoute{
    FieldShape{"to", K::kText, "destination prefix"},
    FieldShape{"via", K::kText, "next hop; empty: directly connected"},
    FieldShape{"port", K::kText, "leaves by this port"},
    FieldShape{"kind", K::kText, "`connected` or `static`"},
};

constexpr std::array kNeighbor{
    FieldShape{"port", K::kText, "on this port"},
    FieldShape{"address", K::kText, "IP address"},
    FieldShape{"mac", K::kText, "Ethernet address; empty: not known yet"},
    FieldShape{"state", K::kText,
               "`static`, `reachable`, `stale`, `probing`, `incomplete` or `failed`"},
    FieldShape{"age_s", K::kNumber, "seconds since it was confirmed; null: never, or static"},
};

constexpr std::array kWorker{
    FieldShape{"lcore", K::kNumber, "its lcore; the first worker's is 1"},
    FieldShape{"numa", K::kNumber, "NUMA node"},
    FieldShape{"queues", K::kTexts, "receive queues that it polls, `wan:0`"},
    FieldShape{"polls", K::kNumber, "rounds of its loop"},
    FieldShape{"empty_polls", K::kNumber, "rounds that found nothing to do"},
    FieldShape{"received", K::kNumber, "packets received"},
    FieldShape{"transmitted", K::kNumber, "packets transmitted"},
    FieldShape{"dropped", K::kNumber, "packets dropped, all reasons"},
    FieldShape{"handed_over", K::kNumber, "ESP packets given to the worker that owns their SA"},
    FieldShape{"taken_over", K::kNumber, "ESP packets of its SAs that other workers received"},
    FieldShape{"wakeups", K::kNumber, "times that it woke the control core (its one system call)"},
};

constexpr std::array kBalance{
    FieldShape{"received", K::kNumber, "packets taken from ports"},
    FieldShape{"injected", K::kNumber,
               "packets taken from the control core: IKE, ARP, ND, dummies"},
    FieldShape{"generated", K::kNumber, "packets made by workers: fragments, ICMP"},
    FieldShape{"transmitted", K::kNumber, "packets that a port took"},
    FieldShape{"dropped", K::kNumber, "packets lost by name: `show drops`"},
    FieldShape{"punted", K::kNumber, "packets given to the control core"},
    FieldShape{"consumed", K::kNumber,
               "merged fragments, dummies, keepalives, ARP, ND and path MTUs told"},
    FieldShape{"held", K::kNumber, "waiting now: crypto, hand-off, reassembly, neighbours"},
    FieldShape{"dummies_sent", K::kNumber, "of those injected: dummies to seal (RFC 4303 §2.6)"},
    FieldShape{"dummies_received", K::kNumber, "of those consumed: dummies of peers"},
};

constexpr std::array kIkeCounter{
    FieldShape{"reason", K::kText, "why an IKE message was not processed"},
    FieldShape{"count", K::kNumber, "how many"},
    FieldShape{"clause", K::kText, "the RFC that asks for it"},
    FieldShape{"text", K::kText, "a sentence"},
};

constexpr std::array kDrop{
    FieldShape{"reason", K::kText, "its name, as in metrics and traces"},
    FieldShape{"count", K::kNumber, "packets lost for it"},
    FieldShape{"clause", K::kText, "the RFC that asks for it; `design`: ours"},
    FieldShape{"text", K::kText, "a sentence"},
};

constexpr std::array kVersionMembers{
    FieldShape{"version", K::kText, "of penstockd"},
    FieldShape{"protocol", K::kNumber, "of the management socket: 1"},
    FieldShape{"dpdk", K::kText, "version of DPDK that runs"},
    FieldShape{"ipsec_mb", K::kText, "version of ipsec-mb that runs"},
    FieldShape{"openssl", K::kText, "version of OpenSSL that runs"},
    FieldShape{"build", K::kText, "`portable` or `native`"},
    FieldShape{"pid", K::kNumber, "process id"},
    FieldShape{"uptime_s", K::kNumber, "seconds since ports and workers run"},
};

constexpr std::array kSasLists{ListShape{"ike_sas", kIkeSa}, ListShape{"manual_sas", kManualSa}};
constexpr std::array kConnectionsLists{ListShape{"connections", kConnection}};
constexpr std::array kPoliciesLists{ListShape{"policies", kPolicy}};
constexpr std::array kPortsLists{ListShape{"ports", kPort}};
constexpr std::array kRoutesLists{ListShape{"routes", kRoute}};
constexpr std::array kNeighborsLists{ListShape{"neighbors", kNeighbor}};
constexpr std::array kWorkersLists{ListShape{"workers", kWorker}};
constexpr std::array kCountersLists{ListShape{"counters", kBalance, true},
                                    ListShape{"ike", kIkeCounter}};
constexpr std::array kDropsLists{ListShape{"drops", kDrop}};

constexpr std::array kTopics{
    TopicShape{"sas", kSasLists, "IKE SAs with their children, and SAs keyed by hand"},
    TopicShape{"connections", kConnectionsLists, "what is configured, and what is up of it"},
    TopicShape{"policies", kPoliciesLists, "the SPD, in the order in which it is looked at"},
    TopicShape{"ports", kPortsLists,
               "ports, what they can do, and their own counters; then VLANs, with the fields from "
               "`name` to `link` but `device` and `driver`"},
    TopicShape{"routes", kRoutesLists, "the FIB"},
    TopicShape{"neighbors", kNeighborsLists, "ARP entries"},
    TopicShape{"workers", kWorkersLists, "worker lcores"},
    TopicShape{"counters", kCountersLists,
               "when idle: received + injected + generated = transmitted + dropped + punted + "
               "consumed + held; and why IKE messages were not processed"},
    TopicShape{"drops", kDropsLists, "every reason to drop a packet, also those with count 0"},
};

std::string_view name_of(FieldKind kind) {
  switch (kind) {
    case K::kText:
      return "text";
    case K::kNumber:
      return "number";
    case K::kFlag:
      return "true or false";
    case K::kTexts:
      return "list of texts";
    case K::kRows:
      return "list of rows";
  }
  return "?";
}

void append_fields(std::string& out, std::span<const FieldShape> fields, std::string_view prefix) {
  for (const FieldShape& field : fields) {
    out +=
        fmt::format("| `{}{}` | {} | {} |\n", prefix, field.name, name_of(field.kind), field.text);
    if (field.kind == FieldKind::kRows)
      append_fields(out, field.rows, fmt::format("{}{}[].", prefix, field.name));
  }
}

}  // namespace

std::span<const TopicShape> topics() { return kTopics; }

const TopicShape* find_topic(std::string_view word) {
  for (const TopicShape& topic : kTopics)
    if (topic.word == word) return &topic;
  return nullptr;
}

std::span<const FieldShape> version_shape() { return kVersionMembers; }

std::string shapes_as_markdown() {
  constexpr std::string_view kHead = "| field | kind | what it is |\n|---|---|---|\n";
  std::string out;
  for (const TopicShape& topic : kTopics) {
    out += fmt::format("### show {}\n\n{}.\n\n{}", topic.word, topic.text, kHead);
    for (const ListShape& list : topic.lists)
      append_fields(out, list.fields, fmt::format("{}{}.", list.name, list.is_value ? "" : "[]"));
    out += '\n';
  }
  out += fmt::format("### version\n\nAnswered as soon as ports and workers run.\n\n{}", kHead);
  append_fields(out, kVersionMembers, "");
  return out;
}

}  // namespace penstock::io
