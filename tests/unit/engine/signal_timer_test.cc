#include "engine/ptrace/signal_timer.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include <catch2/catch.hpp>

namespace nestp {
namespace {

using std::chrono::milliseconds;

std::atomic<int> calls{0};
void count(int) { ++calls; }

int test_signal() { return SIGRTMIN + 2; }

/// Waits for it, but not for ever.
bool reaches(int wanted) {
  for (int i = 0; i < 1000 && calls < wanted; ++i)
    std::this_thread::sleep_for(milliseconds(10));
  return calls >= wanted;
}

TEST_CASE("a timer calls once, or again and again until it is told to end") {
  calls = 0;
  SignalTimer timer(test_signal(), count);
  REQUIRE(timer.set(milliseconds(1)));
  CHECK(reaches(1));
  std::this_thread::sleep_for(milliseconds(20));
  CHECK(calls == 1);
  REQUIRE(timer.set(milliseconds(1), milliseconds(1)));
  CHECK(reaches(4));
  REQUIRE(timer.set({}));
  const int ended = calls;
  std::this_thread::sleep_for(milliseconds(20));
  CHECK(calls == ended);
}

TEST_CASE("a timer takes its signal when it is first set") {
  struct sigaction before {};
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, test_signal());
  signal(test_signal(), SIG_IGN);
  sigprocmask(SIG_BLOCK, &blocked, nullptr);
  calls = 0;
  SignalTimer timer(test_signal(), count);
  sigaction(test_signal(), nullptr, &before);
  CHECK(before.sa_handler == SIG_IGN);
  sigprocmask(SIG_BLOCK, nullptr, &blocked);
  CHECK(sigismember(&blocked, test_signal()) == 1);
  REQUIRE(timer.set(milliseconds(1)));
  CHECK(reaches(1));
}

}  // namespace
}  // namespace nestp
