// Who processes were when they made the sockets that they still have.
//
// The kernel tells the other end of a Unix socket who connected, listened or made
// the pair: as whom at that time (net/unix/af_unix.c, init_peercred).  A process
// that never changes its ids is who it was.  So nothing is looked at until one
// changes them: then its sockets are noted under the former ids.
#pragma once

#include <cstddef>
#include <string>
#include <sys/types.h>
#include <unordered_map>
#include <vector>

#include "extensions/identity/credentials.h"
#include "extensions/identity/unix_sockets.h"

namespace nestp::identity {

/// Ids of a process that others may ask for.
struct Sender {
  Id user = 0, group = 0;
  std::vector<Id> groups{};
  friend bool operator==(const Sender&, const Sender&) = default;
};

inline Sender sender_of(const Credentials& who) {
  return {who.user.effective, who.group.effective, who.groups};
}

class PeerNotes {
 public:
  /// The process was `before` until now.
  void note(pid_t process, const Sender& before);
  /// Who `process` was when it made the other end of socket `inode`; null: who it is.
  const Sender* find(pid_t process, ino_t inode);
  /// It has become somebody else, with sockets.
  bool knows(pid_t process) const { return processes_.contains(process); }
  /// A new process has the number.
  void forget(pid_t process) { processes_.erase(process); }

 private:
  struct Process {
    std::unordered_map<ino_t, Sender> connected;
    std::unordered_map<std::string, Sender> listening;  ///< by their names
  };
  UnixSockets sockets_;
  std::unordered_map<pid_t, Process> processes_;  ///< bounded
};

}  // namespace nestp::identity
