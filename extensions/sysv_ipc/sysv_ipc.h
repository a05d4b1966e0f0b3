// System V shared memory, semaphores and messages without the kernel's: for hosts that
// lack them, and for guests that are to have their own (--sysvipc).
//
// All guests of a session share one name space, which ends with it.  They are one person's,
// so permissions are kept and shown, but not judged.  Who has to wait looks again at
// intervals that grow from a fifth to ten milliseconds.  For programs of 64 bits: those of
// 32 bits have what the kernel has.  /proc/sysvipc is the kernel's, too.
#pragma once

#include <array>
#include <chrono>
#include <set>
#include <unordered_map>

#include "engine/extension.h"
#include "extensions/sysv_ipc/messages.h"
#include "extensions/sysv_ipc/semaphores.h"
#include "extensions/sysv_ipc/shared_memory.h"

namespace nestp {

class SysvIpc final : public Extension {
 public:
  /// `is_asked_for`: by the person, not for the host's sake.
  SysvIpc(sysv_ipc::Owner owner, bool is_asked_for);

  /// This kernel has no System V IPC.
  static bool is_missing();

  std::string_view name() const override { return "--sysvipc"; }
  bool is_asked_for() const override { return is_asked_for_; }
  SysSet entries() const override;
  Entry on_entry(Call& call) override;
  void on_exit(Call& call) override;
  void on_program_start(ProgramStart& start) override;
  void on_thread_start(pid_t thread, pid_t parent) override;
  void on_thread_end(pid_t thread) override;
  void on_thread_renamed(pid_t former, pid_t now) override;

 private:
  using Clock = std::chrono::steady_clock;
  /// A call that has to wait, from its first try on.
  struct Waiting {
    Sys sys;
    std::array<std::uint64_t, 6> args;
    std::chrono::microseconds pause;
    Clock::time_point deadline;
    Clock::time_point resumed{};  ///< when its last sleep ended
  };

  std::optional<std::int64_t> answer_of(Call& call);
  Entry wait(Call& call);
  SysResult<Clock::time_point> deadline_of(Call& call) const;
  void stop_waiting(pid_t thread);

  sysv_ipc::SharedMemory memory_;
  sysv_ipc::Semaphores semaphores_;
  sysv_ipc::Messages messages_;
  bool is_asked_for_;
  std::unordered_map<pid_t, Waiting> waiting_;
  std::unordered_map<pid_t, Sys> under_way_;  ///< shmat(2), shmdt(2)
  std::unordered_map<pid_t, pid_t> process_of_;
  std::unordered_map<pid_t, std::set<pid_t>> threads_of_;
};

}  // namespace nestp
