// Google Benchmark, seen by this one file.
#pragma once

#include <benchmark/benchmark.h>

namespace nestp::bench {

using benchmark::DoNotOptimize;
using State = benchmark::State;

}  // namespace nestp::bench
