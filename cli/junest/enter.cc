#include "cli/junest/enter.h"

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <sched.h>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/bubblewrap.h"
#include "cli/child.h"
#include "cli/environment/store.h"
#include "cli/groot/groot.h"
#include "cli/junest/host_files.h"
#include "cli/junest/wrappers.h"
#include "cli/options.h"
#include "cli/run.h"
#include "cli/words.h"
#include "engine/namespace/probe.h"
#include "engine/namespace/watch.h"
#include "fs/fd.h"

namespace nestp::junest {
namespace {

using Words = std::vector<std::string>;

constexpr const char* kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

void append(Words& words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
}

std::string run_directory(const Place& place) { return "/run/user/" + std::to_string(place.uid); }

/// JuNest's own word, and the one that every shell knows: Debian's has no long options.
constexpr const char* kLogin = "--login";
constexpr const char* kAnyLogin = "-l";

/// The words behind the backend's: a login shell, and what it is to evaluate.
Words shell_words(const CommandLine& line, const char* login) {
  Words words{"/bin/sh", login};
  if (line.command.empty()) return words;
  words.emplace_back("-c");
  words.push_back(
      joined_command(line.command, line.exact_words ? Joining::exact : Joining::evaluated));
  return words;
}

Words extra_words(const CommandLine& line) {
  auto words = split_words(line.backend_args);
  return words ? *words : Words{};  // checked in enter()
}

Words namespace_words(const Place& place, const CommandLine& line) {
  const std::string own = run_directory(place);
  Words words{"--bind",
              place.home,
              "/",
              "--bind",
              place.user_home,
              place.user_home,
              "--bind",
              "/tmp",
              "/tmp",
              "--bind",
              "/sys",
              "/sys",
              "--bind",
              "/proc",
              "/proc",
              "--dev-bind-try",
              "/dev",
              "/dev",
              "--bind-try",
              own,
              own,
              "--unshare-user-try"};
  if (line.fakeroot) append(words, {"--cap-add", "ALL", "--uid", "0", "--gid", "0"});
  append(words, extra_words(line));
  return words;
}

/// In JuNest's order, of what the host has.
Words bind_words(const Place& place, bool (*exists)(const std::string&)) {
  Words words;
  for (const std::string& path : {run_directory(place), place.user_home, std::string("/tmp"),
                                  std::string("/proc"), std::string("/sys"), std::string("/dev")}) {
    if (exists(path)) append(words, {"-b", path});
  }
  return words;
}

Words proot_words(const Place& place, const CommandLine& line, const std::string& emulator,
                  bool (*exists)(const std::string&)) {
  Words words;
  if (!emulator.empty()) append(words, {"-q", emulator});
  if (line.fakeroot) words.emplace_back("-0");
  append(words, bind_words(place, exists));
  append(words, {"-r", place.home});
  append(words, extra_words(line));
  return words;
}

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

/// QEMU's word for a machine that JuNest names so.
std::string emulated(const std::string& arch) { return arch == "x86" ? "i386" : arch; }

/// The program that runs `arch` here; empty if there is none.
std::string find_emulator(const Place& place, const std::string& arch) {
  const std::string name = "qemu-" + arch + "-static-" + place.arch;
  for (const char* const directory : {"/bin/", "/usr/bin/", "/opt/qemu/"}) {
    if (is_there(place.home + directory + name)) return place.home + directory + name;
  }
  for (const std::string& directory :
       {place.home + "/usr/bin/", std::string("/usr/bin/"), std::string("/usr/local/bin/")}) {
    for (const char* const suffix : {"-static", ""}) {
      std::string path = directory + "qemu-" + emulated(arch) + suffix;
      if (is_there(path)) return path;
    }
  }
  return {};
}

/// What all modes change in the environment: the host's libraries are not the guest's.
void prepare_environment(Request& request, const CommandLine& line) {
  using Kind = EnvironmentChange::Kind;
  std::vector<EnvironmentChange> changes;
  for (const char* const name : {"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT"})
    changes.push_back({.kind = Kind::unset, .name = name});
  changes.push_back({.kind = Kind::set, .name = "JUNEST_ENV", .value = "1"});
  changes.push_back({.kind = Kind::set, .name = "PATH", .value = kPath});
  if (line.fakeroot) {
    changes.push_back({.kind = Kind::set, .name = "FAKEROOTDONTTRYCHOWN", .value = "true"});
  }
  request.environment.insert(request.environment.begin(), changes.begin(), changes.end());
}

Result<Request> namespace_request(const Place& place, const CommandLine& line) {
  Words words = namespace_words(place, line);
  // JuNest's own bindings are no reason to fail where the host has less than others.
  for (std::size_t i = 3; i < 15; ++i) {
    if (words[i] == "--bind") words[i] = "--bind-try";
  }
  auto parsed = parse_bubblewrap(words);
  if (!parsed) return parsed.error();
  Request request;
  request.rootfs = parsed->rootfs;
  request.isolation = parsed->isolation;
  request.environment = parsed->environment;
  request.die_with_parent = parsed->die_with_parent;
  if (!parsed->directory.empty()) request.directory = parsed->directory;
  request.command = parsed->command;
  append(request.command, shell_words(line, kAnyLogin));
  request.isolation.subordinate_ids = true;
  // As under JuNest; else a directory that gets one could take no new files.
  request.isolation.make_mount_points = true;
  if (line.fakeroot) request.isolation.pretend_owners = true;
  move_to_bindings(request);
  request.backend = "namespace";
  const NamespaceTrial trial =
      try_namespaces(::geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER);
  if (const auto cause = diagnose_namespaces(namespace_facts(trial))) {
    say_warning("Warning: " + *cause + ". Entering by tracing instead, as 'junest proot' does");
    request.backend = "ptrace";
    request.isolation = {};
    if (line.fakeroot) {
      const auto fake = parse_options(Grammar::proot, Words{"-0"});
      if (!fake) return fake.error();
      Request seeming = *fake;
      seeming.rootfs = request.rootfs;
      seeming.bindings = request.bindings;
      seeming.environment = request.environment;
      seeming.command = request.command;
      seeming.directory = request.directory;
      seeming.backend = "ptrace";
      return seeming;
    }
  }
  return request;
}

Result<Request> proot_request(const Place& place, const CommandLine& line,
                              const std::string& emulator) {
  Words words = proot_words(place, line, emulator, is_there);
  append(words, shell_words(line, kAnyLogin));
  auto request = parse_options(Grammar::proot, words);
  if (request) request->backend = "ptrace";
  return request;
}

/// chroot(1)'s options that change who runs.
Result<> apply_chroot_words(Request& request, const Words& words) {
  for (const std::string& word : words) {
    constexpr std::string_view kUser = "--userspec=";
    if (!word.starts_with(kUser)) {
      return Error{"option '" + word +
                   "' of chroot is not understood in-process; "
                   "--backend-command chroot runs chroot itself"};
    }
    const std::string user = word.substr(kUser.size());
    const std::size_t colon = user.find(':');
    char* end = nullptr;
    request.isolation.become.uid =
        static_cast<uid_t>(std::strtoul(user.substr(0, colon).c_str(), &end, 10));
    if (colon != std::string::npos) {
      request.isolation.become.gid =
          static_cast<gid_t>(std::strtoul(user.c_str() + colon + 1, &end, 10));
    }
    request.isolation.become.groups = std::vector<gid_t>{};
  }
  return Done{};
}

Result<Request> root_request(const Place& place, const CommandLine& line) {
  Request request;
  request.rootfs = place.home;
  request.command = shell_words(line, kAnyLogin);
  request.directory = "/";
  if (line.action == Action::root) {
    request.backend = "chroot";
    if (const auto done = apply_chroot_words(request, extra_words(line)); !done) {
      return done.error();
    }
    return request;
  }
  Words words = bind_words(place, is_there);
  append(words, extra_words(line));
  words.push_back(place.home);
  append(words, shell_words(line, kAnyLogin));
  const auto parsed = groot::parse(words);
  if (!parsed) return Error{parsed.error().message};
  auto made = groot::to_request(*parsed);
  if (!made) return Error{made.error().message};
  // The terminals and the kernel's own trees are mounts below these.
  for (MountAct& act : made->isolation.mounts)
    act.recursive = true;
  return *made;
}

Result<Request> make_request(const Place& place, const CommandLine& line,
                             const std::string& emulator) {
  switch (line.action) {
    case Action::proot:
      return proot_request(place, line, emulator);
    case Action::groot:
    case Action::root:
      return root_request(place, line);
    default:
      return namespace_request(place, line);
  }
}

/// What the person wants in all sessions.
Result<> add_settings(Request& request, const CommandLine& line) {
  const auto settings = environment::read_common_settings();
  if (!settings) return settings.error();
  using Kind = RequestedBinding::Kind;
  const auto add = [&](const Words& texts, Kind kind) -> Result<> {
    for (const std::string& text : texts) {
      auto binding = parse_binding(text);
      if (!binding) return binding.error();
      (*binding).kind = kind;
      request.bindings.push_back(*std::move(binding));
    }
    return Done{};
  };
  if (line.action == Action::root) return Done{};  // chroot(2) has no bindings
  if (auto done = add(settings->binds, Kind::read_write); !done) return done;
  if (auto done = add(settings->read_only, Kind::read_only); !done) return done;
  for (const std::string& variable : settings->variables) {
    const std::size_t equals = std::min(variable.find('='), variable.size());
    request.environment.push_back(
        {.kind = EnvironmentChange::Kind::set,
         .name = variable.substr(0, equals),
         .value = variable.substr(std::min(equals + 1, variable.size()))});
  }
  return Done{};
}

/// 0, or the exit code of what forbids a session; it has been said.
int check_session(const Place& place, const CommandLine& line, std::string& emulator) {
  if (const int code = nested_code(std::getenv("JUNEST_ENV")); code != 0) {
    return fail(code == exit_nested ? "there is a session around this one already; leave it first"
                                    : "JUNEST_ENV is neither 0 nor 1; unset it",
                code);
  }
  if (!is_installed(place)) {
    return fail("no image is installed in " + place.home + "; run: junest setup");
  }
  if (const auto words = split_words(line.backend_args); !words) {
    return fail("--backend-args: " + words.error().message);
  }
  const bool as_root = line.action == Action::groot || line.action == Action::root;
  if (line.action == Action::proot && place.uid == 0) {
    return fail("proot is not for root; use groot or ns", exit_is_root);
  }
  if (as_root && place.uid != 0 && line.backend_command.empty()) {
    return fail("only root may do this; use sudo, or ns",
                line.action == Action::groot ? int{groot::exit_not_root} : int{exit_failure});
  }
  const std::string arch = image_arch(place);
  if (arch == place.arch) return 0;
  if (line.action != Action::proot) {
    return fail("the image is for " + arch + ", this machine is " + place.arch +
                    "; junest proot can emulate it",
                exit_other_arch);
  }
  if (arch == "x86" && place.arch == "x86_64") return 0;
  emulator = find_emulator(place, arch);
  if (emulator.empty()) {
    return fail("the image is for " + arch + " and no emulator is found; install qemu-" +
                emulated(arch) + "-static in the image's or the host's /usr/bin");
  }
  say_warning("Warning: emulating " + arch + " by QEMU, which is slow");
  return 0;
}

int run_session(const Place& place, const CommandLine& line, const std::string& emulator) {
  if (!line.backend_command.empty()) {
    const BackendCall call = backend_call(place, line, emulator, is_there);
    Words words{line.backend_command};
    append(words, call.words);
    return run_program_to_end(words, call.environment);
  }
  auto request = make_request(place, line, emulator);
  if (!request) return fail(request.error().message);
  if (const auto done = add_settings(*request, line); !done) return fail(done.error().message);
  prepare_environment(*request, line);
  if (!request->directory) request->other_directory = place.user_home;
  // Daemons that the command leaves behind must not hold its caller.
  if (request->on_exit == OnExit::wait && !request->die_with_parent && !line.command.empty()) {
    request->on_exit = OnExit::detach;
  }
  return run_in_child([&] { return run_request(*request, Grammar::proot); },
                      handed_descriptors(request->isolation));
}

}  // namespace

BackendCall backend_call(const Place& place, const CommandLine& line, const std::string& emulator,
                         bool (*exists)(const std::string& path)) {
  BackendCall call{.words = {}, .environment = {"JUNEST_ENV=1"}};
  switch (line.action) {
    case Action::proot:
      call.words = proot_words(place, line, emulator, exists);
      call.environment.emplace_back("PATH=");
      break;
    case Action::groot:
      call.words = bind_words(place, exists);
      append(call.words, extra_words(line));
      call.words.push_back(place.home);
      break;
    case Action::root:
      call.words = extra_words(line);
      call.words.push_back(place.home);
      break;
    default:
      call.words = namespace_words(place, line);
      call.environment.emplace_back(line.fakeroot ? "PATH=/usr/bin" : "PATH=");
      if (line.fakeroot) call.words.emplace_back("sudo");
      break;
  }
  append(call.words, shell_words(line, kLogin));
  return call;
}

int enter(const Place& place, const CommandLine& line) {
  std::string emulator;
  if (const int code = check_session(place, line, emulator); code != 0) return code;
  // Setup and delete wait for, or are told of, sessions; any number of these may be.
  const auto lock = open_at(AT_FDCWD, place.home, O_RDONLY | O_DIRECTORY);
  if (lock && ::flock(lock->get(), LOCK_SH | LOCK_NB) != 0) {
    return fail("the image in " + place.home + " is being set up or deleted; try again later");
  }
  if (line.copy_files) {
    const bool seems_root =
        line.fakeroot || line.action == Action::groot || line.action == Action::root;
    refresh_host_files(place, seems_root ? Session::root : Session::user);
  }
  const int code = run_session(place, line, emulator);
  refresh_wrappers_quietly(place);
  return code;
}

}  // namespace nestp::junest
