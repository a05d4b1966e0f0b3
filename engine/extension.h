// What an extension can change of a guest's calls.
//
// Owned by the engine, implemented in extensions/: the engine calls extensions
// and includes none.  Extensions run in the order of the command line on entry,
// in reverse order on exit, all on the tracer's one thread.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "arch/abi.h"
#include "arch/result.h"
#include "fs/path.h"
#include "fs/resolve.h"

namespace nestp {

/// An address in the guest's memory; never dereferenced here.
enum class GuestAddress : std::uint64_t {};

/// The guest's memory; a fake in unit tests.
class GuestMemory {
 public:
  virtual ~GuestMemory() = default;
  /// EFAULT unless all of `into` was filled.
  virtual SysResult<> read(GuestAddress from, std::span<std::byte> into) = 0;
  virtual SysResult<> write(GuestAddress to, std::span<const std::byte> bytes) = 0;
  /// The same where the guest itself may not write.
  virtual SysResult<> write_code(GuestAddress to, std::span<const std::byte> bytes) {
    return write(to, bytes);
  }
  /// Address of a copy of `text`, with its NUL, that lasts as long as the call; 0: no room.
  virtual std::uint64_t place(const std::string& /*text*/) { return 0; }
};

/// What a path of a call, or a descriptor in the place of one, stands for.
struct CallObject {
  std::string host;          ///< a path by which nestp gets there; a change reaches the kernel
  std::uint8_t index = 0;    ///< argument register that holds the guest's text
  bool follow = false;       ///< if the last component is a link, what it leads to is meant
  bool is_entry = false;     ///< the directory entry is meant, to be made, removed or renamed
  bool is_searched = false;  ///< Extension::may_search() has let the thread get there
  std::size_t outside = 0;   ///< bytes of `host` before the guest's own part of it
  /// The same by way of the directory that the path starts at (Resolved::by_base); may be empty.
  std::string by_base{};
  /// Of a mount point: host path of the directory that the guest sees it in.  Else empty.
  std::string mounted_in{};
  /// Of a link that nestp reads for the guest (/proc/PID/cwd): the text that it shows; none: it
  /// cannot be read.  Else empty.
  std::function<std::optional<std::string>()> shown_link{};
};

/// One syscall of one stopped thread.
struct Call {
  Sys sys;         ///< on entry, another one may be put in its place
  const Abi* abi;  ///< never null
  pid_t thread;
  pid_t process = 0;
  std::array<std::uint64_t, 6>
      args;                 ///< as the guest passed them; on entry, changes reach the kernel
  std::int64_t result = 0;  ///< on exit only: kernel convention, -4095..-1 is an errno
  GuestMemory& memory;
  bool wants_exit = false;          ///< on entry: on_exit is to see the end of this one call
  bool repeats = false;             ///< on exit: the guest makes its call once more
  std::span<CallObject> objects{};  ///< in on_objects
};

enum class Entry : std::uint8_t {
  proceed,   ///< on to the next extension, then to nestp's own handling
  answered,  ///< Call::result is the answer; the kernel is not asked
  /// The call, as the extension left it, is its own: the kernel gets it as it is, with paths of the
  /// host, and nobody else sees it.  On entry only.
  untranslated,
};

using SysSet = std::bitset<kSysCount + 1>;

/// One entry of a program's auxiliary vector.
struct AuxiliaryEntry {
  std::uint64_t type = 0;  ///< AT_*
  std::uint64_t value = 0;
  bool operator==(const AuxiliaryEntry&) const = default;
};

/// A program at its start: its memory holds the new stack, no instruction has run.
struct ProgramStart {
  pid_t thread;
  const Abi* abi;               ///< never null
  int file;                     ///< descriptor of the program, for fstat(2)
  const GuestPath& executable;  ///< as /proc/PID/exe shows it
  std::uint16_t machine;        ///< EM_* of a program that an emulator runs; 0: the kernel does
  std::vector<AuxiliaryEntry>& auxiliary;  ///< without AT_NULL; changes of values reach the program
  GuestMemory& memory;
};

/// A program that execve(2) is to run, before the kernel is asked.
struct ProgramFile {
  std::uint16_t machine = 0;  ///< EM_*
  std::uint8_t elf_class = 0;
  bool is_big_endian = false;
  bool runs_here = false;              ///< the kernel itself can run it
  std::string name{};                  ///< by which the guest can open it
  std::string argument{};              ///< its argv[0]
  std::vector<std::string> variables;  ///< "LD_NAME=value" of its environment
};

/// What runs such a program in the kernel's place.
struct Emulation {
  std::string host;                ///< path of the emulator on the host
  std::vector<std::string> words;  ///< its argv, the program's own path last; argv[1:] follows
  bool hides_variables = false;    ///< LD_* are in `words` and must not reach the emulator itself
};

/// A fake world as the handler inside the guests (engine/gate) can repeat it: for threads that are
/// root there and may do all, of files that no record is kept of.
struct InsideWorld {
  std::uint32_t real_user = 0, real_group = 0;    ///< whose files on the host are shown as ...
  std::uint32_t shown_user = 0, shown_group = 0;  ///< ... those of these, the threads' own ids
};

/// A file of which a record is kept that is none of its attributes.
struct RecordedInode {
  dev_t device = 0;
  ino_t number = 0;
};

/// Guests of an InsideWorld write records by themselves: who changes one holds its place, so that
/// no change is lost.
class RecordPlaces {
 public:
  virtual ~RecordPlaces() = default;
  /// Of files with that inode number.  Waits for a guest that holds it.
  virtual void hold(std::uint64_t inode) = 0;
  virtual void let_go(std::uint64_t inode) = 0;
};

class Extension {
 public:
  virtual ~Extension() = default;

  /// As given on the command line; also the prefix of its log lines.
  virtual std::string_view name() const = 0;

  /// False: it only mends what stopping calls disturbs, so a backend that stops none does
  /// without it.
  virtual bool is_asked_for() const { return true; }

  /// Calls it must see on entry; they join the seccomp filter.  Asked once.  Calls that may pass
  /// the address of a socket come only if they do.
  virtual SysSet entries() const { return {}; }
  /// Likewise for exit.
  virtual SysSet exits() const { return {}; }

  /// Calls that the guest is to find missing: ENOSYS without a stop.  Asked once.
  virtual SysSet refused() const { return {}; }

  virtual Entry on_entry(Call&) { return Entry::proceed; }
  /// Of calls in exits(), and those for which it set Call::wants_exit; also where another
  /// extension has answered, whose answer it may change.
  virtual void on_exit(Call&) {}

  /// Calls whose objects it must see once their paths are resolved.  They have rows.
  virtual SysSet objects() const { return {}; }
  /// All paths of the call have been resolved and nothing of the view forbids it.
  virtual Entry on_objects(Call&) { return Entry::proceed; }
  /// nestp itself could not get past `host`, a file or directory, with EACCES.  True: try again.
  virtual bool on_denied(const std::string& /*host*/) { return false; }

  /// A guest path was resolved to `host` for `call`; may be replaced if replaces_paths().
  virtual SysResult<std::string> on_path(const Call&, const GuestPath&, std::string host) {
    return host;
  }

  /// True if on_path() may replace a path: then every path call comes to the tracer.  Asked once.
  virtual bool replaces_paths() const { return false; }

  /// Last components of the files of /proc that `on_text` changes.  Asked once.
  virtual std::vector<std::string_view> text_names() const { return {}; }
  /// `reader` opens the file `host` of /proc to read it.  `text`: what it would read; none if
  /// the host refuses it.  True if that was changed.
  virtual bool on_text(pid_t /*reader*/, std::string_view /*host*/,
                       std::optional<std::string>& /*text*/) {
    return false;
  }

  /// None: what objects() and entries() name must come to the tracer.  Asked once.
  virtual std::optional<InsideWorld> inside_world() const { return std::nullopt; }
  /// True: the thread is as InsideWorld has it.
  virtual bool is_inside_world(pid_t) { return false; }
  /// `places`: to hold from now on; null: no more.
  virtual void share_places(RecordPlaces* /*places*/) {}
  /// Those recorded since it was last asked.  `refresh`: also by other sessions.
  virtual std::vector<RecordedInode> take_recorded(bool /*refresh*/) { return {}; }

  /// Who runs `program`; none: the kernel, or another extension knows.
  virtual std::optional<Emulation> on_program_file(const ProgramFile& /*program*/) {
    return std::nullopt;
  }
  /// An execve(2) has succeeded.
  virtual void on_program_start(ProgramStart&) {}

  /// Whether the thread has a capability (CAP_*); none: the kernel knows.
  virtual std::optional<bool> has_capability(pid_t /*thread*/, unsigned /*capability*/) {
    return std::nullopt;
  }

  /// True: may_search() is to be asked for each directory that the thread's path passes.
  virtual bool judges_search(const Searcher& /*who*/) { return false; }
  /// EACCES: the thread may not search directory `host`; ENOTDIR: it is none.
  virtual SysResult<> may_search(const Searcher& /*who*/, const std::string& /*host*/) {
    return Done{};
  }

  /// A thread started, as a copy of `parent` (0 for the first), or ended.
  virtual void on_thread_start(pid_t, pid_t /*parent*/) {}
  virtual void on_thread_end(pid_t) {}
  /// An exec by a thread that is not its process's first: from now on it has that one's id,
  /// which has ended without notice.
  virtual void on_thread_renamed(pid_t /*former*/, pid_t /*now*/) {}
  /// A thread got namespaces (CLONE_NEW*) that the kernel was not asked for; if by clone(2),
  /// after its start.
  virtual void on_namespaces(pid_t, std::uint64_t /*flags*/) {}
};

}  // namespace nestp
