#include "extensions/identity/credentials.h"

#include <algorithm>
#include <cerrno>

namespace nestp::identity {
namespace {

/// Those that go with the file system id (CAP_FS_MASK of include/linux/capability.h).
constexpr std::uint64_t kFileSystemMask = 0x1f | 1ULL << 9 | 1ULL << 27 | 1ULL << 32;

constexpr std::size_t kMostGroups = 65536;  // NGROUPS_MAX

bool is_root(const IdSet& ids) { return ids.real == 0 || ids.effective == 0 || ids.saved == 0; }

/// The part of setreuid(2) and setregid(2) that is the same (kernel/sys.c).
SysResult<> set_two(IdSet& ids, Id real, Id effective, bool may) {
  const IdSet before = ids;
  if (real != kNoId) {
    if (real != before.real && real != before.effective && !may) return Errno(EPERM);
    ids.real = real;
  }
  if (effective != kNoId) {
    if (!before.contains(effective) && !may) {
      ids = before;
      return Errno(EPERM);
    }
    ids.effective = effective;
  }
  if (real != kNoId || (effective != kNoId && effective != before.real)) ids.saved = ids.effective;
  ids.file_system = ids.effective;
  return Done{};
}

SysResult<> set_three(IdSet& ids, Id real, Id effective, Id saved, bool may) {
  for (const Id id : {real, effective, saved}) {
    if (id != kNoId && !ids.contains(id) && !may) return Errno(EPERM);
  }
  if (real != kNoId) ids.real = real;
  if (effective != kNoId) ids.effective = effective;
  if (saved != kNoId) ids.saved = saved;
  ids.file_system = ids.effective;
  return Done{};
}

SysResult<> set_one(IdSet& ids, Id id, bool may) {
  if (id == kNoId) return Errno(EINVAL);
  if (may) {
    ids.real = ids.saved = id;
  } else if (id != ids.real && id != ids.saved) {
    return Errno(EPERM);
  }
  ids.effective = ids.file_system = id;
  return Done{};
}

}  // namespace

Credentials Credentials::of(Id user, Id group, unsigned last_capability) {
  Credentials made;
  made.user = {user, user, user, user};
  made.group = {group, group, group, group};
  made.capabilities.bounding = (std::uint64_t{2} << last_capability) - 1;
  if (user == 0) {
    made.capabilities.permitted = made.capabilities.effective = made.capabilities.bounding;
    made.groups = {0};
  }
  return made;
}

Credentials Credentials::by_real_ids() const {
  Credentials real = *this;
  real.user.file_system = user.real;
  real.group.file_system = group.real;
  if (!(secure_bits & kNoFixup)) {
    real.capabilities.effective = user.real == 0 ? capabilities.permitted : 0;
  }
  return real;
}

bool Credentials::is_in_group(Id id) const {
  return id == group.file_system || std::find(groups.begin(), groups.end(), id) != groups.end();
}

// security/commoncap.c, cap_emulate_setxuid.
void Credentials::follow_user_change(const IdSet& before) {
  if (secure_bits & kNoFixup) return;
  if (is_root(before) && !is_root(user)) {
    if (!(secure_bits & kKeepCapabilities)) capabilities.permitted = capabilities.effective = 0;
    capabilities.ambient = 0;
  }
  if (before.effective == 0 && user.effective != 0) capabilities.effective = 0;
  if (before.effective != 0 && user.effective == 0) {
    capabilities.effective = capabilities.permitted;
  }
}

SysResult<> Credentials::set_user(Id id) {
  const IdSet before = user;
  const auto done = set_one(user, id, has(Capability::set_user));
  if (done) follow_user_change(before);
  return done;
}

SysResult<> Credentials::set_real_user(Id real, Id effective) {
  const IdSet before = user;
  const auto done = set_two(user, real, effective, has(Capability::set_user));
  if (done) follow_user_change(before);
  return done;
}

SysResult<> Credentials::set_all_users(Id real, Id effective, Id saved) {
  const IdSet before = user;
  const auto done = set_three(user, real, effective, saved, has(Capability::set_user));
  if (done) follow_user_change(before);
  return done;
}

Id Credentials::set_file_system_user(Id id) {
  const Id before = user.file_system;
  const bool may = user.contains(id) || id == before || has(Capability::set_user);
  if (id == kNoId || !may) return before;
  user.file_system = id;
  if (!(secure_bits & kNoFixup)) {
    if (before == 0 && id != 0) capabilities.effective &= ~kFileSystemMask;
    if (before != 0 && id == 0) {
      capabilities.effective |= capabilities.permitted & kFileSystemMask;
    }
  }
  return before;
}

SysResult<> Credentials::set_group(Id id) { return set_one(group, id, has(Capability::set_group)); }

SysResult<> Credentials::set_real_group(Id real, Id effective) {
  return set_two(group, real, effective, has(Capability::set_group));
}

SysResult<> Credentials::set_all_groups(Id real, Id effective, Id saved) {
  return set_three(group, real, effective, saved, has(Capability::set_group));
}

Id Credentials::set_file_system_group(Id id) {
  const Id before = group.file_system;
  const bool may = group.contains(id) || id == before || has(Capability::set_group);
  if (id != kNoId && may) group.file_system = id;
  return before;
}

SysResult<> Credentials::set_groups(std::vector<Id> ids) {
  if (!has(Capability::set_group)) return Errno(EPERM);
  if (ids.size() > kMostGroups) return Errno(EINVAL);
  // In the order in which getgroups(2) gives them back (kernel/groups.c, groups_sort).
  std::sort(ids.begin(), ids.end());
  groups = std::move(ids);
  return Done{};
}

// security/commoncap.c, cap_capset.
SysResult<> Credentials::set_capabilities(const CapabilitySets& wanted) {
  const CapabilitySets& own = capabilities;
  const bool may = has(Capability::set_capabilities);
  if (!may && (wanted.inheritable & ~(own.inheritable | own.permitted)) != 0) return Errno(EPERM);
  if ((wanted.inheritable & ~(own.inheritable | own.bounding)) != 0) return Errno(EPERM);
  if ((wanted.permitted & ~own.permitted) != 0) return Errno(EPERM);
  if ((wanted.effective & ~wanted.permitted) != 0) return Errno(EPERM);
  capabilities.permitted = wanted.permitted;
  capabilities.effective = wanted.effective;
  capabilities.inheritable = wanted.inheritable;
  capabilities.ambient &= wanted.permitted & wanted.inheritable;
  return Done{};
}

// security/commoncap.c, cap_task_prctl.
SysResult<> Credentials::set_secure_bits(unsigned bits) {
  constexpr unsigned kAll = 0xff;
  constexpr unsigned kLocks = 0xaa;
  const unsigned locked = (secure_bits & kLocks) >> 1;
  const bool changes_locked = (locked & (secure_bits ^ bits)) != 0;
  const bool unlocks = (secure_bits & kLocks & ~bits) != 0;
  const bool may = has(Capability::set_capabilities);
  if (changes_locked || unlocks || (bits & ~kAll) != 0 || !may) return Errno(EPERM);
  secure_bits = bits;
  return Done{};
}

SysResult<> Credentials::drop_bounding(std::uint64_t bit) {
  if (!has(Capability::set_capabilities)) return Errno(EPERM);
  capabilities.bounding &= ~bit;
  return Done{};
}

SysResult<> Credentials::raise_ambient(std::uint64_t bit) {
  const std::uint64_t both = capabilities.permitted & capabilities.inheritable;
  if ((both & bit) == 0 || (secure_bits & kNoAmbientRaise)) return Errno(EPERM);
  capabilities.ambient |= bit;
  return Done{};
}

bool ends_dumps(const Credentials& before, const Credentials& now) {
  const auto differs = [](const IdSet& one, const IdSet& other) {
    return one.effective != other.effective || one.file_system != other.file_system;
  };
  return differs(before.user, now.user) || differs(before.group, now.group) ||
         (now.capabilities.permitted & ~before.capabilities.permitted) != 0;
}

}  // namespace nestp::identity
