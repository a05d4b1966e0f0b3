#include "engine/ptrace/birth.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/log.h"
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

/// The thread stands at a clone(2) or clone3(2) of which PTRACE_EVENT_CLONE would tell
/// (kernel/fork.c, kernel_clone).
bool is_told_as_clone(CallFrame& frame) {
  if (frame.sys() != Sys::clone && frame.sys() != Sys::clone3) return false;
  std::uint64_t flags = frame.arg(0), signal = flags & CSIGNAL;
  if (frame.sys() == Sys::clone3) {
    constexpr std::size_t kExitSignal = 4;
    const auto words =
        frame.memory().read_object<std::array<std::uint64_t, kExitSignal + 1>>(frame.address(0));
    if (!words) return true;
    flags = words->front();
    signal = words->back();
  }
  return (flags & CLONE_VFORK) == 0 && signal != SIGCHLD;
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
  LOG(trace) << parent.id << " makes " << child.id << (parent.makes_unreported ? ", untold" : "");
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
  Thread* thread = tracer_.threads.find_any(child);
  if (thread == nullptr || !thread->announced) {
    if (thread == nullptr) thread = &tracer_.threads.add(child);
    introduce(*thread, parent, clone_flags(parent, stop.event), stop.event);
    if (thread->started) {
      give_registers(*thread);
      begin(*thread);
    }
  }
  if (!tracer_.tracing.event_stop(parent, stop.event, *id)) resume(parent);
}

/// At the first stop, of whatever kind, of a thread that the handler made: whoever looks at it
/// sees the registers that it goes on with.
void Loop::give_registers(Thread& thread) {
  if (!thread.space->fast.has_code) return;
  ThreadMemory memory(thread.id);
  Registers registers(kAbiX64);
  if (!ptrace_call::get_registers(thread.id, registers) || !maker_of(registers, memory)) return;
  begin_behind_call(registers, memory);
  (void)ptrace_call::set_registers(thread.id, registers);
}

/// Lets a new thread make its first step, with the registers its parent had.
void Loop::begin(Thread& thread) {
  if (thread.space->fast.has_code && thread.has_other_slots) {
    // Not always: to read a page that a fork shares makes the kernel copy it (mm/gup.c, unsharing).
    ThreadMemory memory(thread.id);
    free_records(memory);
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

/// A thread of `process` with that id exists.
static bool has_thread(const Process& process, pid_t id) {
  return syscall(SYS_tgkill, process.id, id, 0) == 0;
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
  if (parent != nullptr && has_thread(*parent->process, id)) {
    if (!parent->makes_unreported) return nullptr;
  } else {
    // It has ended, so no event of its is to come; the others of its process have what it had.
    parent = nullptr;
    tracer_.threads.for_each([&](Thread& other) {
      if (parent == nullptr && has_thread(*other.process, id)) parent = &other;
    });
  }
  if (parent == nullptr) return nullptr;
  Thread& child = tracer_.threads.add(id);
  introduce(child, *parent, kOfThread, PTRACE_EVENT_CLONE);
  return &child;
}

/// Waits for the first stops of the threads of its process that nobody has told of.
void Loop::await_births(Thread& maker) {
  if (!maker.makes_unreported) return;
  const std::string tasks = "/proc/" + std::to_string(maker.process->id) + "/task";
  const DirectoryStream stream(opendir(tasks.c_str()));
  if (stream == nullptr) return;
  while (const dirent* entry = readdir(stream.get())) {
    const auto id = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (id <= 0 || tracer_.threads.find_any(id) != nullptr) continue;
    int status = 0;
    if (waitpid(id, &status, __WALL) == id) handle(read_status(id, status));
  }
}

/// At a call that may make a thread that the kernel was not to tell of, or for which it counts
/// whose they are.
void Loop::prepare_birth(CallFrame& frame) {
  Thread& thread = frame.thread();
  if (!thread.makes_unreported) return;
  const bool is_birth = is_told_as_clone(frame);
  if (!is_birth && !tells_threads_apart(frame.sys())) return;
  await_births(thread);
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
