// semget(2), semop(2), semtimedop(2), semctl(2).
#pragma once

#include <optional>
#include <sys/sem.h>
#include <unordered_map>
#include <utility>
#include <vector>

#include "extensions/sysv_ipc/id_table.h"

namespace nestp::sysv_ipc {

class Semaphores {
 public:
  explicit Semaphores(Owner owner) : owner_(owner) {}

  std::int64_t get(Call& call);
  std::int64_t control(Call& call);
  /// None: it has to wait.
  std::optional<std::int64_t> operate(Call& call);
  /// SEM_UNDO of a process that has ended.
  void on_process_end(pid_t process);
  /// The thread waits no more.
  void stop_waiting(pid_t thread) { waiting_.erase(thread); }

 private:
  struct Semaphore {
    std::int32_t value = 0;
    pid_t process = 0;  ///< that changed it last
  };
  struct Set {
    ipc_perm permission{};
    std::vector<Semaphore> semaphores{};
    time_t used = 0, changed = 0;
  };
  struct Waiting {
    std::uint64_t id;
    std::uint16_t index;
    bool for_zero;
  };
  using UndoKey = std::pair<std::uint64_t, std::uint16_t>;  ///< id and index

  std::int64_t control_one(Call& call, Set& set, int command);
  std::int64_t control_all(Call& call, Set& set, int command);
  int count_waiting(std::uint64_t id, std::uint64_t index, bool for_zero) const;
  void forget_undo(std::uint64_t id, std::optional<std::uint16_t> index);

  Owner owner_;
  IdTable<Set> sets_;
  std::unordered_map<pid_t, Waiting> waiting_;
  std::unordered_map<pid_t, std::map<UndoKey, std::int32_t>> undo_;  ///< by process
};

}  // namespace nestp::sysv_ipc
