// Makes the wait calls of a process that traces stop for nestp.
//
// Only such processes pay for it: a second seccomp filter, which the process
// installs itself by a call that it is made to do at a stop between two of its
// own instructions.  A thread that was blocked is interrupted first, so it makes
// its wait call again and is seen.
#include <cerrno>
#include <cstring>
#include <linux/seccomp.h>

#include "engine/gate/layout.h"
#include "engine/log.h"
#include "engine/ptrace/emulate/guest_tracing.h"
#include "engine/ptrace/gate_entry.h"
#include "engine/ptrace/memory.h"
#include "engine/ptrace/ptrace_call.h"
#include "engine/ptrace/seccomp.h"
#include "engine/ptrace/thread.h"

namespace nestp {
namespace {

// Results of interrupted calls that never reach a program (linux/errno.h).
constexpr std::int64_t kRestartSys = -512, kRestartNoIntr = -513, kRestartNoHandler = -514,
                       kRestartBlock = -516;

const std::string& filter_bytes() {
  static const std::string bytes = [] {
    FilterRequest request{.abis = host_abis()};
    request.gate_addresses = {gate::kCallReturn, gate::kLoaderCallReturn};
    for (const Sys sys : {Sys::wait4, Sys::waitid, Sys::waitpid}) {
      request.trace.set(static_cast<std::size_t>(sys));
    }
    const auto filter = make_filter(request);
    return std::string(reinterpret_cast<const char*>(filter.data()),
                       filter.size() * sizeof(sock_filter));
  }();
  return bytes;
}

/// struct sock_fprog of the thread's ABI, with the filter behind it.
std::string program_at(std::uint64_t address, std::size_t word_size) {
  std::string bytes(2 * word_size, '\0');
  const auto count = static_cast<std::uint16_t>(filter_bytes().size() / sizeof(sock_filter));
  const std::uint64_t filter = address + bytes.size();
  std::memcpy(bytes.data(), &count, sizeof count);
  std::memcpy(bytes.data() + word_size, &filter, word_size);
  return bytes + filter_bytes();
}

/// Registers with which the thread makes its interrupted call again, or goes on behind it:
/// what the kernel does at the end of such a call, where it has not done it yet.
Registers after_restart(Registers registers) {
  if (!registers.abi().shows_restarts || registers.number() < 0) return registers;
  const std::int64_t result = registers.result();
  const Abi& abi = registers.abi();
  std::int64_t again = -1;
  if (result == kRestartSys || result == kRestartNoIntr || result == kRestartNoHandler) {
    again = registers.number();
  } else if (result == kRestartBlock) {
    again = number_of(abi, Sys::restart_syscall);
  }
  if (again < 0) {
    registers.set_number(-1);
  } else {
    registers.repeat_call(static_cast<std::int32_t>(again));
  }
  return registers;
}

}  // namespace

void GuestTracing::see_waits(Process& process) {
  if (process.tracing->waits_seen) return;
  threads_.for_each([&process](Thread& thread) {
    if (thread.process.get() != &process) return;
    thread.wants_wait_filter = true;
    // One that stands at a stop gets the interrupt when it goes on.
    (void)ptrace_call::interrupt(thread.id);
  });
}

void GuestTracing::begin_filter(Thread& thread) {
  thread.wants_wait_filter = false;
  const bool ready = thread.space->has_gate && !thread.stops_at_start;
  if (thread.process->tracing == nullptr || thread.process->tracing->waits_seen || !ready) {
    return resume(thread);
  }
  Registers registers(kAbiX64);
  if (!ptrace_call::get_registers(thread.id, registers)) return;
  const Abi& abi = registers.abi();
  if (thread.slot < 0) thread.slot = thread.space->slots.acquire();
  const std::uint64_t address =
      thread.slot >= 0
          ? slot_address(thread.slot) + gate::kSlotScratch
          : (registers.stack() - abi.red_zone - 2 * gate::kSlotScratch - filter_bytes().size()) &
                ~15ULL;
  const std::string program = program_at(address, abi.word_size);
  ThreadMemory memory(thread.id);
  if (!memory.write(GuestAddress{address},
                    std::as_bytes(std::span(program.data(), program.size())))) {
    return resume(thread);
  }
  thread.call_registers = registers;
  registers.set_instruction(gate::kLoaderCall);
  registers.prepare_call(number_of(abi, Sys::seccomp));
  registers.set_arg(0, SECCOMP_SET_MODE_FILTER);
  registers.set_arg(1, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW);
  registers.set_arg(2, address);
  thread.step = Thread::Step::filter_entry;
  (void)ptrace_call::set_registers(thread.id, registers);
  (void)ptrace_call::resume_to_exit(thread.id);
}

void GuestTracing::filter_stop(Thread& thread) {
  if (thread.step == Thread::Step::filter_entry) {
    thread.step = Thread::Step::filter_exit;
    (void)ptrace_call::resume_to_exit(thread.id);
    return;
  }
  Registers registers(kAbiX64);
  if (!ptrace_call::get_registers(thread.id, registers)) return;
  thread.step = Thread::Step::running;
  if (registers.result() == 0) {
    ++thread.process->filters;
    if (thread.process->tracing != nullptr) thread.process->tracing->waits_seen = true;
  } else {
    LOG(warning) << thread.id << " cannot wait for what it traces: seccomp: " << registers.result();
  }
  (void)ptrace_call::set_registers(thread.id, after_restart(thread.call_registers));
  resume(thread);
}

void GuestTracing::abandon_filter(Thread& thread) {
  if (thread.step != Thread::Step::filter_entry) return;
  // Something else comes first: the thread must not be seen where it is.  At a
  // stop on the way out of the kernel a call can still be restarted by the kernel itself.
  (void)ptrace_call::set_registers(thread.id, thread.call_registers);
  thread.step = Thread::Step::running;
  thread.wants_wait_filter = true;
}

}  // namespace nestp
