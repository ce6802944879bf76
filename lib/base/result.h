// SPDX-License-Identifier: BSD-3-Clause
// Result: what a peer or an operator can cause. What only a bug can cause is a check (check.h).
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace penstock::base {

/// Why something was refused. Coarse on purpose: a caller branches on it, `Error::text` explains
/// it.
enum class ErrorCode {
  kTruncated,       ///< fewer octets than a fixed part or a length field asks for
  kMalformed,       ///< a field's value breaks its RFC
  kUnsupported,     ///< well-formed, but not something we speak
  kNotFound,        ///< names something that does not exist
  kExists,          ///< names something that exists already
  kLimit,           ///< a named limit was reached
  kRefused,         ///< policy says no
  kAuthentication,  ///< an ICV, AUTH value or signature does not verify
  kPermission,      ///< the operating system says no
  kTimeout,         ///< the other side did not answer in time
  kSystem,          ///< a library or the operating system failed
};

[[nodiscard]] constexpr std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kTruncated:
      return "truncated";
    case ErrorCode::kMalformed:
      return "malformed";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kNotFound:
      return "not found";
    case ErrorCode::kExists:
      return "exists already";
    case ErrorCode::kLimit:
      return "limit reached";
    case ErrorCode::kRefused:
      return "refused";
    case ErrorCode::kAuthentication:
      return "authentication failed";
    case ErrorCode::kPermission:
      return "no permission";
    case ErrorCode::kTimeout:
      return "timed out";
    case ErrorCode::kSystem:
      return "system error";
  }
  return "unknown error";
}

/// A code to branch on and a sentence for the operator; the sentence never holds a secret.
struct Error {
  ErrorCode code;
  std::string text;
};

template <class T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string text = {}) {
  return tl::unexpected<Error>(Error{code, std::move(text)});
}

}  // namespace penstock::base

/// Evaluates a Result and returns its error from the enclosing function, if it has one.
#define PS_TRY(expr)                                                       \
  do {                                                                     \
    auto ps_result_ = (expr);                                              \
    if (!ps_result_) return tl::unexpected(std::move(ps_result_).error()); \
  } while (false)

#define PS_CONCAT_INNER(a, b) a##b
#define PS_CONCAT(a, b) PS_CONCAT_INNER(a, b)
#define PS_ASSIGN_INNER(tmp, decl, expr)                   \
  auto tmp = (expr);                                       \
  if (!tmp) return tl::unexpected(std::move(tmp).error()); \
  decl = *std::move(tmp)

/// `PS_ASSIGN(auto x, f())`: x is the value of f(), or f()'s error is returned.
#define PS_ASSIGN(decl, expr) PS_ASSIGN_INNER(PS_CONCAT(ps_assign_, __LINE__), decl, expr)
