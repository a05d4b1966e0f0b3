#include "extensions/link_sizes.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "extensions/stat_answer.h"
#include "tests/unit/extensions/fake_memory.h"

namespace nestp {
namespace {

/// lstat(2) of a link that shows `text`, of which the kernel says `size` bytes.
std::int64_t shown_size(const Abi& abi, Sys sys, std::int64_t size, mode_t mode,
                        const std::optional<std::string>& text, bool follow = false) {
  FakeMemory memory(512);
  LinkSizes sizes;
  Call call = make_call(sys, memory, {0, FakeMemory::kStart, FakeMemory::kStart, 0, 0}, 1, abi);
  CallObject object{.host = "/nowhere/at/all", .follow = follow};
  object.shown_link = [text] { return text; };
  call.objects = {&object, 1};
  CHECK(sizes.on_objects(call) == Entry::proceed);
  const StatLayout& layout = *stat_layout(abi, sys);
  std::memcpy(memory.bytes.data() + layout.mode.offset, &mode, layout.mode.size);
  std::memcpy(memory.bytes.data() + layout.length.offset, &size, layout.length.size);
  if (call.wants_exit) sizes.on_exit(call);
  size = 0;
  std::memcpy(&size, memory.bytes.data() + layout.length.offset, layout.length.size);
  return size;
}

TEST_CASE("a link is as long as its text", "[extensions][link_sizes]") {
  CHECK(shown_size(kAbiX64, Sys::lstat, 0, S_IFLNK, "/bin/sh") == 7);
  CHECK(shown_size(kAbiX64, Sys::newfstatat, 64, S_IFLNK, "/bin/sh") == 7);
  CHECK(shown_size(kAbiX86, Sys::lstat64, 64, S_IFLNK, "/bin/sh") == 7);
  CHECK(shown_size(kAbiX86, Sys::lstat, 64, S_IFLNK, "/bin/sh") == 7);
}

TEST_CASE("other files keep their size", "[extensions][link_sizes]") {
  CHECK(shown_size(kAbiX64, Sys::lstat, 99, S_IFLNK, std::nullopt) == 99);
  CHECK(shown_size(kAbiX64, Sys::stat, 99, S_IFREG, "/bin/sh", true) == 99);
  CHECK(shown_size(kAbiX64, Sys::lstat, 99, S_IFREG, "/bin/sh") == 99);
}

TEST_CASE("a count that a field cannot hold is its largest", "[extensions][stat_answer]") {
  FakeMemory memory(512);
  Call call = make_call(Sys::lstat, memory, {0, FakeMemory::kStart}, 1, kAbiX86);
  auto answer = StatAnswer::of(call);
  REQUIRE(answer);
  answer->set_links(70000);
  CHECK(answer->links() == 65535);
  answer->set_links(3);
  CHECK(answer->links() == 3);
  call.result = -2;
  CHECK_FALSE(StatAnswer::of(call));
  CHECK_FALSE(StatAnswer::of(*std::make_unique<Call>(make_call(Sys::read, memory, {}))));
}

}  // namespace
}  // namespace nestp
