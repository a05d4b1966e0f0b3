// The guest's threads, and what groups of them share.
//
// Three small structs stand for exactly the groups clone(2) makes: CLONE_VM,
// CLONE_FS and CLONE_NEWNS.  Descriptors, umask, limits and credentials are the
// kernel's own and have no copy here.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <sys/types.h>
#include <unordered_map>
#include <vector>

#include "arch/registers.h"
#include "engine/gate/layout.h"
#include "engine/ptrace/emulate/ptracee.h"
#include "engine/ptrace/running_programs.h"
#include "fs/fd.h"
#include "fs/path.h"
#include "fs/view.h"

namespace nestp {

class CallFrame;
class Extension;
struct ExecPlan;

/// Slots of the gate (layout.h) that threads of one address space own.
class SlotPool {
 public:
  /// Index of a slot that no other thread owns; -1 if all are taken.
  int acquire();
  void release(int slot);

 private:
  std::vector<bool> taken_ = std::vector<bool>(gate::kSlotCount);
};

/// What an address space was told of the fast path (gate::FastProcess, fast/fast_path.h).
struct FastState {
  std::uint64_t context = 0, directory = 0;
  bool has_code = false;         ///< some of its code leads to the handler
  bool opens_libraries = false;  ///< its interpreter is glibc's
};

/// Threads with one memory (CLONE_VM): a program from exec to exec.
struct AddressSpace {
  GuestPath executable = GuestPath::root();  ///< canonical path of the program, for /proc/PID/exe
  const Abi* abi = nullptr;                  ///< of the program; null before the first exec
  SlotPool slots;
  std::shared_ptr<RunningPrograms::Use> program;  ///< keeps the executable from being written
  int dumpable = 1;                               ///< as prctl(PR_GET_DUMPABLE) tells the guest
  bool has_gate = false;  ///< the image is mapped; false only before the first exec
  FastState fast;
  std::uint16_t machine = 0;  ///< EM_* of a program that an emulator runs; 0: the kernel does
};

/// What a mount namespace is to a guest.
struct MountNamespace {
  std::shared_ptr<const View> view;
  /// The root that a pivot_root(2) put below the new one, until it is unmounted.
  std::optional<HostPath> former_root;
};

/// A user namespace that a guest made: what it wrote into its files of /proc.
struct UserNamespace {
  UniqueFd uid_map, gid_map, group_setting;
};

/// A working directory as last read from the kernel, and when that stops being believed.
struct WorkingDirectory {
  std::optional<GuestPath> name;
  bool is_deleted = false;  ///< `name` is the one it had
  std::string host;
  std::uint64_t view = 0;   ///< View::serial() of whose names `name` is one
  std::uint64_t epoch = 0;  ///< Tracer::directory_epoch(); 0: to be read again
  std::chrono::steady_clock::time_point read{};
};

/// Threads with one root and working directory (CLONE_FS).
struct FileSystem {
  GuestPath root = GuestPath::root();
  /// One object for all that inherited it: what one of them reads, all know.
  std::shared_ptr<WorkingDirectory> directory = std::make_shared<WorkingDirectory>();
  int changes_under_way = 0;  ///< chdir calls that have not ended

  /// The directory may be another one from here on, or have another name.
  void forget_directory() {
    directory = std::make_shared<WorkingDirectory>(*directory);
    directory->epoch = 0;
  }
};

struct Process {
  pid_t id = 0;
  int thread_count = 0;
  pid_t maker = 0;  ///< thread that made it
  std::shared_ptr<MountNamespace> mounts;
  /// By which of several names descriptors were opened; checked before it is believed.
  std::map<int, GuestPath> descriptor_names;
  unsigned filters = 1;                 ///< of seccomp that are nestp's own
  bool has_own_filters = false;         ///< it installed some, or its maker did
  std::shared_ptr<UserNamespace> user;  ///< null: the host's
  bool is_privileged = false;           ///< in `user`
  bool promised_network = false;        ///< asked for a network namespace that is not there
  /// How many merged names each descriptor's listing has given (special/listing.cc).
  std::unordered_map<int, std::size_t> listings;
  std::shared_ptr<GuestTracer> tracing;  ///< set once it traces another guest
};

struct Thread {
  /// What a thread is doing, as far as the tracer has to know.
  enum class Step : std::uint8_t {
    running,       ///< its own code, or a call that nothing was done to
    in_gate,       ///< between the redirection and the gate's last instruction
    to_exit,       ///< resumed up to the end of the call
    answered,      ///< likewise, but the tracer has the result already
    filter_entry,  ///< made to install a filter (emulate/wait_filter.cc)
    filter_exit,
  };

  Thread();
  ~Thread();
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  pid_t id = 0;
  std::shared_ptr<Process> process;
  std::shared_ptr<AddressSpace> space;
  std::shared_ptr<FileSystem> files;

  int slot = -1;
  Step step = Step::running;
  Registers call_registers{kAbiX64};  ///< at the seccomp stop; valid unless running
  /// The call under way as the kernel got it; valid up to its exit stop.  By then some ABIs have
  /// lost the first argument and show the number that the guest gave.
  Sys made_sys = Sys::unknown;
  std::array<std::uint64_t, 6> made_args{};
  std::uint64_t slot_base = 0;
  /// Runs at the exit stop, before the guest sees the result.
  std::function<void(CallFrame&)> at_exit;

  /// Host paths whose entries the call under way may change (fs/path_cache.h).
  std::vector<std::string> changing;
  bool changes_directory = false;    ///< chdir(2) and its kin
  bool moves_directories = false;    ///< rename(2), rmdir(2) and their kin
  std::vector<UniqueFd> held;        ///< the tracer's own files that the call under way opens
  std::unique_ptr<ExecPlan> exec;    ///< of an execve(2) under way
  std::uint64_t new_namespaces = 0;  ///< CLONE_NEW* that a clone(2) under way shall not see
  bool hides_birth = false;          ///< the clone(2) under way asked for CLONE_UNTRACED
  /// Of a new thread: the first argument its parent passed, where the kernel got another.
  std::optional<std::uint64_t> given_argument;
  std::uint32_t wanted_exits = 0;  ///< bit N: extension N is to see the end of the call under way
  std::span<const std::unique_ptr<Extension>> extensions;  ///< of the tracer
  bool changes_links = false;    ///< answers given before may be wrong when its call has ended
  bool has_other_slots = false;  ///< of a new process: slots of its maker's other threads are taken
  bool no_new_privileges = false;  ///< by its own wish: nestp's filter sets the kernel's flag
  /// As another guest traces it (emulate/guest_tracing.h).
  std::unique_ptr<Ptracee> ptracee;
  bool group_stopped = false;      ///< in a group stop, listening
  bool stops_at_start = false;     ///< the loader traps when it is done
  bool wants_wait_filter = false;  ///< its process traces: to be interrupted
  bool waits_by_pause = false;     ///< the wait call is repeated: block without the kernel's wait

  /// Threads that it makes inside the handler come without an event of its own (birth.h).
  bool makes_unreported = false;
  bool started = false;    ///< its first stop was seen
  bool announced = false;  ///< its parent's event was seen
};

class ThreadTable {
 public:
  /// Of the announced ones, each of which has a process, an address space and files.
  Thread* find(pid_t id);
  /// Also one that has stopped, but whose parent's event is to come.
  Thread* find_any(pid_t id);
  Thread& add(pid_t id);
  void remove(pid_t id);
  /// At an exec by `thread`: every other thread of its process is gone and it has the process's id.
  void collapse(pid_t process, pid_t former);
  bool empty() const { return threads_.empty(); }
  std::size_t size() const { return threads_.size(); }
  /// Each that is announced.
  template <typename Function>
  void for_each(Function function) {
    for (auto& [id, thread] : threads_) {
      if (thread->announced) function(*thread);
    }
  }
  /// Of all.
  std::vector<pid_t> ids() const;

 private:
  std::unordered_map<pid_t, std::unique_ptr<Thread>> threads_;
};

}  // namespace nestp
