#include "engine/ptrace/backtrace.h"

#include <chrono>
#include <csignal>
#include <cstring>
#include <elf.h>
#include <random>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

// Named for the linker, so that a backtrace can show them; the empty asm keeps
// the calls from becoming jumps.
extern "C" {
[[gnu::noinline]] int nestp_test_inner(int depth);
[[gnu::noinline]] int nestp_test_outer(int depth);
[[gnu::noinline]] int nestp_test_forever(int depth);

int nestp_test_inner(int depth) {
  raise(SIGSTOP);
  asm volatile("" ::: "memory");
  return depth;
}
int nestp_test_outer(int depth) {
  const int result = nestp_test_inner(depth + 1);
  asm volatile("" ::: "memory");
  return result + 1;
}
int nestp_test_forever(int depth) {
  const int result = depth == 500 ? nestp_test_inner(depth) : nestp_test_forever(depth + 1);
  asm volatile("" ::: "memory");
  return result + 1;
}
}

namespace nestp {
namespace {

/// A child that is stopped inside `body`, traced by the test.
class StoppedChild {
 public:
  explicit StoppedChild(int (*body)(int)) : process_(fork()) {
    if (process_ == 0) {
      ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      _exit(body(0));
    }
    int status = 0;
    REQUIRE(process_ > 0);
    REQUIRE(waitpid(process_, &status, 0) == process_);
    REQUIRE(WIFSTOPPED(status));
  }
  ~StoppedChild() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  StoppedChild(const StoppedChild&) = delete;
  StoppedChild& operator=(const StoppedChild&) = delete;

  pid_t process() const { return process_; }

  Registers registers() const {
    Registers registers(*host_abis().front());
    iovec room{registers.room().data(), registers.room().size()};
    REQUIRE(ptrace(PTRACE_GETREGSET, process_, NT_PRSTATUS, &room) == 0);
    REQUIRE(registers.loaded(room.iov_len));
    return registers;
  }
  void set_registers(Registers registers) const {
    iovec bytes{registers.room().data(), registers.bytes().size()};
    REQUIRE(ptrace(PTRACE_SETREGSET, process_, NT_PRSTATUS, &bytes) == 0);
  }

 private:
  pid_t process_;
};

std::size_t find_line(const std::vector<std::string>& lines, const std::string& text) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find(text) != std::string::npos) return i;
  }
  return lines.size();
}

TEST_CASE("a backtrace names functions from the inside out", "[backtrace]") {
  const StoppedChild child(nestp_test_outer);
  const auto lines = backtrace(child.process(),
                               [](std::string_view path) { return "<" + std::string(path) + ">"; });
  REQUIRE(lines.size() >= 3);
  for (const std::string& line : lines)
    UNSCOPED_INFO(line);
  CHECK(lines[0].substr(0, 5) == "#0 0x");
  const std::size_t inner = find_line(lines, " nestp_test_inner+0x");
  const std::size_t outer = find_line(lines, " nestp_test_outer+0x");
  REQUIRE(inner < lines.size());
  CHECK(outer == inner + 1);
  CHECK(lines[outer].find("(</") != std::string::npos);
  CHECK(lines[outer].find(">)") != std::string::npos);
}

TEST_CASE("a backtrace is no longer than asked for", "[backtrace]") {
  const StoppedChild child(nestp_test_forever);
  CHECK(backtrace(child.process(), nullptr, 5).size() == 5);
  CHECK(backtrace(child.process()).size() == 32);
}

TEST_CASE("registers and stack of garbage end in time", "[backtrace]") {
  const StoppedChild child(nestp_test_outer);
  const Registers good = child.registers();
  std::mt19937_64 random(4711);
  for (int round = 0; round < 40; ++round) {
    Registers bad = good;
    // User addresses mostly, near the stack or the code now and then.
    const auto address = [&] {
      const std::uint64_t near = random() % 2 == 0 ? good.stack() : good.instruction();
      return random() % 3 == 0 ? random() >> 17 : near + random() % 8192 - 4096;
    };
    bad.set_instruction(address());
    bad.set_stack(address());
    child.set_registers(bad);
    const auto start = std::chrono::steady_clock::now();
    const auto lines = backtrace(child.process());
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(4));
    CHECK(lines.size() >= 1);
    CHECK(lines.size() <= 32);
  }
}

TEST_CASE("a thread that is gone has no backtrace", "[backtrace]") {
  CHECK(backtrace(getpid()).empty());  // not traced
  pid_t gone = 0;
  {
    const StoppedChild child(nestp_test_outer);
    gone = child.process();
  }
  CHECK(backtrace(gone).empty());
}

TEST_CASE("a backtrace leaves no process and no descriptor behind", "[backtrace]") {
  const StoppedChild child(nestp_test_outer);
  const int before = dup(STDIN_FILENO);
  close(before);
  backtrace(child.process());
  const int after = dup(STDIN_FILENO);
  close(after);
  CHECK(before == after);
  CHECK(waitpid(-1, nullptr, WNOHANG) == 0);  // only the stopped child
}

TEST_CASE("registers as text", "[backtrace]") {
  Registers registers(kAbiX86);
  registers.set_number(5);
  registers.set_arg(0, 0x1000);
  registers.set_result(-38);
  registers.set_instruction(0x8048000);
  registers.set_stack(0xffffd000);
  const std::string text = registers_text(registers);
  CHECK(text.find("i386 call 5 open(0x1000, 0x0, 0x0, 0x0, 0x0, 0x0) = -38, "
                  "instruction 0x8048000, stack 0xffffd000\nregisters ") == 0);
  CHECK(text.find(" ffffd000", text.find('\n')) != std::string::npos);
}

}  // namespace
}  // namespace nestp
