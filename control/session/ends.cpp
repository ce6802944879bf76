// SPDX-License-Identifier: BSD-3-Clause
// Identities and ports of both ends, from the configuration and the addresses in use.
#include "control/session/ends.h"

#include <algorithm>

#include "lib/net/ipv4.h"
#include "lib/net/ipv6.h"
#include "lib/net/udp.h"
#include "lib/policy/distinguished_name.h"

namespace penstock::session {

using policy::Identity;

policy::UdpEncapsulation encapsulation_of(const net::Endpoint& local, const net::Endpoint& remote) {
  // RFC 3948 §2.1: the ports of IKE on port 4500, never 500.
  const auto nat_port = [](net::Port p) { return p == kIkePort ? kNatPort : p; };
  return {nat_port(local.port), nat_port(remote.port)};
}

std::size_t largest_message(const ConnectionConfig& config, net::Family family) {
  const bool v4 = family == net::Family::kIpv4;
  return config.fragment_size - (v4 ? sizeof(net::Ipv4Header) : sizeof(net::Ipv6Header)) -
         sizeof(net::UdpHeader) - net::kNonEspMarkerLength;
}

bool makes_fragments(const ConnectionConfig& config) {
  return config.fragmentation == Fragmentation::kYes ||
         config.fragmentation == Fragmentation::kForce;
}

Identity identity_of(const net::IpAddress& address) {
  return {address.is_v4() ? policy::IdType::kIpv4Addr : policy::IdType::kIpv6Addr,
          base::to_vector(address.bytes())};
}

base::Result<Identity> own_identity(const ConnectionConfig& config, const Credential* credential,
                                    const net::IpAddress& local) {
  if (!config.local.id.is_any()) {
    PS_ASSIGN(Identity id, Identity::parse(config.local.id.text));
    // RFC 4945 §3.1.5: a binary comparison with the certificate's subject succeeds.
    const bool subject = credential != nullptr && id.type == policy::IdType::kDerAsn1Dn &&
                         policy::is_same_name(id.data, credential->subject);
    if (subject) id.data = credential->subject;
    return id;
  }
  if (credential != nullptr && !credential->subject.empty())
    return Identity{policy::IdType::kDerAsn1Dn, credential->subject};
  return identity_of(local);
}

base::Result<void> check_address(const Identity& id, const net::IpAddress& from) {
  if (id.type != policy::IdType::kIpv4Addr && id.type != policy::IdType::kIpv6Addr) return {};
  if (std::ranges::equal(id.data, from.bytes())) return {};
  return base::fail(base::ErrorCode::kAuthentication,
                    "it names itself " + id.to_string() + " and comes from " + from.to_string());
}

std::optional<Identity> expected_identity(const ConnectionConfig& config) {
  const policy::IdentityPattern& p = config.remote.id;
  if (p.is_any() || p.text.find('*') != std::string::npos) return std::nullopt;
  auto id = Identity::parse(p.text);
  if (!id) return std::nullopt;
  return *std::move(id);
}

}  // namespace penstock::session
