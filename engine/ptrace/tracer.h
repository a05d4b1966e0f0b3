// What the tracer's parts share: the guest's promise, its threads, path
// services and counters.  One thread, one instance.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <sys/types.h>
#include <vector>

#include "engine/extension.h"
#include "engine/guest.h"
#include "engine/ptrace/emulate/guest_tracing.h"
#include "engine/ptrace/exec/images.h"
#include "engine/ptrace/exec/known_files.h"
#include "engine/ptrace/fast/fast_path.h"
#include "engine/ptrace/placement.h"
#include "engine/ptrace/running_programs.h"
#include "engine/ptrace/special/socket_memory.h"
#include "engine/ptrace/thread.h"
#include "engine/ptrace/trace_file.h"
#include "engine/stats.h"
#include "fs/path_cache.h"
#include "fs/resolve.h"

namespace nestp {

class Tracer final : public ProcessFacts {
 public:
  Tracer(const Guest& promise, std::span<const std::unique_ptr<Extension>> subscribers,
         const LoaderImages& images)
      : guest(promise), extensions(subscribers), loader(images), resolver(cache) {
    for (const auto& extension : extensions) {
      for (const std::string_view name : extension->text_names())
        text_names.insert(name);
    }
  }

  const Guest& guest;
  std::span<const std::unique_ptr<Extension>> extensions;
  const LoaderImages& loader;
  RunningPrograms programs;  ///< outlives `threads`' address spaces
  KnownFiles known_files;
  ThreadTable threads;
  PathCache cache;
  Resolver resolver;
  Stats stats;
  SocketMemory sockets;
  std::optional<TraceFile> trace;  ///< --trace
  GuestTracing tracing{threads};
  Placement placement;
  std::unique_ptr<FastPath> fast;         ///< null: every path call stops
  std::set<std::string_view> text_names;  ///< of files of /proc that extensions change

  // ---- paths ------------------------------------------------------------------

  const View& view(const Thread& thread) const { return *thread.process->mounts->view; }

  /// Who asks, for the resolver; `base` is filled only if given.
  ResolveFrom asker(const Thread& thread, std::optional<GuestPath> base) const;
  /// An extension says which directories the thread may search.
  bool judges_search(const Thread& thread, bool by_real_ids = false) const;

  /// Where relative paths of `thread` start: the kernel's own answer, remembered
  /// until a call or kStaleness may have changed it.  None: deleted or outside the view.
  struct Directory {
    std::optional<GuestPath> guest;
    std::string host;  ///< empty if it could not be read
  };
  Directory working_directory(Thread& thread);
  /// The same, asked of the kernel now; errno of readlink(2) if that fails.
  SysResult<Directory> read_working_directory(Thread& thread);
  /// The same for a descriptor.  The host text need not be a path ("pipe:[1]").
  Directory descriptor_directory(const Thread& thread, int descriptor) const;
  /// The guest's name of a host path.  `before`: the name it had when the guest got there, which
  /// tells the mount it is on.
  SysResult<GuestPath> name_of_host(const View& tree, const HostPath& host,
                                    const GuestPath* before = nullptr) const;
  /// O_* of an open descriptor, close on exec included; EBADF.
  static SysResult<unsigned> descriptor_flags(const Thread& thread, int descriptor);
  /// The thread's call may rename or remove directories: no remembered working
  /// directory is believed until it has ended, nor after.
  void begin_directory_moves(Thread& thread);

  /// A view has changed: no remembered directory name is believed any more.
  void forget_names() {
    ++directory_epoch_;
    if (fast) fast->suspend_all();
  }
  /// Goes up whenever a directory may have got another name.
  std::uint64_t directory_epoch() const { return directory_epoch_; }

  /// A path of the view as the thread sees it below its root; absent: unreachable for it.
  std::optional<std::string> visible(const Thread& thread, const GuestPath& path) const;

  /// The guest used `name` for `host`: of several names, that one is shown.
  void note_name(const std::string& host, const GuestPath& name);
  /// The same for what the process has opened by that name.
  void note_descriptor(const Thread& thread, int descriptor, const GuestPath& name);

  // ---- changes under way (fs/path_cache.h) --------------------------------------

  void begin_change(Thread& thread, const std::string& host);
  void begin_directory_change(Thread& thread);
  /// The thread's call has ended, one way or another.
  void settle(Thread& thread);

  // ---- ProcessFacts ---------------------------------------------------------------

  std::optional<GuestPath> executable(pid_t process) const override;
  std::optional<GuestPath> root(pid_t process) const override;
  std::optional<GuestPath> used_name(pid_t process, std::string_view name) const override;
  bool on_denied(const std::string& host) const override;
  SysResult<> search(const Searcher& who, const std::string& host) const override;

 private:
  const Thread* leader(pid_t process) const;

  std::uint64_t directory_epoch_ = 1;
  int directory_moves_ = 0;  ///< calls under way that may move directories
  std::unordered_map<std::string, GuestPath> used_names_;  ///< only for ambiguous views
};

}  // namespace nestp
