// The options: one row each, in the order --help shows them.
#include <charconv>

#include "cli/belief_options.h"
#include "cli/options.h"

namespace nestp {
namespace {

Error option_error(const std::string& text) { return Error{text}; }

Result<> set_rootfs(Request& request, std::string_view value) {
  if (value.empty()) return option_error("the root file system's path is empty");
  request.rootfs = value;
  return Done{};
}

Result<> set_recommended(Request& request, std::string_view value) {
  request.preset = Preset::recommended;
  return set_rootfs(request, value);
}

Result<> set_as_root(Request& request, std::string_view value) {
  request.preset = Preset::as_root;
  request.ids = Request::Ids{};
  return set_rootfs(request, value);
}

Result<> add_binding(Request& request, std::string_view value, RequestedBinding::Kind kind) {
  Result<RequestedBinding> binding = parse_binding(value);
  if (!binding) return binding.error();
  // PRoot's "-b X:/" is "-r X".
  if (binding->guest == "/" && kind == RequestedBinding::Kind::read_write) {
    return set_rootfs(request, binding->host);
  }
  (*binding).kind = kind;
  request.bindings.push_back(*binding);
  return Done{};
}

Result<> bind(Request& request, std::string_view value) {
  return add_binding(request, value, RequestedBinding::Kind::read_write);
}

Result<> bind_read_only(Request& request, std::string_view value) {
  return add_binding(request, value, RequestedBinding::Kind::read_only);
}

Result<> add_tmpfs(Request& request, std::string_view value) {
  if (value.empty()) return option_error("the directory's path is empty");
  request.bindings.push_back(
      {.guest = std::string(value), .kind = RequestedBinding::Kind::temporary});
  return Done{};
}

Result<> add_devices(Request& request, std::string_view) {
  request.devices = true;
  return Done{};
}

Result<> set_directory(Request& request, std::string_view value) {
  if (value.empty()) return option_error("the directory's path is empty");
  request.directory = std::string(value);
  return Done{};
}

Result<> set_variable(Request& request, std::string_view value) {
  const std::size_t equals = value.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return option_error("'" + std::string(value) + "' is not NAME=VALUE");
  }
  request.environment.push_back({.kind = EnvironmentChange::Kind::set,
                                 .name = std::string(value.substr(0, equals)),
                                 .value = std::string(value.substr(equals + 1))});
  return Done{};
}

Result<> unset_variable(Request& request, std::string_view value) {
  if (value.empty() || value.find('=') != std::string_view::npos) {
    return option_error("'" + std::string(value) + "' is not a variable's name");
  }
  request.environment.push_back(
      {.kind = EnvironmentChange::Kind::unset, .name = std::string(value)});
  return Done{};
}

Result<> clear_environment(Request& request, std::string_view) {
  request.environment.push_back({.kind = EnvironmentChange::Kind::clear});
  return Done{};
}

Result<> set_on_exit(Request& request, std::string_view value) {
  if (value == "wait") {
    request.on_exit = OnExit::wait;
  } else if (value == "kill") {
    request.on_exit = OnExit::kill;
  } else if (value == "detach") {
    request.on_exit = OnExit::detach;
  } else {
    return option_error("'" + std::string(value) + "' is none of wait, kill, detach");
  }
  return Done{};
}

Result<> kill_on_exit(Request& request, std::string_view) {
  request.on_exit = OnExit::kill;
  return Done{};
}

Result<> die_with_parent(Request& request, std::string_view) {
  request.die_with_parent = true;
  return Done{};
}

Result<> set_backend(Request& request, std::string_view value) {
  if (value.empty()) return option_error("the backend's name is empty");
  request.backend = value;
  return Done{};
}

Result<> allow_io_uring(Request& request, std::string_view) {
  request.allow_io_uring = true;
  return Done{};
}

Result<> dry_run(Request& request, std::string_view) {
  request.dry_run = true;
  return Done{};
}

Result<> set_verbosity(Request& request, std::string_view value) {
  int level = 0;
  const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), level);
  if (code != std::errc() || end != value.data() + value.size()) {
    return option_error("'" + std::string(value) + "' is not a number");
  }
  request.verbosity = level;
  request.verbosity_given = true;
  return Done{};
}

Result<> set_trace(Request& request, std::string_view value) {
  request.trace_file = value.empty() ? "-" : value;
  return Done{};
}

Result<> set_stats(Request& request, std::string_view value) {
  if (!value.empty() && value != "text" && value != "json") {
    return option_error("'" + std::string(value) + "' is none of text, json");
  }
  request.stats = value.empty() ? "text" : value;
  return Done{};
}

Result<> set_no_fast_path(Request& request, std::string_view) {
  request.fast_path = false;
  return Done{};
}

Result<> set_cache(Request& request, std::string_view value) {
  if (value == "shared") {
    request.cache = CacheMode::shared;
  } else if (value == "exclusive") {
    request.cache = CacheMode::exclusive;
  } else if (value == "off") {
    request.cache = CacheMode::off;
  } else {
    return Error{"--cache takes shared, exclusive or off, not \"" + std::string(value) + "\""};
  }
  return Done{};
}

Result<> set_backtrace(Request& request, std::string_view) {
  request.backtrace = true;
  return Done{};
}

Result<> list_syscalls(Request& request, std::string_view) {
  request.action = Action::list_syscalls;
  return Done{};
}

Result<> help(Request& request, std::string_view value) {
  if (!value.empty() && find_option(value) == nullptr) {
    return option_error("there is no option '" + std::string(value) + "'");
  }
  request.action = Action::help;
  request.topic = value;
  return Done{};
}

Result<> version(Request& request, std::string_view) {
  request.action = Action::version;
  return Done{};
}

Result<> generate(Request& request, std::string_view value) {
  request.action = Action::generate;
  request.topic = value;
  return Done{};
}

constexpr Option kOptions[] = {
    {.group = Group::files,
     .long_names = {"rootfs", "root"},
     .short_names = "r",
     .value = Value::required,
     .metavar = "DIR",
     .help = "Use DIR as the guest's root [/]",
     .long_help = "The guest sees DIR as \"/\" and nothing of the host but what is bound. DIR is a "
                  "directory that holds a root file system, such as an unpacked image. If given "
                  "more than once, the last one counts.",
     .apply = set_rootfs},
    {.group = Group::files,
     .long_names = {"bind", "mount"},
     .short_names = "bm",
     .value = Value::required,
     .metavar = "HOST[:GUEST[!]]",
     .help = "Show HOST in the guest, at GUEST [same path]",
     .long_help =
         "HOST may be a directory, a file, a device or a socket. The deepest binding decides a "
         "path, whatever the order; of two at the same place the last one counts. GUEST need not "
         "exist: it appears in listings and nothing is written to the root file system. If GUEST "
         "is a symbolic link, the binding lands on what it points to; a final \"!\" covers the "
         "link itself. A HOST that does not exist is left out with a warning.",
     .apply = bind},
    {.group = Group::files,
     .long_names = {"ro-bind"},
     .value = Value::required,
     .metavar = "HOST[:GUEST[!]]",
     .help = "Likewise, but read-only for the guest",
     .long_help = "As --bind, but every call that would change something below it fails with "
                  "EROFS, as in a read-only mount.",
     .apply = bind_read_only},
    {.group = Group::files,
     .long_names = {"tmpfs"},
     .value = Value::required,
     .metavar = "DIR",
     .help = "Show an empty directory at DIR, gone at the end",
     .long_help = "DIR is writable for everyone, shows none of what the root file system has "
                  "there, and is removed with all its files when the guest has ended.",
     .apply = add_tmpfs},
    {.group = Group::files,
     .long_names = {"dev"},
     .help = "Show a minimal /dev",
     .long_help = "The guest's /dev then holds null, zero, full, random, urandom, tty, ptmx, pts "
                  "and shm of the host, and the links fd, stdin, stdout and stderr; nothing else.",
     .apply = add_devices},
    {.group = Group::files,
     .short_names = "R",
     .value = Value::required,
     .metavar = "DIR",
     .help = "-r DIR, and bind what a login session needs",
     .long_help = "As -r DIR with bindings of /etc/host.conf, hosts, hosts.equiv, mtab, netgroup, "
                  "networks, passwd, group, nsswitch.conf, resolv.conf and localtime, of /dev, "
                  "/sys, /proc, /tmp, /run and the system bus socket, of $HOME, and of DIR "
                  "itself. What the host lacks is left out.",
     .apply = set_recommended},
    {.group = Group::files,
     .short_names = "S",
     .value = Value::required,
     .metavar = "DIR",
     .help = "-r DIR, and bind what a package manager needs",
     .long_help =
         "As -r DIR with bindings of /etc/host.conf, hosts, nsswitch.conf and "
         "resolv.conf, of /dev, /sys, /proc, /tmp and /run/shm, of $HOME, and of DIR "
         "itself. What the host lacks is left out. The guest believes that it is root: see "
         "--root-id.",
     .apply = set_as_root},
    {.group = Group::files,
     .long_names = {"cwd", "pwd"},
     .short_names = "w",
     .value = Value::required,
     .metavar = "DIR",
     .help = "Start in the guest's directory DIR [.]",
     .long_help = "A relative DIR starts at the present directory. If the guest has no such "
                  "directory it starts in \"/\". The variable PWD is set to match.",
     .apply = set_directory},

    {.group = Group::beliefs,
     .long_names = {"root-id"},
     .short_names = "0",
     .help = "Make the guest believe that it is root",
     .long_help =
         "It may change owners and modes, make devices and become other users, and nestp "
         "remembers what it did: in extended attributes of the files as podman does, or, where "
         "these are not possible, in a file beside the root file system, DIR.nestp-owners. On the "
         "host all files stay yours. Nothing becomes possible that you may not do yourself.",
     .apply = set_root_id},
    {.group = Group::beliefs,
     .long_names = {"change-id"},
     .short_names = "i",
     .value = Value::required,
     .metavar = "UID:GID",
     .help = "Make it believe that it is this user",
     .long_help = "As --root-id, but the guest starts with these ids, and your files are theirs.",
     .apply = set_ids},
    {.group = Group::beliefs,
     .long_names = {"kernel-release"},
     .short_names = "k",
     .value = Value::required,
     .metavar = "RELEASE",
     .help = "Show the guest a kernel of this release",
     .long_help =
         "For programs that refuse to run on this machine's kernel. uname, /proc/version, "
         "/proc/sys/kernel and what the C library finds at a program's start all agree. RELEASE "
         "may also be PRoot's long form, "
         "\"\\system\\node\\release\\version\\machine\\domain\\capabilities\\\": an empty "
         "field stays the real one, capabilities is AT_HWCAP in hexadecimal.",
     .apply = set_kernel},
    {.group = Group::beliefs,
     .long_names = {"strict-kernel"},
     .help = "With -k, hide calls that are newer than RELEASE",
     .long_help = "They answer ENOSYS, as on such a kernel. Without it the guest may use all calls "
                  "that this machine's kernel has.",
     .apply = set_strict_kernel},
    {.group = Group::beliefs,
     .long_names = {"hostname"},
     .value = Value::required,
     .metavar = "NAME",
     .help = "Show the guest this name of its host",
     .long_help = "The guest may also set another one, which it then sees itself, and nobody "
                  "else.",
     .apply = set_hostname},

    {.group = Group::beliefs,
     .long_names = {"qemu"},
     .short_names = "q",
     .value = Value::required,
     .metavar = "COMMAND",
     .help = "Run programs of another processor by COMMAND",
     .long_help = "An emulator of user programs, with its options, separated by spaces. Without "
                  "this option one is looked for by what a program's header says: qemu-MACHINE or "
                  "qemu-MACHINE-static in PATH, then in /opt/qemu and /usr/bin of the root file "
                  "system.",
     .apply = set_emulator},
    {.group = Group::beliefs,
     .long_names = {"mixed-mode"},
     .value = Value::required,
     .metavar = "BOOL",
     .help = "Run this machine's programs natively beside [true]",
     .long_help = "With false, every program is run by the emulator that -q names.",
     .choices = "true false",
     .apply = set_mixed_mode,
     .is_apart = true},

    {.group = Group::findings,
     .short_names = "H",
     .help = "Hide files whose names start with \".proot\"",
     .long_help = "They are in no listing, and whoever names them is told ENOENT, also who would "
                  "make one.",
     .apply = set_hidden_files},
    {.group = Group::findings,
     .short_names = "L",
     .help = "Show the true size of links in /proc",
     .long_help = "lstat(2) then tells for each symbolic link the length of what readlink(2) "
                  "shows. The kernel does so for all but those of /proc.",
     .apply = set_link_sizes},
    {.group = Group::findings,
     .long_names = {"port"},
     .short_names = "p",
     .value = Value::required,
     .metavar = "IN:OUT",
     .help = "Make the guest's port IN the host's port OUT",
     .long_help =
         "Where the guest binds IN it gets OUT, and where it reaches for IN on this machine it "
         "reaches OUT, while it is told of IN. Ports of other machines are left alone. For IPv4 "
         "and IPv6, TCP and UDP alike. May be given more than once.",
     .apply = add_port},
    {.group = Group::findings,
     .long_names = {"netcoop"},
     .short_names = "n",
     .help = "Give it a free port where the host refuses one",
     .long_help = "A port that a program outside uses, or that only root may bind, then becomes "
                  "some free one; within the guest it keeps its number. With -v nestp says which "
                  "one it became.",
     .apply = set_free_ports},
    {.group = Group::findings,
     .long_names = {"link2symlink"},
     .short_names = "l",
     .help = "Make symbolic links of hard links",
     .long_help =
         "For file systems that have no hard links. The guest sees hard links all the same, with "
         "their count; the file itself moves to a directory .nestp-links at the top of its tree, "
         "which the guest does not see. From outside each name is a symbolic link to it.",
     .apply = set_emulated_links},
    {.group = Group::findings,
     .long_names = {"sysvipc"},
     .help = "Give the guest System V IPC of its own",
     .long_help = "Shared memory, semaphores and messages that only this guest sees, made without "
                  "the kernel's. Where the kernel has none, every guest gets them without this "
                  "option. For programs of 64 bits.",
     .apply = set_own_ipc},
    {.group = Group::findings,
     .long_names = {"fake-proc"},
     .help = "Stand in for files of /proc that are forbidden",
     .long_help = "Where the host lets nobody read /proc/stat, loadavg, uptime, vmstat or version, "
                  "the guest reads what nestp knows of it by other ways. Files that can be read "
                  "are the real ones.",
     .apply = set_fake_proc},

    {.group = Group::life,
     .long_names = {"env"},
     .value = Value::required,
     .metavar = "NAME=VALUE",
     .help = "Set a variable of the guest's environment",
     .long_help = "Otherwise the guest gets nestp's own environment. --env, --unset-env and "
                  "--clear-env are applied in the order given.",
     .apply = set_variable},
    {.group = Group::life,
     .long_names = {"unset-env"},
     .value = Value::required,
     .metavar = "NAME",
     .help = "Remove a variable from it",
     .long_help = "It is no error if there is no such variable.",
     .apply = unset_variable},
    {.group = Group::life,
     .long_names = {"clear-env"},
     .help = "Remove every variable from it",
     .long_help = "What later --env options set stays. Without a PATH the command is looked for "
                  "in the usual directories.",
     .apply = clear_environment},
    {.group = Group::life,
     .long_names = {"on-exit"},
     .value = Value::required,
     .metavar = "WHAT",
     .help = "After its first process: wait, kill, detach [wait]",
     .long_help = "What becomes of the guest's other processes when the first one has ended. "
                  "wait: nestp lives until the last of them ends. kill: they are killed. detach: "
                  "nestp ends at once, and daemons live on in the background. The exit status is "
                  "that of the first process in all cases.",
     .choices = "wait kill detach",
     .apply = set_on_exit},
    {.group = Group::life,
     .long_names = {"kill-on-exit"},
     .help = "Same as --on-exit=kill",
     .long_help = "PRoot's name for it.",
     .apply = kill_on_exit},
    {.group = Group::life,
     .long_names = {"die-with-parent"},
     .help = "Kill the guest when nestp's parent dies",
     .long_help = "For supervisors that must leave nothing behind. The guest is killed when nestp "
                  "itself dies, with or without this option.",
     .apply = die_with_parent},

    {.group = Group::running,
     .long_names = {"backend"},
     .value = Value::required,
     .metavar = "NAME",
     .help = "Run the guest by this means [auto]",
     .long_help =
         "ptrace needs no privilege. namespace costs nothing per call; without root, files "
         "of other owners seem to be nobody's. chroot, for root, is a root directory and "
         "nothing else. auto takes the first that can keep every promise made to this "
         "guest; with -v it says why it passed over the others. --version lists them.",
     .choices = "auto ptrace namespace chroot",
     .apply = set_backend},
    {.group = Group::running,
     .long_names = {"allow-io-uring"},
     .help = "Let the guest use io_uring, untranslated",
     .long_help = "Without this option io_uring_setup(2) answers ENOSYS and programs fall back to "
                  "ordinary calls. With it, files that are opened through a ring are the host's, "
                  "not the guest's.",
     .apply = allow_io_uring},
    {.group = Group::running,
     .long_names = {"dry-run"},
     .help = "Say what would be run, and do not run it",
     .long_help = "Prints the backend, the bindings, the directory and the command. Everything is "
                  "checked as for a real run.",
     .apply = dry_run},

    {.group = Group::telling,
     .long_names = {"verbose"},
     .short_names = "v",
     .value = Value::number,
     .metavar = "N",
     .help = "Tell more; less than 0: errors only [0]",
     .long_help = "1: the set-up and its warnings. 2: each translated call. 3: each stop. The "
                  "option without a number, nestp's own grammar only, adds 1.",
     .apply = set_verbosity},
    {.group = Group::telling,
     .long_names = {"trace"},
     .value = Value::attached,
     .metavar = "FILE",
     .help = "Write a line per translated call [stderr]",
     .long_help = "Each line names the thread, the call, the guest's path and the host's.",
     .apply = set_trace},
    {.group = Group::telling,
     .long_names = {"stats"},
     .value = Value::attached,
     .metavar = "FORM",
     .help = "Count calls, stops and cache hits [text]",
     .long_help = "Printed on the standard error when the guest has ended, as text or as json.",
     .choices = "text json",
     .apply = set_stats},
    {.group = Group::running,
     .long_names = {"no-fast-path"},
     .help = "Let every path call stop for nestp",
     .long_help = "Else calls on paths that were answered before are answered inside the guest, "
                  "without a stop.  To find out whether a fault is the fast path's.",
     .apply = set_no_fast_path},
    {.group = Group::running,
     .long_names = {"cache"},
     .value = Value::required,
     .metavar = "MODE",
     .help = "Whether others change the files [shared]",
     .long_help = "shared: programs outside may change symlinks and rename directories that the "
                  "guest sees; that is noticed within half a second.  exclusive: only this guest "
                  "does, so answers are kept until it changes something.  off: nothing is "
                  "remembered for guests.  What the guest itself changes is always seen at once.",
     .choices = "shared exclusive off",
     .apply = set_cache},
    {.group = Group::telling,
     .long_names = {"backtrace"},
     .help = "Print a guest's stack at a fatal signal",
     .long_help = "The functions that led to it, innermost first, by name where the program has "
                  "symbols.  Path calls are slower meanwhile, as by --no-fast-path.",
     .apply = set_backtrace},
    {.group = Group::telling,
     .long_names = {"list-syscalls"},
     .help = "List the calls nestp translates, and how",
     .long_help = "One line a call: its number here, its arguments, and what is not supported.",
     .apply = list_syscalls},
    {.group = Group::telling,
     .long_names = {"help", "usage"},
     .short_names = "h",
     .value = Value::topic,
     .metavar = "OPTION",
     .help = "Show this help, or all about one option",
     .long_help = "OPTION is given with or without its dashes.",
     .apply = help},
    {.group = Group::telling,
     .long_names = {"version", "about"},
     .short_names = "V",
     .help = "Show the version and the backends",
     .long_help = "With each backend it says whether it works here, and if not, why.",
     .apply = version},

    {.group = Group::hidden,
     .long_names = {"generate"},
     .value = Value::required,
     .metavar = "FORM",
     .choices = "man bash zsh fish",
     .apply = generate},
};

}  // namespace

std::span<const Option> option_table() { return kOptions; }

std::string_view title_of(Group group) {
  switch (group) {
    case Group::files:
      return "The guest's files";
    case Group::beliefs:
      return "What the guest believes";
    case Group::findings:
      return "What the guest finds";
    case Group::life:
      return "The guest's life";
    case Group::running:
      return "How it is run";
    case Group::telling:
      return "What is told";
    case Group::hidden:
      return "For the build";
  }
  return {};
}

}  // namespace nestp
