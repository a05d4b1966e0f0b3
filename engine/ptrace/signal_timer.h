// A timer that calls a function in the tracer's thread, between any two instructions.
//
// No thread of its own to start, and no wait of the tracer's to bound: a signal interrupts it,
// after which it goes on (SA_RESTART).
#pragma once

#include <chrono>
#include <csignal>
#include <ctime>
#include <optional>

namespace nestp {

class SignalTimer {
 public:
  /// `signal`: not used by anything else.  `call` may do what a signal handler may, and keeps
  /// errno. Both are taken by the first set(), so that what was started before inherits nothing of
  /// it.
  SignalTimer(int signal, void (*call)(int)) : signal_(signal), call_(call) {}
  ~SignalTimer();
  SignalTimer(const SignalTimer&) = delete;
  SignalTimer& operator=(const SignalTimer&) = delete;

  /// Calls once after `first`, then every `interval`, if that is not zero; zero `first`: not any
  /// more.  False: this user may have no more timers (RLIMIT_SIGPENDING).
  bool set(std::chrono::nanoseconds first, std::chrono::nanoseconds interval = {});

 private:
  bool take();

  int signal_;
  void (*call_)(int);
  std::optional<timer_t> timer_;
};

}  // namespace nestp
