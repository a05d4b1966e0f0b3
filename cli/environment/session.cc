// nestp run and nestp enter: a named environment's settings, made into a guest.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <unistd.h>

#include "cli/accounts.h"
#include "cli/child.h"
#include "cli/environment/commands.h"
#include "cli/environment/host_facts.h"
#include "cli/environment/host_programs.h"
#include "cli/environment/store.h"
#include "cli/environment/words.h"
#include "cli/options.h"
#include "cli/programs.h"
#include "cli/run.h"
#include "fs/fd.h"

namespace nestp::environment {
namespace {

using Words = std::span<const std::string>;

enum class Form : std::uint8_t { run, enter };

constexpr const char* kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

void append(std::vector<std::string>& words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
}

std::string guest_file(const std::string& name, const std::string& path) {
  const auto text = read_file(root_of(name) + path);
  return text ? *text : std::string();
}

/// The shell that the guest's passwd gives to who enters, if it is there.
std::string login_shell(const std::string& name, const std::string& user) {
  const auto account = find_account(guest_file(name, "/etc/passwd"), user);
  if (account && !account->shell.empty() &&
      ::access((root_of(name) + account->shell).c_str(), F_OK) == 0) {
    return account->shell;
  }
  return ::access((root_of(name) + "/bin/bash").c_str(), F_OK) == 0 ? "/bin/bash" : "/bin/sh";
}

/// HOME of the host, another directory in its place, or the guest's own.
std::vector<std::string> home_words(const std::string& name, const Settings& settings) {
  const char* const variable = std::getenv("HOME");
  const std::string home = variable == nullptr ? "" : variable;
  if (settings.home == "private") {
    const std::string user = settings.root ? "0" : std::to_string(::getuid());
    const auto account =
        find_account(guest_file(name, "/etc/passwd"), settings.user.empty() ? user : settings.user);
    return {"--env", "HOME=" + (account && !account->home.empty() ? account->home : "/")};
  }
  if (!home.starts_with('/') || home == "/") return {};
  if (!settings.home.empty()) return {"-b", settings.home + ":" + home};
  if (::access(home.c_str(), F_OK) != 0) return {};
  return {"-b", home};
}

/// The lines NAME=VALUE of a file.
Result<std::vector<std::string>> variables_of(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return Error{path + ": " + std::strerror(text.error().code())};
  std::vector<std::string> variables;
  std::string_view rest = *text;
  for (int number = 1; !rest.empty(); ++number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.empty() || line.front() == '#') continue;
    if (line.find('=') == std::string_view::npos || line.front() == '=') {
      return Error{path + ": line " + std::to_string(number) + " is not NAME=VALUE"};
    }
    variables.emplace_back(line);
  }
  return variables;
}

Result<std::vector<std::string>> option_words(const std::string& name, const Settings& settings,
                                              const std::string& backend) {
  std::vector<std::string> words;
  std::string user = settings.user;
  if (!user.empty() && user.find_first_not_of("0123456789:") != std::string::npos) {
    const auto account =
        find_account(guest_file(name, "/etc/passwd"), user.substr(0, user.find(':')));
    if (!account) return Error{"the environment has no user '" + user + "'"};
    user = std::to_string(account->uid) + ":" + std::to_string(account->gid);
  }
  if (!user.empty() && user.find(':') == std::string::npos) user += ":" + user;
  if (!user.empty()) {
    append(words, {"-i", user});
  } else if (settings.root && backend != "namespace") {
    words.emplace_back("-0");
  }
  append(words, {"-r", root_of(name)});
  for (const char* const path : {"/dev", "/proc", "/sys", "/etc/resolv.conf", "/etc/hosts"}) {
    if (::access(path, F_OK) == 0) append(words, {"-b", path});
  }
  append(words, home_words(name, settings));
  for (const std::string& bind : settings.binds)
    append(words, {"-b", bind});
  for (const std::string& bind : settings.read_only)
    append(words, {"--ro-bind", bind});
  append(words, {"--unset-env", "LD_PRELOAD", "--unset-env", "LD_LIBRARY_PATH", "--env",
                 std::string("PATH=") + kPath});
  append(words, host_fact_words(root_of(name), "", [](const std::string& variable) {
           const char* const value = std::getenv(variable.c_str());
           return value == nullptr ? std::nullopt : std::optional<std::string>(value);
         }));
  for (const std::string& variable : settings.variables)
    append(words, {"--env", variable});
  append(words, {"--env", "NESTP_ENVIRONMENT=" + name});
  return words;
}

/// --host-programs: who serves them as long as the session lasts.
Result<std::unique_ptr<HostPrograms>> host_programs(const CommandWords& read,
                                                    std::vector<std::string>& options) {
  if (!read.has("--host-programs")) return std::unique_ptr<HostPrograms>();
  if (read.has("--detach")) {
    return Error{"--host-programs and --detach contradict each other; leave one out"};
  }
  auto programs = HostPrograms::start();
  if (!programs) return programs;
  append(options, (*programs)->words());
  append(options, {"--env", std::string("PATH=") + kPath + ":" + kHostProgramsPlace});
  return programs;
}

int start(Words words, Form form);

/// A session in a copy that goes with it.
int start_in_copy(const CommandWords& read, Form form) {
  const std::string& name = read.names[0];
  const std::string copy = name + ".copy" + std::to_string(::getpid());
  const std::vector<std::string> names{name, copy};
  if (const int code = run_clone(names); code != 0) return code;
  std::vector<std::string> words;
  for (const auto& [option, values] : read.values) {
    for (const std::string& value : values) {
      if (option == "--ephemeral") continue;
      words.push_back(option);
      if (option != "--detach" && option != "--host-programs") words.push_back(value);
    }
  }
  append(words, {copy, "--"});
  words.insert(words.end(), read.names.begin() + 1, read.names.end());
  const int code = run_in_child([&] { return start(words, form); });
  (void)run_remove(std::span(names).subspan(1));  // it has said what is left
  return code;
}

int start(Words words, Form form) {
  const auto read = read_words(words,
                               {{"--bind", true},
                                {"--env", true},
                                {"--backend", true},
                                {"--directory", true},
                                {"--user", true},
                                {"--home", true},
                                {"--env-file", true},
                                {"--host-programs"},
                                {"--ephemeral"},
                                {"--detach"}},
                               {.least = 1,
                                .usage = usage_of(form == Form::run ? "run" : "enter"),
                                .command_follows = true});
  if (!read) return fail(read.error().message, exit_not_started);
  const std::string& name = read->names[0];
  if (read->has("--ephemeral")) return start_in_copy(*read, form);
  const auto held = lock(name, Use::shared);
  if (!held) return fail(held.error().message, exit_not_started);
  auto settings = read_settings(name);
  if (!settings) return fail(settings.error().message, exit_not_started);
  const auto common = read_common_settings();
  if (!common) return fail(common.error().message, exit_not_started);
  add_common(*settings, *common);
  append(settings->binds, read->all("--bind"));
  for (const std::string& path : read->all("--env-file")) {
    const auto variables = variables_of(path);
    if (!variables) return fail(variables.error().message, exit_not_started);
    append(settings->variables, *variables);
  }
  if (read->has("--home")) settings->home = read->value("--home");
  append(settings->variables, read->all("--env"));
  if (read->has("--user")) settings->user = read->value("--user");
  const std::string backend = read->has("--backend") ? read->value("--backend") : settings->backend;
  auto options = option_words(name, *settings, backend);
  if (!options) return fail(options.error().message, exit_not_started);
  const auto programs = host_programs(*read, *options);
  if (!programs) return fail(programs.error().message, exit_not_started);
  auto request = parse_options(Grammar::nestp, *options);
  if (!request) return fail(request.error().message, exit_not_started);
  request->backend = backend;
  if (backend == "namespace" && settings->root && settings->user.empty() && ::geteuid() != 0) {
    request->isolation.become = {.uid = 0, .gid = 0};
    request->isolation.subordinate_ids = true;
    request->isolation.make_mount_points = true;  // else "/" would take no new files
    request->isolation.pretend_owners = true;
  }
  const std::vector<std::string> given(read->names.begin() + 1, read->names.end());
  if (form == Form::run) {
    request->command = settings->entrypoint;
    append(request->command, given.empty() ? settings->command : given);
    request->directory = settings->directory.empty() ? "/" : settings->directory;
  } else {
    request->command = given;
  }
  if (request->command.empty()) {
    const std::string user = settings->root ? "0" : std::to_string(::getuid());
    request->command = {login_shell(name, user), "-l"};
  }
  if (read->has("--directory")) request->directory = read->value("--directory");
  if (read->has("--detach")) request->on_exit = OnExit::detach;
  std::string shown;
  for (const std::string& word : request->command)
    shown += (shown.empty() ? "" : " ") + word;
  const auto note = note_session(name, shown);
  return run_request(*request, Grammar::nestp);
}

}  // namespace

int run_run(Words words) { return start(words, Form::run); }

int run_enter(Words words) { return start(words, Form::enter); }

}  // namespace nestp::environment
