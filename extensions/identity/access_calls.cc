// access(2), execve(2), and the calls that reach, remove and rename names: whether the
// fake ids allow them, and that the host's modes do not stand in the way.
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "extensions/identity/world.h"
#include "fs/fd.h"

namespace nestp::identity {
namespace {

Entry check_access(World& world, Call& call, std::uint64_t mode, bool effective) {
  constexpr std::uint64_t kAll = kRead | kWrite | kExecute;
  if (mode & ~kAll) return fail(call, EINVAL);
  const CallObject& object = call.objects[0];
  const Credentials& own = world.credentials(call);
  const Credentials who = effective ? own : own.by_real_ids();
  if (const auto error = refusal_on_way(world, who, object)) return fail(call, error->code());
  const auto file = world.look(call, object);
  if (!file) return fail(call, file.error().code());
  const auto wish = static_cast<unsigned>(mode);
  const bool may = may_access(who, *file, wish) || is_own_descriptors(call.thread, object.host);
  if (!may) return fail(call, EACCES);
  if (world.files.is_own(file->status())) {
    // Only a read-only file system can still object.
    const bool asks_kernel = (wish & kWrite) && faccessat(AT_FDCWD, object.host.c_str(), W_OK, 0);
    return asks_kernel && errno == EROFS ? fail(call, EROFS) : answer(call, 0);
  }
  const int flags = object.follow ? 0 : AT_SYMLINK_NOFOLLOW;
  const int done = faccessat(AT_FDCWD, object.host.c_str(), static_cast<int>(wish), flags);
  return done == 0 ? answer(call, 0) : fail(call, errno);
}

Entry access_path(World& world, Call& call) {
  return check_access(world, call, static_cast<std::uint32_t>(call.args[1]), false);
}
Entry access_at(World& world, Call& call) {
  return check_access(world, call, static_cast<std::uint32_t>(call.args[2]), false);
}
Entry access_at_flags(World& world, Call& call) {
  constexpr std::uint32_t kFlags = AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
  const auto flags = static_cast<std::uint32_t>(call.args[3]);
  if (flags & ~kFlags) return fail(call, EINVAL);
  const auto mode = static_cast<std::uint32_t>(call.args[2]);
  return check_access(world, call, mode, (flags & AT_EACCESS) != 0);
}

Entry reach_only(World& world, Call& call) { return reach(world, call, 0); }
Entry reach_to_read(World& world, Call& call) { return reach(world, call, kRead); }

/// A directory to be entered, or a program to be run.
Entry reach_to_enter(World& world, Call& call) { return reach(world, call, kExecute); }

Entry enter_descriptor(World& world, Call& call) {
  const auto file = world.look(call, descriptor_object(call, call.args[0]));
  if (!file || !S_ISDIR(file->record.mode)) return Entry::proceed;
  if (!may_access(world.credentials(call), *file, kExecute)) return fail(call, EACCES);
  return Entry::proceed;
}

constexpr std::uint64_t kNoReplace = 1;  // RENAME_NOREPLACE
constexpr std::uint64_t kExchange = 2;   // RENAME_EXCHANGE

// ---- names --------------------------------------------------------------------------

/// No owner and no mode of a directory refuses anything to it.
bool may_name_anything(const Credentials& who) {
  return who.has(Capability::override_access) && who.has(Capability::own_anything);
}

/// Makes the directory that holds the entry usable where only the host's mode forbids it.
void open_holder(World& world, const CallObject& object) {
  const CallObject holder = holder_of(object);
  const int done = faccessat(AT_FDCWD, holder.host.c_str(), W_OK | X_OK, AT_EACCESS);
  if (done != 0 && errno == EACCES) world.files.open_up(holder.host);
}

/// The errno of a call that takes the entry `object` away from its directory.
std::optional<int> refusal_of_removal(World& world, Call& call, const CallObject& object) {
  if (may_name_anything(world.credentials(call))) {
    open_holder(world, object);
    return std::nullopt;
  }
  if (const auto error = refusal_on_way(world, call, object)) return error->code();
  if (ends_in_dots(object.host)) return std::nullopt;  // the kernel knows the errno
  const auto directory = world.look(call, holder_of(object));
  // The kernel knows the errno.
  if (!directory || !S_ISDIR(directory->record.mode)) return std::nullopt;
  const Credentials& who = world.credentials(call);
  const bool may = may_access(who, *directory, kWrite | kExecute);
  if (!may || (directory->record.mode & S_ISVTX)) {
    const auto entry = world.look(call, {.host = object.host, .follow = false});
    if (!entry) return std::nullopt;
    if (!may) return EACCES;
    if (is_protected(who, directory->record, entry->record)) return EPERM;
  }
  const bool is_closed = (directory->status().st_mode & 0300) != 0300;
  if (is_closed) world.files.open_up(directory->ref.host);
  return std::nullopt;
}

/// Has the record of what is at `host` removed once the call has succeeded.
Entry forget_after(World& world, Call& call, const std::string& host) {
  const auto held = world.files.hold(host);
  if (held == nullptr) return Entry::proceed;
  return at_exit(world, call, [&world, held](Call&) { world.files.forget(*held); });
}

Entry remove_name(World& world, Call& call) {
  constexpr std::uint64_t kRemoveDirectory = 0x200;  // AT_REMOVEDIR
  const bool is_rmdir =
      call.sys == Sys::rmdir || (call.sys == Sys::unlinkat && (call.args[2] & kRemoveDirectory));
  // A name with a slash behind it is no file's: the kernel says so before it asks who may.
  const bool is_wrong = !is_rmdir && call.objects[0].host.ends_with('/');
  const auto error = refusal_of_removal(world, call, call.objects[0]);
  if (error && !is_wrong) return fail(call, *error);
  return forget_after(world, call, call.objects[0].host);
}

/// The kernel finds fault with the names or what they stand for before it asks who may
/// (fs/namei.c, do_renameat2 and vfs_rename).
bool is_wrong_rename(Call& call, const SysResult<struct stat>& old,
                     const SysResult<struct stat>& made, std::uint64_t flags) {
  const std::string& from = call.objects[0].host;
  const std::string& to = call.objects[1].host;
  if (ends_in_dots(from) || ends_in_dots(to) || !old) return true;
  if ((flags & kNoReplace) && made) return true;
  if ((flags & kExchange) && !made) return true;
  const bool has_slash = from.ends_with('/') || (to.ends_with('/') && !(flags & kExchange));
  if (!S_ISDIR(old->st_mode) && has_slash) return true;
  const std::string entry = without_slashes(from);
  const std::string other = without_slashes(to);
  if (other.starts_with(entry + '/') || entry.starts_with(other + '/')) return true;
  return made && made->st_ino == old->st_ino && made->st_dev == old->st_dev;
}

/// A directory that gets another parent: its ".." is written.
bool may_be_moved(World& world, Call& call, const CallObject& object) {
  const auto file = world.look(call, {.host = object.host, .follow = false});
  if (!file || !S_ISDIR(file->record.mode)) return true;
  return may_access(world.credentials(call), *file, kWrite);
}

/// A directory that gets another parent has its ".." written, which the host's mode may forbid.
void open_moved(World& world, const CallObject& object) {
  const auto status = lstat_of(object.host);
  if (status && S_ISDIR(status->st_mode) && !(status->st_mode & S_IWUSR)) {
    world.files.open_up(object.host);
  }
}

/// The errno of a rename, as the kernel's order has it.
std::optional<int> refusal_of_rename(World& world, Call& call, std::uint64_t flags) {
  const Credentials& who = world.credentials(call);
  if (may_name_anything(who)) {
    const bool stays = directory_of(call.objects[0].host) == directory_of(call.objects[1].host);
    for (const CallObject& object : call.objects) {
      open_holder(world, object);
      if (!stays) open_moved(world, object);
    }
    return std::nullopt;
  }
  for (const CallObject& object : call.objects) {
    if (const auto error = refusal_on_way(world, call, object)) return error->code();
  }
  const auto old = lstat_of(call.objects[0].host);
  const auto made = lstat_of(call.objects[1].host);
  if (is_wrong_rename(call, old, made, flags)) return std::nullopt;
  for (const CallObject& object : call.objects) {
    if (const auto error = refusal_of_removal(world, call, object)) return error;
    // The new name need not be there: then its directory alone is asked.
    const auto directory = world.look(call, holder_of(object));
    if (!directory || !S_ISDIR(directory->record.mode)) continue;  // ENOTDIR, says the kernel
    if (!may_access(who, *directory, kWrite | kExecute)) return EACCES;
  }
  if (directory_of(call.objects[0].host) != directory_of(call.objects[1].host)) {
    if (!may_be_moved(world, call, call.objects[0])) return EACCES;
    if ((flags & kExchange) && !may_be_moved(world, call, call.objects[1])) return EACCES;
  }
  return std::nullopt;
}

/// What is at `object` is about to get the name `host`, too.
void note_name(World& world, const CallObject& object, const std::string& host) {
  const auto status = object.follow ? stat_of(object.host) : lstat_of(object.host);
  if (!status || !S_ISREG(status->st_mode) || status->st_size != 0) return;
  const auto file = world.files.look(object.host, object.follow);
  if (file) world.files.note_name(*file, host);
}

Entry rename_name(World& world, Call& call) {
  const std::uint64_t flags = call.sys == Sys::renameat2 ? call.args[4] : 0;
  if (const auto error = refusal_of_rename(world, call, flags)) return fail(call, *error);
  note_name(world, call.objects[0], call.objects[1].host);
  if (flags & kExchange) note_name(world, call.objects[1], call.objects[0].host);
  if (flags & kExchange) return Entry::proceed;
  return forget_after(world, call, call.objects[1].host);
}

/// Where the host protects hard links: fs/namei.c, may_linkat.
bool may_link(const Credentials& who, const OwnedFile& file) {
  static const bool is_protected = [] {
    const auto text = read_file("/proc/sys/fs/protected_hardlinks");
    return text && text->starts_with('1');
  }();
  if (!is_protected || may_own(who, file.record)) return true;
  const mode_t mode = file.record.mode;
  constexpr mode_t kLent = S_ISGID | S_IXGRP;
  const bool is_safe = S_ISREG(mode) && !(mode & S_ISUID) && (mode & kLent) != kLent;
  return is_safe && may_access(who, file, kRead | kWrite);
}

Entry link_name(World& world, Call& call) {
  const CallObject& made = call.objects[1];
  if (const auto error = refusal_on_way(world, call, call.objects[0])) {
    return fail(call, error->code());
  }
  if (const auto error = refusal_on_way(world, call, made)) return fail(call, error->code());
  const auto directory = world.look(call, {.host = directory_of(made.host), .follow = true});
  const auto file = world.look(call, call.objects[0]);
  const bool can_be_made = directory && S_ISDIR(directory->record.mode) &&
                           !ends_in_dots(made.host) && !made.host.ends_with('/') &&
                           !lstat_of(made.host).ok();
  if (!file || !can_be_made) return Entry::proceed;  // the kernel knows the errno
  const Credentials& who = world.credentials(call);
  if (!may_link(who, *file)) return fail(call, EPERM);
  if (!may_access(who, *directory, kWrite | kExecute)) return fail(call, EACCES);
  if ((directory->status().st_mode & 0300) != 0300) world.files.open_up(directory->ref.host);
  world.files.note_name(*file, made.host);
  return Entry::proceed;
}

constexpr Route kRoutes[] = {
    {Sys::access, nullptr, access_path},
    {Sys::faccessat, nullptr, access_at},
    {Sys::faccessat2, nullptr, access_at_flags},
    {Sys::execve, nullptr, reach_to_enter},
    {Sys::execveat, nullptr, reach_to_enter},
    {Sys::chdir, nullptr, reach_to_enter},
    {Sys::fchdir, enter_descriptor},
    {Sys::readlink, nullptr, reach_only},
    {Sys::readlinkat, nullptr, reach_only},
    {Sys::statfs, nullptr, reach_only},
    {Sys::statfs64, nullptr, reach_only},
    {Sys::inotify_add_watch, nullptr, reach_to_read},
    {Sys::name_to_handle_at, nullptr, reach_only},
    {Sys::unlink, nullptr, remove_name},
    {Sys::unlinkat, nullptr, remove_name},
    {Sys::rmdir, nullptr, remove_name},
    {Sys::rename, nullptr, rename_name},
    {Sys::renameat, nullptr, rename_name},
    {Sys::renameat2, nullptr, rename_name},
    {Sys::link, nullptr, link_name},
    {Sys::linkat, nullptr, link_name},
};

}  // namespace

Entry reach(World& world, Call& call, unsigned wish) {
  const Credentials& who = world.credentials(call);
  for (const CallObject& object : call.objects) {
    if (const auto error = refusal_on_way(world, call, object)) return fail(call, error->code());
    const bool is_root = who.has(Capability::override_access) && !(wish & kExecute);
    if (!is_root && wish != 0) {
      const auto file = world.look(call, object);
      // Of what can be entered only a directory matters; of others the kernel says ENOTDIR.
      const bool matters = call.sys != Sys::chdir || (file && S_ISDIR(file->record.mode));
      if (file && matters && !may_access(who, *file, wish)) return fail(call, EACCES);
    }
    const int flags = object.follow ? 0 : AT_SYMLINK_NOFOLLOW;
    const int mode = wish == kExecute ? X_OK : F_OK;
    if (faccessat(AT_FDCWD, object.host.c_str(), mode, flags) != 0 && errno == EACCES) {
      world.files.open_up(object.host);
    }
  }
  return Entry::proceed;
}

std::span<const Route> access_routes() { return kRoutes; }

}  // namespace nestp::identity
