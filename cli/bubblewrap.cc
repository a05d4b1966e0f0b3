#include "cli/bubblewrap.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <linux/capability.h>
#include <string_view>
#include <unistd.h>

namespace nestp {
namespace {

using Kind = MountAct::Kind;
using Values = std::span<const std::string>;

/// What has been read so far.
struct State {
  BubblewrapRequest request;
  std::optional<mode_t> perms{};      ///< for the next operation
  std::uint64_t size = 0;             ///< likewise
  std::vector<std::string> layers{};  ///< --overlay-src
  bool share_net = false;
  std::uint64_t capabilities = 0;
  bool capabilities_given = false;
};

constexpr std::array<std::string_view, 41> kCapabilities = {"CHOWN",
                                                            "DAC_OVERRIDE",
                                                            "DAC_READ_SEARCH",
                                                            "FOWNER",
                                                            "FSETID",
                                                            "KILL",
                                                            "SETGID",
                                                            "SETUID",
                                                            "SETPCAP",
                                                            "LINUX_IMMUTABLE",
                                                            "NET_BIND_SERVICE",
                                                            "NET_BROADCAST",
                                                            "NET_ADMIN",
                                                            "NET_RAW",
                                                            "IPC_LOCK",
                                                            "IPC_OWNER",
                                                            "SYS_MODULE",
                                                            "SYS_RAWIO",
                                                            "SYS_CHROOT",
                                                            "SYS_PTRACE",
                                                            "SYS_PACCT",
                                                            "SYS_ADMIN",
                                                            "SYS_BOOT",
                                                            "SYS_NICE",
                                                            "SYS_RESOURCE",
                                                            "SYS_TIME",
                                                            "SYS_TTY_CONFIG",
                                                            "MKNOD",
                                                            "LEASE",
                                                            "AUDIT_WRITE",
                                                            "AUDIT_CONTROL",
                                                            "SETFCAP",
                                                            "MAC_OVERRIDE",
                                                            "MAC_ADMIN",
                                                            "SYSLOG",
                                                            "WAKE_ALARM",
                                                            "BLOCK_SUSPEND",
                                                            "AUDIT_READ",
                                                            "PERFMON",
                                                            "BPF",
                                                            "CHECKPOINT_RESTORE"};

Result<std::uint64_t> number_in(const std::string& text, int base = 10) {
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (code != std::errc() || end != text.data() + text.size()) {
    return Error{"'" + text + "' is not a number"};
  }
  return number;
}

Result<std::uint64_t> capability_bits(std::string_view name) {
  std::string upper(name);
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  });
  if (upper == "ALL") return ~std::uint64_t{0};
  if (upper.starts_with("CAP_")) upper.erase(0, 4);
  const auto found = std::ranges::find(kCapabilities, upper);
  if (found == kCapabilities.end()) {
    return Error{"there is no capability '" + std::string(name) + "'"};
  }
  return std::uint64_t{1} << (found - kCapabilities.begin());
}

void add(State& state, MountAct act) {
  act.mode = act.mode ? act.mode : state.perms;
  state.perms.reset();
  state.size = 0;
  state.request.isolation.mounts.push_back(std::move(act));
}

struct BindForm {
  bool read_only = false, devices = false, optional = false;
};

Result<> add_bind(State& state, Values values, BindForm form) {
  if (values[1] == "/") {
    state.request.rootfs = values[0];
    state.request.root_is_read_only = form.read_only;
    return Done{};
  }
  const bool is_there = ::access(values[0].c_str(), F_OK) == 0;
  if (!is_there && !form.optional) {
    return Error{values[0] + ": " + std::strerror(errno) + "; the -try form passes over it"};
  }
  if (!is_there) return Done{};
  state.perms.reset();
  add(state, {.kind = Kind::bind,
              .host = values[0],
              .guest = values[1],
              .read_only = form.read_only,
              .devices = form.devices,
              .optional = form.optional});
  return Done{};
}

Result<> add_descriptor(State& state, Values values, Kind kind, bool read_only) {
  const auto descriptor = number_in(values[0]);
  if (!descriptor) return descriptor.error();
  MountAct act{.kind = kind, .guest = values[1], .descriptor = static_cast<int>(*descriptor)};
  act.read_only = read_only;
  add(state, std::move(act));
  return Done{};
}

Result<> add_simple(State& state, Values values, Kind kind) {
  MountAct act{.kind = kind, .guest = values[0]};
  if (kind == Kind::tmpfs) act.size = state.size;
  add(state, std::move(act));
  return Done{};
}

Result<> add_overlay(State& state, Values values, MountAct::Overlay overlay) {
  if (state.layers.empty()) return Error{"there is no --overlay-src before it"};
  if (overlay == MountAct::Overlay::read_only && state.layers.size() < 2) {
    return Error{"two --overlay-src are needed before it"};
  }
  MountAct act{.kind = Kind::overlay, .guest = values.back(), .layers = state.layers};
  act.overlay = overlay;
  if (overlay == MountAct::Overlay::read_write) {
    act.upper = values[0];
    act.work = values[1];
  }
  state.layers.clear();
  add(state, std::move(act));
  return Done{};
}

Result<> set_mode(State& state, Values values) {
  const auto mode = number_in(values[0], 8);
  if (!mode) return mode.error();
  state.perms = static_cast<mode_t>(*mode);
  return Done{};
}

Result<> change_capabilities(State& state, Values values, bool gain) {
  const auto bits = capability_bits(values[0]);
  if (!bits) return bits.error();
  state.capabilities_given = true;
  state.capabilities = gain ? state.capabilities | *bits : state.capabilities & ~*bits;
  return Done{};
}

Result<> change_environment(State& state, EnvironmentChange change) {
  state.request.environment.push_back(std::move(change));
  return Done{};
}

template <bool Isolation::*Flag>
Result<> unshare(State& state, Values) {
  state.request.isolation.*Flag = true;
  return Done{};
}

Result<> nothing(State&, Values) { return Done{}; }

/// One option: its words after the name, and what it does; null: of no use in-process.
struct Row {
  std::string_view name;
  std::size_t values;
  Result<> (*apply)(State&, Values);
};

constexpr Row kFileRows[] = {
    {"--bind", 2, [](State& s, Values v) { return add_bind(s, v, {}); }},
    {"--bind-try", 2, [](State& s, Values v) { return add_bind(s, v, {.optional = true}); }},
    {"--dev-bind", 2, [](State& s, Values v) { return add_bind(s, v, {.devices = true}); }},
    {"--dev-bind-try", 2,
     [](State& s, Values v) { return add_bind(s, v, {.devices = true, .optional = true}); }},
    {"--ro-bind", 2, [](State& s, Values v) { return add_bind(s, v, {.read_only = true}); }},
    {"--ro-bind-try", 2,
     [](State& s, Values v) { return add_bind(s, v, {.read_only = true, .optional = true}); }},
    {"--bind-fd", 2, [](State& s, Values v) { return add_descriptor(s, v, Kind::bind, false); }},
    {"--ro-bind-fd", 2, [](State& s, Values v) { return add_descriptor(s, v, Kind::bind, true); }},
    {"--remount-ro", 1,
     [](State& s, Values v) { return add_simple(s, v, Kind::remount_read_only); }},
    {"--proc", 1, [](State& s, Values v) { return add_simple(s, v, Kind::proc); }},
    {"--dev", 1, [](State& s, Values v) { return add_simple(s, v, Kind::dev); }},
    {"--tmpfs", 1, [](State& s, Values v) { return add_simple(s, v, Kind::tmpfs); }},
    {"--mqueue", 1, [](State& s, Values v) { return add_simple(s, v, Kind::mqueue); }},
    {"--dir", 1, [](State& s, Values v) { return add_simple(s, v, Kind::directory); }},
    {"--file", 2, [](State& s, Values v) { return add_descriptor(s, v, Kind::file, false); }},
    {"--bind-data", 2,
     [](State& s, Values v) { return add_descriptor(s, v, Kind::bind_data, false); }},
    {"--ro-bind-data", 2,
     [](State& s, Values v) { return add_descriptor(s, v, Kind::bind_data, true); }},
    {"--symlink", 2,
     [](State& s, Values v) {
       add(s, {.kind = Kind::symlink, .guest = v[1], .text = v[0]});
       return Result<>(Done{});
     }},
    {"--chmod", 2,
     [](State& s, Values v) {
       if (auto done = set_mode(s, v); !done) return done;
       return add_simple(s, v.subspan(1), Kind::change_mode);
     }},
    {"--perms", 1, set_mode},
    {"--size", 1,
     [](State& s, Values v) {
       const auto size = number_in(v[0]);
       if (!size) return Result<>(size.error());
       s.size = *size;
       return Result<>(Done{});
     }},
    {"--overlay-src", 1,
     [](State& s, Values v) {
       s.layers.push_back(v[0]);
       return Result<>(Done{});
     }},
    {"--overlay", 3,
     [](State& s, Values v) { return add_overlay(s, v, MountAct::Overlay::read_write); }},
    {"--tmp-overlay", 1,
     [](State& s, Values v) { return add_overlay(s, v, MountAct::Overlay::temporary); }},
    {"--ro-overlay", 1,
     [](State& s, Values v) { return add_overlay(s, v, MountAct::Overlay::read_only); }},
};

constexpr Row kOtherRows[] = {
    {"--unshare-user", 0, unshare<&Isolation::user>},
    {"--unshare-user-try", 0, nothing},
    {"--unshare-ipc", 0, unshare<&Isolation::ipc>},
    {"--unshare-pid", 0, unshare<&Isolation::pid>},
    {"--unshare-net", 0, unshare<&Isolation::net>},
    {"--unshare-uts", 0, unshare<&Isolation::uts>},
    {"--unshare-cgroup", 0, unshare<&Isolation::cgroup>},
    {"--unshare-cgroup-try", 0, unshare<&Isolation::cgroup>},
    {"--unshare-all", 0,
     [](State& s, Values) {
       Isolation& all = s.request.isolation;
       all.ipc = all.pid = all.net = all.uts = all.cgroup = true;
       return Result<>(Done{});
     }},
    {"--share-net", 0,
     [](State& s, Values) {
       s.share_net = true;
       return Result<>(Done{});
     }},
    {"--uid", 1,
     [](State& s, Values v) {
       const auto id = number_in(v[0]);
       if (!id) return Result<>(id.error());
       s.request.isolation.become.uid = static_cast<uid_t>(*id);
       return Result<>(Done{});
     }},
    {"--gid", 1,
     [](State& s, Values v) {
       const auto id = number_in(v[0]);
       if (!id) return Result<>(id.error());
       s.request.isolation.become.gid = static_cast<gid_t>(*id);
       return Result<>(Done{});
     }},
    {"--hostname", 1,
     [](State& s, Values v) {
       s.request.isolation.uts = true;
       s.request.isolation.hostname = v[0];
       return Result<>(Done{});
     }},
    {"--chdir", 1,
     [](State& s, Values v) {
       s.request.directory = v[0];
       return Result<>(Done{});
     }},
    {"--argv0", 1,
     [](State& s, Values v) {
       s.request.argv0 = v[0];
       return Result<>(Done{});
     }},
    {"--setenv", 2,
     [](State& s, Values v) {
       return change_environment(
           s, {.kind = EnvironmentChange::Kind::set, .name = v[0], .value = v[1]});
     }},
    {"--unsetenv", 1,
     [](State& s, Values v) {
       return change_environment(s, {.kind = EnvironmentChange::Kind::unset, .name = v[0]});
     }},
    {"--clearenv", 0,
     [](State& s, Values) {
       return change_environment(s, {.kind = EnvironmentChange::Kind::clear});
     }},
    {"--cap-add", 1, [](State& s, Values v) { return change_capabilities(s, v, true); }},
    {"--cap-drop", 1, [](State& s, Values v) { return change_capabilities(s, v, false); }},
    {"--seccomp", 1,
     [](State& s, Values v) {
       const auto descriptor = number_in(v[0]);
       if (!descriptor) return Result<>(descriptor.error());
       s.request.isolation.seccomp_descriptor = static_cast<int>(*descriptor);
       return Result<>(Done{});
     }},
    {"--new-session", 0, unshare<&Isolation::new_session>},
    {"--as-pid-1", 0, unshare<&Isolation::first_is_init>},
    {"--die-with-parent", 0,
     [](State& s, Values) {
       s.request.die_with_parent = true;
       return Result<>(Done{});
     }},
    {"--level-prefix", 0, nothing},
    {"--sync-fd", 1, nullptr},
    {"--lock-file", 1, nullptr},
    {"--info-fd", 1, nullptr},
    {"--json-status-fd", 1, nullptr},
    {"--block-fd", 1, nullptr},
    {"--userns-block-fd", 1, nullptr},
    {"--userns", 1, nullptr},
    {"--userns2", 1, nullptr},
    {"--pidns", 1, nullptr},
    {"--disable-userns", 0, nullptr},
    {"--assert-userns-disabled", 0, nullptr},
    {"--add-seccomp-fd", 1, nullptr},
    {"--exec-label", 1, nullptr},
    {"--file-label", 1, nullptr},
};

const Row* find_row(std::string_view name) {
  for (const Row& row : kFileRows) {
    if (row.name == name) return &row;
  }
  for (const Row& row : kOtherRows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

/// --args FD: words that end in NULs.
Result<std::vector<std::string>> words_from(const std::string& text) {
  const auto descriptor = number_in(text);
  if (!descriptor) return descriptor.error();
  std::string all;
  std::array<char, 4096> block;
  ssize_t got = 0;
  while ((got = ::read(static_cast<int>(*descriptor), block.data(), block.size())) > 0)
    all.append(block.data(), static_cast<std::size_t>(got));
  std::vector<std::string> words;
  for (std::size_t start = 0; start < all.size();) {
    const std::size_t end = std::min(all.find('\0', start), all.size());
    words.push_back(all.substr(start, end - start));
    start = end + 1;
  }
  return words;
}

Result<> parse_into(State& state, std::span<const std::string> words, bool may_end) {
  std::size_t next = 0;
  while (next < words.size()) {
    const std::string& word = words[next];
    if (may_end && (word == "--" || !word.starts_with("--"))) break;
    ++next;
    const std::string what = "option '" + word + "' of bubblewrap";
    const bool is_list = word == "--args";
    const Row* const row = find_row(word);
    if (row == nullptr && !is_list) return Error{what + " is unknown"};
    const std::size_t values = is_list ? 1 : row->values;
    if (words.size() - next < values)
      return Error{what + " needs " + std::to_string(values) + " more words"};
    if (is_list) {
      const auto more = words_from(words[next]);
      if (!more) return more.error().in(what);
      if (auto done = parse_into(state, *more, false); !done) return done;
    } else if (row->apply == nullptr) {
      return Error{what +
                   " is not understood in-process; --backend-command bwrap runs bubblewrap itself"};
    } else if (const auto done = row->apply(state, words.subspan(next, values)); !done) {
      return done.error().in(what);
    }
    next += values;
  }
  if (next < words.size() && words[next] == "--") ++next;
  state.request.command.assign(words.begin() + static_cast<std::ptrdiff_t>(next), words.end());
  return Done{};
}

/// A binding that says the same, if there is one.
std::optional<RequestedBinding> as_binding(const MountAct& act) {
  if (act.kind == Kind::bind && act.descriptor < 0 && act.recursive && act.flags == 0) {
    return RequestedBinding{.host = act.host,
                            .guest = act.guest,
                            .kind = act.read_only ? RequestedBinding::Kind::read_only
                                                  : RequestedBinding::Kind::read_write,
                            .optional = act.optional};
  }
  if (act.kind == Kind::tmpfs && !act.mode && act.size == 0) {
    return RequestedBinding{.guest = act.guest, .kind = RequestedBinding::Kind::temporary};
  }
  return std::nullopt;
}

bool is_at_or_below(const std::string& path, const std::string& above) {
  return path == above || path.starts_with(above + "/") || above == "/";
}

}  // namespace

Result<BubblewrapRequest> parse_bubblewrap(std::span<const std::string> words) {
  State state;
  if (const auto done = parse_into(state, words, true); !done) return done.error();
  Isolation& isolation = state.request.isolation;
  if (state.share_net) isolation.net = false;
  // Whoever is root without it keeps what root has.
  if (::geteuid() != 0 || state.capabilities_given) isolation.capabilities = state.capabilities;
  return std::move(state.request);
}

void move_to_bindings(Request& request) {
  std::vector<RequestedBinding> bindings;
  std::vector<MountAct> left;
  for (const MountAct& act : request.isolation.mounts) {
    const auto touches = [&act](const MountAct& other) {
      return is_at_or_below(act.guest, other.guest) || is_at_or_below(other.guest, act.guest);
    };
    const auto binding = as_binding(act);
    if (!binding || std::ranges::any_of(left, touches)) {
      left.push_back(act);
      continue;
    }
    // A later mount covers what is at or below its place.
    std::erase_if(bindings, [&act](const RequestedBinding& other) {
      return is_at_or_below(other.guest, act.guest);
    });
    bindings.push_back(*binding);
  }
  request.isolation.mounts = std::move(left);
  request.bindings.insert(request.bindings.begin(), bindings.begin(), bindings.end());
}

}  // namespace nestp
