// Every ptrace(2) request nestp makes, typed; nobody else calls ptrace.
//
// All act on a stopped thread that this thread traces, but attach().  ESRCH
// means that the thread was killed meanwhile, which can happen at any stop:
// callers treat it as "gone" and wait for the kernel to say so.
#pragma once

#include <csignal>
#include <cstdint>
#include <sys/types.h>

#include "arch/registers.h"
#include "arch/result.h"

namespace nestp {

namespace ptrace_call {

/// PTRACE_SEIZE with the options the engine lives by.
SysResult<> seize(pid_t thread);
/// The same options and more, of a stopped thread.
SysResult<> set_more_options(pid_t thread, std::uint64_t options);
/// The same options, with or without the event that tells of a new thread that is none of a fork's
/// or vfork's; of a stopped thread.
SysResult<> report_threads(pid_t thread, bool reports);
SysResult<> detach(pid_t thread, int signal);

/// Fills `registers`, and sets its ABI by the size of the register set.
SysResult<> get_registers(pid_t thread, Registers& registers);
SysResult<> set_registers(pid_t thread, const Registers& registers);

/// PTRACE_GETEVENTMSG: of a seccomp stop the filter's data, of a fork the new id.
SysResult<unsigned long> event_message(pid_t thread);

/// Audit architecture of the call the thread stands at: that of the instruction,
/// not of the process.  ENOSYS or EINVAL before Linux 5.3.
SysResult<std::uint32_t> call_architecture(pid_t thread);

/// Goes on to the next event; `signal` is delivered (0: none).
SysResult<> resume(pid_t thread, int signal = 0);
/// Goes on to the end of the call the thread stands at.
SysResult<> resume_to_exit(pid_t thread, int signal = 0);
SysResult<> single_step(pid_t thread, int signal = 0);
/// Stays stopped, but sees SIGCONT (group stop).
SysResult<> listen(pid_t thread);
SysResult<> interrupt(pid_t thread);

SysResult<siginfo_t> signal_info(pid_t thread);
SysResult<> set_signal_info(pid_t thread, const siginfo_t& info);

SysResult<std::uint64_t> peek(pid_t thread, std::uint64_t address);
SysResult<> poke(pid_t thread, std::uint64_t address, std::uint64_t word);

/// Any other request, for the emulation of ptrace(2); raw arguments.
SysResult<long> raw(int request, pid_t thread, std::uint64_t address, std::uint64_t data);

}  // namespace ptrace_call

}  // namespace nestp
