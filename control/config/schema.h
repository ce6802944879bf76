// SPDX-License-Identifier: BSD-3-Clause
// The schema: a row an option. The row says its name, what it takes and what it means, and holds
// the function that reads it; unknown settings, faults of type and docs/configuration.md all come
// from the rows.
#pragma once

#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "control/config/place.h"
#include "control/config/readers.h"

namespace penstock::config {

/// How the settings below an option are written.
enum class OptionShape : unsigned char {
  kValue,
  kGroup,  ///< `name = { … };`
  kList,   ///< `name = ( { … }, { … } );`
  kNamed,  ///< `name = { one = { … }; other = { … }; };` with names of the operator's choice
};

struct OptionDoc {
  std::string_view name;
  std::string_view kind = {};    ///< what is written; made from the type of what is read
  std::string_view preset = {};  ///< the default, as written; "" where there is none
  std::string_view unit = {};
  std::string_view text;         ///< one sentence
  std::string_view reader = {};  ///< the room that acts on it
  bool required = false;
  bool prefix = false;  ///< `name` may go on: id, id-1, id-mail
  long long low = 0;    ///< of numbers
  long long high = 0;
  std::span<const Word> words = {};  ///< of a choice
  std::string_view later = {};       ///< a known name that nothing reads yet: what it belongs to
  OptionShape shape = OptionShape::kValue;
  std::vector<const OptionDoc*> (*below)() = nullptr;  ///< the options of a group's or row's table
};

/// An option of a group whose value is a T.
template <class T>
struct Option {
  OptionDoc doc;
  void (*set)(const Place&, T&);
};

template <class T>
using Options = std::span<const Option<T>>;

// ---- reading a group by its table ----

/// Faults of kind, said alike everywhere. @return true if the place is of that kind
[[nodiscard]] bool expect(const Place& place, PlaceKind kind);
void unknown_setting(const Place& place, const std::vector<const OptionDoc*>& known);
void not_built_yet(const Place& place, std::string_view what);
[[nodiscard]] bool is_named_by(const OptionDoc& doc, std::string_view name);

template <class T>
[[nodiscard]] std::vector<const OptionDoc*> docs_of(Options<T> options) {
  std::vector<const OptionDoc*> docs;
  for (const Option<T>& option : options) docs.push_back(&option.doc);
  return docs;
}

/// Reads every member of the group into `target`; what is not in the table is a fault.
template <class T>
void read_group(Options<T> options, const Place& group, T& target) {
  if (!expect(group, PlaceKind::kGroup)) return;
  for (std::size_t i = 0; i < group.size(); ++i) {
    const Place member = group[i];
    const std::string name = member.name();
    const Option<T>* known = nullptr;
    for (const Option<T>& option : options)
      if (is_named_by(option.doc, name)) known = &option;
    if (known == nullptr) {
      unknown_setting(member, docs_of(options));
    } else if (!known->doc.later.empty()) {
      not_built_yet(member, known->doc.later);
    } else {
      known->set(member.described_by(known->doc), target);
    }
  }
  for (const Option<T>& option : options)
    if (option.doc.required && !group[option.doc.name].exists())
      group[option.doc.name].fault("is missing");
}

// ---- making rows ----

template <class M>
struct MemberOf;
template <class T, class F>
struct MemberOf<F T::*> {
  using Class = T;
  using Field = F;
};
template <auto kMember>
using ClassOf = typename MemberOf<decltype(kMember)>::Class;
template <auto kMember>
using FieldOf = typename MemberOf<decltype(kMember)>::Field;

/// A value that the reader of its type reads.
template <auto kMember>
constexpr Option<ClassOf<kMember>> value(OptionDoc doc) {
  doc.kind = Reader<FieldOf<kMember>>::kKind;
  return {doc, [](const Place& at, auto& t) { Reader<FieldOf<kMember>>::read(at, t.*kMember); }};
}

/// A known name that nothing reads yet.
template <class T>
constexpr Option<T> later(std::string_view name, std::string_view what, std::string_view text) {
  return {OptionDoc{.name = name, .text = text, .later = what}, [](const Place&, T&) {}};
}

/// `name = { … }`, read by the table that kTable() returns.
template <auto kMember, auto kTable>
constexpr Option<ClassOf<kMember>> group(OptionDoc doc) {
  doc.shape = OptionShape::kGroup;
  doc.below = [] { return docs_of(kTable()); };
  return {doc, [](const Place& at, auto& t) { read_group(kTable(), at, t.*kMember); }};
}

/// `name = ( { … }, … )`; the nth value is of the nth element, even where that has faults.
template <auto kMember, auto kTable>
constexpr Option<ClassOf<kMember>> list(OptionDoc doc) {
  doc.shape = OptionShape::kList;
  doc.below = [] { return docs_of(kTable()); };
  return {doc, [](const Place& at, auto& t) {
            if (!expect(at, PlaceKind::kList)) return;
            for (std::size_t i = 0; i < at.size(); ++i)
              read_group(kTable(), at[i], (t.*kMember).emplace_back());
          }};
}

/// `name = { a = { … }; … }`; the nth value is of the nth member and knows its name.
template <auto kMember, auto kTable>
constexpr Option<ClassOf<kMember>> named(OptionDoc doc) {
  doc.shape = OptionShape::kNamed;
  doc.below = [] { return docs_of(kTable()); };
  return {doc, [](const Place& at, auto& t) {
            if (!expect(at, PlaceKind::kGroup)) return;
            for (std::size_t i = 0; i < at.size(); ++i) {
              auto& item = (t.*kMember).emplace_back();
              item.name = at[i].name();
              read_group(kTable(), at[i], item);
            }
          }};
}

// ---- the tables ----

[[nodiscard]] Options<Settings> root_options();
[[nodiscard]] Options<DataplaneSettings> dataplane_options();
[[nodiscard]] Options<policy::SaSpec> manual_sa_options();
[[nodiscard]] Options<session::ConnectionConfig> connection_options();
[[nodiscard]] Options<session::PeerAuth> peer_auth_options();
[[nodiscard]] Options<session::SharedSecret> secret_options();
[[nodiscard]] Options<AuthoritySettings> authority_options();

}  // namespace penstock::config
