// What of the kernel's own objects a guest has to itself, and how its tree is furnished beyond
// the view.
//
// Only a backend that lets the kernel isolate keeps these; others refuse a guest that asks for
// one by name.  An empty Isolation asks for nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "fs/path.h"

namespace nestp {

/// One line of /proc/PID/uid_map: user_namespaces(7).
struct IdRange {
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  std::uint32_t count = 1;
  friend bool operator==(const IdRange&, const IdRange&) = default;
};

/// One change of the guest's tree, made in the order given, after the view is mounted.
struct MountAct {
  enum class Kind : std::uint8_t {
    bind,               ///< `host` or `descriptor` at `guest`
    remount_read_only,  ///< `guest` alone
    proc,               ///< a proc file system of the guest's own processes
    dev,                ///< a directory with the devices that any program may expect
    tmpfs,              ///< empty; `mode`, `size`
    mqueue,             ///< POSIX message queues
    overlay,            ///< `layers`, and `upper` and `work`, or a tmpfs for both, or read-only
    directory,          ///< made if it is not there; `mode`
    file,               ///< content of `descriptor`; `mode`
    bind_data,          ///< the same, as a mount that leaves the tree's own file alone
    symlink,            ///< `text` at `guest`
    change_mode,        ///< `mode` of `guest`
    file_system,        ///< type `text` from `host`, mount(2)'s `data` and `flags`: fstab(5)
  };
  enum class Overlay : std::uint8_t { read_write, temporary, read_only };
  Kind kind;
  std::string host{};
  std::string guest{};  ///< absolute; resolved in the guest's tree
  std::string text{};
  std::string data{};
  std::vector<std::string> layers{};  ///< bottom first
  std::string upper{}, work{};
  Overlay overlay = Overlay::read_write;
  std::optional<mode_t> mode{};
  std::uint64_t size = 0;   ///< bytes; 0: the kernel's default
  std::uint64_t flags = 0;  ///< MS_* bits: of a bind all of which are remounted
  int descriptor = -1;
  bool recursive = true;  ///< of bind: with the mounts below it
  bool read_only = false;
  bool devices = false;   ///< device files work
  bool optional = false;  ///< a source that is missing, or a mount that fails, is passed over
  friend bool operator==(const MountAct&, const MountAct&) = default;
};

/// What happens with setgroups(2), capabilities and ids at the start of the first process.
struct Become {
  std::optional<uid_t> uid{};
  std::optional<gid_t> gid{};
  std::optional<std::vector<gid_t>> groups{};
  friend bool operator==(const Become&, const Become&) = default;
};

/// Descriptors and files by which whoever started nestp watches a guest; -1: none.
struct Watch {
  int info = -1;       ///< gets the first process's ids as JSON once the namespaces are there
  int status = -1;     ///< likewise, a line each for start and end
  int sync = -1;       ///< stays open as long as the guest lives
  int block = -1;      ///< the command starts when there is a byte, or its end
  int block_ids = -1;  ///< likewise; somebody else writes the id maps until then
  std::vector<std::string> locks{};  ///< files of the guest, locked for reading as long as it lives
  friend bool operator==(const Watch&, const Watch&) = default;
};

/// Namespaces that are there already, by descriptors; -1: none.
struct Join {
  int user = -1;
  int user_later = -1;  ///< one below `user`, entered when the tree is mounted
  int pid = -1;
  friend bool operator==(const Join&, const Join&) = default;
};

struct Isolation {
  bool user = false;  ///< a user namespace, also where none is needed
  bool pid = false;   ///< own process ids, and nothing survives the first process
  bool ipc = false;
  bool uts = false;
  bool net = false;  ///< with a loopback interface that is up
  bool cgroup = false;
  bool time = false;
  std::string hostname{};       ///< needs `uts`
  std::vector<IdRange> uids{};  ///< empty: one's own id as itself
  std::vector<IdRange> gids{};
  bool subordinate_ids = false;  ///< also map one's ranges of /etc/subuid and subgid, from id 1
  std::vector<MountAct> mounts{};
  /// Mount points that the tree lacks are made in it where it can be written, and stay there.
  bool make_mount_points = false;
  Become become{};
  bool new_session = false;    ///< setsid(2)
  bool take_terminal = false;  ///< with `new_session`: the standard input controls it
  bool first_is_init = false;  ///< with `pid`: the first process is number 1
  /// Exactly these bits for the first process; none: as the kernel has it.
  std::optional<std::uint64_t> capabilities{};
  bool pretend_owners = false;  ///< chown(2), setgroups(2), ... succeed where ids are not mapped
  bool no_new_privileges = false;
  std::vector<int> seccomp_descriptors{};  ///< a filter's instructions each, installed last
  bool forbid_user_namespaces = false;     ///< the guest can make none
  bool wants_none_possible = false;        ///< refuses to start if it could
  Watch watch{};
  Join join{};

  bool is_empty() const { return *this == Isolation{}; }
  friend bool operator==(const Isolation&, const Isolation&) = default;
};

}  // namespace nestp
