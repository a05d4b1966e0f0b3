// chmod(2), chown(2) and their kin, and what needs the owner or write permission.
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

#include "extensions/identity/world.h"

namespace nestp::identity {
namespace {

constexpr const char* kFileCapabilities = "security.capability";

SysResult<OwnedFile> look_on_way(World& world, Call& call, const CallObject& object) {
  if (const auto error = refusal_on_way(world, call, object)) return *error;
  return world.look(call, object, Freshness::now);
}

bool is_in_group(const Credentials& who, Id group) {
  return who.is_in_group(group) || who.has(Capability::keep_set_id);
}

/// fs/attr.c, setattr_prepare and setattr_copy.
Entry change_mode(World& world, Call& call, const CallObject& object, std::uint64_t mode) {
  const auto file = look_on_way(world, call, object);
  if (!file) return fail(call, file.error().code());
  const Credentials& who = world.credentials(call);
  if (S_ISLNK(file->record.mode)) return fail(call, EOPNOTSUPP);
  if (!may_own(who, file->record)) return fail(call, EPERM);
  OwnerRecord wanted = file->record;
  wanted.mode = (wanted.mode & S_IFMT) | (mode & 07777);
  if (!is_in_group(who, wanted.group)) wanted.mode &= ~static_cast<mode_t>(S_ISGID);
  return finish(call, world.files.set(*file, wanted));
}

/// fs/open.c, chown_common, and fs/attr.c, notify_change.
Entry change_owner(World& world, Call& call, const CallObject& object, Id user, Id group) {
  const auto file = look_on_way(world, call, object);
  if (!file) return fail(call, file.error().code());
  const Credentials& who = world.credentials(call);
  OwnerRecord wanted = file->record;
  const bool owns = who.user.file_system == wanted.user;
  const bool may = who.has(Capability::change_owner);
  if (user != kNoId && !may && !(owns && user == wanted.user)) return fail(call, EPERM);
  const bool may_give = owns && (group == wanted.group || who.is_in_group(group));
  if (group != kNoId && !may && !may_give) return fail(call, EPERM);
  if (user != kNoId) wanted.user = user;
  const Id former_group = wanted.group;
  if (group != kNoId) wanted.group = group;
  if (!S_ISDIR(wanted.mode) && !S_ISLNK(wanted.mode)) {
    wanted.mode &= ~static_cast<mode_t>(S_ISUID);
    const bool drops = (wanted.mode & S_IXGRP) || !is_in_group(who, former_group);
    if (drops) wanted.mode &= ~static_cast<mode_t>(S_ISGID);
    // Also where no id changes, that is a change of the mode.
    if (wanted.mode != file->record.mode && !may_own(who, file->record)) return fail(call, EPERM);
    (void)world.files.remove_attribute(*file, kFileCapabilities);  // mostly there is none
  }
  return finish(call, world.files.set(*file, wanted));
}

Entry chmod_path(World& world, Call& call) {
  return change_mode(world, call, call.objects[0], call.args[1]);
}
Entry chmod_at(World& world, Call& call) {
  return change_mode(world, call, call.objects[0], call.args[2]);
}
Entry chmod_at_flags(World& world, Call& call) {
  constexpr std::uint32_t kFlags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
  if (static_cast<std::uint32_t>(call.args[3]) & ~kFlags) return fail(call, EINVAL);
  return change_mode(world, call, call.objects[0], call.args[2]);
}
Entry chmod_descriptor(World& world, Call& call) {
  const auto object = open_object(call, call.args[0]);
  if (!object) return fail(call, object.error().code());
  return change_mode(world, call, *object, call.args[1]);
}
Entry chown_path(World& world, Call& call) {
  const Id user = id_argument(call, 1);
  return change_owner(world, call, call.objects[0], user, id_argument(call, 2));
}
Entry chown_at(World& world, Call& call) {
  constexpr std::uint32_t kFlags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
  if (static_cast<std::uint32_t>(call.args[4]) & ~kFlags) return fail(call, EINVAL);
  const auto user = static_cast<Id>(call.args[2]);
  return change_owner(world, call, call.objects[0], user, static_cast<Id>(call.args[3]));
}
Entry chown_descriptor(World& world, Call& call) {
  const Id user = id_argument(call, 1);
  const auto object = open_object(call, call.args[0]);
  if (!object) return fail(call, object.error().code());
  return change_owner(world, call, *object, user, id_argument(call, 2));
}

/// Whether every time is UTIME_NOW or UTIME_OMIT, at `index`; none: unreadable.
bool sets_only_now(Call& call, std::size_t index) {
  if (call.args[index] == 0) return true;
  constexpr std::int64_t kNow = UTIME_NOW, kOmit = UTIME_OMIT;
  if (call.sys != Sys::utimensat || call.abi->word_size != 8) return false;
  struct Times {
    std::int64_t seconds[4];
  };
  const auto times = read_object<Times>(call, address(call, index));
  if (!times) return false;
  const auto is_special = [](std::int64_t part) { return part == kNow || part == kOmit; };
  const bool all_now = times->seconds[1] == kNow && times->seconds[3] == kNow;
  return all_now || (is_special(times->seconds[1]) && times->seconds[1] == kOmit &&
                     times->seconds[3] == kOmit);
}

Entry set_times(World& world, Call& call) {
  const bool is_at =
      call.sys == Sys::utimensat || call.sys == Sys::utimensat_time64 || call.sys == Sys::futimesat;
  const CallObject& object = call.objects[0];
  const auto file = look_on_way(world, call, object);
  if (!file) return fail(call, file.error().code());
  const Credentials& who = world.credentials(call);
  const bool only_now = sets_only_now(call, is_at ? 2 : 1);
  if (may_own(who, file->record)) return Entry::proceed;
  if (!only_now) return fail(call, EPERM);
  return may_access(who, *file, kWrite) ? Entry::proceed : fail(call, EACCES);
}

/// A file that is cut or written loses its set-ID bits (fs/attr.c, setattr_should_drop_suidgid).
Entry truncate_path(World& world, Call& call) {
  const auto file = look_on_way(world, call, call.objects[0]);
  if (!file) return file.error() == Errno(EACCES) ? fail(call, EACCES) : Entry::proceed;
  if (S_ISDIR(file->record.mode)) return Entry::proceed;  // EISDIR, says the kernel
  if (!S_ISREG(file->record.mode)) return fail(call, EINVAL);
  const Credentials& who = world.credentials(call);
  if (!may_access(who, *file, kWrite)) return fail(call, EACCES);
  drop_set_ids(world, call, *file);
  world.files.open_up(call.objects[0].host);
  return Entry::proceed;
}

constexpr Route kRoutes[] = {
    {Sys::chmod, nullptr, chmod_path},         {Sys::fchmodat, nullptr, chmod_at},
    {Sys::fchmodat2, nullptr, chmod_at_flags}, {Sys::fchmod, chmod_descriptor},
    {Sys::chown, nullptr, chown_path},         {Sys::chown32, nullptr, chown_path},
    {Sys::lchown, nullptr, chown_path},        {Sys::lchown32, nullptr, chown_path},
    {Sys::fchownat, nullptr, chown_at},        {Sys::fchown, chown_descriptor},
    {Sys::fchown32, chown_descriptor},         {Sys::utime, nullptr, set_times},
    {Sys::utimes, nullptr, set_times},         {Sys::futimesat, nullptr, set_times},
    {Sys::utimensat, nullptr, set_times},      {Sys::utimensat_time64, nullptr, set_times},
    {Sys::truncate, nullptr, truncate_path},   {Sys::truncate64, nullptr, truncate_path},
};

}  // namespace

void drop_set_ids(World& world, const Call& call, const OwnedFile& file) {
  if (!S_ISREG(file.record.mode) || !(file.record.mode & (S_ISUID | S_ISGID))) return;
  if (world.credentials(call).has(Capability::keep_set_id)) return;
  OwnerRecord wanted = file.record;
  wanted.mode &= ~static_cast<mode_t>(S_ISUID);
  if (wanted.mode & S_IXGRP) wanted.mode &= ~static_cast<mode_t>(S_ISGID);
  (void)world.files.set(file, wanted);  // the write itself is the kernel's matter
}

std::span<const Route> change_routes() { return kRoutes; }

}  // namespace nestp::identity
