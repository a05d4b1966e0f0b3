// Measures: one question to the path cache: a hit, a miss, a fact learnt, a change announced.
// Good: a hit below 50 ns.
#include <string>
#include <vector>

#include "bench/micro/benchmark.h"
#include "fs/path_cache.h"

namespace nestp::bench {
namespace {

std::vector<std::string> some_names(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i)
    names.push_back("name-" + std::to_string(i) + ".h");
  return names;
}

/// Facts age, and so the clock is part of what a hit costs: begin_walk() takes it.
void path_cache_hit(State& state) {
  const auto names = some_names(static_cast<std::size_t>(state.range(0)));
  PathCache cache;
  cache.begin_walk();
  for (const std::string& name : names) {
    cache.remember(PathCache::kRoot, name, PathCache::Kind::plain);
  }
  std::size_t next = 0;
  for ([[maybe_unused]] auto _ : state) {
    DoNotOptimize(cache.find(PathCache::kRoot, names[next]));
    if (++next == names.size()) next = 0;
  }
}

void path_cache_miss(State& state) {
  PathCache cache;
  cache.begin_walk();
  for ([[maybe_unused]] auto _ : state)
    DoNotOptimize(cache.find(PathCache::kRoot, "none"));
}

void path_cache_begin_walk(State& state) {
  PathCache cache;
  for ([[maybe_unused]] auto _ : state)
    cache.begin_walk();
}

void path_cache_change(State& state) {
  PathCache cache;
  cache.begin_walk();
  const std::string entry = "/srv/rootfs/usr/lib/file";
  for ([[maybe_unused]] auto _ : state) {
    cache.begin_change(entry);
    cache.end_change(entry);
  }
}

BENCHMARK(path_cache_hit)->ArgName("entries")->Arg(10)->Arg(1'000)->Arg(100'000);
BENCHMARK(path_cache_miss);
BENCHMARK(path_cache_begin_walk);
BENCHMARK(path_cache_change);

}  // namespace
}  // namespace nestp::bench
