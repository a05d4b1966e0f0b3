// The fast path as the tracer sees it: who may use it, and what it is taught.
//
// Every answer that the tracer has worked out for a path, and that depends on
// nothing but bindings and symlinks, goes into the memo; from then on the
// handler inside the guests repeats it.  This class decides which answers are
// such, for which address spaces they hold, and when they end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "arch/syscall_table.h"
#include "engine/ptrace/fast/copies.h"
#include "engine/ptrace/fast/memo.h"
#include "engine/ptrace/fast/plain_files.h"
#include "engine/ptrace/fast/record_places.h"
#include "fs/resolve.h"

namespace nestp {

class CallFrame;
class Extension;
class Stats;
class Tracer;
struct ExecPlan;
struct Thread;

class FastPath {
 public:
  ~FastPath();
  /// Null where it cannot be, or is not wanted: another processor, --trace, an extension
  /// that replaces paths, no memory to share.
  static std::unique_ptr<FastPath> make(Tracer& tracer);

  /// At an exec: what the loader is to do about it.  Gives what to write to gate::kFastProcess.
  gate::FastProcess begin_program(Thread& thread, const ExecPlan& plan, gate::Plan& record);

  /// The frame's one path, `text`, was resolved so (null: it stands as it is).
  void learn(CallFrame& frame, const PathArg& argument, const std::string& text,
             const std::optional<Resolved>& resolved);
  /// getcwd(2) shows `shown`.
  void learn_directory(Thread& thread, const std::string& shown);
  /// A copy for ld.so, which is about to open the library `resolved`; none: not for it.
  std::optional<std::string> library(CallFrame& frame, const std::string& text,
                                     const Resolved& resolved);

  /// An extension has answered the thread's call: who it is and what is recorded may have changed.
  void review(Thread& thread);

  /// A symlink or a directory has changed its name or is gone: all answers end.
  void forget();
  /// The thread is about to change its working directory.
  void leave_directory(Thread& thread);
  /// The thread's program answers nothing by itself until it is taught again.
  void suspend(Thread& thread);
  /// The same for all guests: a view or a root directory changes.
  void suspend_all();

  /// The handler makes threads by itself (gate::Birth).
  bool makes_threads() const;

  /// Where guests write records; null: they do not.
  SharedPlaces* places() const { return places_.get(); }

  /// Adds the calls that guests made without a stop.
  void count(Stats& stats) const;

 private:
  /// `cache`: the folder for what is kept from session to session; empty: nothing is.
  FastPath(Tracer& tracer, std::unique_ptr<Memo> memo, const FastCalls& calls, Extension* world,
           const std::string& cache);
  void note_recorded(bool refresh);
  bool is_allowed(const Thread& thread) const;
  std::uint64_t context_of(const Thread& thread);
  /// The other threads of its address space have the same root and working directory, and may be
  /// answered as well.
  bool is_alone(const Thread& thread) const;
  bool prepare(Thread& thread);
  std::uint64_t directory_of(Thread& thread);
  /// The same, and the handler knows it; 0 also if it may not.
  std::uint64_t shared_directory(Thread& thread);
  /// Those that mean more than their directory entries.  False: the memo has no room for all.
  bool publish_names(const Thread& thread, std::uint64_t context);
  void write_process(Thread& thread);

  /// What is learnt: a path's text and where it starts.
  struct Place {
    Thread& thread;
    std::uint64_t base;
    const std::string& text;
  };
  std::optional<Resolved> resolve(const Place& place, const std::string& text, LastLink last);
  std::uint32_t flags_of(const Place& place, const Resolved& resolved) const;
  void learn_prefix(const Place& place, const Resolved& prefix, std::uint32_t also, bool always);
  /// Where the handler's own walks begin: the root, the working directory.
  void learn_starts(Thread& thread);
  void publish_start(const Thread& thread, std::uint64_t base);
  /// Which directories are on the way to mount points, so that in all others names and ".." mean
  /// what they mean on the host.
  void learn_ways(const Thread& thread);
  bool is_special_at_start(const Thread& thread, const std::string& text) const;
  bool may_be_shared(const Place& place, const std::string& text, const Resolved& resolved);
  bool everyone_may_search(const Place& place, const std::string& text);
  std::optional<std::string> host_of_prefix(const Place& place, const Resolved& prefix);

  Tracer& tracer_;
  std::unique_ptr<Memo> memo_;
  FastCalls calls_;
  PatchedCopies copies_;
  std::optional<PlainFiles> plain_files_;  ///< where an identity is believed
  std::unique_ptr<SharedPlaces> places_;   ///< likewise, if there is memory for them
  Extension* world_;                       ///< whose InsideWorld guests believe; may be null
  bool has_privilege_;                     ///< guests may be of several users
  std::unordered_map<std::uint64_t, bool> named_;  ///< contexts: the memo had room for their names
  std::unordered_set<std::uint64_t> rooted_;       ///< contexts whose root is
  std::size_t special_asks_ = 0;  ///< for which learn_ways() might have been of use
};

}  // namespace nestp
