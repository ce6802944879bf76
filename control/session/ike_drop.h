// SPDX-License-Identifier: BSD-3-Clause
// IkeDrop: why an IKE message was not processed, or not answered as the peer hoped. One row each:
// counter, metric and CLI read the table.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace penstock::session {

enum class IkeDrop : std::uint8_t {
  kTruncated,
  kMalformed,
  kMajorVersion,
  kIkev1Off,
  kBadFlags,
  kUnknownSpi,
  kSpiMismatch,
  kNoConnection,
  kHalfOpenLimit,
  kHalfOpenSourceLimit,
  kIkeSaLimit,
  kJobLimit,
  kCookieRequired,
  kCookieInvalid,
  kStrangerRate,
  kUnprotected,
  kIntegrity,
  kUnexpectedExchange,
  kUnexpectedResponse,
  kOutsideWindow,
  kReplayed,
  kDuplicateRequest,
  kRequestInProgress,
  kNotIdentical,
  kUnknownCritical,
  kInvalidSyntax,
  kNoProposal,
  kInvalidKe,
  kKeyExchangeFailed,
  kAuthentication,
  kTsUnacceptable,
  kChildNotFound,
  kTemporaryFailure,
  kNoAdditionalSas,
  kInstallFailed,
  kFragmentNotAgreed,
  kFragmentRepeated,
  kFragmentOutdated,
  kFragmentLimit,
  kFragmentTimeout,
  kHint,
  kGivenUp,
  kCount,
};

struct IkeDropRow {
  IkeDrop id;
  std::string_view name;
  std::string_view clause;
  std::string_view text;
};

inline constexpr std::array<IkeDropRow, static_cast<std::size_t>(IkeDrop::kCount)> kIkeDropTable{{
    {IkeDrop::kTruncated, "truncated", "RFC 7296 §3.1", "fewer octets than an IKE header"},
    {IkeDrop::kMalformed, "malformed", "RFC 7296 §2.21", "lengths or chain of payloads are wrong"},
    {IkeDrop::kMajorVersion, "major_version", "RFC 7296 §2.5", "a major version above 2"},
    {IkeDrop::kIkev1Off, "ikev1_off", "RFC 9395 §3", "an IKEv1 message, which no connection wants"},
    {IkeDrop::kBadFlags, "bad_flags", "RFC 7296 §3.1",
     "flags, message id or SPIs do not go together"},
    {IkeDrop::kUnknownSpi, "unknown_spi", "RFC 7296 §2.21.4", "no IKE SA has this SPI"},
    {IkeDrop::kSpiMismatch, "spi_mismatch", "RFC 7296 §2.6", "the peer's SPI is not this IKE SA's"},
    {IkeDrop::kNoConnection, "no_connection", "RFC 4301 §4.4.3",
     "no connection is configured for these addresses"},
    {IkeDrop::kHalfOpenLimit, "half_open_limit", "RFC 7296 §2.6",
     "too many IKE SAs wait for authentication"},
    {IkeDrop::kHalfOpenSourceLimit, "half_open_source_limit", "RFC 7296 §2.6",
     "too many IKE SAs of this source wait for authentication"},
    {IkeDrop::kIkeSaLimit, "ike_sa_limit", "RFC 7296 §2.6", "no room for another IKE SA"},
    {IkeDrop::kJobLimit, "job_limit", "RFC 7296 §2.6",
     "too many key exchanges wait for their turn"},
    {IkeDrop::kCookieRequired, "cookie_required", "RFC 7296 §2.6",
     "a first message without a cookie while cookies are asked for"},
    {IkeDrop::kCookieInvalid, "cookie_invalid", "RFC 7296 §2.6",
     "a cookie that is not ours or too old"},
    {IkeDrop::kStrangerRate, "stranger_rate", "RFC 7296 §2.21.4",
     "an answer to an unprotected message withheld by its rate limit"},
    {IkeDrop::kUnprotected, "unprotected", "RFC 7296 §2.21.4",
     "an exchange that must be protected came in clear"},
    {IkeDrop::kIntegrity, "integrity", "RFC 7296 §3.14", "the integrity check value is wrong"},
    {IkeDrop::kUnexpectedExchange, "unexpected_exchange", "RFC 7296 §2.21",
     "an exchange that the state of the IKE SA does not allow"},
    {IkeDrop::kUnexpectedResponse, "unexpected_response", "RFC 7296 §2.2",
     "a response to no outstanding request"},
    {IkeDrop::kOutsideWindow, "outside_window", "RFC 7296 §2.3",
     "a request with a message id outside the window of 1"},
    {IkeDrop::kReplayed, "replayed", "RFC 2409 §5.5",
     "a message id of IKEv1 that was used before, by the peer or by us"},
    {IkeDrop::kDuplicateRequest, "duplicate_request", "RFC 7296 §2.1",
     "a repeated request, answered by the same response again"},
    {IkeDrop::kRequestInProgress, "request_in_progress", "RFC 7296 §2.1",
     "a repeated request whose answer is not ready yet"},
    {IkeDrop::kNotIdentical, "not_identical", "RFC 7296 §2.1",
     "an old message id with other octets"},
    {IkeDrop::kUnknownCritical, "unknown_critical", "RFC 7296 §2.5",
     "an unknown payload with the critical bit set"},
    {IkeDrop::kInvalidSyntax, "invalid_syntax", "RFC 7296 §3.10.1",
     "a payload's content is malformed or missing"},
    {IkeDrop::kNoProposal, "no_proposal", "RFC 7296 §2.7", "no common proposal"},
    {IkeDrop::kInvalidKe, "invalid_ke", "RFC 7296 §1.3",
     "a key exchange value of another group than the chosen one"},
    {IkeDrop::kKeyExchangeFailed, "key_exchange_failed", "RFC 6989 §2",
     "a key exchange value that does not pass its checks"},
    {IkeDrop::kAuthentication, "authentication", "RFC 7296 §2.15",
     "the peer's identity or AUTH payload is not accepted"},
    {IkeDrop::kTsUnacceptable, "ts_unacceptable", "RFC 7296 §2.9", "no common traffic selectors"},
    {IkeDrop::kChildNotFound, "child_not_found", "RFC 7296 §2.25",
     "a request to rekey a child SA that does not exist"},
    {IkeDrop::kTemporaryFailure, "temporary_failure", "RFC 7296 §2.25",
     "a request that collides with an exchange of ours"},
    {IkeDrop::kNoAdditionalSas, "no_additional_sas", "RFC 7296 §1.3",
     "no room for another child SA"},
    {IkeDrop::kInstallFailed, "install_failed", "RFC 4301 §4.4.2",
     "the data plane could not install an SA or policy"},
    {IkeDrop::kFragmentNotAgreed, "fragment_not_agreed", "RFC 7383 §2.4",
     "a fragment on an IKE SA whose ends did not both say that they take fragments"},
    {IkeDrop::kFragmentRepeated, "fragment_repeated", "RFC 7383 §2.6",
     "a fragment that is there already, or a later one of a request that was processed"},
    {IkeDrop::kFragmentOutdated, "fragment_outdated", "RFC 7383 §2.6",
     "a fragment of fewer in total than those that came before it"},
    {IkeDrop::kFragmentLimit, "fragment_limit", "RFC 7383 §5",
     "fragments of a message that is too long"},
    {IkeDrop::kFragmentTimeout, "fragment_timeout", "RFC 7383 §2.6",
     "a request whose fragments did not all come in time"},
    {IkeDrop::kHint, "hint", "RFC 7296 §2.21.4",
     "an unprotected error message, taken as a hint and no more"},
    {IkeDrop::kGivenUp, "given_up", "RFC 7296 §2.4", "a request of ours that was never answered"},
}};

[[nodiscard]] constexpr bool drop_table_is_sound() {
  for (std::size_t i = 0; i < kIkeDropTable.size(); ++i)
    if (static_cast<std::size_t>(kIkeDropTable.at(i).id) != i || kIkeDropTable.at(i).name.empty())
      return false;
  return true;
}
static_assert(drop_table_is_sound());

/// Counts by reason; one thread writes and reads.
class IkeDropCounters {
 public:
  void count(IkeDrop reason) { ++counts_.at(static_cast<std::size_t>(reason)); }
  [[nodiscard]] std::uint64_t get(IkeDrop reason) const {
    return counts_.at(static_cast<std::size_t>(reason));
  }

 private:
  std::array<std::uint64_t, static_cast<std::size_t>(IkeDrop::kCount)> counts_{};
};

}  // namespace penstock::session
