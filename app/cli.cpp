// SPDX-License-Identifier: BSD-3-Clause
// From words to a request, and from the answer to what is printed: command line › client › tables
// or JSON.
#include "app/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <nlohmann/json.hpp>
#include <ostream>

#include "app/cli_client.h"
#include "app/cli_tables.h"

namespace penstock::app {

using io::CommandStatus;
using io::Json;
using io::ManagementRequest;
using io::Verb;

namespace {

/// What the words asked for.
struct Invocation {
  std::string socket{io::kDefaultSocket};
  bool json = false;
  ManagementRequest request;
  std::string target;      ///< CONN[/CHILD]
  std::string later_word;  ///< a command that is not built yet
};

/// Commands that later issues bring: known words with a clear answer.
constexpr std::array<const char*, 5> kLaterWords{"reload", "explain", "capture", "trace", "bench"};

void add_show(CLI::App& app, Invocation& asked) {
  CLI::App* show = app.add_subcommand("show", "Tables of the running gateway");
  std::vector<std::string> words;
  for (const io::TopicShape& topic : io::topics()) words.emplace_back(topic.word);
  show->add_option("topic", asked.request.topic, "What to show")
      ->required()
      ->check(CLI::IsMember(words));
  show->callback([&asked] { asked.request.verb = Verb::kShow; });
}

CLI::App* add_command(CLI::App& app, Invocation& asked, Verb verb, const char* word,
                      const char* text) {
  CLI::App* command = app.add_subcommand(word, text);
  command->add_option("connection", asked.target, "CONN or CONN/CHILD")->required();
  command->add_option("--timeout", asked.request.timeout_s, "Seconds to wait for it")
      ->check(CLI::Range(std::uint32_t{0}, io::kMaxTimeout_s))
      ->capture_default_str();
  command->callback([&asked, verb] { asked.request.verb = verb; });
  return command;
}

void add_commands(CLI::App& app, Invocation& asked) {
  app.set_version_flag("--client-version", PENSTOCK_VERSION, "Print this program's version");
  app.add_option("--socket", asked.socket, "Where the daemon listens")->capture_default_str();
  app.add_flag("--json", asked.json, "Print JSON (docs/cli.md)");
  app.require_subcommand(1);
  app.fallthrough();
  add_show(app, asked);
  add_command(app, asked, Verb::kUp, "up", "Set up a connection or one child");
  add_command(app, asked, Verb::kDown, "down", "Take down a connection or one child");
  add_command(app, asked, Verb::kRekey, "rekey", "Rekey children, or with --ike the IKE SA")
      ->add_flag("--ike", asked.request.ike, "The IKE SA");
  app.add_subcommand("version", "Versions; answers when the daemon is ready")->callback([&asked] {
    asked.request.verb = Verb::kVersion;
  });
  for (const char* word : kLaterWords)
    app.add_subcommand(word, "Not built yet")
        ->fallthrough(false)
        ->allow_extras()
        ->callback([&asked, word] { asked.later_word = word; });
}

int finish(const Invocation& asked, const Answer& answer, std::ostream& out, std::ostream& err) {
  const int status = static_cast<int>(answer.status);
  const bool shows = asked.request.verb == Verb::kShow || asked.request.verb == Verb::kVersion;
  const bool done = answer.status == CommandStatus::kDone;
  if (asked.json) {
    const Json document =
        shows && done ? answer.document : Json{{"status", status}, {"text", answer.text}};
    out << document.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  } else if (!done) {
    err << "penstock: " << printable(answer.text) << '\n';
  } else if (shows) {
    print_tables(asked.request, answer.document, out);
  } else {
    out << printable(answer.text) << '\n';
  }
  return status;
}

}  // namespace

int run_cli(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  CLI::App app{"penstock: the command line of the Penstock IPsec gateway", "penstock"};
  Invocation asked;
  asked.request.id = 1;
  try {
    add_commands(app, asked);
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error, out, err);
    return status == 0 ? 0 : static_cast<int>(CommandStatus::kUsage);
  }
  if (!asked.later_word.empty())
    return finish(asked,
                  Answer{CommandStatus::kUsage, fmt::format("not built yet: {}", asked.later_word),
                         Json::object()},
                  out, err);
  const auto slash = asked.target.find('/');
  asked.request.connection = asked.target.substr(0, slash);
  if (slash != std::string::npos) asked.request.child = asked.target.substr(slash + 1);
  return finish(asked, ask(asked.socket, asked.request), out, err);
}

}  // namespace penstock::app
