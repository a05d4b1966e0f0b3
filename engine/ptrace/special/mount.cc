// mount(2) and umount(2): a guest's mounts change its view, never the host's.
//
// The new calls (fsopen, move_mount, ...) answer ENOSYS to those who may mount:
// programs that know them fall back on mount(2).  statmount and listmount would
// show the host's mounts.
#include <array>
#include <cerrno>
#include <charconv>
#include <sys/mount.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/ptrace/special/namespaces.h"
#include "engine/ptrace/special/place.h"
#include "engine/ptrace/special/special.h"
#include "engine/ptrace/tracer.h"
#include "engine/ptrace/translate.h"
#include "fs/fd.h"
#include "fs/session_directory.h"

namespace nestp {
namespace {

constexpr std::uint64_t kMagic = 0xc0ed0000, kMagicMask = 0xffff0000;  // MS_MGC_VAL
constexpr std::uint64_t kPropagation = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;

/// File systems whose host instance a guest may see as a new one's stand-in.
struct HostFileSystem {
  std::string_view type;
  std::string_view directory;
};
constexpr std::array kHostFileSystems = {
    HostFileSystem{"proc", "/proc"},
    HostFileSystem{"sysfs", "/sys"},
    HostFileSystem{"devtmpfs", "/dev"},
    HostFileSystem{"devpts", "/dev/pts"},
    HostFileSystem{"mqueue", "/dev/mqueue"},
    HostFileSystem{"cgroup2", "/sys/fs/cgroup"},
    HostFileSystem{"cgroup", "/sys/fs/cgroup"},
};

/// One mount(2) under way.
struct Wish {
  Place target;
  std::uint64_t flags;
  MountNamespace& mounts;
};

/// Text of an optional argument; empty if it is NULL.
SysResult<std::string> optional_text(CallFrame& frame, int index) {
  if (frame.arg(index) == 0) return std::string();
  return frame.memory().read_string(frame.address(index));
}

/// Adds a binding on a place of the view, which must show it as it showed the place.
void add_binding(MountNamespace& mounts, Binding binding) {
  const Binding* covered = mounts.view->binding_at(binding.guest);
  if (covered != nullptr) binding.unlisted = covered->unlisted;
  mounts.view = mounts.view->with(std::move(binding));
}

bool is_mount_point(const View& view, const Place& place) {
  return !place.is_outside && view.binding_at(place.guest) != nullptr;
}

/// A mount of the host that a binding shows is a mount to the guest, too.
bool is_host_mount_point(const Place& place) {
  const auto own = mount_id_of(place.host.text(), 0);
  const auto above = mount_id_of(place.host.parent().text(), 0);
  return own && above && *own != *above;
}

SysResult<> bind_mount(CallFrame& frame, const Wish& wish) {
  const auto source = find_place(frame, 0);
  if (!source)
    return source.error() == Errno(ENOENT) && frame.arg(0) == 0 ? Errno(EINVAL) : source.error();
  if (source->is_directory != wish.target.is_directory) return Errno(ENOTDIR);
  const std::shared_ptr<const View> before = wish.mounts.view;
  Binding made{
      .host = source->host, .guest = wish.target.guest, .is_directory = source->is_directory};
  if (!source->is_outside) {
    const Binding& origin = before->binding_of(source->guest);
    made.read_only = origin.read_only;
    made.type = origin.type;
    made.source = origin.source;
  }
  add_binding(wish.mounts, std::move(made));
  if (!(wish.flags & MS_REC) || source->is_outside) return Done{};
  for (Binding inner : before->bindings()) {
    if (inner.guest == source->guest || !source->guest.contains(inner.guest)) continue;
    inner.guest = wish.target.guest.joined(inner.guest.below(source->guest));
    wish.mounts.view = wish.mounts.view->with(std::move(inner));
  }
  return Done{};
}

SysResult<> remount(const Wish& wish) {
  const View& view = *wish.mounts.view;
  const bool read_only = (wish.flags & MS_RDONLY) != 0;
  if (is_mount_point(view, wish.target)) {
    if (view.binding_at(wish.target.guest)->read_only == read_only) return Done{};
    wish.mounts.view = view.with_read_only(wish.target.guest, read_only);
    return Done{};
  }
  if (wish.target.is_outside || !is_host_mount_point(wish.target)) return Errno(EINVAL);
  if (view.binding_of(wish.target.guest).read_only == read_only) return Done{};
  add_binding(wish.mounts, {.host = wish.target.host,
                            .guest = wish.target.guest,
                            .read_only = read_only,
                            .is_directory = wish.target.is_directory});
  return Done{};
}

SysResult<> change_propagation(const Wish& wish) {
  if (is_mount_point(*wish.mounts.view, wish.target)) return Done{};
  return is_host_mount_point(wish.target) ? SysResult<>(Done{}) : Errno(EINVAL);
}

SysResult<> move_mount(CallFrame& frame, const Wish& wish) {
  const auto source = find_place(frame, 0);
  if (!source) return source.error();
  const std::shared_ptr<const View> before = wish.mounts.view;
  if (!is_mount_point(*before, *source) || source->guest.is_root()) return Errno(EINVAL);
  if (source->is_directory != wish.target.is_directory) return Errno(EINVAL);
  if (source->guest.contains(wish.target.guest)) return Errno(ELOOP);
  wish.mounts.view = before->without(source->guest);
  for (Binding moved : before->bindings()) {
    if (!source->guest.contains(moved.guest)) continue;
    const bool is_top = moved.guest == source->guest;
    moved.guest = wish.target.guest.joined(moved.guest.below(source->guest));
    if (is_top) {
      moved.unlisted = false;
      add_binding(wish.mounts, std::move(moved));
    } else {
      wish.mounts.view = wish.mounts.view->with(std::move(moved));
    }
  }
  return Done{};
}

/// Value of "name=" in the data of a mount; empty if it is not there.
std::string_view option(std::string_view data, std::string_view name) {
  while (!data.empty()) {
    const std::size_t end = std::min(data.find(','), data.size());
    const std::string_view word = data.substr(0, end);
    if (word.starts_with(name) && word.substr(name.size()).starts_with('=')) {
      return word.substr(name.size() + 1);
    }
    data.remove_prefix(std::min(end + 1, data.size()));
  }
  return {};
}

SysResult<HostPath> new_directory(CallFrame& frame, std::string_view data) {
  unsigned mode = 01777;
  const std::string_view wanted = option(data, "mode");
  const auto [end, failure] =
      std::from_chars(wanted.data(), wanted.data() + wanted.size(), mode, 8);
  if (!wanted.empty() && (failure != std::errc() || mode > 07777)) return Errno(EINVAL);
  SessionDirectory* session = frame.tracer().guest.session;
  if (session == nullptr) return Errno(EPERM);
  const auto made = session->make_directory(mode);
  if (!made) {
    LOG(warning) << frame.thread().id << " cannot have a tmpfs: " << made.error().message;
    return Errno(ENOSPC);
  }
  const auto owner = stat_of("/proc/" + std::to_string(frame.thread().id));
  if (owner && geteuid() == 0) {
    (void)!chown(made->text().c_str(), owner->st_uid, owner->st_gid);
  }
  return *made;
}

bool kernel_knows(const std::string& type) {
  const auto list = read_file("/proc/filesystems");
  return list && list->find("\t" + type + "\n") != list->npos;
}

SysResult<Binding> new_file_system(CallFrame& frame, const std::string& type) {
  Binding made{.host = HostPath::root(), .guest = GuestPath::root()};
  if (type == "tmpfs" || type == "ramfs") {
    const auto data = optional_text(frame, 4);
    if (!data) return data.error();
    const auto directory = new_directory(frame, *data);
    if (!directory) return directory.error();
    const auto source = optional_text(frame, 0);
    made.host = *directory;
    made.type = type;
    made.source = source && !source->empty() ? *source : "none";
    return made;
  }
  for (const HostFileSystem& known : kHostFileSystems) {
    if (known.type != type) continue;
    made.host = HostPath::of_canonical(std::string(known.directory));
    const auto status = stat_of(made.host.text());
    if (!status || !S_ISDIR(status->st_mode)) return Errno(EPERM);
    return made;
  }
  return Errno(kernel_knows(type) ? EPERM : ENODEV);
}

SysResult<> new_mount(CallFrame& frame, const Wish& wish) {
  const auto type = optional_text(frame, 2);
  if (!type) return type.error();
  if (type->empty()) return Errno(EINVAL);
  if (!wish.target.is_directory) return Errno(ENOTDIR);
  auto made = new_file_system(frame, *type);
  if (!made) return made.error();
  made->guest = wish.target.guest;
  made->read_only = (wish.flags & MS_RDONLY) != 0;
  add_binding(wish.mounts, *std::move(made));
  if (*type == "devpts" && stat_of("/dev/ptmx")) {
    // The instance's own ptmx may be for root alone; the one beside it leads there as well.
    wish.mounts.view = wish.mounts.view->with({.host = HostPath::of_canonical("/dev/ptmx"),
                                               .guest = wish.target.guest.child("ptmx"),
                                               .is_directory = false});
  }
  return Done{};
}

/// In the order of fs/namespace.c, path_mount.
SysResult<> change_mounts(CallFrame& frame, const Place& target) {
  std::uint64_t flags = frame.arg(3);
  if ((flags & kMagicMask) == kMagic) flags &= ~kMagicMask;
  const Wish wish{target, flags, *frame.thread().process->mounts};
  if (target.is_outside) return Errno(EINVAL);
  if (flags & MS_REMOUNT) return remount(wish);
  if (flags & MS_BIND) return bind_mount(frame, wish);
  if (flags & kPropagation) return change_propagation(wish);
  if (flags & MS_MOVE) return move_mount(frame, wish);
  return new_mount(frame, wish);
}

void mount_call(CallFrame& frame) {
  const auto target = find_place(frame, 1);
  if (!target) return frame.fail(target.error());
  if (!has_capability(frame.thread(), Capability::administer)) return frame.fail(Errno(EPERM));
  const auto done = change_mounts(frame, *target);
  LOG(debug) << frame.thread().id << " mount on " << quoted(target->guest.text()) << " flags "
             << frame.arg(3) << (done ? "" : " refused");
  if (!done) return frame.fail(done.error());
  frame.tracer().forget_names();
  frame.answer(0);
}

SysResult<> unmount(CallFrame& frame) {
  constexpr std::uint64_t kKnown = MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW;
  const std::uint64_t flags = frame.sys() == Sys::umount2 ? frame.arg(1) & 0xffffffff : 0;
  if (flags & ~kKnown) return Errno(EINVAL);
  const auto last = flags & UMOUNT_NOFOLLOW ? LastLink::keep : LastLink::follow;
  const auto place = find_place(frame, 0, last);
  if (!place) return place.error();
  if (!has_capability(frame.thread(), Capability::administer)) return Errno(EPERM);
  MountNamespace& mounts = *frame.thread().process->mounts;
  if (mounts.former_root == place->host && place->is_outside) {
    mounts.former_root.reset();  // it went when pivot_root(2) put it where the new root is
    return Done{};
  }
  if (!is_mount_point(*mounts.view, *place)) return Errno(EINVAL);
  if (place->guest == frame.thread().files->root) return Errno(EBUSY);
  for (const Binding& other : mounts.view->bindings()) {
    const bool below = other.guest != place->guest && place->guest.contains(other.guest);
    if (below && !(flags & MNT_DETACH)) return Errno(EBUSY);
  }
  auto left = mounts.view->without(place->guest);
  if (left == nullptr) return Errno(EBUSY);
  mounts.view = std::move(left);
  frame.tracer().forget_names();
  return Done{};
}

constexpr std::uint64_t kCloneTree = 1;  // OPEN_TREE_CLONE

}  // namespace

void special_mount(CallFrame& frame) {
  switch (frame.sys()) {  // NOLINT: the others are the new calls
    case Sys::mount:
      return mount_call(frame);
    case Sys::umount:
    case Sys::umount2: {
      const auto done = unmount(frame);
      return done ? frame.answer(0) : frame.fail(done.error());
    }
    case Sys::statmount:
    case Sys::listmount:
      return frame.fail(Errno(ENOSYS));
    default:
      break;
  }
  const bool only_opens = frame.sys() == Sys::open_tree && !(frame.arg(2) & kCloneTree);
  if (only_opens || !has_capability(frame.thread(), Capability::administer)) {
    return translate_paths(frame);
  }
  frame.fail(Errno(ENOSYS));
}

}  // namespace nestp
