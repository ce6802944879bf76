// SPDX-License-Identifier: BSD-3-Clause
// Conformance: every algorithm of ESP and AH on every engine that has it, with and without ESN,
// judged by reference.h and compared with the other engines; what an engine lacks is printed, and
// the table in docs/algorithms.md is what the engines say.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/burst_crypto/chain.h"
#include "lib/dpdk/eal.h"
#include "lib/dpdk/mempool.h"
#include "reference.h"
#include "tests/crypto_device/crypto_device.h"
#include "tests/crypto_device/iova_map.h"

namespace penstock::burst_crypto {
namespace {

using base::Bytes;
using base::ByteVector;
using crypto::EncrRow;
using crypto::IntegRow;
using test::ReferenceSa;

/// What OpenSSL has allocated. It takes these functions only before it has allocated anything.
std::size_t allocations = 0;
const bool counted = CRYPTO_set_mem_functions(
                         [](std::size_t n, const char*, int) {
                           ++allocations;
                           return std::malloc(n);
                         },
                         [](void* p, std::size_t n, const char*, int) {
                           ++allocations;
                           return std::realloc(p, n);
                         },
                         [](void* p, const char*, int) { std::free(p); }) == 1;

struct Suite {
  const EncrRow* encr = nullptr;  ///< nullptr: AH
  const IntegRow* integ = nullptr;

  [[nodiscard]] std::string name() const {
    if (encr == nullptr) return fmt::format("ah_{}", integ->name);
    return integ == nullptr ? std::string(encr->name)
                            : fmt::format("{}_{}", encr->name, integ->name);
  }
};

/// AES-GMAC as integrity is AH's only (RFC 4543 §5.3).
bool is_ah_only(const IntegRow& row) { return row.salt_octets != 0; }

std::vector<Suite> esp_suites() {
  std::vector<Suite> out;
  for (const EncrRow& encr : crypto::encr_table()) {
    if (!encr.for_esp) continue;
    if (encr.icv_octets != 0) out.push_back({&encr, nullptr});
    for (const IntegRow& integ : crypto::integ_table())
      if (encr.icv_octets == 0 && integ.for_ipsec && !is_ah_only(integ))
        out.push_back({&encr, &integ});
  }
  return out;
}

std::vector<Suite> ah_suites() {
  std::vector<Suite> out;
  for (const IntegRow& integ : crypto::integ_table())
    if (integ.for_ipsec) out.push_back({nullptr, &integ});
  return out;
}

/// One engine alone, as it runs on one worker; of cryptodev, one for each device.
struct Candidate {
  std::string name;
  bool asynchronous;
  std::unique_ptr<SessionFactory> sessions;
  std::unique_ptr<Engine> engine;
};

/// DPDK's software devices, and the test device, which looks at all that it is given.
const std::vector<std::string> kDevices{"crypto_openssl0", "crypto_aesni_mb0", "crypto_null0",
                                        "crypto_test0"};

/// The EAL, and engines that go before it does.
struct Bench {
  struct : base::Log {
    using base::Log::write;
    void write(base::LogLevel, std::string_view, std::string_view,
               std::span<const base::LogField>) override {}
  } log;
  base::Result<dpdk::Eal> eal = dpdk::Eal::start(
      {.args = {"--no-huge", "-m", "256", "--no-shconf", "--no-telemetry", "--iova-mode=va"},
       .file_prefix = fmt::format("conformance_{}", getpid()),
       .control_cpu = 0,
       .workers = {},
       .pci_devices = {}},
      log);
  std::unique_ptr<dpdk::PacketPool> pool;
  std::vector<Candidate> candidates;

  Bench() {
    EXPECT_TRUE(eal) << eal.error().text;
    penstock::test::give_memory_other_iovas();
    pool = std::make_unique<dpdk::PacketPool>(
        dpdk::PacketPool::create({.packets = 255, .largest_mtu = 9200}).value());
    for (const EngineRow& row : engine_table())
      if (!row.asynchronous) add(row, {}, std::string(row.name));
    for (const EngineRow& row : engine_table())
      for (const std::string& device : kDevices)
        if (row.asynchronous) add(row, {&device, 1}, device.substr(0, device.size() - 1));
  }
  void add(const EngineRow& row, std::span<const std::string> devices, std::string name) {
    auto sessions = row.sessions({.name = row.name, .workers = 1, .devices = devices});
    if (!sessions) {
      fmt::print("SKIP {}: {}\n", name, sessions.error().text);
      ++absent;
      return;
    }
    auto engine = (*sessions)->make_engine(0);
    candidates.push_back(
        {std::move(name), row.asynchronous, *std::move(sessions), std::move(engine).value()});
  }

  unsigned absent = 0;
};

Bench& bench() {
  static Bench one;
  return one;
}
const std::vector<Candidate>& candidates() { return bench().candidates; }

ByteVector random_octets(base::RandomSource& random, std::size_t count) {
  ByteVector out(count);
  random.fill(out);
  return out;
}

ByteVector join(std::initializer_list<Bytes> parts) {
  ByteVector out;
  for (const Bytes part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

/// A session of one candidate; given back at the end.
class Sa {
 public:
  Sa(const Candidate& candidate, const ReferenceSa& keys, CipherDirection direction)
      : candidate_(candidate) {
    const auto built = candidate.sessions->build({.encr = keys.encr,
                                                  .integ = keys.integ,
                                                  .direction = direction,
                                                  .esn = keys.esn,
                                                  .enc_key = keys.enc_key,
                                                  .auth_key = keys.auth_key},
                                                 session, *material_);
    EXPECT_TRUE(built) << built.error().text;
  }
  ~Sa() { candidate_.sessions->release(session, *material_); }
  Sa(const Sa&) = delete;
  Sa& operator=(const Sa&) = delete;

  /// Runs one packet that lies between guards; `packet` is changed as the engine changes it.
  JobStatus run(ByteVector& packet, Bytes sequence, Bytes iv, std::size_t covered = 0,
                std::size_t icv_offset = 0) {
    // As stages have it: an outer header in front, and tailroom behind the packet's data.
    constexpr std::size_t kGuard = 48;
    rte_mbuf* mbuf = rte_pktmbuf_alloc(bench().pool->get());
    dpdk::resize(mbuf, static_cast<unsigned>(kGuard + packet.size()));
    const base::MutableBytes buffer(dpdk::data(mbuf), kGuard + packet.size() + kGuard);
    std::ranges::fill(buffer, std::byte{0xa5});
    std::ranges::copy(packet, buffer.begin() + kGuard);
    Job job;
    job.session = &session;
    job.packet = mbuf;
    job.esp = base::u8(buffer.data() + kGuard);
    job.cipher_octets = static_cast<std::uint32_t>(
        session.ah ? covered : packet.size() - 8U - session.iv_octets - session.icv_octets);
    job.icv_offset = static_cast<std::uint16_t>(icv_offset);
    std::copy_n(base::u8(sequence.data()), 4, job.sequence_high);
    std::ranges::copy(session.salt, job.nonce);
    std::copy_n(base::u8(iv.data()), std::min<std::size_t>(iv.size(), 8), job.nonce + 4);
    std::uint8_t* aad = std::copy_n(job.esp, 4, job.aad);
    if (session.esn()) aad = std::copy_n(job.sequence_high, 4, aad);
    std::copy_n(job.esp + 4, 4, aad);
    finish(job);
    const auto whole = [](Bytes guard) {
      return std::ranges::all_of(guard, [](std::byte b) { return b == std::byte{0xa5}; });
    };
    EXPECT_TRUE(whole(buffer.first(kGuard))) << "octets in front were written";
    EXPECT_TRUE(whole(buffer.last(kGuard))) << "octets behind were written";
    EXPECT_EQ(mbuf->data_len, kGuard + packet.size());
    EXPECT_EQ(mbuf->pkt_len, kGuard + packet.size());
    std::copy_n(buffer.begin() + kGuard, packet.size(), packet.begin());
    rte_pktmbuf_free(mbuf);
    return job.status;
  }

  Session session;

 private:
  void finish(Job& job) {
    const std::size_t before = allocations;
    std::size_t ended = candidate_.engine->process(std::span(&job, 1));
    if (!candidate_.asynchronous) {
      EXPECT_EQ(allocations, before) << "OpenSSL allocated for a packet";
    }
    while (ended == 0 && candidate_.engine->pending(session.direction))
      ended = candidate_.engine->completed(session.direction, std::span(&job, 1));
    EXPECT_EQ(ended, 1U);
  }

  const Candidate& candidate_;
  std::unique_ptr<KeyMaterial> material_ = std::make_unique<KeyMaterial>();
};

class Conformance : public testing::TestWithParam<std::tuple<Suite, bool>> {
 protected:
  void TearDown() override {
    const auto report = penstock::test::crypto_device_report(0);
    EXPECT_THAT(report.complaints, testing::IsEmpty());
    EXPECT_EQ(report.sessions, 0U);
    penstock::test::reset_crypto_devices();
  }

  const Suite suite = std::get<0>(GetParam());
  const bool esn = std::get<1>(GetParam());
  base::SeededRandom random{11};
  ReferenceSa keys;
  const ByteVector spi = base::from_hex("c0ffee01").value();
  const ByteVector sequence = base::from_hex("0102030405060708").value();
  const ByteVector other_high = base::from_hex("0102030505060708").value();

  Conformance() {
    keys.encr = suite.encr;
    keys.integ = suite.integ;
    keys.esn = esn;
    if (suite.encr != nullptr)
      keys.enc_key = random_octets(random, suite.encr->key_bits / 8U + suite.encr->salt_octets);
    if (suite.integ != nullptr)
      keys.auth_key =
          random_octets(random, std::size_t{suite.integ->key_octets} + suite.integ->salt_octets);
  }

  /// The engines that have the suite; the others are named.
  [[nodiscard]] std::vector<const Candidate*> having() const {
    std::vector<const Candidate*> out;
    for (const Candidate& candidate : candidates())
      if (candidate.sessions->supports({suite.encr, suite.integ}))
        out.push_back(&candidate);
      else
        fmt::print("{} has no {}\n", candidate.name, suite.name());
    EXPECT_FALSE(out.empty()) << "no engine has it";
    return out;
  }
};

class EspConformance : public Conformance {
 protected:
  [[nodiscard]] std::vector<std::size_t> lengths() const {
    const std::size_t block = std::max<std::size_t>(suite.encr->block_octets, 4);
    std::vector<std::size_t> out;
    for (std::size_t n = block; n <= 160; n += block) out.push_back(n);
    for (const std::size_t n : {496U, 512U, 528U, 1424U, 8992U}) out.push_back(n);
    return out;
  }

  void check_seal(const Candidate& candidate, Bytes iv, Bytes text, ByteVector& sealed) {
    Sa sa(candidate, keys, CipherDirection::kSeal);
    ByteVector packet = join({spi, Bytes(sequence).last(4)});
    packet.resize(8U + sa.session.iv_octets);
    if (sa.session.iv_octets == 8) std::ranges::copy(iv, packet.begin() + 8);
    packet.insert(packet.end(), text.begin(), text.end());
    packet.resize(packet.size() + sa.session.icv_octets, std::byte{0xee});
    ASSERT_EQ(sa.run(packet, sequence, iv), JobStatus::kDone);
    const auto judged = test::reference_open(keys, sequence, packet);
    ASSERT_TRUE(judged) << "the ICV is wrong: " << base::to_hex(packet);
    EXPECT_EQ(base::to_hex(*judged), base::to_hex(text));
    if (sealed.empty()) sealed = packet;
    EXPECT_EQ(base::to_hex(packet), base::to_hex(sealed)) << "engines differ";
  }

  void check_open(const Candidate& candidate, Bytes packet, Bytes text) {
    Sa sa(candidate, keys, CipherDirection::kOpen);
    const Bytes iv = packet.subspan(8, std::min<std::size_t>(sa.session.iv_octets, 8));
    ByteVector opened = base::to_vector(packet);
    ASSERT_EQ(sa.run(opened, sequence, iv), JobStatus::kDone);
    const std::size_t front = 8U + sa.session.iv_octets;
    EXPECT_EQ(base::to_hex(Bytes(opened).subspan(front, text.size())), base::to_hex(text));
  }

  void check_refusals(const Candidate& candidate, Bytes packet) {
    Sa sa(candidate, keys, CipherDirection::kOpen);
    const auto opens = [&](ByteVector altered, Bytes number) {
      const ByteVector before = altered;
      const ByteVector iv = base::to_vector(
          Bytes(altered).subspan(8, std::min<std::size_t>(sa.session.iv_octets, 8)));
      const JobStatus status = sa.run(altered, number, iv);
      const auto icv = [&](const ByteVector& p) {
        return base::to_hex(Bytes(p).last(sa.session.icv_octets));
      };
      EXPECT_EQ(icv(altered), icv(before)) << "the packet's ICV was written";
      EXPECT_EQ(status == JobStatus::kDone || status == JobStatus::kIcvMismatch, true);
      return status == JobStatus::kDone;
    };
    EXPECT_TRUE(opens(base::to_vector(packet), sequence));
    for (std::size_t i = 0; i < packet.size(); ++i) {
      // SPI, number, IV, and the ICV: each octet; of the text a few.
      if (i > 32 && i + 33 < packet.size() && i % 7 != 0) continue;
      ByteVector altered = base::to_vector(packet);
      altered[i] ^= std::byte{static_cast<unsigned char>(1U << i % 8)};
      EXPECT_FALSE(opens(altered, sequence)) << "octet " << i;
    }
    EXPECT_EQ(opens(base::to_vector(packet), other_high), !esn) << "another upper half";
  }
};

TEST_P(EspConformance, SealsAndOpensAsTheReferenceDoes) {
  const auto engines = having();
  for (const std::size_t length : lengths()) {
    SCOPED_TRACE(length);
    const ByteVector text = random_octets(random, length);
    const ByteVector iv = random_octets(random, 8);
    const ByteVector theirs = test::reference_seal(
        keys, spi, sequence, random_octets(random, suite.encr->iv_octets), text);
    ByteVector sealed;
    for (const Candidate* candidate : engines) {
      SCOPED_TRACE(candidate->name);
      check_seal(*candidate, iv, text, sealed);
      check_open(*candidate, theirs, text);
      if (length <= 80 && length >= 48) check_refusals(*candidate, theirs);
    }
  }
}

class AhConformance : public Conformance {};

TEST_P(AhConformance, AuthenticatesAsTheReferenceDoes) {
  const auto engines = having();
  const std::size_t field = suite.integ->iv_octets + std::size_t{suite.integ->icv_octets};
  for (const std::size_t payload : {0U, 1U, 20U, 31U, 32U, 33U, 100U, 1400U}) {
    SCOPED_TRACE(payload);
    constexpr std::size_t kFront = 32;  // IPv4 header, and AH up to its ICV
    ByteVector covered = random_octets(random, kFront + field + payload);
    std::fill_n(covered.begin() + kFront, field, std::byte{0});
    const ByteVector iv = random_octets(random, 8);
    const ByteVector icv = test::reference_ah_icv(keys, sequence, iv, covered);
    const ByteVector wanted_field =
        suite.integ->iv_octets != 0 ? join({iv, icv}) : base::to_vector(icv);
    for (const Candidate* candidate : engines) {
      SCOPED_TRACE(candidate->name);
      Sa seal(*candidate, keys, CipherDirection::kSeal);
      ByteVector packet = covered;
      std::fill_n(packet.begin() + kFront, field, std::byte{0x77});
      ASSERT_EQ(seal.run(packet, sequence, iv, covered.size(), kFront), JobStatus::kDone);
      EXPECT_EQ(base::to_hex(Bytes(packet).subspan(kFront, field)), base::to_hex(wanted_field));
      Sa open(*candidate, keys, CipherDirection::kOpen);
      const auto opens = [&](ByteVector p, Bytes number) {
        return open.run(p, number, iv, covered.size(), kFront) == JobStatus::kDone;
      };
      EXPECT_TRUE(opens(packet, sequence));
      EXPECT_EQ(opens(packet, other_high), !esn);
      for (std::size_t i = 0; i < packet.size(); ++i) {
        // GMAC's IV comes with the job: the stage reads it from here.
        if (i >= kFront && i < kFront + suite.integ->iv_octets) continue;
        if (i > 80 && i % 13 != 0) continue;
        ByteVector altered = packet;
        altered[i] ^= std::byte{4};
        EXPECT_FALSE(opens(altered, sequence)) << "octet " << i;
      }
    }
  }
}

std::string name_of(const testing::TestParamInfo<std::tuple<Suite, bool>>& one) {
  return std::get<0>(one.param).name() + (std::get<1>(one.param) ? "_esn" : "");
}
INSTANTIATE_TEST_SUITE_P(All, EspConformance,
                         testing::Combine(testing::ValuesIn(esp_suites()), testing::Bool()),
                         name_of);
INSTANTIATE_TEST_SUITE_P(All, AhConformance,
                         testing::Combine(testing::ValuesIn(ah_suites()), testing::Bool()),
                         name_of);

std::string yes(bool has) { return has ? "yes" : "-"; }

std::vector<const Candidate*> in_docs() {
  std::vector<const Candidate*> out;
  for (const Candidate& c : candidates())
    if (c.name != "crypto_test") out.push_back(&c);
  return out;
}

/// The two tables of docs/algorithms.md.
std::string tables() {
  std::string out;
  const auto head = [&out](std::string_view titles) {
    out += titles;
    for (const Candidate* c : in_docs()) out += fmt::format(" {} |", c->name);
    out += "\n|---|---|---|---|---|";
    for (std::size_t i = 0; i < in_docs().size(); ++i) out += "---|";
    out += '\n';
  };
  head("| cipher | RFC | key, salt | IV | ICV |");
  for (const EncrRow& row : crypto::encr_table()) {
    out += fmt::format("| `{}` | {} | {}, {} | {} | {} |", row.name, row.rfc.substr(4),
                       row.key_bits / 8, row.salt_octets, row.iv_octets,
                       row.icv_octets != 0 ? std::to_string(row.icv_octets) : "");
    for (const Candidate* c : in_docs())
      out += fmt::format(" {} |", yes(c->sessions->supports({&row, nullptr})));
    out += '\n';
  }
  out += '\n';
  head("| integrity | RFC | key, salt | ICV | for |");
  for (const IntegRow& row : crypto::integ_table()) {
    out +=
        fmt::format("| `{}` | {} | {}, {} | {} | {} |", row.name, row.rfc.substr(4), row.key_octets,
                    row.salt_octets, row.icv_octets, is_ah_only(row) ? "AH" : "ESP, AH");
    for (const Candidate* c : in_docs())
      out += fmt::format(" {} |", yes(c->sessions->supports({nullptr, &row})));
    out += '\n';
  }
  return out;
}

TEST(ConformanceAllocations, AreCounted) {
  ASSERT_TRUE(counted);
  const auto last = std::ranges::find(candidates(), "openssl", &Candidate::name);
  const std::size_t before = allocations;
  const auto* integ = crypto::find_integ(crypto::IntegId::kAesCmac96);
  const ReferenceSa keys{.encr = crypto::find_encr(crypto::EncrId::kNull, 0),
                         .integ = integ,
                         .enc_key = {},
                         .auth_key = ByteVector(16)};
  Sa sa(*last, keys, CipherDirection::kSeal);
  EXPECT_GT(allocations, before);
}

TEST(ConformanceDocs, TheTablesInTheDocsAreWhatTheEnginesSay) {
  if (bench().absent != 0) GTEST_SKIP() << "a crypto device of the table is not here";
  std::stringstream text;
  text << std::ifstream(PENSTOCK_SOURCE_ROOT "/docs/algorithms.md").rdbuf();
  EXPECT_NE(text.str().find(tables()), std::string::npos) << "it should hold:\n" << tables();
}

}  // namespace
}  // namespace penstock::burst_crypto
