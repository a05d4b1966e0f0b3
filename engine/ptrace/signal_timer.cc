#include "engine/ptrace/signal_timer.h"

namespace nestp {
namespace {

timespec as_timespec(std::chrono::nanoseconds time) {
  constexpr long kSecond = 1'000'000'000;
  return {.tv_sec = time.count() / kSecond, .tv_nsec = time.count() % kSecond};
}

}  // namespace

SignalTimer::~SignalTimer() {
  if (timer_) timer_delete(*timer_);
}

bool SignalTimer::take() {
  struct sigaction action {};
  action.sa_handler = call_;
  action.sa_flags = SA_RESTART;  // no call of the tracer may fail by it
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, signal_);
  if (sigaction(signal_, &action, nullptr) != 0) return false;
  if (sigprocmask(SIG_UNBLOCK, &signals, nullptr) != 0) return false;
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = signal_;
  timer_t timer{};
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return false;
  timer_ = timer;
  return true;
}

bool SignalTimer::set(std::chrono::nanoseconds first, std::chrono::nanoseconds interval) {
  if (!timer_ && !take()) return false;
  const itimerspec times{.it_interval = as_timespec(interval), .it_value = as_timespec(first)};
  return timer_settime(*timer_, 0, &times, nullptr) == 0;
}

}  // namespace nestp
