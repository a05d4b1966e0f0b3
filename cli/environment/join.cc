// nestp join: a command in the namespaces of a session that runs.
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "cli/accounts.h"
#include "cli/child.h"
#include "cli/environment/commands.h"
#include "cli/environment/store.h"
#include "cli/environment/words.h"
#include "cli/programs.h"
#include "cli/run.h"
#include "engine/words.h"
#include "fs/fd.h"

namespace nestp::environment {
namespace {

struct Namespace {
  const char* name;
  int kind;
};

/// The user namespace first: it gives the right to enter the others.
constexpr std::array kNamespaces = {
    Namespace{"user", CLONE_NEWUSER}, Namespace{"cgroup", CLONE_NEWCGROUP},
    Namespace{"ipc", CLONE_NEWIPC},   Namespace{"uts", CLONE_NEWUTS},
    Namespace{"net", CLONE_NEWNET},   Namespace{"pid", CLONE_NEWPID},
    Namespace{"mnt", CLONE_NEWNS}};

std::string file_of(pid_t process, const std::string& name) {
  return "/proc/" + std::to_string(process) + "/" + name;
}

bool has_namespaces(pid_t process) {
  const auto own = read_link("/proc/self/ns/mnt");
  const auto of_process = read_link(file_of(process, "ns/mnt"));
  return own && of_process && *own != *of_process;
}

std::vector<pid_t> children_of(pid_t process) {
  const std::string self = std::to_string(process);
  const auto text = read_file(file_of(process, "task/" + self + "/children"));
  std::vector<pid_t> all;
  std::string_view rest = text ? std::string_view(*text) : std::string_view();
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    if (const auto number = whole_number(word)) all.push_back(static_cast<pid_t>(*number));
  }
  return all;
}

/// The process itself, or the first below it, that is elsewhere than we are; 0: none.
pid_t find_inside(pid_t process) {
  if (has_namespaces(process)) return process;
  for (const pid_t child : children_of(process)) {
    if (const pid_t found = find_inside(child); found != 0) return found;
  }
  return 0;
}

Result<pid_t> find_process(const std::string& word) {
  const auto number = whole_number(word);
  for (const Session& session : sessions()) {
    if (session.name != word && std::to_string(session.process) != word) continue;
    if (const pid_t found = find_inside(session.process); found != 0) return found;
    return Error{"session " + std::to_string(session.process) +
                 " has no namespaces; to see its files: nestp enter " + session.name};
  }
  if (!number) return Error{"there is no session '" + word + "'; see: nestp ps"};
  if (const pid_t found = find_inside(static_cast<pid_t>(*number)); found != 0) return found;
  return Error{"process " + word + " has no namespaces of its own, or is not yours"};
}

/// What a session is made of, held before the first of it is entered.
struct Inside {
  std::array<UniqueFd, kNamespaces.size()> namespaces;
  UniqueFd root;
  std::vector<std::string> environment{};
};

Result<Inside> open_inside(pid_t process) {
  Inside inside;
  for (std::size_t i = 0; i < kNamespaces.size(); ++i) {
    const std::string name = std::string("ns/") + kNamespaces[i].name;
    const auto own = stat_of("/proc/self/" + name);
    const auto other = stat_of(file_of(process, name));
    if (own && other && own->st_ino == other->st_ino) continue;
    auto file = open_at(AT_FDCWD, file_of(process, name), O_RDONLY);
    if (!file) return Error{file_of(process, name) + ": " + std::strerror(file.error().code())};
    inside.namespaces[i] = std::move(*file);
  }
  auto root = open_at(AT_FDCWD, file_of(process, "root"), O_PATH | O_DIRECTORY);
  const auto environment = read_file(file_of(process, "environ"));
  if (!root || !environment) return Error{file_of(process, "root") + ": " + std::strerror(EACCES)};
  inside.root = std::move(*root);
  for (std::string_view rest = *environment; !rest.empty();) {
    const std::string_view variable = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(variable.size() + 1, rest.size()));
    inside.environment.emplace_back(variable);
  }
  return inside;
}

Result<> enter(const Inside& inside) {
  for (std::size_t i = 0; i < kNamespaces.size(); ++i) {
    const UniqueFd& file = inside.namespaces[i];
    if (file && ::setns(file.get(), kNamespaces[i].kind) != 0) {
      return Error{std::string("cannot enter its ") + kNamespaces[i].name +
                   " namespace: " + std::strerror(errno)};
    }
  }
  if (::fchdir(inside.root.get()) != 0 || ::chroot(".") != 0 || ::chdir("/") != 0) {
    return Error{std::string("cannot enter its root directory: ") + std::strerror(errno)};
  }
  return Done{};
}

}  // namespace

int run_join(std::span<const std::string> words) {
  const auto read =
      read_words(words, {}, {.least = 1, .usage = usage_of("join"), .command_follows = true});
  if (!read) return fail(read.error().message, exit_not_started);
  const auto process = find_process(read->names[0]);
  if (!process) return fail(process.error().message, exit_not_started);
  auto inside = open_inside(*process);
  if (!inside) return fail(inside.error().message, exit_not_started);
  std::vector<std::string> command(read->names.begin() + 1, read->names.end());
  if (command.empty()) command = {"/bin/sh", "-l"};
  return run_in_child([&]() -> int {
    if (const auto done = enter(*inside); !done)
      return fail(done.error().message, exit_not_started);
    // Only a child is in the process namespace.
    return run_in_child([&]() -> int {
      const std::vector<char*> argv = pointers(command);
      std::vector<char*> variables = pointers(inside->environment);
      environ = variables.data();  // its PATH, too
      ::execvp(argv[0], argv.data());
      return fail(command[0] + ": " + std::strerror(errno),
                  errno == ENOENT ? exit_not_found : exit_not_executable);
    });
  });
}

}  // namespace nestp::environment
