// All that is promised to a guest, in one value.
//
// cli makes it from the command line; each backend (ptrace, namespace, chroot)
// makes it true its own way or refuses.  Nothing in it names a backend, and no
// backend takes any other setting from the user.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

#include "engine/isolation.h"
#include "fs/path.h"
#include "fs/session_directory.h"
#include "fs/view.h"

namespace nestp {

/// What happens to the guest's other processes when the first one has ended.
enum class OnExit : std::uint8_t {
  wait,    ///< nestp lives until the last of them ends
  kill,    ///< they are killed
  detach,  ///< nestp returns at once; they live on under a tracer in the background
};

/// How long an answer that was given before may be given again (architecture: memo).
enum class CacheMode : std::uint8_t {
  shared,     ///< others may change the trees: for PathCache::kStaleness
  exclusive,  ///< nobody else does: until a guest changes a symlink or moves a directory
  off,        ///< never
};

struct Guest {
  std::shared_ptr<const View> view;
  GuestPath directory = GuestPath::root();  ///< working directory at start
  std::string program;  ///< as execve(2) takes it: absolute, or relative to `directory`
  std::vector<std::string> command;      ///< argv, at least one element
  std::vector<std::string> environment;  ///< "NAME=value", complete
  OnExit on_exit = OnExit::wait;
  bool die_with_parent = false;  ///< kill the guest when nestp's own parent dies
  bool allow_io_uring =
      false;  ///< let io_uring_setup(2) through; its path operations are not translated
  bool accelerate = true;  ///< false: stop at every syscall (PROOT_NO_SECCOMP)
  bool fast_path = true;   ///< calls answered before are answered inside the guest
  CacheMode cache = CacheMode::shared;
  bool backtrace = false;  ///< print a guest backtrace at a fatal signal
  std::string
      trace_file{};  ///< --trace: one line per translated call goes here; "-" is stderr; empty: off
  std::string stats{};  ///< --stats: "text" or "json" on stderr at the end; empty: off
  /// Called when the guest's namespaces are there and nothing runs in them yet, with the
  /// process that holds them; only by backends that make some.
  std::function<void(pid_t)> on_start{};
  /// Called once the first process has ended, others may live on: its status as of waitpid(2).
  std::function<void(int status)> on_first_end{};
  /// Every promise to the letter.  False, for a backend that was asked for by name: files of
  /// others may show nobody's ids, and a directory that got mount points be read-only.
  bool exact = true;
  Isolation isolation{};
  SessionDirectory* session = nullptr;  ///< where a guest's own tmpfs mounts lie; null: none
  std::string loader_directory{};  ///< where the loader goes if the kernel has no memfd; empty:
                                   ///< TMPDIR or /tmp
};

}  // namespace nestp
