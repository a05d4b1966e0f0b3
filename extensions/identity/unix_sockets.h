// What the kernel tells of a Unix socket by its inode number: sock_diag(7).
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>

#include "fs/fd.h"

namespace nestp::identity {

struct UnixSocket {
  bool listens = false, is_connected = false;
  ino_t peer = 0;  ///< other end; 0: there is none, it was closed, or nobody has accepted it yet
  std::string name{};  ///< as bound, of the host; sockets that were accepted have their listener's
};

/// Of the tracer's network name space.
class UnixSockets {
 public:
  /// None: it is no Unix socket of this name space, or the kernel does not tell.
  std::optional<UnixSocket> find(ino_t inode);

 private:
  UniqueFd netlink_;
};

}  // namespace nestp::identity
