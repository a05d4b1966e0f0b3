#include "cli/bubblewrap_rows.h"

#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "cli/capabilities.h"

namespace nestp::bubblewrap {
namespace {

using Kind = MountAct::Kind;

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

Result<> set_descriptor(int& descriptor, Values values) {
  const auto number = number_in(values[0]);
  if (!number) return number.error();
  if (::fcntl(static_cast<int>(*number), F_GETFD) < 0) {
    return Error{"descriptor " + values[0] + " is not open"};
  }
  descriptor = static_cast<int>(*number);
  return Done{};
}

template <int Watch::*Which>
Result<> watched(State& state, Values values) {
  return set_descriptor(state.request.isolation.watch.*Which, values);
}

template <int Join::*Which>
Result<> joined(State& state, Values values) {
  return set_descriptor(state.request.isolation.join.*Which, values);
}

Result<> add_filter(State& state, Values values) {
  int descriptor = -1;
  if (auto done = set_descriptor(descriptor, values); !done) return done;
  state.request.isolation.seccomp_descriptors.push_back(descriptor);
  return Done{};
}

Result<> nothing(State&, Values) { return Done{}; }

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
       s.request.isolation.seccomp_descriptors.clear();  // the last one counts
       return add_filter(s, v);
     }},
    {"--add-seccomp-fd", 1, add_filter},
    {"--new-session", 0, unshare<&Isolation::new_session>},
    {"--as-pid-1", 0, unshare<&Isolation::first_is_init>},
    {"--die-with-parent", 0,
     [](State& s, Values) {
       s.request.die_with_parent = true;
       return Result<>(Done{});
     }},
    {"--level-prefix", 0, nothing},
    {"--lock-file", 1,
     [](State& s, Values v) {
       s.request.isolation.watch.locks.push_back(v[0]);
       return Result<>(Done{});
     }},
    {"--sync-fd", 1, watched<&Watch::sync>},
    {"--info-fd", 1, watched<&Watch::info>},
    {"--json-status-fd", 1, watched<&Watch::status>},
    {"--block-fd", 1, watched<&Watch::block>},
    {"--userns-block-fd", 1, watched<&Watch::block_ids>},
    {"--userns", 1, joined<&Join::user>},
    {"--userns2", 1, joined<&Join::user_later>},
    {"--pidns", 1, joined<&Join::pid>},
    {"--disable-userns", 0, unshare<&Isolation::forbid_user_namespaces>},
    {"--assert-userns-disabled", 0, unshare<&Isolation::wants_none_possible>},
    {"--exec-label", 1, nullptr},
    {"--file-label", 1, nullptr},
};

}  // namespace

Result<std::uint64_t> number_in(const std::string& text, int base) {
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (code != std::errc() || end != text.data() + text.size()) {
    return Error{"'" + text + "' is not a number"};
  }
  return number;
}

const Row* find_row(std::string_view name) {
  for (const Row& row : kFileRows) {
    if (row.name == name) return &row;
  }
  for (const Row& row : kOtherRows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

}  // namespace nestp::bubblewrap
