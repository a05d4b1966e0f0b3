// The specials of a few lines.
#include <algorithm>
#include <cerrno>

#include "engine/ptrace/special/namespaces.h"
#include "engine/ptrace/special/special.h"
#include "engine/ptrace/tracer.h"
#include "engine/ptrace/translate.h"

namespace nestp {
namespace {

constexpr std::uint64_t kGetDumpable = 3, kSetDumpable = 4;        // PR_*_DUMPABLE
constexpr std::uint64_t kSetNoNewPrivs = 38, kGetNoNewPrivs = 39;  // PR_*_NO_NEW_PRIVS

/// nestp's filter needs the kernel's flag; the guest is told of its own.
void no_new_privileges(CallFrame& frame) {
  const bool gets = frame.arg(0) == kGetNoNewPrivs;
  const bool valid =
      frame.arg(1) == (gets ? 0 : 1) && frame.arg(2) == 0 && frame.arg(3) == 0 && frame.arg(4) == 0;
  if (!valid) return;  // EINVAL, says the kernel
  Thread& thread = frame.thread();
  if (gets) return frame.answer(thread.no_new_privileges ? 1 : 0);
  thread.no_new_privileges = true;
  frame.answer(0);
}

bool holds_address(const SyscallRow& row) {
  return std::any_of(row.args.begin(), row.args.end(), [](ArgKind kind) {
    return kind == ArgKind::address || kind == ArgKind::address_out;
  });
}

/// A filter of the guest's own must see the guest's own calls.
void stop_answering(CallFrame& frame) {
  frame.thread().process->has_own_filters = true;
  Tracer& tracer = frame.tracer();
  if (tracer.fast) tracer.fast->suspend(frame.thread());
}

}  // namespace

void ordinary_call(CallFrame& frame) {
  if (acknowledge_network_change(frame)) return;
  if (holds_address(*frame.row())) return special_socket(frame);
  translate_paths(frame);
}

void special_prctl(CallFrame& frame) {
  constexpr std::uint64_t kSetSeccomp = 22;  // PR_SET_SECCOMP
  if (frame.sys() == Sys::seccomp) {
    constexpr std::uint64_t kAsksOnly = 2;  // SECCOMP_GET_ACTION_AVAIL and what came later
    if (frame.arg(0) < kAsksOnly) stop_answering(frame);
    return;
  }
  if (frame.arg(0) == kSetSeccomp) return stop_answering(frame);
  if (frame.arg(0) == kSetNoNewPrivs || frame.arg(0) == kGetNoNewPrivs) {
    return no_new_privileges(frame);
  }
  // A guest that is not dumpable could not be read by the tracer, which without
  // privilege has no more rights than the guest.  It is told what it wants to hear.
  AddressSpace& space = *frame.thread().space;
  if (frame.arg(0) == kGetDumpable) return frame.answer(space.dumpable);
  if (frame.arg(0) != kSetDumpable) return;
  if (frame.arg(1) > 1) return frame.fail(Errno(EINVAL));
  space.dumpable = static_cast<int>(frame.arg(1));
  frame.answer(0);
}

void special_handle(CallFrame& frame) {
  // The handle names an inode of the host, wherever it lies: only root may use it,
  // and a chroot would not hold it either.
  (void)frame;
}

void special_unavailable(CallFrame& frame) { frame.fail(Errno(ENOSYS)); }

}  // namespace nestp
