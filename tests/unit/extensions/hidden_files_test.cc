#include "extensions/hidden_files.h"

#include <cerrno>
#include <cstdlib>
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "extensions/listing.h"
#include "tests/unit/extensions/fake_memory.h"

namespace nestp {
namespace {

/// A record of getdents64(2), or of getdents(2).
std::string record(const std::string& name, std::uint64_t inode, bool type_behind_name = false) {
  const std::size_t head = type_behind_name ? 18 : 19;
  const std::size_t size = (head + name.size() + 2 + 7) / 8 * 8;
  std::string bytes(size, '\0');
  std::memcpy(bytes.data(), &inode, 8);
  std::memcpy(bytes.data() + 16, &size, 2);
  std::memcpy(bytes.data() + head, name.c_str(), name.size());
  bytes[type_behind_name ? size - 1 : 18] = DT_REG;
  return bytes;
}

Call listed(Sys sys, FakeMemory& memory, const std::string& bytes) {
  memory.bytes.replace(0, bytes.size(), bytes);
  Call call = make_call(sys, memory, {3, FakeMemory::kStart, memory.bytes.size()});
  call.result = static_cast<std::int64_t>(bytes.size());
  return call;
}

HiddenFiles hides_dot_proot() { return HiddenFiles({".proot"}); }

TEST_CASE("hidden entries are taken out of a listing", "[extensions][hidden]") {
  FakeMemory memory(4096);
  HiddenFiles hidden = hides_dot_proot();
  for (const bool is_old : {false, true}) {
    const Sys sys = is_old ? Sys::getdents : Sys::getdents64;
    Call call =
        listed(sys, memory,
               record("a", 1, is_old) + record(".proot.x", 2, is_old) + record(".proo", 3, is_old));
    hidden.on_exit(call);
    const std::string rest = record("a", 1, is_old) + record(".proo", 3, is_old);
    CHECK(call.result == static_cast<std::int64_t>(rest.size()));
    CHECK(memory.bytes.substr(0, rest.size()) == rest);
    CHECK_FALSE(call.repeats);
  }
}

TEST_CASE("a listing of hidden entries alone goes on, its end is an end", "[extensions][hidden]") {
  FakeMemory memory(4096);
  HiddenFiles hidden = hides_dot_proot();
  Call call = listed(Sys::getdents64, memory, record(".proot", 2));
  hidden.on_exit(call);
  CHECK(call.repeats);
  Call end = make_call(Sys::getdents64, memory, {3, FakeMemory::kStart, 100});
  hidden.on_exit(end);
  CHECK((!end.repeats && end.result == 0));
}

TEST_CASE("readdir of i386", "[extensions][hidden]") {
  FakeMemory memory(512);
  HiddenFiles hidden = hides_dot_proot();
  memory.bytes[8] = 6;
  memory.put(10, ".proot");
  Call call = make_call(Sys::readdir, memory, {3, FakeMemory::kStart, 1}, 1, kAbiX86);
  call.result = 1;
  hidden.on_exit(call);
  CHECK(call.repeats);
}

TEST_CASE("records that make no sense are left alone", "[extensions][hidden]") {
  FakeMemory memory(4096);
  HiddenFiles hidden = hides_dot_proot();
  std::string bytes = record("a", 1) + record(".proot", 2);
  bytes[16] = 3;  // its size
  Call call = listed(Sys::getdents64, memory, bytes);
  hidden.on_exit(call);
  CHECK(call.result == static_cast<std::int64_t>(bytes.size()));
  call.args[1] = 0;
  hidden.on_exit(call);
  CHECK(call.result == static_cast<std::int64_t>(bytes.size()));
}

TEST_CASE("no path leads to a hidden file", "[extensions][hidden]") {
  FakeMemory memory(64);
  HiddenFiles hidden = hides_dot_proot();
  const auto is_refused = [&](const std::string& host, std::size_t outside) {
    Call call = make_call(Sys::openat, memory, {});
    CallObject object{.host = host, .outside = outside};
    call.objects = {&object, 1};
    const bool answered = hidden.on_objects(call) == Entry::answered;
    CHECK((!answered || call.result == -ENOENT));
    return answered;
  };
  CHECK(is_refused("/root/.proot", 5));
  CHECK(is_refused("/root/.proot.d/file", 5));
  CHECK(is_refused("/proc/7/cwd/.proot", 0));
  CHECK_FALSE(is_refused("/root/a.proot", 5));
  CHECK_FALSE(is_refused("/home/.proot/root/file", 17));
  CHECK(hidden.objects().test(static_cast<std::size_t>(Sys::renameat2)));
  CHECK_FALSE(hidden.objects().test(static_cast<std::size_t>(Sys::read)));
}

TEST_CASE("hidden subdirectories are not counted", "[extensions][hidden]") {
  char base[] = "/tmp/nestp-hidden.XXXXXX";
  REQUIRE(mkdtemp(base) != nullptr);
  const std::string host = base;
  REQUIRE(mkdir((host + "/.proot.d").c_str(), 0700) == 0);
  FakeMemory memory(256);
  HiddenFiles hidden = hides_dot_proot();
  const auto links_after = [&](std::uint16_t mode, std::uint32_t links) {
    Call call = make_call(Sys::statx, memory, {0, 0, 0, 0, FakeMemory::kStart});
    CallObject object{.host = host};
    call.objects = {&object, 1};
    CHECK(hidden.on_objects(call) == Entry::proceed);
    CHECK(call.wants_exit);
    std::memcpy(memory.bytes.data() + 16, &links, 4);
    std::memcpy(memory.bytes.data() + 28, &mode, 2);
    hidden.on_exit(call);
    std::memcpy(&links, memory.bytes.data() + 16, 4);
    return links;
  };
  CHECK(links_after(S_IFDIR | 0755, 4) == 3);
  CHECK(links_after(S_IFDIR | 0755, 1) == 1);
  CHECK(links_after(S_IFREG | 0644, 4) == 4);
  rmdir((host + "/.proot.d").c_str());
  rmdir(base);
}

}  // namespace
}  // namespace nestp
