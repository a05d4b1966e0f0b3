#include "engine/stats.h"

#include <algorithm>

#include <catch2/catch.hpp>

namespace nestp {
namespace {

Stats sample() {
  Stats stats;
  stats.of(Sys::openat) = {.calls = 4, .stops = 5, .exits = 1, .nanoseconds = 40'000};
  stats.of(Sys::getcwd) = {.calls = 2, .stops = 2, .answered = 2, .nanoseconds = 90'000};
  stats.of(Sys::unknown) = {.calls = 1, .stops = 1};
  stats.cache_hits = 3;
  stats.cache_misses = 1;
  stats.executions = 7;
  stats.run_nanoseconds = 2'500'000;
  return stats;
}

TEST_CASE("the total is the sum over all calls", "[stats]") {
  const CallStats sum = sample().total();
  CHECK(sum.calls == 7);
  CHECK(sum.stops == 8);
  CHECK(sum.exits == 1);
  CHECK(sum.answered == 2);
  CHECK(sum.nanoseconds == 130'000);
}

TEST_CASE("text has the costliest call first and leaves out what never came", "[stats]") {
  const std::string text = sample().text();
  CHECK(text.find("7 executions") != std::string::npos);
  CHECK(text.find("3 hits, 1 misses, 75.00 % hits") != std::string::npos);
  CHECK(text.find("run        2.50 ms, 0.13 ms") == 0);
  CHECK(text.find("\ngetcwd ") < text.find("\nopenat "));
  CHECK(text.find("\nopenat ") < text.find("\nunknown "));
  CHECK(text.find("\nunknown ") < text.find("\ntotal "));
  CHECK(text.find("rename") == std::string::npos);
}

TEST_CASE("what came to the tracer though it need not says why", "[stats]") {
  Stats stats;
  CallStats& call = stats.of(Sys::openat);
  call = {.calls = 9, .stops = 9, .inside = 90, .has_fast_path = true};
  call.asked[static_cast<std::size_t>(gate::AskReason::path)] = 4;
  call.asked[static_cast<std::size_t>(gate::AskReason::change)] = 2;
  stats.of(Sys::getcwd) = {.calls = 1};
  CHECK(stats.text().find("openat                  4 path not known, 2 may change a file, "
                          "3 code not patched\n") != std::string::npos);
  CHECK(stats.json().find("\"not_inside\": {\"path not known\": 4, \"may change a file\": 2, "
                          "\"code not patched\": 3}") != std::string::npos);
  CHECK(sample().text().find("not inside") == std::string::npos);
}

TEST_CASE("nothing counted divides by nothing", "[stats]") {
  const std::string text = Stats().text();
  CHECK(text.find("0 hits, 0 misses, 0.00 % hits") != std::string::npos);
  CHECK(text.find("nan") == std::string::npos);
  CHECK(text.find("inf") == std::string::npos);
}

TEST_CASE("json is one object with all figures", "[stats]") {
  const std::string json = sample().json();
  CHECK(json.find("{\"run_nanoseconds\": 2500000, ") == 0);
  CHECK(json.find(
            "\"total\": {\"calls\": 7, \"stops\": 8, \"exits\": 1, \"answered\": 2, \"inside\": 0, "
            "\"nanoseconds\": 130000}") != std::string::npos);
  CHECK(json.find("\"calls\": {\"getcwd\": {\"calls\": 2, ") != std::string::npos);
  CHECK(std::count(json.begin(), json.end(), '{') == std::count(json.begin(), json.end(), '}'));
  CHECK(std::count(json.begin(), json.end(), '"') % 2 == 0);
  CHECK(json.substr(json.size() - 3) == "}}\n");
}

TEST_CASE("a timer adds its lifetime", "[stats]") {
  CallStats call;
  call.nanoseconds = 5;
  {
    const CallTimer timer(call);
    const auto start = CallTimer::Clock::now();
    while (CallTimer::Clock::now() - start < std::chrono::microseconds(50)) {
    }
  }
  CHECK(call.nanoseconds >= 50'005);
}

}  // namespace
}  // namespace nestp
