// SPDX-License-Identifier: BSD-3-Clause
// The writer: installs, switches and retires SAs. Publishing is one release store of a pointer;
// unpublishing is the same with nullptr, then a grace period, then the FIFOs (design §4.4), then
// the record is wiped and free. Costs the same at 10 and at 100,000 SAs.
#include "lib/ipsec/writer.h"

#include <fmt/format.h>

#include <deque>
#include <map>

#include "lib/burst_crypto/engine.h"
#include "lib/dpdk/rcu.h"
#include "lib/ipsec/sa_builder.h"
#include "lib/ipsec/slab.h"
#include "lib/ipsec/spi_space.h"
#include "lib/ipsec/tables.h"

namespace penstock::ipsec {

using base::ErrorCode;
using base::fail;
using base::Result;
using policy::Direction;

namespace {

/// SPIs 0 to 255 are reserved, so 1 is free to mark a place whose SA was erased.
constexpr std::uint32_t kManualErased = 1;

class HugeMemory final : public SaMemory {
 public:
  explicit HugeMemory(int socket) : socket_(socket) {}
  void* allocate(std::size_t octets) override {
    return rte_zmalloc_socket("ipsec_more", octets, 64, socket_);
  }
  void free(void* memory) override { rte_free(memory); }

 private:
  int socket_;
};

}  // namespace

struct Writer::Impl {
  /// What only the control core needs of a record, at the same index.
  struct Note {
    bool live = false;
    bool manual = false;
    std::string label;
    net::IpAddress remote;
    net::IpAddress local;
    base::MonoTime path_mtu_until{};  ///< outbound: when what was learned last is forgotten
  };
  struct LearnedMtu {
    std::uint32_t index;
    base::MonoTime until;
  };
  /// An unpublished SA on its way out.
  struct Retiring {
    dpdk::GraceToken token;
    Direction direction;
    std::uint32_t index;
    std::uint32_t spi;
    bool manual;
    /// Until no worker gives it to a FIFO; until it has left them; until the worker that took it
    /// out last has ended its burst.
    enum class Wait : std::uint8_t { kUnseen, kFifos, kBurst, kOver } wait = Wait::kUnseen;
    std::vector<std::uint64_t> submitted = {};  ///< by FIFO, when the grace period had passed
  };
  using OutboundKey = std::pair<net::IpAddress, std::uint32_t>;

  Impl(const WriterLimits& l, dpdk::RcuDomain& r, const burst_crypto::SessionFactory& s,
       base::RandomSource& rnd)
      : limits(l),
        rcu(r),
        sessions(s),
        random(rnd),
        tables(l, rnd.u64(), r),
        memory(l.socket),
        spis(l.inbound_sas),
        inbound(l.inbound_sas + l.manual_sas, l.socket),
        outbound(l.outbound_sas, l.socket) {}

  bool advance(Retiring& one);

  WriterLimits limits;
  dpdk::RcuDomain& rcu;
  const burst_crypto::SessionFactory& sessions;
  base::RandomSource& random;
  Tables tables;
  HugeMemory memory;
  SpiSpace spis;
  Slab<InboundSa> inbound;
  Slab<OutboundSa> outbound;
  std::vector<Note> inbound_notes;
  std::vector<Note> outbound_notes;
  std::map<std::uint32_t, std::uint32_t> inbound_by_spi;
  std::map<OutboundKey, std::uint32_t> outbound_by_name;
  std::deque<Retiring> retiring;
  std::deque<LearnedMtu> learned_mtus;  ///< in the order of their times
  std::vector<const burst_crypto::FifoProgress*> fifos;
  std::uint32_t next_generation = 1;
  std::size_t larval = 0;
};

namespace {

std::string spi_text(std::uint32_t spi) { return net::to_string(net::Spi{spi}); }

}  // namespace

/// Changes of the tables: the one friend of Tables that writes.
class WriterAccess {
 public:
  static SadEntry& sad(Tables& t, std::uint32_t spi) { return t.sad_[spi & t.sad_mask_]; }
  static SlotEntry& slot(Tables& t, std::uint32_t slot) { return t.slots_[slot]; }

  static void insert_manual(Tables& t, std::uint32_t spi, InboundSa* sa) {
    std::uint32_t place = t.manual_place(spi);
    while (t.manual_[place].spi.load(std::memory_order_relaxed) > kManualErased)
      place = (place + 1) & (t.manual_size_ - 1);
    t.manual_[place].sa.store(sa, std::memory_order_release);
    t.manual_[place].spi.store(spi, std::memory_order_release);
    t.manual_count_.fetch_add(1, std::memory_order_relaxed);
  }
  static void erase_manual(Tables& t, std::uint32_t spi) {
    const std::uint32_t mask = t.manual_size_ - 1;
    std::uint32_t place = t.manual_place(spi);
    while (t.manual_[place].spi.load(std::memory_order_relaxed) != spi) place = (place + 1) & mask;
    t.manual_[place].spi.store(kManualErased, std::memory_order_release);
    t.manual_[place].sa.store(nullptr, std::memory_order_release);
    t.manual_count_.fetch_sub(1, std::memory_order_relaxed);
    // Erased places in front of a free one end no search too early: they become free.
    if (t.manual_[(place + 1) & mask].spi.load(std::memory_order_relaxed) != 0) return;
    for (; t.manual_[place].spi.load(std::memory_order_relaxed) == kManualErased;
         place = (place - 1) & mask)
      t.manual_[place].spi.store(0, std::memory_order_release);
  }
  static const SadEntry* find_entry(const Tables& t, std::uint32_t spi) {
    const SadEntry& direct = t.sad_[spi & t.sad_mask_];
    if (direct.spi.load(std::memory_order_acquire) == spi) return &direct;
    std::uint32_t place = t.manual_place(spi);
    for (std::uint32_t looked = 0; looked < t.manual_size_; ++looked) {
      const std::uint32_t found = t.manual_[place].spi.load(std::memory_order_acquire);
      if (found == spi) return &t.manual_[place];
      if (found == 0) return nullptr;
      place = (place + 1) & (t.manual_size_ - 1);
    }
    return nullptr;
  }
};

namespace {

SaCounters read(const InboundSa& sa) {
  return {.packets = sa.packets.get(),
          .bytes = sa.bytes.get(),
          .sequence = sa.window.top(),
          .replays = sa.replays.get(),
          .icv_failures = sa.icv_failures.get(),
          .errors = sa.errors.get()};
}

SaCounters read(const OutboundSa& sa) {
  const std::uint64_t sealed = std::min(sa.sequence.reserved(), sa.hard_packets);
  return {.packets = sealed,
          .bytes = sa.bytes.load(std::memory_order_relaxed),
          .sequence = sealed,
          .errors = sa.errors.load(std::memory_order_relaxed)};
}

}  // namespace

Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

/// The workers have left the RCU domain by now.
Writer::~Writer() {
  for (std::uint32_t i = 0; i < impl_->inbound.size(); ++i)
    clear_inbound(impl_->sessions, impl_->memory, impl_->inbound[i]);
  for (std::uint32_t i = 0; i < impl_->outbound.size(); ++i)
    clear_outbound(impl_->sessions, impl_->outbound[i]);
}

Result<std::unique_ptr<Writer>> Writer::create(const WriterLimits& limits, dpdk::RcuDomain& rcu,
                                               const burst_crypto::SessionFactory& sessions,
                                               base::RandomSource& random) {
  if (!std::has_single_bit(limits.inbound_sas) || limits.inbound_sas < 256 ||
      limits.inbound_sas > (1U << 22))
    return fail(ErrorCode::kMalformed, fmt::format("inbound_sas is {}: a power of two from 256 to "
                                                   "4194304 is needed",
                                                   limits.inbound_sas));
  if (limits.slots < 2 || limits.workers == 0)
    return fail(ErrorCode::kMalformed, "at least two slots and one worker are needed");
  return std::unique_ptr<Writer>(new Writer(std::make_unique<Impl>(limits, rcu, sessions, random)));
}

const Tables& Writer::tables() const { return impl_->tables; }
const WriterLimits& Writer::limits() const { return impl_->limits; }
unsigned Writer::owner_of(net::Spi spi) const { return tables().owner_of(spi.value()); }

// ---- SPIs ----

Result<std::vector<net::Spi>> Writer::allocate_spis(std::uint32_t count) {
  Impl& m = *impl_;
  if (m.spis.free() < count)
    return fail(ErrorCode::kLimit, fmt::format("{} inbound SPIs asked for, {} of {} are free",
                                               count, m.spis.free(), m.limits.inbound_sas));
  std::vector<net::Spi> granted;
  granted.reserve(count);
  while (granted.size() < count) {
    const std::uint32_t spi = *m.spis.take(m.random);
    if (m.inbound_by_spi.contains(spi)) {  // a manual SA has it: another tag another time
      m.spis.give_back(spi);
      continue;
    }
    WriterAccess::sad(m.tables, spi).spi.store(spi, std::memory_order_release);
    ++m.larval;
    granted.emplace_back(spi);
  }
  return granted;
}

void Writer::return_spis(const std::vector<net::Spi>& spis) {
  for (const net::Spi spi : spis) {
    if (!impl_->tables.is_larval(spi.value())) continue;
    WriterAccess::sad(impl_->tables, spi.value()).spi.store(0, std::memory_order_release);
    impl_->spis.give_back(spi.value());
    --impl_->larval;
  }
}

// ---- SAs ----

Result<void> Writer::install_inbound(const policy::SaSpec& spec) {
  Impl& m = *impl_;
  const std::uint32_t spi = spec.spi.value();
  const bool manual = !m.tables.is_larval(spi);
  if (spec.direction != Direction::kInbound)
    return fail(ErrorCode::kMalformed, "an outbound SA was given to install_inbound");
  if (spec.slot.value() >= m.limits.slots)
    return fail(ErrorCode::kLimit, fmt::format("slot {} of {}", spec.slot.value(), m.limits.slots));
  if (m.inbound_by_spi.contains(spi))
    return fail(ErrorCode::kExists, fmt::format("inbound SPI {} is in use", spi_text(spi)));
  if (manual && m.tables.manual_count_.load(std::memory_order_relaxed) >= m.limits.manual_sas)
    return fail(ErrorCode::kLimit,
                fmt::format("{} manual SAs are there already", m.limits.manual_sas));
  const auto index = m.inbound.take();
  if (!index)
    return fail(ErrorCode::kLimit,
                fmt::format("no room for another inbound SA ({} in use; hugepage memory or "
                            "inbound_sas)",
                            m.inbound.used()));
  InboundSa& sa = m.inbound[*index];
  if (auto built = build_inbound(spec, m.sessions, m.memory, sa); !built) {
    m.inbound.give_back(*index);
    return built;
  }
  sa.generation = m.next_generation++;
  m.inbound_notes.resize(m.inbound.size());
  m.inbound_notes[*index] = {true, manual, spec.name, spec.remote, spec.local, {}};
  m.inbound_by_spi[spi] = *index;
  if (manual) {
    WriterAccess::insert_manual(m.tables, spi, &sa);
  } else {
    WriterAccess::sad(m.tables, spi).sa.store(&sa, std::memory_order_release);
    --m.larval;
  }
  return {};
}

Result<void> Writer::install_outbound(const policy::SaSpec& spec) {
  Impl& m = *impl_;
  if (spec.direction != Direction::kOutbound)
    return fail(ErrorCode::kMalformed, "an inbound SA was given to install_outbound");
  if (spec.slot.value() >= m.limits.slots)
    return fail(ErrorCode::kLimit, fmt::format("slot {} of {}", spec.slot.value(), m.limits.slots));
  const Impl::OutboundKey key{spec.remote, spec.spi.value()};
  if (m.outbound_by_name.contains(key))
    return fail(ErrorCode::kExists, fmt::format("outbound SPI {} to {} is in use",
                                                spi_text(key.second), spec.remote.to_string()));
  const auto index = m.outbound.take();
  if (!index)
    return fail(ErrorCode::kLimit,
                fmt::format("no room for another outbound SA ({} in use; hugepage memory or "
                            "outbound_sas)",
                            m.outbound.used()));
  OutboundSa& sa = m.outbound[*index];
  if (auto built = build_outbound(spec, m.sessions, m.limits.workers > 1, sa); !built) {
    m.outbound.give_back(*index);
    return built;
  }
  sa.generation = m.next_generation++;
  m.outbound_notes.resize(m.outbound.size());
  m.outbound_notes[*index] = {true, false, spec.name, spec.remote, spec.local, {}};
  m.outbound_by_name[key] = *index;
  WriterAccess::slot(m.tables, sa.slot).sa.store(&sa, std::memory_order_release);
  return {};
}

Result<void> Writer::retire(const SaName& name) {
  Impl& m = *impl_;
  const std::uint32_t spi = name.spi.value();
  if (name.direction == Direction::kInbound) {
    const auto found = m.inbound_by_spi.find(spi);
    if (found == m.inbound_by_spi.end())
      return fail(ErrorCode::kNotFound, fmt::format("no inbound SA has SPI {}", spi_text(spi)));
    const std::uint32_t index = found->second;
    const bool manual = m.inbound_notes[index].manual;
    if (manual) {
      WriterAccess::erase_manual(m.tables, spi);
    } else {
      SadEntry& entry = WriterAccess::sad(m.tables, spi);
      entry.spi.store(0, std::memory_order_release);  // first: it is not larval again
      entry.sa.store(nullptr, std::memory_order_release);
    }
    m.inbound_notes[index].live = false;
    m.inbound_by_spi.erase(found);
    m.retiring.push_back({m.rcu.token(), Direction::kInbound, index, spi, manual});
    return {};
  }
  const auto found = m.outbound_by_name.find({name.remote, spi});
  if (found == m.outbound_by_name.end())
    return fail(ErrorCode::kNotFound, fmt::format("no outbound SA has SPI {} to {}", spi_text(spi),
                                                  name.remote.to_string()));
  const std::uint32_t index = found->second;
  SlotEntry& slot = WriterAccess::slot(m.tables, m.outbound[index].slot);
  if (slot.sa.load(std::memory_order_relaxed) == &m.outbound[index])
    slot.sa.store(nullptr, std::memory_order_release);
  m.outbound_notes[index].live = false;
  m.outbound_by_name.erase(found);
  m.retiring.push_back({m.rcu.token(), Direction::kOutbound, index, spi, false});
  return {};
}

Result<void> Writer::move(const SaName& name, const net::Endpoint& to) {
  Impl& m = *impl_;
  const std::uint32_t spi = name.spi.value();
  const auto same_version = [&](const net::IpAddress& from) -> Result<void> {
    if (from.family() == to.address.family()) return {};
    return fail(ErrorCode::kUnsupported, "an SA cannot change its outer IP version");
  };
  if (name.direction == Direction::kInbound) {
    const auto found = m.inbound_by_spi.find(spi);
    if (found == m.inbound_by_spi.end())
      return fail(ErrorCode::kNotFound, fmt::format("no inbound SA has SPI {}", spi_text(spi)));
    PS_TRY(same_version(m.inbound_notes[found->second].remote));
    ipsec::move(m.inbound[found->second], to);
    m.inbound_notes[found->second].remote = to.address;
    return {};
  }
  const auto found = m.outbound_by_name.find({name.remote, spi});
  if (found == m.outbound_by_name.end())
    return fail(ErrorCode::kNotFound, fmt::format("no outbound SA has SPI {} to {}", spi_text(spi),
                                                  name.remote.to_string()));
  const std::uint32_t index = found->second;
  PS_TRY(same_version(name.remote));
  if (to.address != name.remote) {
    if (!m.outbound_by_name.emplace(Impl::OutboundKey{to.address, spi}, index).second)
      return fail(ErrorCode::kExists, fmt::format("outbound SPI {} to {} is in use", spi_text(spi),
                                                  to.address.to_string()));
    m.outbound_by_name.erase(found);
  }
  ipsec::move(m.outbound[index], to);
  m.outbound_notes[index].remote = to.address;
  return {};
}

std::uint16_t Writer::learn_path_mtu(const policy::SaEvent& event, base::MonoTime now) {
  Impl& m = *impl_;
  const auto found = m.outbound_by_name.find({event.remote.address, event.spi.value()});
  if (found == m.outbound_by_name.end() || m.limits.path_mtu_time == base::Duration{}) return 0;
  OutboundSa& sa = m.outbound[found->second];
  Impl::Note& note = m.outbound_notes[found->second];
  const bool ah = event.protocol == policy::IpsecProtocol::kAh;
  if (note.local != event.local.address || sa.has(kAh) != ah ||
      sa.in_udp() != (event.remote.port.value() != 0))
    return 0;
  const std::uint64_t sent = sa.sequence.reserved();
  const std::uint32_t age = static_cast<std::uint32_t>(sent - event.sequence);
  if (age >= std::min<std::uint64_t>(kRecentPackets, sent)) return 0;
  // RFC 8201 §4: less than IPv6 needs is told by nobody who carries it.
  if (sa.v6 && event.mtu < net::kIpv6MinMtu) return 0;
  const std::uint16_t mtu = std::max(event.mtu, sa.v6 ? event.mtu : m.limits.smallest_path_mtu);
  if (mtu >= sa.path_mtu.load(std::memory_order_relaxed)) return 0;
  sa.path_mtu.store(mtu, std::memory_order_relaxed);
  note.path_mtu_until = now + m.limits.path_mtu_time;
  m.learned_mtus.push_back({found->second, note.path_mtu_until});
  return mtu;
}

void Writer::age_path_mtus(base::MonoTime now) {
  Impl& m = *impl_;
  for (; !m.learned_mtus.empty() && m.learned_mtus.front().until <= now;
       m.learned_mtus.pop_front()) {
    const auto& [index, until] = m.learned_mtus.front();
    // Another SA may have the record, or the same one have learned again.
    if (m.outbound_notes[index].live && m.outbound_notes[index].path_mtu_until == until)
      m.outbound[index].path_mtu.store(kNoPathMtu, std::memory_order_relaxed);
  }
}

// ---- policies ----

Result<void> Writer::add_policy(const policy::PolicyRule& rule) {
  if (rule.slot.value() >= impl_->limits.slots)
    return fail(ErrorCode::kLimit,
                fmt::format("slot {} of {}", rule.slot.value(), impl_->limits.slots));
  return impl_->tables.spd_->insert(rule);
}

Result<void> Writer::remove_policy(policy::PolicyId id) { return impl_->tables.spd_->remove(id); }

// ---- retirement ----

void Writer::watch_fifo(const burst_crypto::FifoProgress& fifo) { impl_->fifos.push_back(&fifo); }

/// Design §4.4: moves one SA as far as it goes. @return whether nothing can hold it any more
bool Writer::Impl::advance(Retiring& one) {
  using Wait = Retiring::Wait;
  if (one.wait == Wait::kUnseen && rcu.passed(one.token)) {
    for (const auto* fifo : fifos)
      one.submitted.push_back(fifo->submitted.load(std::memory_order_acquire));
    one.wait = fifos.empty() ? Wait::kOver : Wait::kFifos;
  }
  if (one.wait == Wait::kFifos) {
    for (std::size_t i = 0; i < one.submitted.size(); ++i)
      if (fifos[i]->completed.load(std::memory_order_acquire) < one.submitted[i]) return false;
    one.token = rcu.token();
    one.wait = Wait::kBurst;
  }
  if (one.wait == Wait::kBurst && rcu.passed(one.token)) one.wait = Wait::kOver;
  return one.wait == Wait::kOver;
}

std::size_t Writer::poll() {
  Impl& m = *impl_;
  for (Impl::Retiring& one : m.retiring)
    if (!m.advance(one) && one.wait == Impl::Retiring::Wait::kUnseen) break;  // nor those behind it
  while (!m.retiring.empty() && m.retiring.front().wait == Impl::Retiring::Wait::kOver) {
    const Impl::Retiring& first = m.retiring.front();
    if (first.direction == Direction::kInbound) {
      clear_inbound(m.sessions, m.memory, m.inbound[first.index]);
      m.inbound.give_back(first.index);
      if (!first.manual) m.spis.give_back(first.spi);
    } else {
      clear_outbound(m.sessions, m.outbound[first.index]);
      m.outbound.give_back(first.index);
    }
    m.retiring.pop_front();
  }
  return m.retiring.size() + m.tables.spd_->poll();
}

// ---- reading ----

std::optional<SaStatus> Writer::find(const SaName& name) const {
  const Impl& m = *impl_;
  std::vector<SaStatus> found;
  if (name.direction == Direction::kInbound) {
    const auto at = m.inbound_by_spi.find(name.spi.value());
    if (at == m.inbound_by_spi.end()) return std::nullopt;
    list(name.direction, at->second, 1, found);
  } else {
    const auto at = m.outbound_by_name.find({name.remote, name.spi.value()});
    if (at == m.outbound_by_name.end()) return std::nullopt;
    list(name.direction, at->second, 1, found);
  }
  return found.front();
}

std::optional<SaStatus> Writer::outbound_of(policy::ChildSlot slot) const {
  const OutboundSa* sa = impl_->tables.outbound_of(slot.value());
  if (sa == nullptr) return std::nullopt;
  const net::IpAddress remote =
      sa->v6 ? net::IpAddress::v6(sa->outer6().ip().destination) : net::IpAddress::v4(sa->remote());
  return find({Direction::kOutbound, net::Spi{sa->spi}, remote});
}

std::uint64_t Writer::list(Direction direction, std::uint64_t cursor, std::size_t limit,
                           std::vector<SaStatus>& out) const {
  const Impl& m = *impl_;
  const bool in = direction == Direction::kInbound;
  const auto& notes = in ? m.inbound_notes : m.outbound_notes;
  std::uint64_t i = cursor;
  for (; i < notes.size() && limit > 0; ++i) {
    const Impl::Note& note = notes[i];
    if (!note.live) continue;
    const auto index = static_cast<std::uint32_t>(i);
    SaStatus status;
    status.label = note.label;
    status.manual = note.manual;
    if (in) {
      const InboundSa& sa = m.inbound[index];
      status.name = {direction, net::Spi{sa.spi}, {}};
      status.slot = policy::ChildSlot{sa.slot};
      status.counters = read(sa);
    } else {
      const OutboundSa& sa = m.outbound[index];
      status.name = {direction, net::Spi{sa.spi}, note.remote};
      status.slot = policy::ChildSlot{sa.slot};
      status.current = m.tables.outbound_of(sa.slot) == &sa;
      const std::uint16_t mtu = sa.path_mtu.load(std::memory_order_relaxed);
      status.path_mtu = mtu == kNoPathMtu ? std::uint16_t{0} : mtu;
      status.counters = read(sa);
    }
    out.push_back(std::move(status));
    --limit;
  }
  return i < notes.size() ? i : 0;
}

std::optional<SaCounters> Writer::counters_of_inbound(net::Spi spi) const {
  const SadEntry* entry = WriterAccess::find_entry(impl_->tables, spi.value());
  if (entry == nullptr) return std::nullopt;
  const InboundSa* sa = entry->sa.load(std::memory_order_acquire);
  if (sa == nullptr) return std::nullopt;
  const SaCounters counters = read(*sa);
  // The record may have been given to another SA meanwhile: then the place shows it.
  std::atomic_thread_fence(std::memory_order_acquire);
  if (entry->spi.load(std::memory_order_relaxed) != spi.value() ||
      entry->sa.load(std::memory_order_relaxed) != sa)
    return std::nullopt;
  return counters;
}

Writer::Usage Writer::usage() const {
  const Impl& m = *impl_;
  return {.inbound = m.inbound_by_spi.size(),
          .outbound = m.outbound_by_name.size(),
          .larval = m.larval,
          .retiring = m.retiring.size(),
          .policies = m.tables.spd_->size()};
}

}  // namespace penstock::ipsec
