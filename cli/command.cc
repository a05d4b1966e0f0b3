#include "cli/command.h"

#include <cerrno>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/abi.h"
#include "cli/diagnose.h"
#include "fs/fd.h"
#include "fs/mount_flags.h"
#include "fs/path_cache.h"
#include "fs/resolve.h"

namespace nestp {
namespace {

constexpr std::string_view kShell = "/bin/sh";
/// For a guest without PATH, as login(1) and execvp(3) would have it.
constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Looks paths up as the guest's first process would.
class Lookup {
 public:
  Lookup(const View& view, const GuestPath& directory)
      : from_{.view = view,
              .root = GuestPath::root(),
              .base = directory,
              .process = ::getpid(),
              .thread = ::getpid()} {}

  SysResult<Resolved> resolve(const std::string& path) {
    return resolver_.resolve(from_, path, LastLink::follow);
  }

  ProgramFacts facts_of(const std::string& path) {
    ProgramFacts facts{.path = path};
    const SysResult<Resolved> resolved = resolve(path);
    if (!resolved) {
      facts.error = resolved.error().code();
      return facts;
    }
    facts.host = resolved->host;
    const SysResult<struct stat> status = stat_of(facts.host);
    if (!status) {
      facts.error = status.error().code();
      return facts;
    }
    facts.is_directory = S_ISDIR(status->st_mode);
    facts.is_executable = check_permission(facts.host, X_OK).ok();
    return facts;
  }

  /// Adds what is only worth knowing of the program that will run.
  void examine(ProgramFacts& facts) {
    if (const SysResult<bool> forbidden = on_noexec_mount(facts.host)) {
      facts.on_noexec_mount = *forbidden;
      // The kernel itself says EACCES on such a mount, which hides the mode's own answer.
      const SysResult<struct stat> status = stat_of(facts.host);
      if (facts.on_noexec_mount && status) facts.is_executable = (status->st_mode & 0111) != 0;
    }
    std::optional<ProgramHead> head = read_program_head(facts.host);
    facts.is_readable = head.has_value();
    if (head) facts.head = *std::move(head);
    if (facts.head.interpreter.empty()) return;
    facts.has_interpreter = facts_of(facts.head.interpreter).error == 0;
  }

 private:
  PathCache cache_;
  Resolver resolver_{cache_};
  ResolveFrom from_;
};

/// The first executable file called `name` in the directories of `path`.
Outcome<std::string, StartError> search(Lookup& lookup, const std::string& name,
                                        std::string_view path) {
  const std::string all(path);
  std::string unusable;  // found, but no program; told only if no directory has a better one
  while (true) {
    const std::string_view directory = path.substr(0, path.find(':'));
    const std::string candidate = (directory.empty() ? "." : std::string(directory)) + "/" + name;
    const ProgramFacts facts = lookup.facts_of(candidate);
    if (facts.error == 0 && !facts.is_directory) {
      if (facts.is_executable) return candidate;
      if (unusable.empty()) unusable = candidate;
    }
    if (directory.size() == path.size()) break;
    path.remove_prefix(directory.size() + 1);
  }
  if (!unusable.empty()) return unusable;
  return missing_command(name, all);
}

}  // namespace

SysResult<GuestPath> find_directory(const View& view, const std::string& path) {
  Lookup lookup(view, GuestPath::root());
  const SysResult<Resolved> resolved = lookup.resolve(path);
  if (!resolved) return resolved.error();
  const SysResult<struct stat> status = stat_of(resolved->host);
  if (!status) return status.error();
  if (!S_ISDIR(status->st_mode)) return Errno(ENOTDIR);
  if (const SysResult<> search = check_search(resolved->host); !search) return search.error();
  return resolved->guest;
}

Outcome<std::string, StartError> find_program(const Request& request, const Guest& guest,
                                              Emulator& emulator) {
  Lookup lookup(*guest.view, guest.directory);
  std::string program = request.command.empty() ? std::string(kShell) : request.command[0];
  if (program.empty()) return missing_command("", "");
  if (program.find('/') == std::string::npos) {
    const auto path = find_variable(guest.environment, "PATH");
    Outcome<std::string, StartError> found = search(lookup, program, path.value_or(kDefaultPath));
    if (!found) return found;
    program = *found;
  }
  ProgramFacts facts = lookup.facts_of(program);
  if (facts.error == ENOENT && request.command.empty()) return missing_shell(request.rootfs);
  if (facts.error == 0) lookup.examine(facts);
  const Machine machine{facts.head.machine, facts.head.elf_class, facts.head.is_big_endian};
  facts.has_emulator = !runs_here(machine) && emulator.emulator_of(machine) != nullptr;
  if (const auto error = diagnose_program(facts, host_abis())) return *error;
  return program;
}

}  // namespace nestp
