// How often a signal may come so that its handler does not take all the time of a slow machine.
#pragma once

#include <algorithm>
#include <ctime>
#include <sys/stat.h>

/// Microseconds: at least `least`, and several times what a call with a path costs here.
inline long timer_period(long least) {
  constexpr int kCalls = 20, kTimes = 8;
  timespec start{}, end{};
  struct stat status {};
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (int i = 0; i < kCalls; ++i)
    (void)stat("/etc/passwd", &status);  // its cost matters, not what it says
  clock_gettime(CLOCK_MONOTONIC, &end);
  const long spent = (end.tv_sec - start.tv_sec) * 1'000'000 + (end.tv_nsec - start.tv_nsec) / 1000;
  return std::max(least, spent * kTimes / kCalls);
}
