// SPDX-License-Identifier: BSD-3-Clause
// Proposal choice over the values of lib/crypto. Called by the exchanges that negotiate an SA,
// after the SA payload was read and before anything is built.
#include "control/session/proposal_choice.h"

#include <fmt/format.h>

#include <algorithm>

namespace penstock::session {
namespace {

using crypto::DhGroupId;
using crypto::EncrTransform;
using crypto::EsnId;
using crypto::IntegId;
using crypto::PrfId;
using crypto::Proposal;
using crypto::ProtocolId;

/// How far two proposals agree; the order in which types are compared.
enum class Step : std::uint8_t { kProtocol, kEncr, kInteg, kPrf, kGroup, kEsn, kAll };

struct Attempt {
  Step differs = Step::kProtocol;  ///< kAll: they agree
  Agreed agreed;
};

/// The first of ours that is among theirs.
template <class T>
const T* first_common(const std::vector<T>& ours, const std::vector<T>& theirs) {
  const auto found = std::ranges::find_if(
      ours, [&](const T& t) { return std::ranges::find(theirs, t) != theirs.end(); });
  return found == ours.end() ? nullptr : &*found;
}

template <class T>
bool holds(const std::vector<T>& list, const T& value) {
  return std::ranges::find(list, value) != list.end();
}

/// An absent type says the same as NONE (RFC 7296 §3.3.6); an absent ESN is "no ESN".
template <class T>
std::vector<T> or_default(const std::vector<T>& list, T value) {
  return list.empty() ? std::vector<T>{value} : list;
}

/// RFC 5282 §8: a combined-mode cipher stands without an integrity algorithm, or with NONE.
bool agree_integ(const Proposal& ours, const Proposal& theirs, Agreed& agreed) {
  if (crypto::is_aead(agreed.encr)) {
    agreed.integ = IntegId::kNone;
    return theirs.integ.empty() || holds(theirs.integ, IntegId::kNone);
  }
  const IntegId* integ = first_common(ours.integ, theirs.integ);
  if (integ != nullptr) agreed.integ = *integ;
  return integ != nullptr;
}

bool agree_group(const Proposal& ours, const Proposal& theirs, const ChoiceOptions& options,
                 Agreed& agreed) {
  if (options.ignore_groups) return true;
  const auto mine = or_default(ours.dh, DhGroupId::kNone);
  const auto yours = or_default(theirs.dh, DhGroupId::kNone);
  if (options.preferred_group != DhGroupId::kNone && holds(mine, options.preferred_group) &&
      holds(yours, options.preferred_group)) {
    agreed.group = options.preferred_group;
    return true;
  }
  const DhGroupId* group = first_common(mine, yours);
  if (group != nullptr) agreed.group = *group;
  return group != nullptr && (ours.protocol != ProtocolId::kIke || *group != DhGroupId::kNone);
}

Attempt compare(const Proposal& ours, const Proposal& theirs, const ChoiceOptions& options) {
  Attempt a;
  a.agreed.protocol = ours.protocol;
  if (ours.protocol != theirs.protocol) return a;
  a.differs = Step::kEncr;
  if (ours.protocol != ProtocolId::kAh) {
    const EncrTransform* encr = first_common(ours.encr, theirs.encr);
    if (encr == nullptr) return a;
    a.agreed.encr = *encr;
  } else if (!theirs.encr.empty()) {
    // RFC 7296 §3.3.3, §3.3.6: what is accepted has one transform of each type that was proposed,
    // and AH has no cipher to accept.
    return a;
  }
  a.differs = Step::kInteg;
  if (!agree_integ(ours, theirs, a.agreed)) return a;
  if (ours.protocol == ProtocolId::kIke) {
    a.differs = Step::kPrf;
    const PrfId* prf = first_common(ours.prf, theirs.prf);
    if (prf == nullptr) return a;
    a.agreed.prf = *prf;
  } else if (!theirs.prf.empty()) {
    a.differs = Step::kPrf;  // nor AH and ESP a PRF
    return a;
  }
  a.differs = Step::kGroup;
  if (!agree_group(ours, theirs, options, a.agreed)) return a;
  if (ours.protocol != ProtocolId::kIke) {
    a.differs = Step::kEsn;
    const auto mine = or_default(ours.esn, EsnId::kNoEsn);
    const auto yours = or_default(theirs.esn, EsnId::kNoEsn);
    const EsnId* esn = first_common(mine, yours);
    if (esn == nullptr) return a;
    a.agreed.esn = *esn;
  }
  a.differs = Step::kAll;
  return a;
}

template <class T>
std::string names(const std::vector<T>& list) {
  std::string text;
  for (const T& t : list) text += (text.empty() ? "" : ", ") + std::string(crypto::name_of(t));
  return text.empty() ? "none" : text;
}

std::string difference(Step step, const Proposal& ours, const Proposal& theirs) {
  const auto say = [](std::string_view what, const std::string& mine, const std::string& yours) {
    return fmt::format("{} (ours {}; theirs {})", what, mine, yours);
  };
  switch (step) {
    case Step::kProtocol:
      return say("protocol", std::string(crypto::name_of(ours.protocol)),
                 std::string(crypto::name_of(theirs.protocol)));
    case Step::kEncr:
      return say("encryption", names(ours.encr), names(theirs.encr));
    case Step::kInteg:
      return say("integrity", names(ours.integ), names(theirs.integ));
    case Step::kPrf:
      return say("PRF", names(ours.prf), names(theirs.prf));
    case Step::kGroup:
      return say("key exchange group", names(ours.dh), names(theirs.dh));
    case Step::kEsn:
      return say("ESN", names(ours.esn), names(theirs.esn));
    case Step::kAll:
      break;
  }
  return "nothing";
}

std::string join(std::span<const Proposal> proposals) {
  std::string text;
  for (const Proposal& p : proposals) text += (text.empty() ? "" : ", ") + p.to_string();
  return text;
}

}  // namespace

Proposal Agreed::as_proposal() const {
  Proposal p;
  p.protocol = protocol;
  if (encr.id != crypto::EncrId::kNone) p.encr = {encr};
  if (prf != PrfId::kNone) p.prf = {prf};
  if (integ != IntegId::kNone) p.integ = {integ};
  if (group != DhGroupId::kNone) p.dh = {group};
  if (protocol != ProtocolId::kIke) p.esn = {esn};
  return p;
}

base::Result<ProposalChoice> choose_proposal(std::span<const Proposal> ours,
                                             std::span<const OfferedProposal> theirs,
                                             const ChoiceOptions& options) {
  Step farthest = Step::kProtocol;
  std::string where;
  for (const Proposal& mine : ours) {
    for (std::size_t i = 0; i < theirs.size(); ++i) {
      const Attempt attempt = compare(mine, theirs[i].proposal, options);
      if (attempt.differs == Step::kAll) return ProposalChoice{i, attempt.agreed};
      if (where.empty() || attempt.differs > farthest) {
        farthest = attempt.differs;
        where = difference(attempt.differs, mine, theirs[i].proposal);
      }
    }
  }
  crypto::Proposals offered;
  for (const OfferedProposal& t : theirs) offered.push_back(t.proposal);
  return base::fail(base::ErrorCode::kRefused,
                    fmt::format("no proposal in common: ours {}; theirs {}; first that differs: {}",
                                join(ours), join(offered), where));
}

base::Result<Agreed> accept_answer(std::span<const Proposal> offered,
                                   std::span<const OfferedProposal> answer,
                                   const ChoiceOptions& options) {
  // RFC 7296 §3.3: the answer is a single proposal with a single transform of each type.
  if (answer.size() != 1)
    return base::fail(base::ErrorCode::kRefused, "the answer is not one proposal");
  const Proposal& p = answer.front().proposal;
  if (p.encr.size() > 1 || p.prf.size() > 1 || p.integ.size() > 1 || p.dh.size() > 1 ||
      p.esn.size() > 1)
    return base::fail(base::ErrorCode::kRefused, "the answer has several transforms of one type");
  // §3.3.1: it has the number of the proposal that was accepted; ours count from 1.
  const std::size_t number = answer.front().number;
  if (number == 0 || number > offered.size())
    return base::fail(base::ErrorCode::kRefused,
                      fmt::format("the answer has the number of no proposal: {}", number));
  PS_ASSIGN(const ProposalChoice choice,
            choose_proposal(offered.subspan(number - 1, 1), answer, options));
  return choice.agreed;
}

crypto::Proposals without_groups(std::span<const Proposal> proposals) {
  crypto::Proposals result(proposals.begin(), proposals.end());
  for (Proposal& p : result) p.dh.clear();
  return result;
}

DhGroupId first_group(std::span<const Proposal> proposals) {
  for (const Proposal& p : proposals)
    if (!p.dh.empty()) return p.dh.front();
  return DhGroupId::kNone;
}

bool offers_group(std::span<const Proposal> proposals, DhGroupId group) {
  return std::ranges::any_of(proposals, [&](const Proposal& p) { return holds(p.dh, group); });
}

}  // namespace penstock::session
