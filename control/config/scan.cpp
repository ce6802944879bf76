// SPDX-License-Identifier: BSD-3-Clause
// Walks the tokens of libconfig's grammar, as far as numbers and includes ask for it. libconfig 1.5
// wraps integers over 31 bits silently (1.7 does not), so they are faults here.
#include "control/config/scan.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <limits>

namespace penstock::config {

using base::ErrorCode;
using base::fail;
using base::Result;
using base::SecretBytes;

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*'; }
bool is_name(char c) { return is_name_start(c) || is_digit(c) || c == '-' || c == '_'; }

class Scanner {
 public:
  Scanner(std::string_view text, std::string file, std::string folder, unsigned depth,
          Findings& findings)
      : text_(text),
        file_(std::move(file)),
        folder_(std::move(folder)),
        depth_(depth),
        findings_(findings) {}

  bool run() {
    while (at_ < text_.size()) step();
    return good_;
  }

 private:
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void advance() {
    if (text_[at_++] == '\n') ++line_;
  }
  void advance_to(std::size_t end) {
    while (at_ < end && at_ < text_.size()) advance();
  }
  void fault(std::string text, std::string setting = {}) {
    findings_.faults.push_back(Fault{file_, line_, std::move(setting), std::move(text)});
  }

  void step() {
    const char c = peek();
    if (c == '\0') {
      fault("a NUL octet: nothing after it would be read");
      good_ = false;
      at_ = text_.size();
    } else if (c == '"') {
      (void)string();
    } else if (c == '#' || (c == '/' && peek(1) == '/')) {
      advance_to(std::min(text_.find('\n', at_), text_.size()));
    } else if (c == '/' && peek(1) == '*') {
      const auto end = text_.find("*/", at_ + 2);
      advance_to(end == std::string_view::npos ? text_.size() : end + 2);
    } else if (text_.substr(at_).starts_with("@include")) {
      include();
    } else if (is_name_start(c)) {
      const std::size_t begin = at_;
      while (is_name(peek())) advance();
      name_ = text_.substr(begin, at_ - begin);
    } else if (is_digit(c) || ((c == '-' || c == '+' || c == '.') && is_digit(peek(1)))) {
      number();
    } else {
      advance();
    }
  }

  /// @return what stands between the quotes, escapes as written
  std::string_view string() {
    const unsigned first_line = line_;
    advance();
    const std::size_t begin = at_;
    while (at_ < text_.size() && peek() != '"') {
      if (peek() == '\\') advance();
      if (at_ < text_.size()) advance();
    }
    const std::string_view inside = text_.substr(begin, at_ - begin);
    if (at_ < text_.size()) {
      advance();
    } else {
      // What was taken for outside may have been inside a text, so this is told alone.
      findings_.faults.clear();
      line_ = first_line;
      fault("this text has no closing quote");
      good_ = false;
    }
    return inside;
  }

  void number() {
    const std::size_t begin = at_;
    while (is_name(peek()) || peek() == '.' || peek() == '+') advance();
    std::string_view word = text_.substr(begin, at_ - begin);
    if (word.front() == '+') word.remove_prefix(1);
    const bool hex = word.starts_with("0x") || word.starts_with("0X");
    if (!hex && word.find_first_of(".eE") != std::string_view::npos) return;  // a float
    const bool is_long = word.back() == 'L';
    while (word.ends_with('L')) word.remove_suffix(1);
    if (hex) word.remove_prefix(2);
    long long value = 0;
    const auto [end, error] =
        std::from_chars(word.data(), word.data() + word.size(), value, hex ? 16 : 10);
    const bool narrow = value >= std::numeric_limits<std::int32_t>::min() &&
                        value <= std::numeric_limits<std::int32_t>::max();
    if (error == std::errc::result_out_of_range || (!is_long && !narrow))
      fault("the number does not fit 31 bits and would wrap: put it in quotes", std::string(name_));
  }

  void include() {
    at_ += std::strlen("@include");
    while (peek() == ' ' || peek() == '\t') advance();
    if (peek() != '"') return;  // libconfig tells the syntax error
    const std::string name(string());
    if (!good_) return;
    const std::string target =
        name.starts_with('/') || folder_.empty() ? name : fmt::format("{}/{}", folder_, name);
    if (depth_ == kMaxIncludeDepth) {
      fault(fmt::format("includes nest deeper than {}", kMaxIncludeDepth));
      good_ = false;
      return;
    }
    const auto included = read_whole_file(target);
    if (!included) {
      fault(fmt::format("cannot include '{}': {}", target, included.error().text));
      good_ = false;
      return;
    }
    findings_.included.push_back(target);
    const std::string_view inside = base::as_text(included->bytes());
    if (!Scanner(inside, target, folder_, depth_ + 1, findings_).run()) good_ = false;
  }

  std::string_view text_;
  std::string file_;
  std::string folder_;  ///< includes are looked for beside the first file
  unsigned depth_;
  Findings& findings_;
  std::size_t at_ = 0;
  unsigned line_ = 1;
  std::string_view name_;  ///< the last name seen: the setting that a number belongs to
  bool good_ = true;
};

}  // namespace

Result<SecretBytes> read_whole_file(const std::string& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return fail(ErrorCode::kNotFound, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kUnsupported, "it is no regular file");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > kMaxFileOctets) return fail(ErrorCode::kLimit, "it is over 256 MiB");
  std::FILE* in = std::fopen(file.c_str(), "rb");
  if (in == nullptr) return fail(ErrorCode::kPermission, std::strerror(errno));
  std::setvbuf(in, nullptr, _IONBF, 0);  // no copy of secrets in a buffer that nobody wipes
  SecretBytes content(size);
  const std::size_t got = std::fread(content.mutable_bytes().data(), 1, size, in);
  std::fclose(in);
  if (got != size) return fail(ErrorCode::kSystem, "it changed while it was read");
  return content;
}

bool scan(std::string_view text, const std::string& file, Findings& findings) {
  const auto slash = file.rfind('/');
  return Scanner(text, file, slash == std::string::npos ? "" : file.substr(0, slash), 0, findings)
      .run();
}

}  // namespace penstock::config
