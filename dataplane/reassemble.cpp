// SPDX-License-Identifier: BSD-3-Clause
// reassemble: fragments for us become whole packets, before classify needs their ports and their
// ESP header; and those whose policy may name ports. Ways out: onward whole; held; a drop by name;
// consumed when merged.
#include "dataplane/reassemble.h"

#include <algorithm>

#include "dataplane/addresses.h"
#include "dataplane/icmp.h"
#include "dataplane/ipsec_state.h"
#include "dataplane/parse.h"
#include "dataplane/stages.h"
#include "lib/net/ipv4.h"

namespace penstock::dataplane {

using dpdk::Packet;
using dpdk::PacketMeta;
using net::DropReason;
using net::Ipv4Header;

namespace {

constexpr base::Duration kLookEvery = base::milliseconds{100};
constexpr std::uint8_t kEcnMask = 3;
constexpr std::uint8_t kEcnCongestionExperienced = 3;

Ipv4Header& header_of(Packet* packet) { return *reinterpret_cast<Ipv4Header*>(dpdk::data(packet)); }

/// What a fragment says about itself.
struct FragmentView {
  std::uint32_t identification;
  unsigned header;  ///< octets in front of its piece of the payload
  unsigned offset;
  bool last;
};

FragmentView view_of(Packet* packet) {
  if (!is_ipv6(dpdk::meta(packet))) {
    const Ipv4Header& ip = header_of(packet);
    return {ip.identification.get(), dpdk::meta(packet).header_length, ip.fragment_offset(),
            !ip.more_fragments()};
  }
  net::Ipv6Chain chain;  // parse has followed it
  (void)net::follow_chain(dpdk::bytes(packet), chain);
  const auto& header =
      *reinterpret_cast<const net::Ipv6FragmentHeader*>(dpdk::data(packet) + chain.fragment_at);
  return {header.identification.get(), unsigned{chain.fragment_at} + unsigned{sizeof(header)},
          chain.fragment & unsigned{net::kIpv6OffsetMask},
          (chain.fragment & net::kIpv6MoreFragments) == 0};
}

void finish_ipv4(Packet* whole, bool congestion) {
  Ipv4Header& ip = header_of(whole);
  ip.total_length.set(whole->data_len);
  ip.fragment.set(0);
  if (congestion) ip.tos = static_cast<std::uint8_t>(ip.tos | kEcnCongestionExperienced);
  net::set_checksum(ip);
}

void finish_ipv6(Packet* whole, bool congestion) {
  (void)take_out_fragment_header(whole);
  net::Ipv6Header& ip = ipv6_of(whole);
  if (congestion)
    ip.set_traffic_class(static_cast<std::uint8_t>(ip.traffic_class() | kEcnCongestionExperienced));
}

/// RFC 1812 §5.2.6: a router does not reassemble what it forwards; but a policy with ports must see
/// them (RFC 4301 §7), inbound and outbound.
bool is_needed_whole(const WorkerContext& ctx, const Packet* packet) {
  const PacketMeta& meta = dpdk::meta(packet);
  const fib::NextHop& hop = ctx.fib->next_hop(find_next_hop(*ctx.fib, packet));
  if (hop.kind == fib::NextHopKind::kLocal) return true;
  if (!is_fragment_that_needs_ports(ctx, meta)) return false;
  const bool inbound =
      (meta.flags & (dpdk::kFromOutside | dpdk::kPolicyChecked)) == dpdk::kFromOutside;
  return inbound || (hop.interface != dpdk::kNoInterface &&
                     ctx.fib->interface(hop.interface).side == fib::Side::kOutside);
}

}  // namespace

bool take_out_fragment_header(Packet* packet) {
  constexpr unsigned kOctets = sizeof(net::Ipv6FragmentHeader);
  net::Ipv6Chain chain;  // parse has followed it
  (void)net::follow_chain(dpdk::bytes(packet), chain);
  if (chain.fragment_at == 0) return false;
  std::byte* front = dpdk::data(packet);
  front[chain.fragment_named_at] = front[chain.fragment_at];
  std::memmove(front + kOctets, front, chain.fragment_at);
  dpdk::trim_front(packet, kOctets);
  net::Ipv6Header& ip = ipv6_of(packet);
  ip.payload_length.set(static_cast<std::uint16_t>(packet->data_len - sizeof(ip)));
  return true;
}

void reassemble(WorkerContext& ctx, Burst& burst) {
  unsigned kept = 0;
  for (unsigned i = 0; i < burst.size(); ++i) {
    Packet* packet = burst[i];
    const PacketMeta& meta = dpdk::meta(packet);
    if ((meta.flags & dpdk::kFragment) != 0 && is_needed_whole(ctx, packet)) [[unlikely]]
      packet = ctx.reassembler->accept(ctx, packet);
    if (packet != nullptr) burst.raw()[kept++] = packet;
  }
  burst.set_size(kept);
}

Reassembler::Reassembler() : entries_(std::make_unique<std::array<Entry, kReassemblies>>()) {}
Reassembler::~Reassembler() = default;

std::optional<unsigned> Reassembler::find(const Key& key) const {
  for (unsigned i = 0; i < kReassemblies; ++i)
    if (used_[i] && keys_[i] == key) return i;
  return std::nullopt;
}

unsigned Reassembler::open(WorkerContext& ctx, const Key& key) {
  std::optional<unsigned> place;
  std::optional<unsigned> earliest;
  std::optional<unsigned> earliest_of_source;
  unsigned of_source = 0;
  const auto keep_earlier = [this](std::optional<unsigned>& best, unsigned i) {
    if (!best || (*entries_)[i].deadline < (*entries_)[*best].deadline) best = i;
  };
  for (unsigned i = 0; i < kReassemblies; ++i) {
    if (!used_[i]) {
      place = i;
      continue;
    }
    keep_earlier(earliest, i);
    if (!same_source(keys_[i], key)) continue;
    ++of_source;
    keep_earlier(earliest_of_source, i);
  }
  if (of_source >= kReassembliesPerSource)
    place = earliest_of_source;
  else if (!place)
    place = earliest;
  if (used_[*place]) evict(ctx, *place);
  keys_[*place] = key;
  used_[*place] = true;
  Entry& entry = (*entries_)[*place];
  entry.refused = false;
  entry.count = 0;
  entry.octets = 0;
  entry.total = 0;
  entry.deadline = ctx.now + kReassemblyTimeout;
  ++open_;
  return *place;
}

void Reassembler::evict(WorkerContext& ctx, unsigned index) {
  drop_pieces(ctx, (*entries_)[index], DropReason::kFragmentEvicted);
  close(index);
}

void Reassembler::evict_fragments(WorkerContext& ctx, unsigned keep) {
  std::optional<unsigned> earliest;
  for (unsigned i = 0; i < kReassemblies; ++i) {
    if (!used_[i] || i == keep || (*entries_)[i].count == 0) continue;
    if (!earliest || (*entries_)[i].deadline < (*entries_)[*earliest].deadline) earliest = i;
  }
  if (earliest) evict(ctx, *earliest);
}

bool Reassembler::same_source(const Key& a, const Key& b) {
  // Who has one IPv6 address has a /64 of them.
  constexpr std::size_t kOctets = 8;
  return a.source.family() == b.source.family() &&
         std::memcmp(a.source.octets().data(), b.source.octets().data(), kOctets) == 0;
}

void Reassembler::close(unsigned index) {
  used_[index] = false;
  --open_;
}

Reassembler::Fit Reassembler::fit(const Entry& entry, const Piece& piece, bool last) {
  for (unsigned i = 0; i < entry.count; ++i) {
    const Piece& other = entry.pieces[i];
    if (piece.begin == other.begin && piece.end == other.end) return Fit::kDuplicate;
    if (piece.begin < other.end && other.begin < piece.end) return Fit::kOverlap;
    if (last && other.end > piece.begin) return Fit::kOverlap;  // beyond the end
  }
  if (entry.total != 0 && (last || piece.end >= entry.total)) return Fit::kOverlap;
  return Fit::kFits;
}

Packet* Reassembler::accept(WorkerContext& ctx, Packet* fragment) {
  const PacketMeta& meta = dpdk::meta(fragment);
  const FragmentView view = view_of(fragment);
  const unsigned payload = meta.total_length - view.header;
  const unsigned begin = view.offset;
  const unsigned end = begin + payload;
  const bool last = view.last;
  const auto drop = [&](DropReason reason) -> Packet* {
    ctx.drop(fragment, reason);
    return nullptr;
  };
  // RFC 791 §3.2: all but the last hold a multiple of 8 octets; one without any helps nobody.
  if (payload == 0 || (!last && payload % 8 != 0)) return drop(DropReason::kBadIpTotalLength);
  // RFC 791 §3.1, and what one packet of ours holds.
  const unsigned room = fragment->buf_len - RTE_PKTMBUF_HEADROOM - dpdk::kLinkHeadroom;
  if (end + view.header > std::min(room, net::kIpv4MaxPacket))
    return drop(DropReason::kFragmentTooLong);

  const Key key{.source = source_of(fragment),
                .destination = destination_of(fragment),
                .identification = view.identification,
                .vrf = meta.vrf,
                .protocol = is_ipv6(meta) ? std::uint8_t{0} : meta.protocol,
                .origin = meta.flags & (dpdk::kFromOutside | dpdk::kDecapsulated),
                .child_slot = meta.child_slot};
  const auto known = find(key);
  const unsigned index = known ? *known : open(ctx, key);
  Entry& entry = (*entries_)[index];
  if (entry.refused) return drop(DropReason::kFragmentOverlap);

  const Piece piece{fragment, static_cast<std::uint16_t>(begin), static_cast<std::uint16_t>(end)};
  const Fit how = fit(entry, piece, last);
  if (how == Fit::kDuplicate) return drop(DropReason::kFragmentOverlap);  // the first one counts
  if (how == Fit::kOverlap || entry.count == kFragmentsPerPacket) {
    // RFC 5722 §4: the whole packet goes, with what is still to come of it.
    const DropReason reason =
        how == Fit::kOverlap ? DropReason::kFragmentOverlap : DropReason::kFragmentTableFull;
    drop_pieces(ctx, entry, reason);
    entry.refused = true;
    return drop(reason);
  }
  static_assert(kFragmentsHeld > kFragmentsPerPacket, "another packet can always make room");
  if (held_ >= kFragmentsHeld) evict_fragments(ctx, index);
  unsigned at = entry.count++;
  for (; at != 0 && entry.pieces[at - 1].begin > piece.begin; --at)
    entry.pieces[at] = entry.pieces[at - 1];
  entry.pieces[at] = piece;
  entry.octets = static_cast<std::uint16_t>(entry.octets + payload);
  if (last) entry.total = piece.end;
  ++held_;
  ctx.hold(channel::Held::kReassembly);
  return entry.total != 0 && entry.octets == entry.total ? merge(ctx, index) : nullptr;
}

Packet* Reassembler::merge(WorkerContext& ctx, unsigned index) {
  Entry& entry = (*entries_)[index];
  Packet* whole = entry.pieces[0].packet;
  const unsigned header = view_of(whole).header;
  if (header + entry.total - dpdk::bytes(whole).size() > dpdk::tailroom(whole)) {
    drop_pieces(ctx, entry, DropReason::kFragmentTooLong);
    close(index);
    return nullptr;
  }
  bool congestion = false;
  for (unsigned i = 0; i < entry.count; ++i) {
    Packet* part = entry.pieces[i].packet;
    congestion |= (dpdk::meta(part).tos & kEcnMask) == kEcnCongestionExperienced;
    if (i == 0) continue;
    std::memcpy(dpdk::data(whole) + header + entry.pieces[i].begin,
                dpdk::data(part) + dpdk::meta(part).header_length,
                static_cast<std::size_t>(entry.pieces[i].end - entry.pieces[i].begin));
    ctx.consume(part, channel::Consumed::kMergedFragment);
  }
  ctx.release(channel::Held::kReassembly, entry.count);
  held_ -= entry.count;
  dpdk::resize(whole, header + entry.total);
  // RFC 3168 §5.3: congestion told by any fragment is told by the whole.
  congestion = congestion && (dpdk::meta(whole).tos & kEcnMask) != 0;
  if (is_ipv6(dpdk::meta(whole)))
    finish_ipv6(whole, congestion);
  else
    finish_ipv4(whole, congestion);
  close(index);
  if (const auto reason = read_ip(whole, HeaderChecksum::kTrust)) {
    ctx.drop(whole, *reason);
    return nullptr;
  }
  // Its source has cut it, so what it is now may be cut on the way, outside of a seal or as it is;
  // not behind extension headers, which fragment_ipv6 would put into the first piece alone.
  dpdk::PacketMeta& meta = dpdk::meta(whole);
  if (is_ipv6(meta) && (meta.flags & dpdk::kHasOptions) == 0)
    meta.flags &= ~std::uint32_t{dpdk::kDontFragment};
  return whole;
}

void Reassembler::drop_pieces(WorkerContext& ctx, Entry& entry, DropReason reason) {
  for (unsigned i = 0; i < entry.count; ++i) ctx.drop(entry.pieces[i].packet, reason);
  ctx.release(channel::Held::kReassembly, entry.count);
  held_ -= entry.count;
  entry.count = 0;
  entry.octets = 0;
}

void Reassembler::expire(WorkerContext& ctx) {
  if (open_ == 0 || ctx.now < next_look_) return;
  next_look_ = ctx.now + kLookEvery;
  for (unsigned i = 0; i < kReassemblies; ++i) {
    if (!used_[i] || ctx.now < (*entries_)[i].deadline) continue;
    Entry& entry = (*entries_)[i];
    // RFC 1122 §3.3.2: type 11 code 1, if the first fragment is there.
    if (entry.count != 0 && entry.pieces[0].begin == 0)
      send_error(ctx, entry.pieces[0].packet, Complaint::kNotReassembled);
    drop_pieces(ctx, entry, DropReason::kFragmentTimeout);
    close(i);
  }
}

void Reassembler::clear(WorkerContext& ctx, DropReason reason) {
  for (unsigned i = 0; i < kReassemblies; ++i) {
    if (!used_[i]) continue;
    drop_pieces(ctx, (*entries_)[i], reason);
    close(i);
  }
}

}  // namespace penstock::dataplane
