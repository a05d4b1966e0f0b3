// chroot(2) and pivot_root(2): the root directory is the tracer's, never the kernel's.
#include <cerrno>
#include <unordered_set>

#include "engine/log.h"
#include "engine/ptrace/special/namespaces.h"
#include "engine/ptrace/special/place.h"
#include "engine/ptrace/special/special.h"
#include "engine/ptrace/tracer.h"
#include "engine/ptrace/translate.h"
#include "fs/fd.h"

namespace nestp {
namespace {

SysResult<Place> find_directory_place(CallFrame& frame, int index) {
  auto place = find_place(frame, index);
  if (place && !place->is_directory) return Errno(ENOTDIR);
  return place;
}

/// In the order of the kernel's checks (fs/open.c, chroot).
SysResult<> change_root(CallFrame& frame) {
  const auto place = find_directory_place(frame, 0);
  if (!place) return place.error();
  if (const auto search = check_search(place->host.text()); !search) return search;
  const bool may = has_capability(frame.thread(), Capability::change_root);
  if (!may || place->is_outside) return Errno(EPERM);
  frame.thread().files->root = place->guest;
  frame.tracer().forget_names();
  LOG(debug) << frame.thread().id << " has its root at " << quoted(place->guest.text());
  return Done{};
}

/// A pivot_root(2) of a thread whose root directory is `root`.
struct Pivot {
  std::shared_ptr<const View> before;
  GuestPath root, new_root;
};

/// Everyone's root directory in `mounts` moves with the mounts (fs/namespace.c, chroot_fs_refs),
/// and programs are where their mounts are now.
void move_processes(Tracer& tracer, const MountNamespace& mounts, const Pivot& pivot) {
  std::unordered_set<const void*> seen;
  tracer.threads.for_each([&](Thread& thread) {
    if (thread.process->mounts.get() != &mounts) return;
    if (seen.insert(thread.files.get()).second) {
      thread.files->forget_directory();
      GuestPath& own = thread.files->root;
      const bool inside = own != pivot.root && pivot.new_root.contains(own);
      if (inside) own = pivot.root.joined(own.below(pivot.new_root));
    }
    if (!seen.insert(thread.space.get()).second) return;
    GuestPath& program = thread.space->executable;
    const auto name = mounts.view->to_guest(pivot.before->to_host(program));
    if (name) program = *name;
  });
}

/// In the order of the kernel's checks (fs/namespace.c, pivot_root).
SysResult<> pivot_root(CallFrame& frame) {
  const auto new_root = find_directory_place(frame, 0);
  if (!new_root) return new_root.error();
  const auto put_old = find_directory_place(frame, 1);
  if (!put_old) return put_old.error();
  Thread& thread = frame.thread();
  MountNamespace& mounts = *thread.process->mounts;
  const std::shared_ptr<const View> before = mounts.view;
  const View& view = *before;
  const GuestPath root = thread.files->root;
  if (new_root->is_outside || put_old->is_outside) return Errno(EINVAL);
  const Binding* old_mount = &view.binding_of(root);
  if (&view.binding_of(new_root->guest) == old_mount ||
      &view.binding_of(put_old->guest) == old_mount) {
    return Errno(EBUSY);
  }
  if (view.binding_at(root) == nullptr || view.binding_at(new_root->guest) == nullptr) {
    return Errno(EINVAL);
  }
  if (!root.contains(new_root->guest) || !new_root->guest.contains(put_old->guest)) {
    return Errno(EINVAL);
  }
  if (put_old->guest == new_root->guest) mounts.former_root = view.to_host(root);
  mounts.view = view.pivoted(root, new_root->guest, put_old->guest);
  move_processes(frame.tracer(), mounts, {before, root, new_root->guest});
  frame.tracer().forget_names();
  return Done{};
}

}  // namespace

void special_root(CallFrame& frame) {
  if (frame.sys() == Sys::chroot) {
    const auto done = change_root(frame);
    return done ? frame.answer(0) : frame.fail(done.error());
  }
  if (!has_capability(frame.thread(), Capability::administer)) return frame.fail(Errno(EPERM));
  const auto done = pivot_root(frame);
  return done ? frame.answer(0) : frame.fail(done.error());
}

}  // namespace nestp
