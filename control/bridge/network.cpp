// SPDX-License-Identifier: BSD-3-Clause
// The one writer of lib/fib. Static routes and addresses are written once; neighbours and link
// states change while workers read.
#include "control/bridge/network.h"

#include <algorithm>

#include "control/io/clock.h"

namespace penstock::bridge {
namespace {

constexpr base::Duration kLinkInterval = base::seconds{1};

fib::Side side_of(config::Side side) {
  return side == config::Side::kOutside ? fib::Side::kOutside : fib::Side::kInside;
}

base::Result<void> named(base::Result<void> done, const std::string& what) {
  if (done) return done;
  return base::fail(done.error().code, what + ": " + done.error().text);
}

base::Result<std::vector<OwnAddress>> add_interfaces(const config::DataplaneSettings& settings,
                                                     const std::vector<dpdk::Port>& ports,
                                                     fib::Fib& fib) {
  std::vector<OwnAddress> own;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const config::PortSettings& port = settings.ports[i];
    fib::InterfaceOptions options;
    options.name = port.name;
    options.port_id = ports[i].id();
    options.side = side_of(port.side);
    options.mtu = port.mtu;
    options.mac = ports[i].mac();
    options.rx_checksum = ports[i].capabilities().rx_checksum;
    options.addresses = port.addresses;
    PS_TRY(fib.add_interface(options));
  }
  for (const config::VlanSettings& vlan : settings.vlans) {
    fib::InterfaceOptions options;
    options.name = vlan.name;
    options.side = side_of(vlan.side);
    options.mtu = vlan.mtu;
    options.vlan = vlan.id;
    options.port = fib.find_interface(vlan.port).value_or(dpdk::kNoInterface);
    options.addresses = vlan.addresses;
    PS_TRY(fib.add_interface(options));
  }
  // Their own, and the link-local ones that IPv6 brings with it.
  for (unsigned i = 0; i < fib.interface_count(); ++i) {
    const auto& interface = fib.interface(dpdk::InterfaceIndex{static_cast<std::uint16_t>(i)});
    for (const net::InterfaceAddress& address : interface.addresses)
      own.push_back({interface.index, interface.mac, address});
  }
  return own;
}

base::Result<void> add_routes(const config::DataplaneSettings& settings, fib::Fib& fib) {
  for (const config::RouteSettings& route : settings.routes) {
    const auto interface = fib.find_interface(route.port);
    if (!interface)
      return base::fail(base::ErrorCode::kNotFound,
                        "route to " + route.to.to_string() + ": there is no port " + route.port);
    PS_TRY(named(fib.add_route({.vrf = {},
                                .to = route.to,
                                .via = route.via,
                                .interface = *interface,
                                .origin = fib::RouteOrigin::kStatic}),
                 "route to " + route.to.to_string()));
  }
  return {};
}

}  // namespace

base::Result<std::unique_ptr<Network>> Network::create(const config::DataplaneSettings& settings,
                                                       const std::vector<dpdk::Port>& ports,
                                                       fib::Fib& fib, io::EventLoop& loop,
                                                       base::RandomSource& random, base::Log& log) {
  PS_ASSIGN(std::vector<OwnAddress> own, add_interfaces(settings, ports, fib));
  PS_TRY(add_routes(settings, fib));
  return std::unique_ptr<Network>(
      new Network(settings, ports, fib, std::move(own), loop, random, log));
}

Network::Network(const config::DataplaneSettings& settings, const std::vector<dpdk::Port>& ports,
                 fib::Fib& fib, std::vector<OwnAddress> own, io::EventLoop& loop,
                 base::RandomSource& random, base::Log& log)
    : settings_(settings),
      ports_(ports),
      fib_(fib),
      loop_(loop),
      log_(log),
      listener_(own, random),
      detection_({.enabled = settings.duplicate_address_detection}, own, random),
      neighbours_(
          {.entries = settings.limits.neighbors}, std::move(own),
          [this](const NeighbourKey& key) { return fib_.take_used(key.interface, key.address); }),
      claims_(fib.interface_count()),
      deadline_(loop.make_timer([this] {
        listener_.tick(io::monotonic_now());
        detection_.tick(io::monotonic_now());
        neighbours_.tick(io::monotonic_now());
        settle();
      })),
      links_(loop.make_timer([this] { watch_links(); })) {}

void Network::start(Transmitter& transmitter) {
  transmitter_ = &transmitter;
  for (const config::NeighborSettings& neighbour : settings_.neighbors)
    if (const auto interface = fib_.find_interface(neighbour.port))
      neighbours_.add_static({*interface, neighbour.address}, neighbour.mac);
  watch_links();
  neighbours_.start(io::monotonic_now());
  for (unsigned i = 0; i < fib_.interface_count(); ++i) {
    const dpdk::InterfaceIndex index{static_cast<std::uint16_t>(i)};
    if (fib_.interface(index).up.load(std::memory_order_relaxed)) link_up(index);
  }
  settle();
}

void Network::event(const channel::NeighbourEvent& event) {
  const NeighbourKey key{event.interface, event.address};
  const base::MonoTime now = io::monotonic_now();
  if (event.kind == channel::NeighbourEventKind::kClaimed) return claimed(key, event.mac);
  if (event.kind == channel::NeighbourEventKind::kMldQuery)
    return listener_.query(now, event.interface,
                           {.version1 = event.version1,
                            .longest_delay = base::milliseconds{event.delay_ms},
                            .group = event.address.octets()});
  if (event.kind == channel::NeighbourEventKind::kHeard)
    // RFC 4861 §7.2.5: an advertisement makes no entry; an ARP message to us does.
    return neighbours_.heard(now, key,
                             {.mac = event.mac,
                              .adds = event.address.is_v4() || !event.reply,
                              .answers = event.solicited,
                              .overrides = event.overrides});
  if (!neighbours_.wanted(now, key) && full_logged_.take(now))
    log_.write(base::LogLevel::kWarning, "bridge",
               "the neighbour table is full: raise dataplane.limits.neighbors");
}

void Network::settle() {
  while (auto output = detection_.poll_output())
    std::visit([this](const auto& one) { carry_out(one); }, *output);
  while (auto output = listener_.poll_output()) {
    const auto sent = transmitter_->report(*output);
    if (!sent) log_.write(base::LogLevel::kDebug, "bridge", "listener: " + sent.error().text);
  }
  while (auto output = neighbours_.poll_output())
    std::visit([this](const auto& one) { carry_out(one); }, *output);
  const auto never = base::MonoTime::max();
  const auto next = std::min({neighbours_.next_deadline().value_or(never),
                              detection_.next_deadline().value_or(never),
                              listener_.next_deadline().value_or(never)});
  if (next != never) loop_.set_timer(*deadline_, next);
}

/// RFC 4862 §5.4.5: a tentative address that somebody else has is not used. One that was assigned
/// stays (§5.4.4 leaves it open), and both are told of.
void Network::claimed(const NeighbourKey& key, const net::MacAddress& mac) {
  ++claims_[key.interface.value()];
  const bool lost = detection_.claimed(key);
  if (!lost && !claim_logged_.take(io::monotonic_now())) return;
  const base::LogField fields[] = {{"address", key.address.to_string()},
                                   {"port", fib_.interface(key.interface).name},
                                   {"mac", net::to_string(mac)}};
  log_.write(base::LogLevel::kWarning, "bridge",
             lost ? "duplicate address: it is not used" : "somebody claims an address of ours",
             fields);
}

/// RFC 4862 §5.4.2: first we listen, then we ask.
void Network::link_up(dpdk::InterfaceIndex interface) {
  const base::MonoTime now = io::monotonic_now();
  listener_.link_up(now, interface);
  detection_.link_up(now, interface);
}

void Network::carry_out(const ProbeAddress& output) {
  const auto sent = transmitter_->probe(output);
  if (!sent) log_.write(base::LogLevel::kDebug, "bridge", "detection: " + sent.error().text);
}

void Network::carry_out(const AddressChanged& output) {
  const auto set = fib_.set_address_state(output.key.interface, output.key.address, output.state);
  if (!set) log_.write(base::LogLevel::kError, "bridge", set.error().text);
  transmitter_->set_usable(output.key.address, output.state != fib::AddressState::kDuplicate);
  const base::MonoTime now = io::monotonic_now();
  listener_.set_own(now, output.key, output.state == fib::AddressState::kAssigned);
  neighbours_.set_own(now, output.key, output.state);
}

void Network::carry_out(const AskNeighbour& output) {
  const auto sent = transmitter_->ask(output);
  if (!sent) log_.write(base::LogLevel::kDebug, "bridge", "neighbours: " + sent.error().text);
}

void Network::carry_out(const PublishNeighbour& output) {
  const auto state =
      output.permanent ? fib::NeighbourState::kPermanent : fib::NeighbourState::kReachable;
  const auto set =
      fib_.set_neighbour(output.key.interface, output.key.address, {output.mac, state});
  // Strangers on the link choose how often this happens.
  if (set || !unused_logged_.take(io::monotonic_now())) return;
  const base::LogField fields[] = {{"address", output.key.address.to_string()}};
  log_.write(base::LogLevel::kWarning, "bridge", "a neighbour is not used: " + set.error().text,
             fields);
}

void Network::carry_out(const FailNeighbour& output) {
  const base::LogField fields[] = {{"address", output.key.address.to_string()},
                                   {"port", fib_.interface(output.key.interface).name}};
  log_.write(base::LogLevel::kDebug, "bridge", "a neighbour does not answer", fields);
}

void Network::carry_out(const ForgetNeighbour& output) {
  static_cast<void>(fib_.remove_neighbour(output.key.interface, output.key.address));
}

void Network::watch_links() {
  for (unsigned i = 0; i < fib_.interface_count(); ++i) {
    const dpdk::InterfaceIndex index{static_cast<std::uint16_t>(i)};
    const dpdk::LinkState link = ports_[fib_.interface(index).port.value()].link();
    if (link.up == fib_.interface(index).up.load(std::memory_order_relaxed)) continue;
    fib_.set_up(index, link.up);
    if (link.up) link_up(index);
    const base::LogField fields[] = {{"port", fib_.interface(index).name}};
    log_.write(base::LogLevel::kWarning, "bridge", link.up ? "link up" : "link down", fields);
  }
  settle();
  loop_.set_timer(*links_, io::monotonic_now() + kLinkInterval);
}

std::vector<net::IpAddress> Network::outside_addresses() const {
  std::vector<net::IpAddress> out;
  for (const config::InterfaceView& one : config::interfaces_of(settings_))
    if (one.side == config::Side::kOutside)
      for (const net::InterfaceAddress& address : *one.addresses) out.push_back(address.address);
  return out;
}

}  // namespace penstock::bridge
