// nestp run and nestp enter: a named environment's settings, made into a guest.
#include <cstdlib>
#include <unistd.h>

#include "cli/accounts.h"
#include "cli/environment/commands.h"
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
  const char* const home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/' && home[1] != '\0' && ::access(home, F_OK) == 0) {
    append(words, {"-b", home});
  }
  for (const std::string& bind : settings.binds)
    append(words, {"-b", bind});
  for (const std::string& bind : settings.read_only)
    append(words, {"--ro-bind", bind});
  append(words, {"--unset-env", "LD_PRELOAD", "--unset-env", "LD_LIBRARY_PATH", "--env",
                 std::string("PATH=") + kPath});
  for (const std::string& variable : settings.variables)
    append(words, {"--env", variable});
  append(words, {"--env", "NESTP_ENVIRONMENT=" + name});
  return words;
}

int start(Words words, Form form) {
  const auto read = read_words(words,
                               {{"--bind", true},
                                {"--env", true},
                                {"--backend", true},
                                {"--directory", true},
                                {"--user", true},
                                {"--detach"}},
                               {.least = 1,
                                .usage = usage_of(form == Form::run ? "run" : "enter"),
                                .command_follows = true});
  if (!read) return fail(read.error().message, exit_not_started);
  const std::string& name = read->names[0];
  const auto held = lock(name, Use::shared);
  if (!held) return fail(held.error().message, exit_not_started);
  auto settings = read_settings(name);
  if (!settings) return fail(settings.error().message, exit_not_started);
  append(settings->binds, read->all("--bind"));
  append(settings->variables, read->all("--env"));
  if (read->has("--user")) settings->user = read->value("--user");
  const std::string backend = read->has("--backend") ? read->value("--backend") : settings->backend;
  const auto options = option_words(name, *settings, backend);
  if (!options) return fail(options.error().message, exit_not_started);
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
