// SPDX-License-Identifier: BSD-3-Clause
// Reads and writes proposals in strongSwan's syntax. A word is looked up in the algorithm table (or
// among the aliases that swanctl.conf knows); what does not go together is refused afterwards, on
// the proposal as a whole.
#include "lib/crypto/proposal.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "lib/base/check.h"
#include "lib/crypto/private_group.h"

namespace penstock::crypto {
namespace {

using base::ErrorCode;
using base::fail;
using base::Result;

struct Alias {
  std::string_view word;
  std::string_view name;
};

// swanctl.conf(5), "IKEv2 Cipher Suites": the other spellings of our rows' names.
constexpr Alias kAliases[] = {
    {"aes", "aes128"},
    {"aes128ccm", "aes128ccm16"},
    {"aes192ccm", "aes192ccm16"},
    {"aes256ccm", "aes256ccm16"},
    {"aes128ccm64", "aes128ccm8"},
    {"aes192ccm64", "aes192ccm8"},
    {"aes256ccm64", "aes256ccm8"},
    {"aes128ccm96", "aes128ccm12"},
    {"aes192ccm96", "aes192ccm12"},
    {"aes256ccm96", "aes256ccm12"},
    {"aes128ccm128", "aes128ccm16"},
    {"aes192ccm128", "aes192ccm16"},
    {"aes256ccm128", "aes256ccm16"},
    {"aes128gcm", "aes128gcm16"},
    {"aes192gcm", "aes192gcm16"},
    {"aes256gcm", "aes256gcm16"},
    {"aes128gcm64", "aes128gcm8"},
    {"aes192gcm64", "aes192gcm8"},
    {"aes256gcm64", "aes256gcm8"},
    {"aes128gcm96", "aes128gcm12"},
    {"aes192gcm96", "aes192gcm12"},
    {"aes256gcm96", "aes256gcm12"},
    {"aes128gcm128", "aes128gcm16"},
    {"aes192gcm128", "aes192gcm16"},
    {"aes256gcm128", "aes256gcm16"},
    {"sha", "sha1"},
    {"sha2_256", "sha256"},
    {"sha2_256_96", "sha256_96"},
    {"sha2_384", "sha384"},
    {"sha2_512", "sha512"},
    {"prfsha", "prfsha1"},
    {"curve25519", "x25519"},
    {"curve448", "x448"},
};
constexpr std::string_view kPfsOptional = "modpnone";
constexpr std::string_view kPrivate = "private";

template <class Row>
const Row* row_named(std::span<const Row> rows, std::string_view name) {
  const auto found = std::ranges::find(rows, name, &Row::name);
  return found == rows.end() ? nullptr : &*found;
}

/// "private32768" to "private65535": of New Group Mode (RFC 2409 §5.6).
std::optional<DhGroupId> private_group_named(std::string_view name) {
  if (!name.starts_with(kPrivate)) return std::nullopt;
  const std::string_view digits = name.substr(kPrivate.size());
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const DhGroupId id{number};
  if (error != std::errc{} || end != digits.data() + digits.size() || !is_private(id))
    return std::nullopt;
  return id;
}

template <class T>
void add(std::vector<T>& list, const T& value) {
  if (std::ranges::find(list, value) == list.end()) list.push_back(value);
}

EncrTransform transform_of(const EncrRow& row) {
  return {row.id, row.key_length_attribute ? row.key_bits : std::uint16_t{0}};
}

bool has_own_icv(const EncrTransform& encr) {
  const EncrRow* row = find_encr(encr.id, encr.key_bits);
  return row != nullptr && row->icv_octets != 0;
}

tl::unexpected<base::Error> does_not_fit(ProtocolId protocol, std::string_view word) {
  return fail(ErrorCode::kUnsupported,
              fmt::format("\"{}\" cannot be in an {} proposal", word, name_of(protocol)));
}

/// Adds what one word stands for.
Result<void> add_word(Proposal& proposal, std::string_view word) {
  const auto alias = std::ranges::find(kAliases, word, &Alias::word);
  const std::string_view name = alias == std::end(kAliases) ? word : alias->name;
  const bool ike = proposal.protocol == ProtocolId::kIke;
  const bool ah = proposal.protocol == ProtocolId::kAh;

  // In AH aes128gmac is an integrity algorithm, in ESP it is a cipher (RFC 4543 §5).
  if (const EncrRow* encr = row_named(encr_table(), name); encr != nullptr && !ah) {
    if (!(ike ? encr->for_ike : encr->for_esp)) return does_not_fit(proposal.protocol, word);
    add(proposal.encr, transform_of(*encr));
  } else if (const IntegRow* integ = row_named(integ_table(), name)) {
    if (!(ike ? integ->for_ike : integ->for_ipsec)) return does_not_fit(proposal.protocol, word);
    add(proposal.integ, integ->id);
  } else if (const PrfRow* prf = row_named(prf_table(), name)) {
    if (!ike) return does_not_fit(proposal.protocol, word);
    add(proposal.prf, prf->id);
  } else if (const DhRow* dh = row_named(dh_table(), name)) {
    add(proposal.dh, dh->id);
  } else if (const auto number = private_group_named(name)) {
    add(proposal.dh, *number);
  } else if (name == kPfsOptional || name == "esn" || name == "noesn") {
    if (ike) return does_not_fit(proposal.protocol, word);
    if (name == kPfsOptional)
      add(proposal.dh, DhGroupId::kNone);
    else
      add(proposal.esn, name == "esn" ? EsnId::kEsn : EsnId::kNoEsn);
  } else if (encr != nullptr) {
    return does_not_fit(proposal.protocol, word);
  } else {
    return fail(ErrorCode::kUnsupported, fmt::format("\"{}\" is not an algorithm we know", word));
  }
  return {};
}

/// RFC 7296 §2.13: each integrity algorithm implies the PRF of the same hash.
void derive_prfs(Proposal& proposal) {
  for (const IntegId id : proposal.integ) {
    const IntegRow* integ = find_integ(id);
    const PrfRow* prf =
        integ == nullptr ? nullptr : row_named(prf_table(), fmt::format("prf{}", integ->name));
    if (prf != nullptr) add(proposal.prf, prf->id);
  }
}

/// What must be there, and what does not go together.
Result<void> check_whole(const Proposal& p, std::string_view text) {
  const auto refuse = [text](std::string_view why) {
    return fail(ErrorCode::kMalformed, fmt::format("\"{}\": {}", text, why));
  };
  if (p.protocol == ProtocolId::kAh) {
    if (p.integ.empty()) return refuse("AH needs an integrity algorithm");
    return {};
  }
  if (p.encr.empty()) return refuse("there is no cipher in it");
  const auto own_icv = static_cast<std::size_t>(std::ranges::count_if(p.encr, has_own_icv));
  // RFC 7296 §3.3 and RFC 5282 §8: combined-mode ciphers need a proposal of their own.
  if (own_icv != 0 && own_icv != p.encr.size())
    return refuse("ciphers with and without their own integrity need two proposals");
  if (own_icv != 0 && !p.integ.empty())
    return refuse(
        "its cipher has its own integrity: take the integrity algorithm out, or write it "
        "as a PRF (prfsha256)");
  if (own_icv == 0 && p.integ.empty()) return refuse("its cipher needs an integrity algorithm");
  if (p.protocol == ProtocolId::kEsp) return {};
  if (p.prf.empty()) return refuse("there is no PRF in it (prfsha256)");
  if (p.dh.empty()) return refuse("there is no Diffie-Hellman group in it (x25519)");
  return {};
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

Proposals must_parse(ProtocolId protocol, std::initializer_list<std::string_view> texts) {
  Proposals out;
  for (const std::string_view text : texts) {
    Result<Proposal> parsed = parse_proposal(protocol, text);
    PS_CHECK(parsed.has_value());
    out.push_back(*std::move(parsed));
  }
  return out;
}

template <class Row, class Id>
std::string name_or_number(const Row* row, std::string_view kind, Id id) {
  return row != nullptr ? std::string(row->name)
                        : fmt::format("{}({})", kind, static_cast<unsigned>(id));
}

}  // namespace

std::string_view name_of(ProtocolId protocol) {
  switch (protocol) {
    case ProtocolId::kNone:
      return "-";
    case ProtocolId::kIke:
      return "IKE";
    case ProtocolId::kAh:
      return "AH";
    case ProtocolId::kEsp:
      return "ESP";
  }
  return "unknown protocol";
}

bool is_aead(const EncrTransform& encr) { return has_own_icv(encr); }

std::string name_of(const EncrTransform& encr) {
  const EncrRow* row = find_encr(encr.id, encr.key_bits);
  // A fixed-length cipher with a key length is not our row: show that it is different.
  if (row != nullptr && transform_of(*row) == encr) return std::string(row->name);
  const auto id = static_cast<unsigned>(encr.id);
  return encr.key_bits == 0 ? fmt::format("encr({})", id)
                            : fmt::format("encr({}/{})", id, encr.key_bits);
}
std::string name_of(PrfId id) { return name_or_number(find_prf(id), "prf", id); }
std::string name_of(IntegId id) { return name_or_number(find_integ(id), "integ", id); }
std::string name_of(DhGroupId id) {
  if (id == DhGroupId::kNone) return std::string(kPfsOptional);
  if (is_private(id)) return fmt::format("{}{}", kPrivate, static_cast<unsigned>(id));
  return name_or_number(find_dh(id), "dh", id);
}
std::string_view name_of(EsnId id) {
  switch (id) {
    case EsnId::kNoEsn:
      return "noesn";
    case EsnId::kEsn:
      return "esn";
  }
  return "esn(?)";
}

std::string Proposal::to_string() const {
  std::string out;
  const auto write = [&out](const auto& list) {
    for (const auto& entry : list) {
      if (!out.empty()) out += '-';
      out += name_of(entry);
    }
  };
  write(encr);
  write(integ);
  write(prf);
  write(dh);
  write(esn);
  return out;
}

Result<Proposal> parse_proposal(ProtocolId protocol, std::string_view text) {
  const std::string_view whole = trim(text);
  if (whole.empty()) return fail(ErrorCode::kMalformed, "the proposal is empty");
  Proposal proposal;
  proposal.protocol = protocol;
  for (std::size_t at = 0; at <= whole.size();) {
    const std::size_t end = std::min(whole.find('-', at), whole.size());
    PS_TRY(add_word(proposal, whole.substr(at, end - at)));
    at = end + 1;
  }
  if (protocol == ProtocolId::kIke) {
    if (proposal.prf.empty()) derive_prfs(proposal);
  } else if (proposal.esn.empty()) {
    proposal.esn.push_back(EsnId::kNoEsn);
  }
  PS_TRY(check_whole(proposal, whole));
  return proposal;
}

Result<Proposals> parse_proposals(ProtocolId protocol, std::string_view text) {
  Proposals out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string_view one = trim(text.substr(at, end - at));
    if (one == "default") {
      const Proposals& defaults = default_proposals(protocol);
      out.insert(out.end(), defaults.begin(), defaults.end());
    } else {
      PS_ASSIGN(Proposal proposal, parse_proposal(protocol, one));
      out.push_back(std::move(proposal));
    }
    at = end + 1;
  }
  return out;
}

const Proposals& default_proposals(ProtocolId protocol) {
  // RFC 8247 §2.1-2.4 and RFC 8221 §5-6: MUST and SHOULD, without what is there for the past only.
  static const Proposals kIke = must_parse(
      ProtocolId::kIke,
      {"aes128gcm16-aes256gcm16-chacha20poly1305-prfsha256-prfsha384-prfsha512-x25519-ecp256-"
       "ecp384-ecp521-x448-modp3072-modp4096-modp2048",
       "aes128-aes256-sha256-sha384-sha512-x25519-ecp256-ecp384-ecp521-x448-modp3072-modp4096-"
       "modp2048"});
  static const Proposals kEsp =
      must_parse(ProtocolId::kEsp, {"aes128gcm16-aes256gcm16-chacha20poly1305-esn-noesn",
                                    "aes128-aes256-sha256-sha384-sha512-esn-noesn"});
  static const Proposals kAh = must_parse(ProtocolId::kAh, {"sha256-sha384-sha512-esn-noesn"});
  static const Proposals kNone;
  switch (protocol) {
    case ProtocolId::kIke:
      return kIke;
    case ProtocolId::kEsp:
      return kEsp;
    case ProtocolId::kAh:
      return kAh;
    case ProtocolId::kNone:
      break;
  }
  return kNone;
}

}  // namespace penstock::crypto
