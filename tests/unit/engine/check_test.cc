#include <fcntl.h>
#include <functional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

// Catch2's own CHECK is a macro of the same name; this file tests nestp's.
#undef CHECK
#include "engine/check.h"

namespace nestp {
namespace {

struct Ending {
  int status = 0;
  std::string text;
};

/// Runs `body` in a child with its standard error caught.
Ending run_in_child(const std::function<void()>& body) {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    body();
    _exit(0);
  }
  REQUIRE(child > 0);
  close(ends[1]);
  Ending ending;
  char buffer[512];
  for (ssize_t count; (count = read(ends[0], buffer, sizeof buffer)) > 0;) {
    ending.text.append(buffer, static_cast<std::size_t>(count));
  }
  close(ends[0]);
  waitpid(child, &ending.status, 0);
  return ending;
}

TEST_CASE("a check that holds evaluates no facts", "[check]") {
  int evaluated = 0;
  CHECK(evaluated == 0) << ++evaluated;
  REQUIRE(evaluated == 0);
}

TEST_CASE("a broken check prints place, condition and facts, and exits 70", "[check]") {
  const Ending ending = run_in_child([] { CHECK(1 + 1 == 3) << "stop of thread " << 4711; });
  REQUIRE(WIFEXITED(ending.status));
  REQUIRE(WEXITSTATUS(ending.status) == 70);
  REQUIRE(ending.text.rfind("nestp: tests/unit/engine/check_test.cc:", 0) == 0);
  REQUIRE(ending.text.find(": CHECK(1 + 1 == 3) failed: stop of thread 4711\n") !=
          std::string::npos);
}

TEST_CASE("the hook runs once, after the message, even if it fails itself", "[check]") {
  const Ending ending = run_in_child([] {
    set_check_hook([] { CHECK(write(STDERR_FILENO, "hook\n", 5) == 0) << "inner"; });
    CHECK(false) << "outer";
  });
  REQUIRE(WEXITSTATUS(ending.status) == 70);
  const std::size_t outer = ending.text.find("outer");
  const std::size_t hook = ending.text.find("hook\n");
  const std::size_t inner = ending.text.find("inner");
  REQUIRE(outer < hook);
  REQUIRE(hook < inner);
  REQUIRE(inner != std::string::npos);
  REQUIRE(ending.text.find("hook\n", hook + 1) == std::string::npos);
}

}  // namespace
}  // namespace nestp
