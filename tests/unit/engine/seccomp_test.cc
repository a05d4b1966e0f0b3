#include "engine/ptrace/seccomp.h"

#include <cerrno>
#include <functional>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/support/bpf.h"

namespace nestp {
namespace {

constexpr std::uint32_t kTrace = SECCOMP_RET_TRACE | kOwnTrace;

constexpr std::uint32_t kNoSuchCall = SECCOMP_RET_ERRNO | ENOSYS;
constexpr std::uint64_t kGate = 0x70001234;
constexpr std::uint64_t kElsewhere = 0x7f0070001234;  // the gate's lower half

using Filter = std::vector<sock_filter>;

SysSet set_of(std::initializer_list<Sys> list) {
  SysSet set;
  for (const Sys sys : list)
    set.set(static_cast<std::size_t>(sys));
  return set;
}

seccomp_data data_of(const Abi& abi, std::int64_t number, std::uint64_t pointer = kElsewhere) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = abi.audit_arch;
  data.instruction_pointer = pointer;
  for (auto& arg : data.args)
    arg = 0xdeadbeefdeadbeef;
  return data;
}

std::uint32_t action(const Filter& filter, const seccomp_data& data) {
  return run_filter(filter, data).action;
}

/// What `request` promises for a number, worked out without looking for it.
std::uint32_t promised(const FilterRequest& request, const Abi& abi, std::uint32_t number) {
  if (abi.audit_arch == 0xc000003e && number >= kX32Bit) return kNoSuchCall;
  if (number >= 0x80000000) return SECCOMP_RET_ALLOW;
  const auto sys = static_cast<std::size_t>(sys_of(abi, number));
  if (request.refuse[sys]) return kNoSuchCall;
  if (request.trace[sys] || request.trace_everything) return kTrace;
  const bool is_private = !abi.by_private_number.empty() && number >= kPrivateNumbers;
  const bool is_new = number > static_cast<std::uint32_t>(abi.highest_number) && !is_private;
  return request.refuse_unknown && is_new ? kTrace : SECCOMP_RET_ALLOW;
}

void check_all_numbers(const FilterRequest& request) {
  const Filter filter = make_filter(request);
  REQUIRE(filter.size() <= 4096);
  const auto check = [&](const Abi& abi, std::uint32_t number) {
    const FilterRun run = run_filter(filter, data_of(abi, number));
    const std::uint32_t expected = promised(request, abi, number);
    if (run.action == expected && (expected != SECCOMP_RET_ALLOW || run.is_constant)) return;
    INFO(abi.name << ' ' << number << ' ' << run.action << ' ' << run.is_constant);
    CHECK(run.action == expected);
    CHECK(run.is_constant);
  };
  for (const Abi* abi : request.abis) {
    for (std::uint32_t number = 0; number < 2000; ++number)
      check(*abi, number);
    for (std::uint32_t number = kPrivateNumbers - 2; number < kPrivateNumbers + 20; ++number) {
      check(*abi, number);
    }
    for (const std::uint32_t edge : {kX32Bit, 0x80000000U, 0U}) {
      for (std::uint32_t offset = 0; offset < 600; ++offset)
        check(*abi, edge + offset);
      for (std::uint32_t offset = 1; offset < 4; ++offset)
        check(*abi, edge - offset);
    }
  }
  CHECK(true);
}

FilterRequest usual_request(std::span<const Abi* const> abis) {
  FilterRequest request{.abis = abis};
  request.trace = set_of({Sys::openat, Sys::open, Sys::stat, Sys::execve, Sys::execveat,
                          Sys::rename, Sys::readlink, Sys::getcwd, Sys::connect, Sys::statx});
  request.refuse = set_of({Sys::io_uring_setup});
  request.gate_addresses = {0x70000010, kGate};
  request.refuse_unknown = true;
  return request;
}

TEST_CASE("every number of every ABI ends as the sets say", "[seccomp]") {
  check_all_numbers(usual_request(all_abis()));
  check_all_numbers(usual_request(host_abis()));
  FilterRequest lenient = usual_request(all_abis());
  lenient.refuse_unknown = false;
  check_all_numbers(lenient);
}

TEST_CASE("with no calls named, all are allowed", "[seccomp]") {
  check_all_numbers(FilterRequest{.abis = all_abis()});
}

TEST_CASE("everything is traced on request, but from the gate", "[seccomp]") {
  FilterRequest request = usual_request(all_abis());
  request.trace_everything = true;
  request.conditional = {{Sys::close, {}}};
  check_all_numbers(request);
  CHECK(action(make_filter(request), data_of(kAbiX64, SYS_close, kGate)) == SECCOMP_RET_ALLOW);
}

TEST_CASE("sets that need long jumps", "[seccomp]") {
  FilterRequest request = usual_request(host_abis());
  for (std::size_t i = 0; i < kSysCount; i += 2)
    request.trace.set(i);
  request.refuse.reset();
  check_all_numbers(request);
}

TEST_CASE("sets too scattered for one program stop more, not less", "[seccomp]") {
  FilterRequest request{.abis = all_abis()};
  for (const Abi* abi : all_abis()) {
    for (std::int32_t number = 0; number < 460; number += 2) {
      request.trace.set(static_cast<std::size_t>(sys_of(*abi, number)));
    }
  }
  request.trace.reset(static_cast<std::size_t>(Sys::unknown));
  request.gate_addresses.assign(200, kGate);
  for (std::size_t i = 0; i < kSysCount; i += 3) {
    const ArgumentTest test{.index = 1, .kind = ArgumentTest::Kind::equals, .value = i};
    request.conditional.push_back({static_cast<Sys>(i), {test, test}});
  }
  const Filter filter = make_filter(request);
  CHECK(filter.size() <= 4096);
  for (std::size_t i = 0; i < kSysCount; ++i) {
    const std::int32_t number = number_of(kAbiX64, static_cast<Sys>(i));
    if (number < 0 || !request.trace[i]) continue;
    CHECK(action(filter, data_of(kAbiX64, number)) == kTrace);
  }
}

TEST_CASE("only the whole address of the gate is allowed", "[seccomp]") {
  const Filter filter = make_filter(usual_request(all_abis()));
  for (const Abi* abi : all_abis()) {
    INFO(abi->name);
    const std::int32_t number = number_of(*abi, Sys::openat);
    for (const std::uint64_t gate : {std::uint64_t{0x70000010}, kGate}) {
      CHECK(action(filter, data_of(*abi, number, gate)) == SECCOMP_RET_ALLOW);
      CHECK(action(filter, data_of(*abi, number, gate - 2)) == kTrace);
      CHECK(action(filter, data_of(*abi, number, gate | 1ULL << 32)) == kTrace);
      CHECK(action(filter, data_of(*abi, number, gate << 32)) == kTrace);
    }
    CHECK(action(filter, data_of(*abi, number, 0)) == kTrace);
    // What is refused is refused to the gate too.
    const std::int32_t refused = number_of(*abi, Sys::io_uring_setup);
    CHECK(action(filter, data_of(*abi, refused, kGate)) == kNoSuchCall);
  }
}

TEST_CASE("architectures that were not asked for are ENOSYS", "[seccomp]") {
  const Abi* const abis[] = {&kAbiX64};
  const Filter filter = make_filter(usual_request(abis));
  for (const Abi* abi : {&kAbiX86, &kAbiArm64}) {
    for (const Sys sys : {Sys::openat, Sys::close}) {
      CHECK(action(filter, data_of(*abi, number_of(*abi, sys))) == kNoSuchCall);
    }
  }
}

TEST_CASE("argument tests decide between a stop and none", "[seccomp]") {
  using Kind = ArgumentTest::Kind;
  struct Case {
    Kind kind;
    std::uint64_t value;
    std::vector<std::uint64_t> stop;
    std::vector<std::uint64_t> pass;
  };
  const std::uint64_t high = 1ULL << 40;
  const Case cases[] = {
      {Kind::equals, 5, {5}, {0, 4, 5 + high, high}},
      {Kind::equals, high + 5, {high + 5}, {5, high, 0}},
      {Kind::equals_int, 5, {5, 5 + high}, {0, 4, high}},
      {Kind::differs_int, 5, {0, 4, high, ~0ULL}, {5, 5 + high}},
      {Kind::not_zero, 0, {1, high, ~0ULL}, {0}},
      {Kind::masked_nonzero, 0x11, {1, 0x10, 0x13}, {0, 2, high, ~0x11ULL}},
      {Kind::masked_nonzero, high | 1, {1, high, high | 2}, {0, 2, high << 1}},
      {Kind::masked_zero, 0x11, {0, 2, high}, {1, 0x10, ~0ULL}},
      {Kind::masked_zero, high | 1, {0, 2, high << 1}, {1, high, high | 1}},
  };
  for (const Case& each : cases) {
    for (const std::uint8_t index : {0, 5}) {
      FilterRequest request{.abis = all_abis(), .gate_addresses = {kGate}};
      request.conditional = {{Sys::mmap, {{index, each.kind, each.value}}}};
      const Filter filter = make_filter(request);
      const auto act = [&](std::uint64_t value, std::uint64_t pointer = kElsewhere) {
        seccomp_data data = data_of(kAbiX64, number_of(kAbiX64, Sys::mmap), pointer);
        data.args[index] = value;
        return action(filter, data);
      };
      INFO("kind " << static_cast<int>(each.kind) << " value " << each.value);
      for (const std::uint64_t value : each.stop) {
        INFO(value);
        CHECK(act(value) == kTrace);
        CHECK(act(value, kGate) == SECCOMP_RET_ALLOW);
      }
      for (const std::uint64_t value : each.pass) {
        INFO(value);
        CHECK(act(value) == SECCOMP_RET_ALLOW);
      }
    }
  }
}

TEST_CASE("one test of several is enough, and rules for one call are joined", "[seccomp]") {
  using Kind = ArgumentTest::Kind;
  FilterRequest request{.abis = all_abis()};
  request.conditional = {{Sys::prctl, {{0, Kind::equals_int, 4}, {0, Kind::equals_int, 22}}},
                         {Sys::fcntl, {{1, Kind::equals_int, 9}}},
                         {Sys::prctl, {{0, Kind::equals_int, 35}}},
                         {Sys::ioctl, {}},
                         {Sys::openat, {{0, Kind::equals_int, 1}}}};
  request.trace = set_of({Sys::openat});
  const Filter filter = make_filter(request);
  for (const Abi* abi : all_abis()) {
    INFO(abi->name);
    const auto act = [&](Sys sys, std::uint64_t first) {
      seccomp_data data = data_of(*abi, number_of(*abi, sys));
      data.args[0] = first;
      return action(filter, data);
    };
    for (const std::uint64_t option : {4, 22, 35}) {
      CHECK(act(Sys::prctl, option) == kTrace);
    }
    CHECK(act(Sys::prctl, 5) == SECCOMP_RET_ALLOW);
    CHECK(act(Sys::ioctl, 4) == SECCOMP_RET_ALLOW);  // no test can hold
    CHECK(act(Sys::openat, 4) == kTrace);            // asked for without condition elsewhere
  }
}

TEST_CASE("the search is short", "[seccomp]") {
  const Filter filter = make_filter(usual_request(host_abis()));
  for (std::int32_t number = 0; number < 470; ++number) {
    CHECK(run_filter(filter, data_of(*host_abis().front(), number)).steps < 30);
  }
}

/// The exit code of a child that runs `body`.
int exit_of(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  REQUIRE(child > 0);
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

TEST_CASE("the kernel takes the filter and does as it says", "[seccomp]") {
  FilterRequest request{.abis = host_abis()};
  request.trace = set_of({Sys::getppid});  // ENOSYS, as nobody traces
  request.refuse = set_of({Sys::getpgid});
  request.conditional = {
      {Sys::getpriority, {{0, ArgumentTest::Kind::equals_int, 1}}},
  };
  const Filter filter = make_filter(request);
  CHECK(exit_of([&] {
          if (install_filter(filter) != 0) return 1;
          if (syscall(SYS_getpid) <= 0) return 2;
          if (syscall(SYS_getppid) != -1 || errno != ENOSYS) return 3;
          if (syscall(SYS_getpgid, 0) != -1 || errno != ENOSYS) return 4;
          if (syscall(SYS_getpriority, 0, 0) < 0) return 5;
          if (syscall(SYS_getpriority, 1, 0) != -1 || errno != ENOSYS) return 6;
          return 0;
        }) == 0);
}

TEST_CASE("a filter the kernel does not take is an errno", "[seccomp]") {
  CHECK(exit_of([] { return install_filter({}); }) == EINVAL);
}

}  // namespace
}  // namespace nestp
