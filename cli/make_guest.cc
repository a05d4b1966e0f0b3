#include "cli/make_guest.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <unistd.h>
#include <utility>

#include "cli/command.h"
#include "cli/devices.h"
#include "cli/diagnose.h"
#include "cli/make_extensions.h"
#include "fs/fd.h"

namespace nestp {
namespace {

// What PRoot binds for -R and -S.
constexpr std::array<std::string_view, 17> kRecommended = {"/etc/host.conf",
                                                           "/etc/hosts",
                                                           "/etc/hosts.equiv",
                                                           "/etc/mtab",
                                                           "/etc/netgroup",
                                                           "/etc/networks",
                                                           "/etc/passwd",
                                                           "/etc/group",
                                                           "/etc/nsswitch.conf",
                                                           "/etc/resolv.conf",
                                                           "/etc/localtime",
                                                           "/dev",
                                                           "/sys",
                                                           "/proc",
                                                           "/tmp",
                                                           "/run",
                                                           "/var/run/dbus/system_bus_socket"};
constexpr std::array<std::string_view, 9> kAsRoot = {"/etc/host.conf",
                                                     "/etc/hosts",
                                                     "/etc/nsswitch.conf",
                                                     "/etc/resolv.conf",
                                                     "/dev",
                                                     "/sys",
                                                     "/proc",
                                                     "/tmp",
                                                     "/run/shm"};

std::vector<BindingRequest> binding_requests(const Request& request,
                                             const Surroundings& surroundings,
                                             const std::string& rootfs) {
  std::vector<RequestedBinding> wanted;
  if (request.preset != Preset::none) {
    const auto home = find_variable(surroundings.environment, "HOME");
    wanted = preset_bindings(request.preset, home.value_or(""), rootfs);
  }
  if (request.devices) {
    for (RequestedBinding& binding : device_bindings())
      wanted.push_back(std::move(binding));
  }
  wanted.insert(wanted.end(), request.bindings.begin(), request.bindings.end());

  // A missing root is an error, a missing binding a warning, a missing one of a preset nothing.
  std::vector<BindingRequest> result{{.host = rootfs, .guest = "/"}};
  for (const RequestedBinding& binding : wanted) {
    const bool temporary = binding.kind == RequestedBinding::Kind::temporary;
    const std::string host = temporary ? "" : absolute_path(surroundings.directory, binding.host);
    const bool quiet = binding.optional || request.ignore_missing_bindings;
    if (quiet && !temporary && !stat_of(host)) continue;
    result.push_back({.host = host,
                      .guest = absolute_path(surroundings.directory, binding.guest),
                      .read_only = binding.kind == RequestedBinding::Kind::read_only,
                      .keep_last_link = binding.keep_last_link,
                      .tmpfs = temporary,
                      .optional = true});
  }
  return result;
}

/// True if a program of the guest is foreign and its emulator needs libraries of the host.
bool uses_host_libraries(const std::string& rootfs, Emulator& emulator) {
  if (emulator.named() != nullptr) return !emulator.named()->is_static();
  for (const char* const path : {"/bin/sh", "/usr/bin/env", "/bin/busybox"}) {
    const auto head = read_program_head(rootfs + path);
    if (!head || head->kind != ProgramHead::Kind::elf) continue;
    const Machine machine{head->machine, head->elf_class, head->is_big_endian};
    if (runs_here(machine)) return false;
    const FoundEmulator* const found = emulator.emulator_of(machine);
    return found != nullptr && !found->is_static();
  }
  return false;
}

/// The host's files for the emulator, and no library of the guest's to load into it.
void add_host_root(const std::string& rootfs, std::vector<BindingRequest>& bindings) {
  bindings.push_back({.host = "/", .guest = std::string(kHostRoot), .optional = true});
  const std::string preload = "/etc/ld.so.preload";
  if (stat_of(rootfs + preload)) {
    bindings.push_back({.host = "/dev/null", .guest = preload, .optional = true});
  }
}

/// Where the guest starts.  Only a directory that was asked for by name is missed loudly.
GuestPath start_directory(const Request& request, const Surroundings& surroundings,
                          const View& view, std::vector<std::string>& warnings) {
  const std::string wanted = absolute_path(surroundings.directory, request.directory.value_or("."));
  const SysResult<GuestPath> found = find_directory(view, wanted);
  if (found) return *found;
  // What is mounted later cannot be looked into yet; chdir(2) will tell.
  const auto given = GuestPath::parse(wanted);
  if (request.directory && !request.isolation.mounts.empty() && given) return *given;
  if (!request.other_directory.empty()) {
    if (const auto other = find_directory(view, request.other_directory)) return *other;
  }
  if (request.directory) {
    warnings.push_back("the guest has no directory \"" + wanted + "\" (" +
                       std::string(std::strerror(found.error().code())) + "), starting in \"/\"");
  }
  return GuestPath::root();
}

void copy_settings(const Request& request, Guest& guest) {
  guest.isolation = request.isolation;
  guest.on_start = request.on_start;
  guest.exact = request.exact && request.backend == "auto";
  guest.on_exit = request.on_exit;
  guest.die_with_parent = request.die_with_parent;
  guest.allow_io_uring = request.allow_io_uring;
  guest.accelerate = request.accelerate;
  guest.backtrace = request.backtrace;
  guest.fast_path = request.fast_path;
  guest.cache = request.cache;
  guest.trace_file = request.trace_file;
  guest.stats = request.stats;
  guest.loader_directory = request.loader_directory;
}

}  // namespace

std::string absolute_path(const std::string& base, const std::string& path) {
  if (path.starts_with('/')) return path;
  return base.ends_with('/') ? base + path : base + "/" + path;
}

std::vector<std::string> changed_environment(std::vector<std::string> environment,
                                             std::span<const EnvironmentChange> changes) {
  for (const EnvironmentChange& change : changes) {
    const auto has_name = [&change](const std::string& variable) {
      return variable.starts_with(change.name) && variable.compare(change.name.size(), 1, "=") == 0;
    };
    switch (change.kind) {
      case EnvironmentChange::Kind::clear:
        environment.clear();
        break;
      case EnvironmentChange::Kind::unset:
        std::erase_if(environment, has_name);
        break;
      case EnvironmentChange::Kind::set: {
        const std::string variable = change.name + "=" + change.value;
        const auto found = std::ranges::find_if(environment, has_name);
        if (found == environment.end()) {
          environment.push_back(variable);
        } else {
          *found = variable;
        }
        break;
      }
    }
  }
  return environment;
}

std::vector<RequestedBinding> preset_bindings(Preset preset, std::string_view home,
                                              const std::string& rootfs) {
  std::vector<RequestedBinding> bindings;
  const auto add = [&bindings](std::string_view path) {
    const std::string text(path);
    // mtab is mostly a link to /proc/self/mounts, that is, to the table of nestp itself.  The
    // guest's own is as good, and right.
    if (path == "/etc/mtab" && ::access("/etc/mtab", F_OK) == 0) {
      std::array<char, 16> target{};
      if (::readlink("/etc/mtab", target.data(), target.size()) >= 0) return;
    }
    bindings.push_back({.host = text, .guest = text, .optional = true});
  };
  if (preset == Preset::recommended) std::ranges::for_each(kRecommended, add);
  if (preset == Preset::as_root) std::ranges::for_each(kAsRoot, add);
  if (preset != Preset::none) {
    if (home.starts_with('/')) add(home);
    // So that absolute host paths into the root file system keep their meaning.
    if (rootfs != "/") add(rootfs);
  }
  return bindings;
}

Outcome<PreparedGuest, StartError> make_guest(const Request& request,
                                              const Surroundings& surroundings) {
  const std::string rootfs = absolute_path(surroundings.directory, request.rootfs);
  RootfsFacts rootfs_facts = read_rootfs_facts(rootfs);
  rootfs_facts.path = request.rootfs;  // as the person wrote it
  if (const auto error = diagnose_rootfs(rootfs_facts)) return *error;

  if (request.strict_kernel && !version_code(request.kernel.release.value_or(""))) {
    return StartError{.error = {"--strict-kernel: no release to keep to; give one by -k"}};
  }

  PreparedGuest prepared;
  std::vector<std::string> parents;
  if (!request.loader_directory.empty()) parents.push_back(request.loader_directory);
  prepared.session = std::make_unique<SessionDirectory>(std::move(parents));
  std::vector<BindingRequest> bindings = binding_requests(request, surroundings, rootfs);
  auto emulator = std::make_unique<Emulator>(
      request.emulators,
      EmulatorSearch(std::string(find_variable(surroundings.environment, "PATH").value_or("")),
                     rootfs));
  if (const auto error = diagnose_emulator(*emulator)) return *error;
  if (uses_host_libraries(rootfs, *emulator)) add_host_root(rootfs, bindings);
  Result<std::shared_ptr<const View>> view =
      make_view(bindings, *prepared.session, prepared.warnings);
  if (!view) return StartError{.error = view.error()};
  if (request.devices) make_device_links(**view);

  Guest& guest = prepared.guest;
  guest.view = *view;
  guest.session = prepared.session.get();
  copy_settings(request, guest);
  guest.directory = start_directory(request, surroundings, **view, prepared.warnings);
  guest.environment = changed_environment(surroundings.environment, request.environment);
  const EnvironmentChange directory{
      .kind = EnvironmentChange::Kind::set, .name = "PWD", .value = guest.directory.text()};
  guest.environment = changed_environment(std::move(guest.environment), {&directory, 1});
  Outcome<std::string, StartError> program = find_program(request, guest, *emulator);
  if (!program) return program.error();
  prepared.extensions = make_extensions(request,
                                        {.rootfs = guest.view->to_host(GuestPath::root()).text(),
                                         .environment = surroundings.environment},
                                        std::move(emulator));
  guest.program = *program;
  guest.command = request.command.empty() ? std::vector<std::string>{"-sh"} : request.command;
  return prepared;
}

}  // namespace nestp
