#include "engine/ptrace/birth.h"

#include <sched.h>
#include <sys/ptrace.h>

#include "engine/ptrace/memory.h"
#include "engine/ptrace/ptrace_call.h"
#include "engine/ptrace/special/namespaces.h"

namespace nestp {

std::uint64_t clone_flags(const Thread& parent, int event) {
  const std::uint64_t usual = event == PTRACE_EVENT_VFORK ? CLONE_VFORK | CLONE_VM : 0;
  // A clone(2) that signals its end by SIGCHLD is reported as a fork, whatever it shares.
  Registers registers(kAbiX64);
  if (!ptrace_call::get_registers(parent.id, registers)) return usual;
  // Another call may have been made in the place of the one that the registers show.
  const Sys sys = parent.step == Thread::Step::to_exit
                      ? parent.made_sys
                      : sys_of(registers.abi(), registers.number());
  switch (sys) {  // NOLINT: only these make threads
    case Sys::clone:
      return registers.arg(0);
    case Sys::clone3: {
      ThreadMemory memory(parent.id);
      const auto flags = memory.read_object<std::uint64_t>(GuestAddress{registers.arg(0)});
      return flags ? *flags : usual;
    }
    default:
      return usual;
  }
}

void share_with_parent(Thread& child, const Thread& parent, std::uint64_t flags) {
  child.extensions = parent.extensions;
  child.no_new_privileges = parent.no_new_privileges;
  if (flags & CLONE_THREAD) {
    child.process = parent.process;
    ++child.process->thread_count;
  } else {
    child.process = std::make_shared<Process>();
    child.process->id = child.id;
    child.process->maker = flags & CLONE_PARENT ? parent.process->maker : parent.id;
    child.process->thread_count = 1;
    child.process->mounts = parent.process->mounts;
    child.process->filters = parent.process->filters;
    child.process->has_own_filters = parent.process->has_own_filters;
    child.process->descriptor_names = parent.process->descriptor_names;
  }
  child.has_other_slots = parent.process->thread_count > 1 && (flags & CLONE_VM) == 0;
  if (flags & CLONE_VM) {
    child.space = parent.space;
  } else {
    child.space = std::make_shared<AddressSpace>(*parent.space);
    child.space->slots = SlotPool();
  }
  if (flags & CLONE_FS) {
    child.files = parent.files;
  } else {
    child.files = std::make_shared<FileSystem>(*parent.files);
    child.files->changes_under_way = 0;
  }
  begin_namespaces(child, parent);
}

}  // namespace nestp
