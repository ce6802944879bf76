// SPDX-License-Identifier: BSD-3-Clause
// Addresses as text and as octets. Reading is strict: what is left over is an error.
#include "lib/net/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>
#include <cstring>

namespace penstock::net {

using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

template <class T>
Result<T> number(std::string_view text, int radix = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, radix);
  if (error != std::errc{} || end != text.data() + text.size())
    return fail(ErrorCode::kMalformed, fmt::format("'{}' is not a number", text));
  return value;
}

/// Sets the bits past `length` to 0 or to 1.
IpAddress with_host_bits(const IpAddress& a, unsigned length, bool ones) {
  std::array<std::uint8_t, 16> octets = a.octets();
  for (unsigned bit = length; bit < bits_of(a.family()); ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    auto& octet = octets[bit / 8];
    octet = static_cast<std::uint8_t>(ones ? octet | mask : octet & ~mask);
  }
  if (!a.is_v4()) return IpAddress::v6(octets);
  std::uint32_t wire = 0;
  std::memcpy(&wire, octets.data(), sizeof(wire));
  return IpAddress::v4(ntohl(wire));
}

struct AddressAndLength {
  IpAddress address;
  std::uint8_t length;
};

Result<AddressAndLength> parse_address_and_length(std::string_view text) {
  const auto slash = text.find('/');
  PS_ASSIGN(const IpAddress address, IpAddress::parse(text.substr(0, slash)));
  const unsigned most = bits_of(address.family());
  if (slash == std::string_view::npos)
    return AddressAndLength{address, static_cast<std::uint8_t>(most)};
  PS_ASSIGN(const auto length, number<unsigned>(text.substr(slash + 1)));
  if (length > most)
    return fail(ErrorCode::kMalformed, fmt::format("prefix length {} is over {}", length, most));
  return AddressAndLength{address, static_cast<std::uint8_t>(length)};
}

}  // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) {
  IpAddress a;
  const std::uint32_t wire = htonl(host_order);
  std::memcpy(a.octets_.data(), &wire, sizeof(wire));
  return a;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& network_order) {
  IpAddress a;
  a.family_ = Family::kIpv6;
  a.octets_ = network_order;
  return a;
}

Result<IpAddress> IpAddress::from_bytes(base::Bytes octets) {
  if (octets.size() != 4 && octets.size() != 16)
    return fail(ErrorCode::kMalformed, "an address has 4 or 16 octets");
  IpAddress a;
  a.family_ = octets.size() == 4 ? Family::kIpv4 : Family::kIpv6;
  std::memcpy(a.octets_.data(), octets.data(), octets.size());
  return a;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  in_addr v4{};
  if (inet_pton(AF_INET, terminated.c_str(), &v4) == 1) return IpAddress::v4(ntohl(v4.s_addr));
  std::array<std::uint8_t, 16> v6{};
  if (inet_pton(AF_INET6, terminated.c_str(), v6.data()) == 1) return IpAddress::v6(v6);
  return fail(ErrorCode::kMalformed, fmt::format("'{}' is not an IP address", text));
}

bool IpAddress::is_unspecified() const { return octets_ == std::array<std::uint8_t, 16>{}; }

std::uint32_t IpAddress::v4_value() const {
  std::uint32_t wire = 0;
  std::memcpy(&wire, octets_.data(), sizeof(wire));
  return ntohl(wire);
}

base::Bytes IpAddress::bytes() const {
  return std::as_bytes(std::span(octets_)).first(bits_of(family_) / 8);
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(is_v4() ? AF_INET : AF_INET6, octets_.data(), text, sizeof(text));
  return text;
}

Result<Prefix> Prefix::parse(std::string_view text, bool allow_host_bits) {
  PS_ASSIGN(const auto parsed, parse_address_and_length(text));
  const Prefix prefix{with_host_bits(parsed.address, parsed.length, false), parsed.length};
  if (!allow_host_bits && prefix.address != parsed.address)
    return fail(ErrorCode::kMalformed,
                fmt::format("'{}' has host bits set; the prefix is {}", text, prefix.to_string()));
  return prefix;
}

bool Prefix::contains(const IpAddress& a) const {
  return a.family() == address.family() && with_host_bits(a, length, false) == address;
}

IpAddress Prefix::last() const { return with_host_bits(address, length, true); }

std::string Prefix::to_string() const { return fmt::format("{}/{}", address.to_string(), length); }

Result<InterfaceAddress> InterfaceAddress::parse(std::string_view text) {
  PS_ASSIGN(const auto parsed, parse_address_and_length(text));
  return InterfaceAddress{parsed.address, parsed.length};
}

Prefix InterfaceAddress::prefix() const { return {with_host_bits(address, length, false), length}; }

std::string InterfaceAddress::to_string() const {
  return fmt::format("{}/{}", address.to_string(), length);
}

std::string Endpoint::to_string() const {
  return address.is_v4() ? fmt::format("{}:{}", address.to_string(), port.value())
                         : fmt::format("[{}]:{}", address.to_string(), port.value());
}

Result<MacAddress> parse_mac(std::string_view text) {
  MacAddress mac{};
  if (text.size() != 17) return fail(ErrorCode::kMalformed, fmt::format("'{}' is not a MAC", text));
  for (std::size_t i = 0; i < mac.size(); ++i) {
    if (i != 0 && text[i * 3 - 1] != ':')
      return fail(ErrorCode::kMalformed, fmt::format("'{}' is not a MAC", text));
    PS_ASSIGN(mac[i], number<std::uint8_t>(text.substr(i * 3, 2), 16));
  }
  return mac;
}

std::string to_string(const MacAddress& mac) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3],
                     mac[4], mac[5]);
}

Result<Spi> parse_spi(std::string_view text) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  PS_ASSIGN(const auto value, number<std::uint32_t>(hex ? text.substr(2) : text, hex ? 16 : 10));
  // RFC 4303 §2.1: 0 is for local use, 1-255 are reserved by IANA.
  if (value < 256)
    return fail(ErrorCode::kMalformed, fmt::format("SPI '{}' is reserved (RFC 4303 §2.1)", text));
  return Spi{value};
}

std::string to_string(Spi spi) { return fmt::format("0x{:08x}", spi.value()); }

}  // namespace penstock::net

std::size_t std::hash<penstock::net::IpAddress>::operator()(
    const penstock::net::IpAddress& a) const noexcept {
  std::uint64_t halves[2];
  std::memcpy(halves, a.octets().data(), sizeof(halves));
  const std::uint64_t mixed =
      (halves[0] ^ static_cast<std::uint64_t>(a.family())) * 0x9e3779b97f4a7c15ULL;
  return static_cast<std::size_t>((mixed ^ (mixed >> 29) ^ halves[1]) * 0xbf58476d1ce4e5b9ULL);
}

std::size_t std::hash<penstock::net::Endpoint>::operator()(
    const penstock::net::Endpoint& e) const noexcept {
  return std::hash<penstock::net::IpAddress>{}(e.address) * 31U + e.port.value();
}
