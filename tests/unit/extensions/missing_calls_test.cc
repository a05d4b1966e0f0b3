#include "extensions/missing_calls.h"

#include <cerrno>
#include <fcntl.h>

#include <catch2/catch.hpp>

#include "tests/unit/extensions/fake_memory.h"

namespace nestp {
namespace {

/// A process with four descriptors, of which 7 stands for a process.
class SomeFacts final : public ThreadFacts {
 public:
  std::vector<std::pair<unsigned, bool>> descriptors(pid_t) const override {
    return {{0, false}, {3, true}, {4, false}, {7, false}};
  }
  pid_t process_of(pid_t, int descriptor) const override { return descriptor == 7 ? 1234 : 0; }
};

SysSet all_calls() {
  SysSet set;
  return set.set();
}

using Steps = std::vector<std::pair<Sys, std::array<std::uint64_t, 6>>>;

/// The older calls that one call becomes, each of which gives `results` in turn, and what the
/// guest sees.
std::pair<Steps, std::int64_t> run(Sys sys, std::array<std::uint64_t, 6> args,
                                   const std::vector<std::int64_t>& results, FakeMemory& memory) {
  MissingCalls extension(all_calls(), std::make_unique<SomeFacts>());
  Steps steps;
  for (const std::int64_t result : results) {
    Call call = make_call(sys, memory, args);
    if (extension.on_entry(call) == Entry::answered) return {steps, call.result};
    steps.emplace_back(call.sys, call.args);
    call.result = result;
    if (!call.wants_exit) return {steps, result};
    extension.on_exit(call);
    if (!call.repeats) return {steps, call.result};
  }
  return {steps, -1};
}

TEST_CASE("a descriptor gets its flags by further calls", "[extensions][missing]") {
  FakeMemory memory(16);
  const auto [steps, result] = run(Sys::dup3, {5, 9, O_CLOEXEC}, {9, 0}, memory);
  CHECK(result == 9);
  CHECK(steps == Steps{{Sys::dup2, {5, 9}}, {Sys::fcntl, {9, F_SETFD, FD_CLOEXEC}}});
  CHECK(run(Sys::dup3, {5, 9, O_CLOEXEC}, {-EBADF}, memory).second == -EBADF);
  CHECK(run(Sys::dup3, {5, 5, 0}, {0}, memory).second == -EINVAL);
  CHECK(run(Sys::eventfd2, {5, 1}, {0}, memory).second == -EINVAL);
}

TEST_CASE("close_range closes what is open in the range", "[extensions][missing]") {
  FakeMemory memory(16);
  const auto [steps, result] = run(Sys::close_range, {3, 5, 0}, {0, 0}, memory);
  CHECK(result == 0);
  CHECK(steps == Steps{{Sys::close, {3}}, {Sys::close, {4}}});
  const auto marked = run(Sys::close_range, {3, 5, 4}, {1}, memory);
  CHECK(marked.first == Steps{{Sys::fcntl, {4, F_SETFD, FD_CLOEXEC}}});
  CHECK(marked.second == 0);
  CHECK(run(Sys::close_range, {100, 200, 0}, {0}, memory).second == 0);
  CHECK(run(Sys::close_range, {5, 3, 0}, {0}, memory).second == -EINVAL);
}

TEST_CASE("positions of vector calls", "[extensions][missing]") {
  FakeMemory memory(16);
  CHECK(run(Sys::preadv2, {3, 8, 1, 100, 0, 0}, {1}, memory).first[0].first == Sys::preadv);
  CHECK(run(Sys::preadv2, {3, 8, 1, ~0ULL, ~0ULL, 0}, {1}, memory).first[0].first == Sys::readv);
  CHECK(run(Sys::pwritev2, {3, 8, 1, 0, 0, 2}, {1}, memory).second == -EOPNOTSUPP);
}

TEST_CASE("processes by descriptors", "[extensions][missing]") {
  FakeMemory memory(16);
  const auto opened = run(Sys::pidfd_open, {42, 0}, {7}, memory);
  REQUIRE(opened.first.size() == 1);
  CHECK(opened.first[0].first == Sys::openat);
  CHECK(memory.text(opened.first[0].second[1] - FakeMemory::kStart) == "/proc/42");
  CHECK(run(Sys::pidfd_send_signal, {7, 15, 0, 0}, {0}, memory).first ==
        Steps{{Sys::kill, {1234, 15}}});
  CHECK(run(Sys::pidfd_send_signal, {6, 15, 0, 0}, {0}, memory).second == -EBADF);
}

TEST_CASE("clone3 by clone", "[extensions][missing]") {
  FakeMemory memory(64);
  const std::uint64_t asked[] = {0x100, 0, 11, 12, 17, 0x5000, 0x1000, 13};
  std::memcpy(memory.bytes.data(), asked, sizeof asked);
  const auto made = run(Sys::clone3, {FakeMemory::kStart, sizeof asked}, {99}, memory);
  CHECK(made.first == Steps{{Sys::clone, {0x111, 0x6000, 12, 11, 13}}});
  CHECK(run(Sys::clone3, {FakeMemory::kStart, 8}, {0}, memory).second == -EINVAL);
}

TEST_CASE("a handler that jumps out of a call of several leaves nothing", "[extensions][missing]") {
  FakeMemory memory(16);
  MissingCalls extension(all_calls(), std::make_unique<SomeFacts>());
  Call first = make_call(Sys::dup3, memory, {5, 9, O_CLOEXEC});
  (void)extension.on_entry(first);
  first.result = 9;
  extension.on_exit(first);
  CHECK(first.repeats);
  Call other = make_call(Sys::dup3, memory, {6, 10, 0});
  (void)extension.on_entry(other);
  CHECK(other.sys == Sys::dup2);
  CHECK(other.args[0] == 6);
}

TEST_CASE("a private futex by one that is not", "[extensions][missing]") {
  FakeMemory memory(16);
  const auto made = run(Sys::futex, {0x1000, 128 + 9, 1, 2, 3, 4}, {-EAGAIN}, memory);
  CHECK(made.first == Steps{{Sys::futex, {0x1000, 9, 1, 2, 3, 4}}});
  CHECK(made.second == -EAGAIN);
}

TEST_CASE("random bytes", "[extensions][missing]") {
  FakeMemory memory(64);
  CHECK(run(Sys::getrandom, {FakeMemory::kStart, 64, 0}, {0}, memory).second == 64);
  CHECK(memory.bytes != std::string(64, '\0'));
  CHECK(run(Sys::getrandom, {0, 4, 0}, {0}, memory).second == -EFAULT);
  CHECK(run(Sys::getrandom, {FakeMemory::kStart, 4, 8}, {0}, memory).second == -EINVAL);
}

TEST_CASE("this kernel lacks none of them", "[extensions][missing]") {
  CHECK(MissingCalls::missing_here(0x020600).none());
}

}  // namespace
}  // namespace nestp
