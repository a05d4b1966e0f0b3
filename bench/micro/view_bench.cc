// Measures: the view's own questions, by the number of bindings.
// Good: flat from 0 to 200 bindings.
#include "bench/micro/benchmark.h"
#include "bench/micro/many_bindings.h"

namespace nestp::bench {
namespace {

constexpr auto kRoot = "/srv/rootfs";

void view_to_host(State& state) {
  const auto view = view_with(kRoot, static_cast<int>(state.range(0)));
  const auto path = GuestPath::of_canonical("/usr/lib/python3/dist-packages/module.py");
  for ([[maybe_unused]] auto _ : state)
    DoNotOptimize(view->to_host(path));
}

void view_to_guest(State& state) {
  const auto view = view_with(kRoot, static_cast<int>(state.range(0)));
  const auto path = HostPath::of_canonical("/srv/rootfs/usr/lib/python3/dist-packages/module.py");
  for ([[maybe_unused]] auto _ : state)
    DoNotOptimize(view->to_guest(path));
}

void view_mount_name(State& state) {
  const auto view = view_with(kRoot, static_cast<int>(state.range(0)));
  for ([[maybe_unused]] auto _ : state)
    DoNotOptimize(view->is_mount_name("passwd"));
}

void view_make(State& state) {
  for ([[maybe_unused]] auto _ : state) {
    DoNotOptimize(view_with(kRoot, static_cast<int>(state.range(0))));
  }
}

BENCHMARK(view_to_host)->ArgName("bindings")->Arg(0)->Arg(50)->Arg(200);
BENCHMARK(view_to_guest)->ArgName("bindings")->Arg(0)->Arg(50)->Arg(200);
BENCHMARK(view_mount_name)->ArgName("bindings")->Arg(0)->Arg(50)->Arg(200);
BENCHMARK(view_make)->ArgName("bindings")->Arg(0)->Arg(50)->Arg(200);

}  // namespace
}  // namespace nestp::bench
