// A guest thread that stops inside the fast path is shown as if it stood at its
// own syscall instruction: there nothing of nestp is on its stack or in its
// registers.  So signal handlers, profilers and debuggers see the guest alone.
#pragma once

#include <optional>
#include <sys/types.h>

#include "arch/registers.h"
#include "engine/ptrace/memory.h"

namespace nestp {

/// True if the instruction pointer is in the handler or in what leads to it.
bool in_handler(const Registers& registers);

/// Puts the thread's registers back to the guest's: its call is not made yet,
/// interrupted, or done, whichever is true.  Frees its slot.  False if what the
/// handler kept cannot be read any more.
bool leave_handler(Registers& registers, ThreadMemory& memory);

/// The maker of a new thread that the handler has made (gate::Birth) and that has not run yet;
/// none: another has.
std::optional<pid_t> maker_of(const Registers& registers, ThreadMemory& memory);

/// Such a thread goes on behind its maker's syscall instruction.
void begin_behind_call(Registers& registers, ThreadMemory& memory);

/// After a fork of a program with several threads: no slot of the child is in use, and the threads
/// that were being made are not its own.
void free_records(ThreadMemory& memory);

}  // namespace nestp
