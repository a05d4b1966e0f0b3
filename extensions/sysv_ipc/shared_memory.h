// shmget(2), shmat(2), shmdt(2), shmctl(2): segments are files in memory that nestp holds;
// attaching maps one, by three calls of the guest's own: open, map, close.
#pragma once

#include <map>
#include <set>
#include <sys/shm.h>
#include <unordered_map>

#include "extensions/sysv_ipc/id_table.h"
#include "fs/fd.h"

namespace nestp::sysv_ipc {

class SharedMemory {
 public:
  explicit SharedMemory(Owner owner) : owner_(owner) {}

  std::int64_t get(Call& call);
  std::int64_t control(Call& call);
  /// shmat(2) and shmdt(2) are carried out by other calls.  On entry: what the guest's call becomes
  /// (untranslated), or its answer.  On exit: true if the guest's call has come to its end.
  Entry attach(Call& call);
  Entry detach(Call& call);
  void after_attach(Call& call);
  void after_detach(Call& call);

  void on_fork(pid_t parent, pid_t child);
  /// The process has ended, or runs another program.
  void on_unmapped(pid_t process);
  void on_thread_end(pid_t thread) { under_way_.erase(thread); }

 private:
  struct Segment {
    ipc_perm permission{};
    UniqueFd file{};
    std::size_t size = 0;
    shmid_ds status{};  ///< times, processes and the number of attachments
  };
  struct UnderWay {
    std::uint64_t id = 0, address = 0;
    enum class Step : std::uint8_t { open, map, close } step = Step::open;
    std::int64_t descriptor = -1, mapped = 0;
  };

  SysResult<Segment> make(key_t key, std::size_t size, int flags, pid_t process) const;
  Entry begin_attach(Call& call);
  void release(std::uint64_t id, pid_t process);

  Owner owner_;
  IdTable<Segment> segments_;
  std::unordered_map<pid_t, std::map<std::uint64_t, std::uint64_t>> attached_;  ///< address to id
  std::unordered_map<pid_t, UnderWay> under_way_;
};

}  // namespace nestp::sysv_ipc
