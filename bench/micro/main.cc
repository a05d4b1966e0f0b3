#include "bench/micro/benchmark.h"

BENCHMARK_MAIN();
