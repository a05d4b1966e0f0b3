// How flags change what a row says: the second, small table, and its evaluation.
//
// Part of arch/syscall_table.h, which includes it at its end; include that one.
#pragma once

#include "arch/syscall_table.h"

namespace nestp {
namespace detail {

/// One kind of flags that decides how the row's paths are looked up.  Values
/// are the kernel's (include/uapi/linux); O_* depend on the ABI and are apart.
struct FlagRule {
  ArgKind kind;
  std::uint64_t no_follow;             ///< any of these: the link itself
  std::uint64_t follow;                ///< if not 0: followed only when set
  std::uint64_t empty_path;            ///< "" is the dirfd
  std::uint8_t second_path_shift = 0;  ///< bits of the second path, left of the first one's
};

inline constexpr FlagRule kFlagRules[] = {
    {ArgKind::at_flags, 0x100, 0, 0x1000},    {ArgKind::at_follow_flags, 0, 0x400, 0x1000},
    {ArgKind::watch_flags, 0x02000000, 0, 0}, {ArgKind::mark_flags, 4, 0, 0},
    {ArgKind::unmount_flags, 8, 0, 0},        {ArgKind::pick_flags, 2, 0, 8},
    {ArgKind::move_flags, 0, 1, 4, 4},
};

inline constexpr std::uint64_t kWriteAccess = 2;  // W_OK

constexpr const FlagRule* rule_for(ArgKind kind) {
  for (const FlagRule& rule : kFlagRules) {
    if (rule.kind == kind) return &rule;
  }
  return nullptr;
}

constexpr bool opens(ArgKind kind) {
  return kind == ArgKind::open_flags || kind == ArgKind::open_how;
}

constexpr bool is_path(ArgKind kind) {
  return kind == ArgKind::path || kind == ArgKind::name || kind == ArgKind::entry ||
         kind == ArgKind::new_entry;
}

constexpr std::optional<std::uint8_t> place_of(const SyscallRow& row, ArgKind kind) {
  for (std::size_t i = 0; i < row.args.size(); ++i) {
    if (row.args[i] == kind) return static_cast<std::uint8_t>(i);
  }
  return std::nullopt;
}

/// The O_* of a call as the kernel reads them, or none if it opens nothing.
constexpr std::optional<std::uint64_t> open_flags_of(const Abi& abi, const SyscallRow& row,
                                                     std::span<const std::uint64_t, 6> args,
                                                     std::uint64_t open_how_flags) {
  const OpenFlags& flag = abi.open_flags;
  std::uint64_t flags = 0;
  if (row.sys == Sys::creat) {
    flags = flag.create | flag.truncate | 1;  // O_WRONLY
  } else if (place_of(row, ArgKind::open_how)) {
    flags = open_how_flags;
  } else if (const auto place = place_of(row, ArgKind::open_flags)) {
    flags = args[register_of(abi, row, *place)];
  } else {
    return std::nullopt;
  }
  // O_PATH silences all but these (fs/open.c, O_PATH_FLAGS).
  if (flags & flag.path) {
    flags &= flag.path | flag.directory | flag.no_follow | flag.close_on_exec;
  }
  return flags;
}

constexpr void apply_open_flags(const OpenFlags& flag, std::uint64_t flags, PathArg& arg) {
  // Access mode 3 is for ioctl alone, but the kernel asks for both permissions.
  const bool writes = (flags & (flag.access_mode | flag.truncate | flag.temporary)) != 0;
  if (writes) arg.writing = Writing::if_present;
  // O_TMPFILE's path is the directory; with O_CREAT it is EINVAL before any lookup.
  if (flags & flag.create) {
    arg.creates = true;
    arg.writing = writes ? Writing::always : Writing::if_missing;
    if (flags & flag.exclusive) {
      arg.last = LastComponent::entry;
      arg.writing = Writing::if_missing;
    }
  }
  if ((flags & flag.no_follow) && arg.last == LastComponent::follow) {
    arg.last = LastComponent::keep;
  }
}

constexpr void apply_rule(const FlagRule& rule, std::uint64_t flags, bool second, PathArg& arg) {
  if (second) flags >>= rule.second_path_shift;
  const bool follow = rule.follow != 0 ? (flags & rule.follow) != 0 : !(flags & rule.no_follow);
  if (!follow && arg.last == LastComponent::follow) arg.last = LastComponent::keep;
  if (flags & rule.empty_path) arg.empty_is_dirfd = true;
}

/// `args` are consulted for Change::by_access_mode alone.
constexpr Writing writing_of(const Abi& abi, const SyscallRow& row, ArgKind kind,
                             std::span<const std::uint64_t, 6> args) {
  if (kind == ArgKind::entry) return Writing::always;
  if (kind == ArgKind::new_entry) return Writing::if_missing;
  if (row.change == Change::object) return Writing::if_present;
  if (row.change == Change::by_access_mode) {
    const auto place = place_of(row, ArgKind::access_mode);
    if (place && (args[register_of(abi, row, *place)] & kWriteAccess)) return Writing::if_present;
  }
  return Writing::no;
}

constexpr LastComponent last_of(ArgKind kind) {
  if (kind == ArgKind::path) return LastComponent::follow;
  return kind == ArgKind::name ? LastComponent::keep : LastComponent::entry;
}

/// False if a row breaks a rule a reader could not see at a glance.
constexpr bool row_is_sound(const SyscallRow& row) {
  int paths = 0;
  int rules = 0;
  bool ended = false;
  bool changes = false;
  for (std::size_t i = 0; i < row.args.size(); ++i) {
    const ArgKind kind = row.args[i];
    const ArgKind next = i + 1 < row.args.size() ? row.args[i + 1] : ArgKind::none;
    const ArgKind before = i > 0 ? row.args[i - 1] : ArgKind::none;
    if (kind == ArgKind::none) {
      ended = true;
      continue;
    }
    if (ended) return false;  // a gap between arguments
    if (is_path(kind)) ++paths;
    if (rule_for(kind) != nullptr || opens(kind)) ++rules;
    if (kind == ArgKind::path || kind == ArgKind::name || kind == ArgKind::fd) changes = true;
    if (kind == ArgKind::dirfd && !is_path(next)) return false;
    if (kind == ArgKind::path_out && next != ArgKind::size) return false;
    if (kind == ArgKind::address && next != ArgKind::size) return false;
    if (kind == ArgKind::address_out && next != ArgKind::size_pointer) return false;
    if (kind == ArgKind::size_pointer && before != ArgKind::address_out) return false;
  }
  if (row.change != Change::nothing && !changes) return false;
  if (row.instead != Instead::nothing && !place_of(row, ArgKind::dirfd)) return false;
  const bool asks = place_of(row, ArgKind::access_mode).has_value();
  if ((row.change == Change::by_access_mode) != asks) return false;
  const bool opens_path = place_of(row, ArgKind::open_flags) || place_of(row, ArgKind::open_how);
  if (opens_path && row.change != Change::by_open_flags) return false;
  if (row.when == When::never && row.note.empty()) return false;
  return paths <= 2 && rules <= 1;
}

}  // namespace detail

constexpr bool SyscallRow::stops_at_exit() const {
  for (const ArgKind kind : args) {
    if (kind == ArgKind::path_out || kind == ArgKind::address_out || kind == ArgKind::message_out) {
      return true;
    }
  }
  return false;
}

constexpr PathArgs path_args(const Abi& abi, const SyscallRow& row,
                             std::span<const std::uint64_t, 6> args, std::uint64_t open_how_flags) {
  PathArgs found{};
  for (std::size_t i = 0; i < row.args.size(); ++i) {
    if (!detail::is_path(row.args[i])) continue;
    PathArg arg{.index = register_of(abi, row, i),
                .dirfd = std::nullopt,
                .last = detail::last_of(row.args[i]),
                .writing = detail::writing_of(abi, row, row.args[i], args),
                .empty_is_dirfd = row.instead == Instead::empty_is_dirfd,
                .null_is_dirfd = row.instead == Instead::null_is_dirfd,
                .creates = false};
    if (i > 0 && row.args[i - 1] == ArgKind::dirfd) arg.dirfd = register_of(abi, row, i - 1);
    found.list[found.count++] = arg;
  }
  if (const auto flags = detail::open_flags_of(abi, row, args, open_how_flags)) {
    detail::apply_open_flags(abi.open_flags, *flags, found.list[0]);
  }
  for (std::size_t i = 0; i < row.args.size(); ++i) {
    const detail::FlagRule* rule = detail::rule_for(row.args[i]);
    if (rule == nullptr) continue;
    const std::uint64_t flags = args[register_of(abi, row, i)];
    for (std::uint8_t p = 0; p < found.count; ++p) {
      detail::apply_rule(*rule, flags, p == 1, found.list[p]);
    }
  }
  return found;
}

constexpr std::optional<std::uint8_t> open_how_arg(const Abi& abi, const SyscallRow& row) {
  const auto place = detail::place_of(row, ArgKind::open_how);
  if (!place) return std::nullopt;
  return register_of(abi, row, *place);
}

}  // namespace nestp
