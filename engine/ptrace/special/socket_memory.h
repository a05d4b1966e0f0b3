// What the tracer remembers of AF_UNIX sockets: the names their guests gave them,
// directories whose host path is too long for a sockaddr, and families.
//
// All three are bounded, and a thing forgotten costs exactness or time, never
// safety: a name is then translated by its host path, a family asked again.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <sys/types.h>
#include <unordered_map>

#include "fs/fd.h"

namespace nestp {

/// The kernel hands a bound socket's name out as bind(2) got it: the host's text.
/// This maps it back to the guest's own text, "./s" or "/tmp/../s" as it was.
class SocketNames {
 public:
  /// Bytes of sun_path; a name that fills it has no NUL.
  static constexpr std::size_t kMaxText = 108;

  /// A text for bind(2) that leads where `host` does and means `guest` alone: of two
  /// sockets that were bound to one file one after the other, each keeps its name.
  std::string remember(const std::string& host, const std::string& guest);
  /// Null if no guest bound it, or that was too long ago.
  const std::string* find(const std::string& kernel_text) const;

 private:
  std::unordered_map<std::string, std::string> guest_texts_;
  std::deque<std::string> order_;  ///< keys, oldest first
};

/// Descriptors of the tracer by which long host paths become short ones.  Kept: a call may block
/// before the kernel looks at its address.
class SocketDirectories {
 public:
  /// "/proc/<tracer>/fd/<N>/name" for `host`; the error says why its directory cannot be opened.
  SysResult<std::string> shorten(const std::string& host);

 private:
  struct Entry {
    std::string host;
    UniqueFd descriptor;
  };
  std::deque<Entry> entries_;  ///< oldest first
};

/// Which sockets can have no path in their addresses, so that their calls need no second stop.
class SocketFamilies {
 public:
  /// True if `descriptor` of the thread is surely a socket of a family other than AF_UNIX.
  bool is_other(pid_t thread, pid_t process, int descriptor);

 private:
  struct Fact {
    bool is_other = false;
    std::chrono::steady_clock::time_point known_since{};
  };
  std::unordered_map<std::uint64_t, Fact> by_inode_;
};

struct SocketMemory {
  SocketNames names;
  SocketDirectories directories;
  SocketFamilies families;
};

}  // namespace nestp
