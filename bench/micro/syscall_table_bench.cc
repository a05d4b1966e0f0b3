// Measures: from a number in a register to the row, and from the row to its path arguments.
// Good: a few nanoseconds each.
#include <array>

#include "arch/syscall_table.h"
#include "bench/micro/benchmark.h"

namespace nestp::bench {
namespace {

constexpr int kNumbers = 335;  // those of x86_64 before the gap

void number_to_sys(State& state) {
  std::int32_t number = 0;
  for ([[maybe_unused]] auto _ : state) {
    DoNotOptimize(sys_of(kAbiX64, number));
    if (++number == kNumbers) number = 0;
  }
}

void sys_to_row(State& state) {
  std::int32_t number = 0;
  for ([[maybe_unused]] auto _ : state) {
    DoNotOptimize(find_row(sys_of(kAbiX64, number)));
    if (++number == kNumbers) number = 0;
  }
}

void row_to_path_arguments(State& state) {
  const SyscallRow* row = find_row(Sys::openat);
  const std::array<std::uint64_t, 6> args{};
  for ([[maybe_unused]] auto _ : state)
    DoNotOptimize(path_args(kAbiX64, *row, args, 0));
}

BENCHMARK(number_to_sys);
BENCHMARK(sys_to_row);
BENCHMARK(row_to_path_arguments);

}  // namespace
}  // namespace nestp::bench
