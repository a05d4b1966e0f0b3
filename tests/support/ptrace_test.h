// What the tests of ptrace(2) share: a traced child, and stops as one number.
#pragma once

#include <csignal>
#include <cstdint>
#include <elf.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "tests/support/guest_test.h"

/// What waitpid(2) said: the signal and event of a stop (status >> 8), -1 for anything else.
inline int stop_of(int status) { return WIFSTOPPED(status) ? status >> 8 : -1; }

/// Waits for the next stop of exactly that thread; -1 if it ended or there is nothing to wait for.
inline int next_stop(pid_t thread) {
  int status = 0;
  if (waitpid(thread, &status, __WALL) != thread) return -1;
  return stop_of(status);
}

constexpr int event_stop(int event, int signal = SIGTRAP) { return signal | event << 8; }
constexpr int kCallStop = SIGTRAP | 0x80;  // with PTRACE_O_TRACESYSGOOD

// NOLINTBEGIN(performance-no-int-to-ptr): the library's prototype has pointers
inline long trace(int request, pid_t thread, std::uintptr_t address = 0, std::uintptr_t data = 0) {
  return ptrace(static_cast<__ptrace_request>(request), thread, reinterpret_cast<void*>(address),
                reinterpret_cast<void*>(data));
}
// NOLINTEND(performance-no-int-to-ptr)

inline std::uintptr_t word(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

inline bool get_registers(pid_t thread, user_regs_struct& registers) {
  iovec area{&registers, sizeof registers};
  return trace(PTRACE_GETREGSET, thread, NT_PRSTATUS, word(&area)) == 0 &&
         area.iov_len == sizeof registers;
}
#if defined(__x86_64__)
inline unsigned long instruction_of(const user_regs_struct& registers) { return registers.rip; }
inline unsigned long stack_of(const user_regs_struct& registers) { return registers.rsp; }
#else
inline unsigned long instruction_of(const user_regs_struct& registers) { return registers.pc; }
inline unsigned long stack_of(const user_regs_struct& registers) { return registers.sp; }
#endif

/// A child that asks to be traced and stops; then runs `body`.
template <typename Body>
pid_t traced_child(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    if (trace(PTRACE_TRACEME, 0) != 0) _exit(99);
    raise(SIGSTOP);
    _exit(body());
  }
  return child;
}

/// A child that is not traced yet: runs `body` once a byte is written to `go`.
template <typename Body>
pid_t waiting_child(int& go, Body body) {
  go = -1;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[1]);
    char byte;
    if (read(ends[0], &byte, 1) != 1) _exit(98);
    _exit(body());
  }
  close(ends[0]);
  go = ends[1];
  return child;
}
