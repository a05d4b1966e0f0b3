// From a guest's path to the path the host kernel takes: nestp's namei.
//
// Follows the components as path_resolution(7) and fs/namei.c do, inside the
// view.  What the kernel decides on the translated path (existence, permission,
// type of the last component) is left to the kernel; what it cannot decide any
// more on that path ("..", links that leave the binding, mount points) is
// decided here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "arch/result.h"
#include "fs/path.h"
#include "fs/path_cache.h"
#include "fs/view.h"

namespace nestp {

/// What to do with the last component.
enum class LastLink : std::uint8_t {
  follow,  ///< an object is meant: stat(2)
  keep,    ///< the link itself is meant, but a trailing slash follows: lstat(2)
  entry,   ///< the directory entry is meant, to be made, removed or renamed: mkdir(2).
           ///< Never followed; "." and ".." in the last place are handed on.
};

/// RESOLVE_* bits of openat2(2), as <linux/openat2.h> defines them.
using ResolveFlags = std::uint64_t;

/// A thread that looks for something.
struct Searcher {
  pid_t thread = 0;
  bool by_real_ids = false;  ///< access(2); all others ask by the ids for files
};

/// What only the engine knows of processes, for the magic links of /proc.
class ProcessFacts {
 public:
  virtual ~ProcessFacts() = default;
  /// Program that a guest process runs, for /proc/PID/exe; none: not a guest.
  virtual std::optional<GuestPath> executable(pid_t process) const = 0;
  /// Root directory of a guest process, for /proc/PID/root; none: not a guest.
  virtual std::optional<GuestPath> root(pid_t process) const = 0;
  /// By which of several names a guest got to what `name`, "cwd" or a number of
  /// fd/, stands for; none: not known.  Checked before it is believed.
  virtual std::optional<GuestPath> used_name(pid_t /*process*/, std::string_view /*name*/) const {
    return std::nullopt;
  }
  /// A look at `host` failed with EACCES.  True: something was done about it, look again.
  virtual bool on_denied(const std::string& /*host*/) const { return false; }
  /// For ResolveFrom::judged.  EACCES: the thread may not search directory `host`; ENOTDIR: it is
  /// none.
  virtual SysResult<> search(const Searcher& /*who*/, const std::string& /*host*/) const {
    return Done{};
  }
};

/// Who asks, and from where.
struct ResolveFrom {
  const View& view;
  GuestPath root;  ///< the asking thread's root directory, "/" unless it called chroot(2)
  std::optional<GuestPath> base;  ///< where a relative path starts; none: outside the view
  std::string base_host{};        ///< the same as a host path, for a base outside the view
  /// A path that the kernel takes to the base itself ("/proc/17/cwd"): for a base
  /// whose own path may not be searched.  Empty: none.
  std::string base_anchor{};
  /// A relative text that fails is handed back as it is, where the kernel, walking
  /// it itself, must fail too: it knows best which errno comes first.
  bool kernel_judges = false;
  pid_t process = 0;                        ///< /proc/self
  pid_t thread = 0;                         ///< /proc/thread-self
  const ProcessFacts* processes = nullptr;  ///< null: no process is a guest
  /// ProcessFacts::search() is asked for every directory that is passed, as the kernel cannot
  /// know what the thread may search.
  bool judged = false;
  bool by_real_ids = false;  ///< Searcher::by_real_ids, where judged
};

/// Whether the asking thread may search directory `host`, as an extension or the kernel judges.
SysResult<> check_search(const ResolveFrom& from, const std::string& host);

struct Resolved {
  /// Absolute path for the host kernel, with the guest's own trailing slash,
  /// "/." or "/.." where the kernel must see it.
  std::string host;
  /// The same by way of ResolveFrom::base_anchor, for a look at what may not be searched
  /// for from the root; empty where that is no use.
  std::string by_base{};
  /// Canonical place in the view (not relative to the thread's root) of the
  /// object, or of the entry if it was kept.
  GuestPath guest = GuestPath::root();
  const Binding* binding = nullptr;  ///< deepest one that contains `guest`; null: outside the view
  /// `guest` is the mount point of a binding, or the root.  False if an entry
  /// was asked for by "/", "." or "..": there the kernel's own errno is due.
  bool at_mount_point = false;
  /// The kernel, walking the guest's own text from the thread's own directory,
  /// gets to the same place: the text may be handed on as it is.  Only for
  /// relative paths.
  bool unchanged = false;
  /// Last component is a magic link of procfs that was left to the kernel
  /// (fd/N, cwd, ...).  Followed or not, as the call itself says.
  bool magic = false;
  /// `host` is `/proc/PID/exe` of a guest: `guest` is the program's path.
  bool is_executable_link = false;

  /// Where the tracer itself should look.
  const std::string& seen() const { return by_base.empty() ? host : by_base; }
};

class Resolver {
 public:
  explicit Resolver(PathCache& cache) : cache_(cache) {}

  /// `text`: as the guest passed it, not empty.
  /// Errors, as fs/namei.c gives them: ENAMETOOLONG (path of 4096 bytes or more
  /// with its NUL, component over 255), ELOOP at the 41st link, ENOENT and
  /// ENOTDIR and EACCES where a ".." or a link lies behind the failing
  /// component; for `flags`: ELOOP (NO_SYMLINKS, NO_MAGICLINKS), EXDEV (BENEATH, NO_XDEV).
  SysResult<Resolved> resolve(const ResolveFrom& from, std::string_view text, LastLink last,
                              ResolveFlags flags = 0);

 private:
  PathCache& cache_;
};

}  // namespace nestp
