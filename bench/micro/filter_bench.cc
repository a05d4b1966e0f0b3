// Measures: making the seccomp filter, and its length (counter "instructions").
// Good: below 100 us, as every start pays it; far below the kernel's 4,096 instructions.
#include "bench/micro/benchmark.h"
#include "bench/micro/many_bindings.h"
#include "engine/ptrace/filter_request.h"

namespace nestp::bench {
namespace {

void make_filter_of_guest(State& state) {
  Guest guest;
  guest.view = view_with("/srv/rootfs", 3);
  std::size_t size = 0;
  for ([[maybe_unused]] auto _ : state) {
    const auto filter = make_filter(filter_request(guest, {}));
    size = filter.size();
    DoNotOptimize(filter.data());
  }
  state.counters["instructions"] = static_cast<double>(size);
}

BENCHMARK(make_filter_of_guest);

}  // namespace
}  // namespace nestp::bench
