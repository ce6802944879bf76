// SPDX-License-Identifier: BSD-3-Clause
// Files of private MODP groups (RFC 2409 §5.6). Their primes are tested here once, not per peer.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "control/config/check.h"
#include "control/config/scan.h"

namespace penstock::config {

namespace {

using Group = base::Result<crypto::PrivateGroup>;

Group read_one(const crypto::CryptoContext& context, const std::string& path) {
  PS_ASSIGN(const base::SecretBytes content, read_whole_file(path));
  PS_ASSIGN(crypto::PrivateGroup group, crypto::read_private_group(context, content.bytes()));
  PS_TRY(crypto::check_private_group(context, group));
  return group;
}

}  // namespace

void load_private_groups(const Place& root, Settings& settings, const std::string& file) {
  auto& connections = settings.connections;
  const auto has_some = [](const auto& c) { return !c.private_groups.empty(); };
  if (std::ranges::none_of(connections, has_some)) return;  // OpenSSL is not begun for nothing
  const crypto::CryptoContext context;
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  std::map<std::string, Group> read;
  for (std::size_t i = 0; i < connections.size(); ++i)
    for (std::size_t j = 0; j < connections[i].private_groups.size(); ++j) {
      session::PrivateGroupConfig& one = connections[i].private_groups[j];
      const std::string path = (folder / one.file).string();
      auto known = read.find(path);
      if (known == read.end()) known = read.emplace(path, read_one(context, path)).first;
      if (known->second) {
        one.group = *known->second;
      } else {
        root["connections"][i]["private_groups"][j]["file"].fault(
            fmt::format("{}: {}", path, known->second.error().text));
      }
    }
}

}  // namespace penstock::config
