// Calls as the engine hands them to the extension, on fake memory: no guest is needed.
#include <cerrno>
#include <cstring>
#include <string>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "extensions/identity/identity.h"
#include "tests/unit/extensions/fake_memory.h"
#include "tests/unit/fs/temp_tree.h"

namespace nestp {
namespace {

constexpr pid_t kFirst = 1000001, kSecond = 1000002;  // of no process

struct Fixture {
  TempTree tree;
  FakeMemory memory{4096};
  Identity identity{{.user = 0, .group = 0, .rootfs = tree.path()}};

  Fixture() {
    chmod(tree.path().c_str(), 0755);
    identity.on_thread_start(kFirst, 0);
  }

  std::int64_t entry(Sys sys, std::array<std::uint64_t, 6> args, pid_t thread = kFirst,
                     const Abi& abi = kAbiX64) {
    Call call = make_call(sys, memory, args, thread, abi);
    REQUIRE(identity.entries().test(static_cast<std::size_t>(sys)));
    REQUIRE(identity.on_entry(call) == Entry::answered);
    return call.result;
  }
  std::int64_t object(Sys sys, const std::string& below, std::array<std::uint64_t, 6> args,
                      pid_t thread = kFirst, const Abi& abi = kAbiX64) {
    CallObject object{.host = tree.at(below), .outside = tree.path().size()};
    Call call = make_call(sys, memory, args, thread, abi);
    call.objects = {&object, 1};
    REQUIRE(identity.objects().test(static_cast<std::size_t>(sys)));
    return identity.on_objects(call) == Entry::answered ? call.result : 1;
  }
  template <typename Number>
  Number read(std::size_t offset) {
    Number number{};
    std::memcpy(&number, memory.bytes.data() + offset, sizeof number);
    return number;
  }
};

TEST_CASE("ids are each thread's own", "[identity]") {
  Fixture guest;
  guest.identity.on_thread_start(kSecond, kFirst);
  CHECK(guest.entry(Sys::setuid, {33}, kSecond) == 0);
  CHECK(guest.entry(Sys::getuid, {}, kSecond) == 33);
  CHECK(guest.entry(Sys::getuid, {}, kFirst) == 0);
  CHECK(guest.entry(Sys::setuid, {0}, kSecond) == -EPERM);
}

TEST_CASE("an exec by another thread takes its ids along", "[identity]") {
  Fixture guest;
  guest.identity.on_thread_start(kSecond, kFirst);
  CHECK(guest.entry(Sys::setuid, {33}, kSecond) == 0);
  guest.identity.on_thread_renamed(kSecond, kFirst);
  CHECK(guest.entry(Sys::getuid, {}, kFirst) == 33);
}

TEST_CASE("ids of 16 bits are cut as the kernel cuts them", "[identity]") {
  Fixture guest;
  CHECK(guest.entry(Sys::setuid32, {70000}, kFirst, kAbiX86) == 0);
  CHECK(guest.entry(Sys::getuid, {}, kFirst, kAbiX86) == 65534);
  CHECK(guest.entry(Sys::getuid32, {}, kFirst, kAbiX86) == 70000);
}

TEST_CASE("groups are read from and written to the guest", "[identity]") {
  Fixture guest;
  const std::uint32_t ids[] = {9, 4};
  std::memcpy(guest.memory.bytes.data(), ids, sizeof ids);
  CHECK(guest.entry(Sys::setgroups, {2, FakeMemory::kStart}) == 0);
  CHECK(guest.entry(Sys::getgroups, {0, 0}) == 2);
  CHECK(guest.entry(Sys::getgroups, {1, FakeMemory::kStart}) == -EINVAL);
  CHECK(guest.entry(Sys::getgroups, {2, FakeMemory::kStart}) == 2);
  CHECK(guest.read<std::uint32_t>(0) == 4);
  CHECK(guest.entry(Sys::setgroups, {2, 0}) == -EFAULT);
}

TEST_CASE("chown, chmod and stat agree", "[identity]") {
  Fixture guest;
  guest.tree.file("/f");
  CHECK(guest.object(Sys::chown, "/f", {0, 33, 34}) == 0);
  CHECK(guest.object(Sys::chmod, "/f", {0, 04711}) == 0);
  CHECK(guest.object(Sys::stat, "/f", {0, FakeMemory::kStart}) == 0);
  const auto status = guest.read<struct stat>(0);
  CHECK(status.st_uid == 33);
  CHECK(status.st_gid == 34);
  CHECK(status.st_mode == (S_IFREG | 04711U));
  CHECK(guest.object(Sys::chown, "/f", {0, 35, ~0ULL}) == 0);
  CHECK(guest.object(Sys::stat64, "/f", {0, FakeMemory::kStart}, kFirst, kAbiX86) == 0);
  CHECK(guest.read<std::uint32_t>(24) == 35);
  CHECK(guest.read<std::uint32_t>(16) == (S_IFREG | 0711U));
}

TEST_CASE("an ordinary user is refused what is not his", "[identity]") {
  Fixture guest;
  guest.tree.directory("/d");
  guest.tree.file("/d/f");
  guest.tree.file("/f");
  CHECK(guest.object(Sys::chmod, "/d", {0, 0700}) == 0);
  CHECK(guest.entry(Sys::setuid, {33}) == 0);
  CHECK(guest.object(Sys::chown, "/f", {0, 33, 33}) == -EPERM);
  CHECK(guest.object(Sys::chmod, "/f", {0, 0777}) == -EPERM);
  CHECK(guest.object(Sys::stat, "/d/f", {0, FakeMemory::kStart}) == -EACCES);
  CHECK(guest.object(Sys::access, "/f", {0, 2}) == -EACCES);
  CHECK(guest.object(Sys::unlink, "/f", {}) == -EACCES);
  CHECK(guest.object(Sys::open, "/f", {0, 0}) == 1);  // left to the kernel
  CHECK(guest.object(Sys::open, "/f", {0, 1}) == -EACCES);
}

TEST_CASE("bad pointers are the guest's error", "[identity]") {
  Fixture guest;
  guest.tree.file("/f");
  CHECK(guest.object(Sys::stat, "/f", {0, 0}) == -EFAULT);
  CHECK(guest.entry(Sys::getresuid, {0, 0, 0}) == -EFAULT);
  CHECK(guest.entry(Sys::capget, {0, 0}) == -EFAULT);
}

}  // namespace
}  // namespace nestp
