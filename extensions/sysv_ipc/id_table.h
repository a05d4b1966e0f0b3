// Objects of System V IPC by their ids and keys, and what all kinds of them have.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <map>
#include <span>
#include <sys/ipc.h>
#include <sys/types.h>
#include <utility>

#include "arch/result.h"
#include "engine/extension.h"

namespace nestp::sysv_ipc {

/// Whom new objects belong to.
struct Owner {
  uid_t user = 0;
  gid_t group = 0;
};

constexpr int kModeBits = 0777;

inline ipc_perm make_permission(key_t key, int flags, Owner owner) {
  ipc_perm permission{};
  permission.__key = key;
  permission.uid = permission.cuid = owner.user;
  permission.gid = permission.cgid = owner.group;
  permission.mode = static_cast<decltype(permission.mode)>(flags & kModeBits);
  return permission;
}

/// IPC_SET: what its caller may change.
inline void change_permission(ipc_perm& permission, const ipc_perm& wanted) {
  permission.uid = wanted.uid;
  permission.gid = wanted.gid;
  permission.mode = static_cast<decltype(permission.mode)>((permission.mode & ~kModeBits) |
                                                           (wanted.mode & kModeBits));
}

/// `Object` has a `permission`.
template <typename Object>
class IdTable {
 public:
  /// shmget(2) and its kin: an id, or an errno.  `make` gives a new object, `check` judges one that
  /// is there: an errno, or 0.
  template <typename Make, typename Check>
  std::int64_t get(key_t key, int flags, Make make, Check check) {
    for (const auto& [id, object] : objects_) {
      if (key == IPC_PRIVATE || object.permission.__key != key) continue;
      if ((flags & IPC_CREAT) && (flags & IPC_EXCL)) return -EEXIST;
      const int error = check(object);
      return error == 0 ? id : -error;
    }
    if (key != IPC_PRIVATE && !(flags & IPC_CREAT)) return -ENOENT;
    SysResult<Object> object = make();
    if (!object) return -object.error().code();
    objects_.emplace(next_, std::move(*object));
    return next_++;
  }
  /// Null: there is none.
  Object* find(std::uint64_t id) {
    const auto found = objects_.find(static_cast<int>(id));
    return found == objects_.end() ? nullptr : &found->second;
  }
  void remove(std::uint64_t id) { objects_.erase(static_cast<int>(id)); }

 private:
  std::map<int, Object> objects_;
  int next_ = 0;  ///< ids are not used again
};

template <typename T>
SysResult<T> read_object(Call& call, std::uint64_t from) {
  T object{};
  const auto read =
      call.memory.read(GuestAddress{from}, std::as_writable_bytes(std::span(&object, 1)));
  if (!read) return read.error();
  return object;
}

/// The answer of a call that writes `object` to the guest.
template <typename T>
std::int64_t give(Call& call, std::uint64_t to, const T& object) {
  const auto done = call.memory.write(GuestAddress{to}, std::as_bytes(std::span(&object, 1)));
  return done ? 0 : -EFAULT;
}

/// Command of shmctl(2) and its kin, without IPC_64.
inline int command_of(std::uint64_t argument) { return static_cast<int>(argument) & 0xff; }

}  // namespace nestp::sysv_ipc
