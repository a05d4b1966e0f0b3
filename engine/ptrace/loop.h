// The tracer's one loop: waits for a stop, decides it, resumes.
#pragma once

#include <sys/types.h>
#include <unordered_set>

#include "engine/backend.h"
#include "engine/ptrace/stop.h"
#include "engine/ptrace/tracer.h"

namespace nestp {

/// Registers at a stop at a call, as the ABI of the instruction reads them.
bool read_call_registers(pid_t thread, Registers& registers);

class Loop {
 public:
  /// `first`: the guest's first process, seized, not yet executing its program.
  Loop(Tracer& tracer, pid_t first, ExecPlan plan);

  /// Until no guest is left.  Gives the end of the first process.
  ExitStatus run();

 private:
  void serve_all();
  void handle(const Stop& stop);
  void entry(Thread& thread);
  void exit(Thread& thread);
  bool leave_fast_path(Thread& thread, int signal);
  /// The thread is not in the fast path's handler any more.
  void free_places(pid_t thread);
  void signal(Thread& thread, const Stop& stop);
  void group(Thread& thread, const Stop& stop);
  void trap(Thread& thread);
  void guest_event(Thread& thread, const Stop& stop);
  void exec(const Stop& stop);
  void ended(const Stop& stop);

  // ---- new threads, in birth.cc -----

  void birth(Thread& parent, const Stop& stop);
  void introduce(Thread& child, Thread& parent, std::uint64_t flags, int event);
  void give_registers(Thread& thread);
  void begin(Thread& thread);
  Thread* adopt(pid_t id);
  void await_births(Thread& maker);
  void prepare_birth(CallFrame& frame);
  void set_birth_reports(Thread& thread);

  void resume(Thread& thread, int signal = 0) { tracer_.tracing.resume(thread, signal); }

  Tracer& tracer_;
  pid_t first_;
  ExitStatus status_;
  bool first_ended_ = false;
  /// Threads that were killed before their parent's event came in.
  std::unordered_set<pid_t> stillborn_;
};

}  // namespace nestp
