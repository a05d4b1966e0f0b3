// On which CPU the tracer and a busy guest thread run.
//
// A stop is two switches between tracer and guest.  Where the two sit on
// different CPUs, each is the wake-up of another, often idle CPU, which costs
// two to three times as much; and the kernel spreads them, as it cannot know
// that they never run at the same time.  So while stops come quickly and from
// one thread at a time, that thread and the tracer are kept on one CPU.  When
// threads take turns (they run in parallel), a process makes a thread (it is about to) or
// stops become rare (one computes or waits), all get back the CPUs they had.  A guest that asks for
// or sets its CPUs has them given back first, so it never sees any of this.
//
// Tracer thread only.  A timer runs while threads are kept; its signal handler
// may give the CPUs back between any two instructions, hence the plain data.
#pragma once

#include <array>
#include <csignal>
#include <cstddef>
#include <sched.h>
#include <sys/types.h>

#include "engine/ptrace/signal_timer.h"

namespace nestp {

class Placement {
 public:
  Placement();
  ~Placement();
  Placement(const Placement&) = delete;
  Placement& operator=(const Placement&) = delete;

  /// `thread` has stopped and was not resumed yet.
  void stopped(pid_t thread);
  /// What a new thread has of its parent.
  enum class Birth { process, thread_of_process };
  /// `thread` is new and not resumed yet.  It has the CPUs its parent had when it made it.
  void born(pid_t thread, pid_t parent, Birth birth);
  /// An exec gave `former` the id of its process.
  void renamed(pid_t former, pid_t process);
  void ended(pid_t thread);
  /// Everybody may run where they could before.
  void release();

 private:
  struct Kept {
    pid_t thread;
    cpu_set_t before;
  };
  /// Keeps the timer's handler away while the plain data are changed.
  class Busy;

  static void on_tick(int signal);
  bool begin(const cpu_set_t& wanted);
  void keep(pid_t thread);
  void give_back();
  Kept* find(pid_t thread);

  static Placement* instance_;  ///< for the handler
  bool useful_ = false;         ///< more than one CPU, and nothing was refused
  bool ever_ = false;           ///< some thread was kept once
  volatile std::sig_atomic_t busy_ = 0;
  volatile std::sig_atomic_t stops_ = 0;  ///< since the last tick
  int score_ = 0;
  pid_t last_ = 0;
  bool together_ = false;
  SignalTimer timer_;
  cpu_set_t own_{};  ///< the tracer's CPUs before
  cpu_set_t one_{};  ///< the one that all share now
  std::size_t count_ = 0;
  std::array<Kept, 64> kept_{};  ///< threads beyond are left alone
};

}  // namespace nestp
