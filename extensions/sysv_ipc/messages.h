// msgget(2), msgsnd(2), msgrcv(2), msgctl(2).
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <sys/msg.h>
#include <unordered_set>

#include "extensions/sysv_ipc/id_table.h"

namespace nestp::sysv_ipc {

class Messages {
 public:
  explicit Messages(Owner owner) : owner_(owner) {}

  std::int64_t get(Call& call);
  std::int64_t control(Call& call);
  /// None: it has to wait.
  std::optional<std::int64_t> send(Call& call);
  std::optional<std::int64_t> receive(Call& call);
  /// The thread waits no more.
  void stop_waiting(pid_t thread) { waiting_.erase(thread); }

 private:
  struct Message {
    std::int64_t type;
    std::string text;
  };
  struct Queue {
    ipc_perm permission{};
    std::deque<Message> messages{};
    std::size_t bytes = 0, room = 0;
    msqid_ds status{};  ///< times and processes
  };
  std::deque<Message>::iterator find(Queue& queue, std::int64_t type, int flags) const;
  std::optional<std::int64_t> wait_for(Call& call, int flags, int error);

  Owner owner_;
  IdTable<Queue> queues_;
  std::unordered_set<pid_t> waiting_;
};

}  // namespace nestp::sysv_ipc
