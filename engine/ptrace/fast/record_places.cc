// Who changes records (gate::RecordPlaces): the tracer's side, and what becomes of the places of
// guests that are cut short.
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/ptrace/fast/fast_path.h"
#include "engine/ptrace/fast/unwind.h"
#include "engine/ptrace/ptrace_call.h"
#include "engine/ptrace/tracer.h"

namespace nestp {

bool FastPath::leave_handler_at(Thread& thread) {
  if (!thread.space->fast.has_code) return false;
  Registers registers(kAbiX64);
  if (!ptrace_call::get_registers(thread.id, registers) || !in_handler(registers)) return false;
  ThreadMemory memory(thread.id);
  if (!leave_handler(registers, memory)) return false;
  (void)ptrace_call::set_registers(thread.id, registers);
  free_places(thread.id);
  return true;
}

/// It is gone, or stopped.
bool FastPath::can_take_from(pid_t holder) {
  Thread* thread = tracer_.threads.find_any(holder);
  if (thread == nullptr || (thread->announced && leave_handler_at(*thread))) return true;
  siginfo_t ended{};
  constexpr int kOnlyLook = WEXITED | WNOHANG | WNOWAIT | __WALL;
  const int done = waitid(P_PID, static_cast<id_t>(holder), &ended, kOnlyLook);
  return done != 0 || ended.si_pid == holder;
}

void FastPath::hold(std::uint64_t inode) {
  constexpr int kMostWaits = 1000;
  constexpr timespec kWait{.tv_sec = 0, .tv_nsec = 50'000};  // a guest's own change takes 2 us
  std::uint32_t& place = memo_->places().holders[inode % gate::RecordPlaces::kCount];
  const auto own = static_cast<std::uint32_t>(getpid());
  for (int waits = 0;; ++waits) {
    std::uint32_t holder = 0;
    if (__atomic_compare_exchange_n(&place, &holder, own, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
      return;
    }
    // Whoever is kept from going on for so long is frozen from outside.
    if (waits == kMostWaits || can_take_from(static_cast<pid_t>(holder))) {
      __atomic_store_n(&place, 0U, __ATOMIC_RELEASE);
    } else if (waits < 20) {
      sched_yield();
    } else {
      nanosleep(&kWait, nullptr);
    }
  }
}

void FastPath::let_go(std::uint64_t inode) {
  std::uint32_t& place = memo_->places().holders[inode % gate::RecordPlaces::kCount];
  __atomic_store_n(&place, 0U, __ATOMIC_RELEASE);
}

void FastPath::free_places(pid_t thread) {
  if (world_ == nullptr) return;
  const auto own = static_cast<std::uint32_t>(thread);
  // Nobody else frees what that thread holds, so a look tells.
  for (std::uint32_t& place : memo_->places().holders) {
    if (__atomic_load_n(&place, __ATOMIC_RELAXED) == own)
      __atomic_store_n(&place, 0U, __ATOMIC_RELEASE);
  }
}

}  // namespace nestp
