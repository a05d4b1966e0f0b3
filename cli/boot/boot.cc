#include "cli/boot/boot.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/boot/console.h"
#include "cli/output.h"
#include "cli/run.h"
#include "fs/fd.h"

namespace nestp::boot {
namespace {

constexpr int kUsage = 2;
constexpr std::string_view kHelp =
    "Usage: nestp boot [OPTION]... ROOT [WORD]...\n"
    "Boot the system in ROOT: its own init, with WORDs, on a console.\n\n"
    "  -b, --bridge NAME     Connect its eth0 to a bridge of this machine\n"
    "  -a, --address ADDRESS Address of eth0 with its prefix; may be repeated\n"
    "  -r, --route GATEWAY   Default gateway; may be repeated\n"
    "      --hostname NAME   Host name [of ROOT's last component]\n"
    "      --init PROGRAM    [/sbin/init]\n"
    "      --user            Without root: what a user namespace allows\n"
    "  -h, --help            Show this help\n\n"
    "Three times Ctrl-] within a second leaves the console and ends the system.\n";

volatile sig_atomic_t wanted_end = 0;

void note_end(int) { wanted_end = 1; }

int fail_with(const std::string& program, const std::string& message, int code) {
  print_error(program + ": " + message + "\n");
  return code;
}

/// Directory of its own among the control groups, which goes with this object.
class ControlGroup {
 public:
  ControlGroup() {
    const auto own = read_file("/proc/self/cgroup");
    if (!own || !own->starts_with("0::")) return;  // version 1: there is nothing to hand on
    std::string parent = own->substr(3, own->find('\n') - 3);
    if (parent == "/") parent.clear();
    const std::string place = "/sys/fs/cgroup" + parent;
    remove_abandoned(place);
    const std::string path = place + "/nestp-" + std::to_string(::getpid());
    if (::mkdir(path.c_str(), 0755) == 0) path_ = path;
  }
  ~ControlGroup() {
    if (!path_.empty()) remove_below(path_);
  }
  ControlGroup(const ControlGroup&) = delete;
  ControlGroup& operator=(const ControlGroup&) = delete;

  void enter() const {
    if (path_.empty()) return;
    const auto file = open_at(AT_FDCWD, path_ + "/cgroup.procs", O_WRONLY);
    if (file) (void)!::write(file->get(), "0", 1);
  }

 private:
  /// Those of runs that were killed.
  static void remove_abandoned(const std::string& place) {
    DIR* const listing = ::opendir(place.c_str());
    if (listing == nullptr) return;
    while (const dirent* entry = ::readdir(listing)) {
      constexpr std::string_view kPrefix = "nestp-";
      const std::string name = entry->d_name;
      if (!name.starts_with(kPrefix)) continue;
      const std::string process = "/proc/" + name.substr(kPrefix.size());
      if (::access(process.c_str(), F_OK) != 0)
        remove_once(std::string(place).append("/").append(name));
    }
    ::closedir(listing);
  }
  /// The kernel lets an empty group go only when the last of its processes is reaped.
  static void remove_below(const std::string& path) {
    for (int attempt = 0; attempt < 50 && !remove_once(path); ++attempt)
      ::usleep(20000);
  }
  static bool remove_once(const std::string& path) {
    DIR* const listing = ::opendir(path.c_str());
    if (listing == nullptr) return true;
    while (const dirent* entry = ::readdir(listing)) {
      const std::string name = entry->d_name;
      if (entry->d_type == DT_DIR && name != "." && name != "..") {
        remove_once(std::string(path).append("/").append(name));
      }
    }
    ::closedir(listing);
    return ::rmdir(path.c_str()) == 0;
  }
  std::string path_;
};

/// The signal by which this init ends the system in order.
int end_signal(const CommandLine& line) {
  const auto target = read_link(line.root + line.init);
  if (target && target->find("busybox") != std::string::npos) return SIGUSR2;
  return SIGRTMIN + 3;  // systemd's; others ignore it and are killed later
}

enum class Ended : std::uint8_t { off, again, failed };

/// How a boot ended; `code` is for its caller.
struct BootEnd {
  Ended ended = Ended::off;
  int code = 0;
};

/// One boot: from the first instruction of init to the last.
BootEnd boot_once(const CommandLine& line) {
  auto console = Console::open();
  if (!console) return {Ended::failed, fail_with("nestp", console.error().message, 125)};
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {Ended::failed, 125};
  const UniqueFd from_child(ends[0]);
  UniqueFd to_parent(ends[1]);
  const ControlGroup group;
  const pid_t child = ::fork();
  if (child < 0) return {Ended::failed, fail_with("nestp", "fork failed", 125)};
  if (child == 0) {
    group.enter();
    Request request = to_request(line);
    request.on_start = [&](pid_t process) {
      if (!line.network.bridge.empty()) {
        if (const auto done = make_network(line.network, process); !done) {
          print_error("nestp: " + done.error().message + "\n");
        }
      }
      (void)!::write(to_parent.get(), &process, sizeof process);
    };
    if (const auto done = console->take_streams(); !done) ::_exit(125);
    ::_exit(run_request(request, Grammar::nestp));
  }
  to_parent.reset();
  pid_t init = 0;
  (void)!::read(from_child.get(), &init, sizeof init);
  int status = 0;
  int asked = 0;
  const bool left = console->relay([&] {
    if (wanted_end != 0 && asked == 0 && init > 0) {
      ::kill(init, end_signal(line));
      asked = 1;
    } else if (asked > 0 && ++asked > 900 && init > 0) {
      ::kill(init, SIGKILL);  // a minute and a half is what systemd itself gives
    }
    return ::waitpid(child, &status, WNOHANG) == child;
  });
  if (left) {
    if (init > 0) ::kill(init, SIGKILL);
    (void)::waitpid(child, &status, 0);
    return {Ended::off, 0};
  }
  const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  // reboot(2) in a process namespace ends its init by one of these.
  if (code == 128 + SIGHUP) return {wanted_end != 0 ? Ended::off : Ended::again, 0};
  if (code == 128 + SIGINT) return {Ended::off, 0};
  return {Ended::off, code};
}

int boot(const std::string& program, const CommandLine& line, int usage_code) {
  if (::geteuid() != 0 && !line.user) {
    return fail_with(program, "only root may do this; without root there is nestp boot --user",
                     usage_code);
  }
  if (::access((line.root + "/.").c_str(), F_OK) != 0) {
    return fail_with(program, line.root + ": " + std::strerror(errno), usage_code);
  }
  if (!line.network.bridge.empty() && ::geteuid() != 0) {
    return fail_with(program, "only root can connect a system to a bridge; leave --bridge out",
                     usage_code);
  }
  if (!line.network.bridge.empty()) {
    if (const auto done = check_network(line.network); !done) {
      return fail_with(program, done.error().message, usage_code);
    }
  }
  struct sigaction action {};
  action.sa_handler = note_end;
  for (const int signal : {SIGTERM, SIGINT, SIGHUP})
    ::sigaction(signal, &action, nullptr);
  while (true) {
    const BootEnd outcome = boot_once(line);
    if (outcome.ended != Ended::again) return outcome.code;
    print_error("nestp: the system boots again\n");
  }
}

}  // namespace

std::string help_text() { return std::string(kHelp); }

std::string sh_nspawn_help_text() {
  return "Usage: sh-nspawn -p ROOT -b BRIDGE -a ADDRESS -r GATEWAY\n"
         "Boot the system in ROOT on a console, connected to a bridge of this machine.\n\n"
         "  -p ROOT                  Directory of the system\n"
         "  -b BRIDGE                Bridge that its eth0 is connected to\n"
         "  -a ADDRESS               Address of eth0 with its prefix\n"
         "  -r GATEWAY               Default gateway\n"
         "  -h                       Show this help\n\n"
         "Three times Ctrl-] within a second leaves the console and ends the system.\n";
}

Result<CommandLine> parse(std::span<const std::string> words) {
  CommandLine line;
  std::size_t next = 0;
  while (next < words.size() && words[next].starts_with('-')) {
    const std::string& word = words[next++];
    if (word == "--") break;
    if (word == "-h" || word == "--help") {
      line.help = true;
      return line;
    }
    if (word == "--user") {
      line.user = true;
      continue;
    }
    if (next == words.size()) return Error{"option '" + word + "' is unknown or needs a value"};
    const std::string& value = words[next++];
    if (word == "-b" || word == "--bridge") {
      line.network.bridge = value;
    } else if (word == "-a" || word == "--address") {
      line.network.addresses.push_back(value);
    } else if (word == "-r" || word == "--route") {
      line.network.gateways.push_back(value);
    } else if (word == "-p") {
      line.root = value;
    } else if (word == "--hostname") {
      line.hostname = value;
    } else if (word == "--init") {
      line.init = value;
    } else {
      return Error{"unknown option '" + word + "'; try --help"};
    }
  }
  if (line.root.empty() && next < words.size()) line.root = words[next++];
  if (line.root.empty()) return Error{"no root directory is given; try --help"};
  line.words.assign(words.begin() + static_cast<std::ptrdiff_t>(next), words.end());
  return line;
}

Result<CommandLine> parse_sh_nspawn(std::span<const std::string> words) {
  auto line = parse(words);
  if (!line || line->help) return line;
  if (line->network.bridge.empty() || line->network.addresses.empty() ||
      line->network.gateways.empty() || !line->words.empty()) {
    return Error{"-p ROOT, -b BRIDGE, -a ADDRESS and -r GATEWAY are needed, and nothing else"};
  }
  return line;
}

Request to_request(const CommandLine& line) {
  using Kind = MountAct::Kind;
  Request request;
  request.rootfs = line.root;
  request.backend = "namespace";
  request.directory = "/";
  request.die_with_parent = true;  // of the process at the console
  request.command = {line.init};
  request.command.insert(request.command.end(), line.words.begin(), line.words.end());
  Isolation& isolation = request.isolation;
  isolation.pid = isolation.ipc = isolation.uts = isolation.net = isolation.cgroup = true;
  isolation.first_is_init = isolation.new_session = isolation.take_terminal = true;
  isolation.user = line.user;
  isolation.make_mount_points = true;  // an /etc that is covered would take no new files
  if (line.user) {
    // A getty may take the console only from nobody: taking it from init is for the host's root.
    isolation.take_terminal = false;
    isolation.become = {.uid = 0, .gid = 0};
    isolation.subordinate_ids = true;
  }
  std::string name = line.hostname.empty() ? line.root : line.hostname;
  while (name.ends_with('/'))
    name.pop_back();
  name = name.substr(name.rfind('/') + 1);
  isolation.hostname = name.empty() || name == "." ? "guest" : name;
  isolation.mounts = {
      {.kind = Kind::proc, .guest = "/proc"},
      {.kind = Kind::file_system, .guest = "/sys", .text = "sysfs"},
      {.kind = Kind::file_system, .guest = "/sys/fs/cgroup", .text = "cgroup2", .optional = true},
      {.kind = Kind::dev, .guest = "/dev"},
      {.kind = Kind::tmpfs, .guest = "/run", .mode = 0755},
      {.kind = Kind::bind,
       .host = "/etc/resolv.conf",
       .guest = "/etc/resolv.conf",
       .recursive = false,
       .read_only = true,
       .optional = true}};
  const char* const terminal = std::getenv("TERM");
  request.environment = {
      {.kind = EnvironmentChange::Kind::clear},
      {.kind = EnvironmentChange::Kind::set, .name = "container", .value = "nestp"},
      {.kind = EnvironmentChange::Kind::set,
       .name = "TERM",
       .value = terminal == nullptr ? "linux" : terminal},
      {.kind = EnvironmentChange::Kind::set,
       .name = "PATH",
       .value = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}};
  return request;
}

int run(std::span<const std::string> words) {
  const auto line = parse(words);
  if (!line) return fail_with("nestp", line.error().message, exit_not_started);
  if (line->help) {
    print(help_text());
    return 0;
  }
  return boot("nestp", *line, exit_not_started);
}

int run_sh_nspawn(std::span<const std::string> words) {
  const auto line = parse_sh_nspawn(words);
  if (!line) return fail_with("sh-nspawn", line.error().message, kUsage);
  if (line->help) {
    print(sh_nspawn_help_text());
    return 0;
  }
  return boot("sh-nspawn", *line, kUsage);
}

}  // namespace nestp::boot
