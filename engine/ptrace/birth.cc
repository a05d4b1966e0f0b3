#include "engine/ptrace/birth.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/ptrace/call_frame.h"
#include "engine/ptrace/fast/unwind.h"
#include "engine/ptrace/loop.h"
#include "engine/ptrace/memory.h"
#include "engine/ptrace/ptrace_call.h"
#include "engine/ptrace/special/namespaces.h"
#include "fs/directory_stream.h"

namespace nestp {
namespace {

/// Those of a thread that the handler makes, as far as they matter here.
constexpr std::uint64_t kOfThread =
    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;

/// Flags of the clone(2) or clone3(2) that a thread stands at, with its signal; 0: none such, or
/// they cannot be read.
std::uint64_t flags_of_call(CallFrame& frame) {
  if (frame.sys() == Sys::clone) return frame.arg(0);
  if (frame.sys() != Sys::clone3) return 0;
  constexpr std::size_t kExitSignal = 4;
  const auto words =
      frame.memory().read_object<std::array<std::uint64_t, kExitSignal + 1>>(frame.address(0));
  return words ? words->front() | words->back() : 0;
}

/// PTRACE_EVENT_CLONE is what would tell of it (kernel/fork.c, kernel_clone).
bool is_told_as_clone(CallFrame& frame) {
  const std::uint64_t flags = flags_of_call(frame);
  return flags != 0 && (flags & CLONE_VFORK) == 0 && (flags & CSIGNAL) != SIGCHLD;
}

/// Calls at which it matters whose a thread is that was made before.
bool tells_threads_apart(Sys sys) {
  static const SysSet deciding = [] {
    SysSet calls;
    for (const Sys one : {Sys::setuid, Sys::setgid, Sys::setreuid, Sys::setregid, Sys::setresuid,
                          Sys::setresgid, Sys::setfsuid, Sys::setfsgid, Sys::setgroups, Sys::capset,
                          Sys::prctl, Sys::unshare, Sys::setns}) {
      calls.set(static_cast<std::size_t>(one));
    }
    return calls;
  }();
  return deciding.test(static_cast<std::size_t>(sys));
}

}  // namespace

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
  child.makes_unreported = parent.makes_unreported;
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

// ---- the loop's part -----------------------------------------------------------

void Loop::introduce(Thread& child, Thread& parent, std::uint64_t flags, int event) {
  share_with_parent(child, parent, flags);
  child.announced = true;
  tracer_.placement.born(child.id, parent.id,
                         child.process == parent.process ? Placement::Birth::thread_of_process
                                                         : Placement::Birth::process);
  ++tracer_.stats.threads;
  tracer_.stats.most_threads =
      std::max<std::uint64_t>(tracer_.stats.most_threads, tracer_.threads.size());
  for (const auto& extension : tracer_.extensions)
    extension->on_thread_start(child.id, parent.id);
  if (parent.new_namespaces != 0) {
    for (const auto& extension : tracer_.extensions)
      extension->on_namespaces(child.id, parent.new_namespaces);
  }
  tracer_.tracing.birth(parent, child, event);
}

void Loop::birth(Thread& parent, const Stop& stop) {
  const auto id = ptrace_call::event_message(parent.id);
  if (!id) return;
  const auto child = static_cast<pid_t>(*id);
  if (stillborn_.erase(child) != 0) return resume(parent);
  Thread* thread = tracer_.threads.find(child);
  // One that was adopted may be gone already.
  if (thread == nullptr && tracer_.fast && kill(child, 0) != 0 && errno == ESRCH)
    return resume(parent);
  if (thread == nullptr || !thread->announced) {
    if (thread == nullptr) thread = &tracer_.threads.add(child);
    introduce(*thread, parent, clone_flags(parent, stop.event), stop.event);
    if (thread->started) begin(*thread);
  }
  if (!tracer_.tracing.event_stop(parent, stop.event, *id)) resume(parent);
}

/// Lets a new thread make its first step, with the registers its parent had.
void Loop::begin(Thread& thread) {
  if (thread.space->fast.has_code) {
    ThreadMemory memory(thread.id);
    Registers registers(kAbiX64);
    if (thread.has_other_slots) free_slots(memory);
    if (ptrace_call::get_registers(thread.id, registers) && maker_of(registers, memory)) {
      begin_behind_call(registers, memory);
      (void)ptrace_call::set_registers(thread.id, registers);
    }
  }
  if (thread.given_argument) {
    Registers registers(kAbiX64);
    // Where the result takes the argument's place, there is nothing to put back.
    if (read_call_registers(thread.id, registers) &&
        registers.abi().registers.result != registers.abi().registers.args[0]) {
      registers.set_arg(0, *thread.given_argument);
      (void)ptrace_call::set_registers(thread.id, registers);
    }
    thread.given_argument.reset();
  }
  if (!tracer_.tracing.first_stop(thread)) resume(thread);
}

/// A thread that nobody told of, at its first stop.  Null: its parent's event is to come.
Thread* Loop::adopt(pid_t id) {
  if (!tracer_.fast) return nullptr;
  Registers registers(kAbiX64);
  if (!ptrace_call::get_registers(id, registers)) return nullptr;
  ThreadMemory memory(id);
  const auto maker = maker_of(registers, memory);
  if (!maker) return nullptr;
  Thread* parent = tracer_.threads.find(*maker);
  if (parent == nullptr) {
    // It has ended meanwhile; the others of its process have what it had.
    tracer_.threads.for_each([&](Thread& other) {
      const bool is_same =
          other.process != nullptr && syscall(SYS_tgkill, other.process->id, id, 0) == 0;
      if (is_same) parent = &other;
    });
  }
  if (parent == nullptr || !parent->makes_unreported) return nullptr;
  Thread& child = tracer_.threads.add(id);
  introduce(child, *parent, kOfThread, PTRACE_EVENT_CLONE);
  return &child;
}

/// The threads of its process that nobody has told of get what `maker` has now.
void Loop::adopt_all(Thread& maker) {
  if (!maker.makes_unreported) return;
  const std::string tasks = "/proc/" + std::to_string(maker.process->id) + "/task";
  const DirectoryStream stream(opendir(tasks.c_str()));
  if (stream == nullptr) return;
  while (const dirent* entry = readdir(stream.get())) {
    const auto id = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (id <= 0 || tracer_.threads.find(id) != nullptr) continue;
    introduce(tracer_.threads.add(id), maker, kOfThread, PTRACE_EVENT_CLONE);
  }
}

/// At a call that may make a thread that the kernel was not to tell of, or for which it counts
/// whose they are.
void Loop::prepare_birth(CallFrame& frame) {
  Thread& thread = frame.thread();
  if (!thread.makes_unreported) return;
  const bool is_birth = is_told_as_clone(frame);
  if (!is_birth && !tells_threads_apart(frame.sys())) return;
  adopt_all(thread);
  if (!is_birth) return;
  // Not for this one call alone, as nothing tells that it failed.
  if (ptrace_call::report_threads(thread.id, true)) thread.makes_unreported = false;
}

/// After an exec: the kernel tells of new threads, or the handler of those it makes.
void Loop::set_birth_reports(Thread& thread) {
  const bool is_inside = tracer_.fast && thread.space->fast.has_code &&
                         tracer_.fast->makes_threads() && thread.ptracee == nullptr;
  if (is_inside == thread.makes_unreported) return;
  if (ptrace_call::report_threads(thread.id, !is_inside)) thread.makes_unreported = is_inside;
}

}  // namespace nestp
