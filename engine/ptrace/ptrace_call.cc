#include "engine/ptrace/ptrace_call.h"

#include <cerrno>
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

namespace nestp::ptrace_call {
namespace {

SysResult<> request(int what, pid_t thread, std::uint64_t address, std::uint64_t data) {
  const auto done = raw(what, thread, address, data);
  if (!done) return done.error();
  return Done{};
}

// No TRACEEXIT and no TRACEVFORKDONE: each would be one more stop for every
// process, and waitpid(2) tells the end of a thread anyway.
constexpr std::uint64_t kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP |
                                   PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                                   PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;

constexpr std::uint64_t kNumberSet = 0x404;  // NT_ARM_SYSTEM_CALL

std::uint64_t word(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

}  // namespace

SysResult<long> raw(int what, pid_t thread, std::uint64_t address, std::uint64_t data) {
  errno = 0;
  const long result = ptrace(static_cast<__ptrace_request>(what), thread,
                             reinterpret_cast<void*>(address), reinterpret_cast<void*>(data));
  if (result == -1 && errno != 0) return Errno(errno);
  return result;
}

SysResult<> seize(pid_t thread) { return request(PTRACE_SEIZE, thread, 0, kOptions); }

SysResult<> set_more_options(pid_t thread, std::uint64_t options) {
  return request(PTRACE_SETOPTIONS, thread, 0, kOptions | options);
}

SysResult<> report_threads(pid_t thread, bool reports) {
  const std::uint64_t options = reports ? kOptions : kOptions & ~std::uint64_t{PTRACE_O_TRACECLONE};
  return request(PTRACE_SETOPTIONS, thread, 0, options);
}

SysResult<> detach(pid_t thread, int signal) {
  return request(PTRACE_DETACH, thread, 0, static_cast<std::uint64_t>(signal));
}

SysResult<> get_registers(pid_t thread, Registers& registers) {
  const auto room = registers.room();
  iovec area{room.data(), room.size()};
  const auto done = request(PTRACE_GETREGSET, thread, NT_PRSTATUS, word(&area));
  if (done && !registers.loaded(area.iov_len)) return Errno(EIO);
  return done;
}

SysResult<> set_registers(pid_t thread, const Registers& registers) {
  const auto bytes = registers.bytes();
  iovec area{const_cast<std::byte*>(bytes.data()), bytes.size()};
  const auto done = request(PTRACE_SETREGSET, thread, NT_PRSTATUS, word(&area));
  const auto number = registers.separate_number();
  if (!done || !number) return done;
  std::int32_t separate = *number;
  iovec number_area{&separate, sizeof separate};
  return request(PTRACE_SETREGSET, thread, kNumberSet, word(&number_area));
}

SysResult<unsigned long> event_message(pid_t thread) {
  unsigned long message = 0;
  const auto done = request(PTRACE_GETEVENTMSG, thread, 0, word(&message));
  if (!done) return done.error();
  return message;
}

SysResult<std::uint32_t> call_architecture(pid_t thread) {
  // struct ptrace_syscall_info starts with {u8 op; u8 pad[3]; u32 arch}.
  constexpr int kGetSyscallInfo = 0x420e;
  std::uint32_t head[2] = {};
  const auto done = request(kGetSyscallInfo, thread, sizeof head, word(head));
  if (!done) return done.error();
  return head[1];
}

SysResult<> resume(pid_t thread, int signal) {
  return request(PTRACE_CONT, thread, 0, static_cast<std::uint64_t>(signal));
}

SysResult<> resume_to_exit(pid_t thread, int signal) {
  return request(PTRACE_SYSCALL, thread, 0, static_cast<std::uint64_t>(signal));
}

SysResult<> single_step(pid_t thread, int signal) {
  return request(PTRACE_SINGLESTEP, thread, 0, static_cast<std::uint64_t>(signal));
}

SysResult<> listen(pid_t thread) { return request(PTRACE_LISTEN, thread, 0, 0); }

SysResult<> interrupt(pid_t thread) { return request(PTRACE_INTERRUPT, thread, 0, 0); }

SysResult<siginfo_t> signal_info(pid_t thread) {
  siginfo_t info{};
  const auto done = request(PTRACE_GETSIGINFO, thread, 0, word(&info));
  if (!done) return done.error();
  return info;
}

SysResult<> set_signal_info(pid_t thread, const siginfo_t& info) {
  return request(PTRACE_SETSIGINFO, thread, 0, word(&info));
}

SysResult<std::uint64_t> peek(pid_t thread, std::uint64_t address) {
  // glibc's ptrace() returns the word itself and uses errno for failure.
  const auto got = raw(PTRACE_PEEKDATA, thread, address, 0);
  if (!got) return got.error();
  return static_cast<std::uint64_t>(*got);
}

SysResult<> poke(pid_t thread, std::uint64_t address, std::uint64_t word_to_write) {
  return request(PTRACE_POKEDATA, thread, address, word_to_write);
}

}  // namespace nestp::ptrace_call
