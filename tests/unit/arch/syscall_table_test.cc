#include "arch/syscall_table.h"

#include <array>
#include <set>

#include <catch2/catch.hpp>

#include "arch/call_releases.h"

namespace nestp {
namespace {

TEST_CASE("releases are listed by name, each once", "[arch][table]") {
  std::string_view before;
  for (const CallRelease& row : call_releases()) {
    INFO(name_of(row.sys));
    CHECK(before < name_of(row.sys));
    CHECK(row.release >= release(2, 6, 16));
    before = name_of(row.sys);
  }
}

using Args = std::array<std::uint64_t, 6>;

constexpr std::uint64_t kCreate = 0100, kExclusive = 0200, kTruncate = 01000;
constexpr std::uint64_t kNoFollow = 0400000, kPath = 010000000, kTemporary = 020200000;

PathArgs paths_of(Sys sys, const Args& args = {}, std::uint64_t how = 0, const Abi& abi = kAbiX64) {
  const SyscallRow* row = find_row(sys);
  REQUIRE(row != nullptr);
  return path_args(abi, *row, args, how);
}

PathArg first_of(Sys sys, const Args& args = {}, std::uint64_t how = 0, const Abi& abi = kAbiX64) {
  const PathArgs paths = paths_of(sys, args, how, abi);
  REQUIRE(paths.count >= 1);
  return paths.list[0];
}

TEST_CASE("each row is found by its call, and no other", "[arch][syscall_table]") {
  std::size_t found = 0;
  for (std::size_t i = 0; i <= kSysCount; ++i) {
    const SyscallRow* row = find_row(static_cast<Sys>(i));
    if (row == nullptr) continue;
    CHECK(row->sys == static_cast<Sys>(i));
    ++found;
  }
  CHECK(found == syscall_table().size());
  CHECK(find_row(Sys::read) == nullptr);
  CHECK(find_row(Sys::unknown) == nullptr);
}

TEST_CASE("every row is a call of some ABI", "[arch][syscall_table]") {
  for (const SyscallRow& row : syscall_table()) {
    INFO(name_of(row.sys));
    CHECK(std::ranges::any_of(all_abis(),
                              [&](const Abi* abi) { return number_of(*abi, row.sys) >= 0; }));
  }
}

TEST_CASE("objects, links and entries", "[arch][syscall_table]") {
  CHECK(first_of(Sys::stat).last == LastComponent::follow);
  CHECK(first_of(Sys::lstat).last == LastComponent::keep);
  CHECK(first_of(Sys::readlinkat).last == LastComponent::keep);
  CHECK(first_of(Sys::mkdir).last == LastComponent::entry);
  CHECK(first_of(Sys::unlinkat).last == LastComponent::entry);
  CHECK(paths_of(Sys::renameat2).list[1].last == LastComponent::entry);
}

TEST_CASE("the flag that keeps a link, and the one that follows it", "[arch][syscall_table]") {
  CHECK(first_of(Sys::newfstatat, {0, 0, 0, 0x100}).last == LastComponent::keep);
  CHECK(first_of(Sys::statx, {0, 0, 0x100}).last == LastComponent::keep);
  CHECK(first_of(Sys::getxattrat, {0, 0, 0x100}).last == LastComponent::keep);
  CHECK(first_of(Sys::name_to_handle_at).last == LastComponent::keep);
  CHECK(first_of(Sys::name_to_handle_at, {0, 0, 0, 0, 0x400}).last == LastComponent::follow);
  CHECK(first_of(Sys::umount2, {0, 8}).last == LastComponent::keep);
  CHECK(first_of(Sys::inotify_add_watch, {0, 0, 0x02000000}).last == LastComponent::keep);
  CHECK(first_of(Sys::fspick, {0, 0, 2}).last == LastComponent::keep);
  CHECK(first_of(Sys::faccessat, {0, 0, 0, 0x100}).last == LastComponent::follow);  // no flags
}

TEST_CASE("linkat follows the old name only when asked, the new one never",
          "[arch][syscall_table]") {
  CHECK(paths_of(Sys::linkat).list[0].last == LastComponent::keep);
  const PathArgs asked = paths_of(Sys::linkat, {0, 0, 0, 0, 0x400});
  CHECK(asked.list[0].last == LastComponent::follow);
  CHECK(asked.list[1].last == LastComponent::entry);
  CHECK(asked.list[0].dirfd == 0);
  CHECK(asked.list[1].dirfd == 2);
}

TEST_CASE("move_mount has a bit of each kind for each path", "[arch][syscall_table]") {
  const PathArgs from = paths_of(Sys::move_mount, {0, 0, 0, 0, 0x01 | 0x40});
  CHECK(from.list[0].last == LastComponent::follow);
  CHECK(from.list[1].last == LastComponent::keep);
  CHECK_FALSE(from.list[0].empty_is_dirfd);
  CHECK(from.list[1].empty_is_dirfd);
  const PathArgs to = paths_of(Sys::move_mount, {0, 0, 0, 0, 0x10 | 0x04});
  CHECK(to.list[0].last == LastComponent::keep);
  CHECK(to.list[1].last == LastComponent::follow);
  CHECK(to.list[0].empty_is_dirfd);
  CHECK_FALSE(to.list[1].empty_is_dirfd);
}

TEST_CASE("what open's flags say of its path", "[arch][syscall_table]") {
  const auto openat = [](std::uint64_t flags) { return first_of(Sys::openat, {0, 0, flags}); };
  CHECK(openat(0).last == LastComponent::follow);
  CHECK(openat(kNoFollow).last == LastComponent::keep);
  CHECK(openat(kCreate).last == LastComponent::follow);
  CHECK(openat(kCreate | kExclusive).last == LastComponent::entry);
  CHECK(openat(kExclusive).last == LastComponent::follow);
  CHECK(openat(kPath | kCreate | kExclusive).last == LastComponent::follow);
  CHECK(openat(kPath | kNoFollow).last == LastComponent::keep);
  CHECK(first_of(Sys::openat2, {}, kNoFollow).last == LastComponent::keep);
  CHECK(first_of(Sys::openat, {0, 0, 0100000}, 0, kAbiArm64).last == LastComponent::keep);
  CHECK(first_of(Sys::openat, {0, 0, kNoFollow}, 0, kAbiArm64).last == LastComponent::follow);
}

TEST_CASE("with O_CREAT a trailing slash is never followed", "[arch][syscall_table]") {
  const PathArg creates = first_of(Sys::open, {0, kCreate});
  CHECK(last_component(creates, "link/") == LastComponent::entry);
  CHECK(last_component(creates, "link") == LastComponent::follow);
  CHECK(last_component(first_of(Sys::open), "link/") == LastComponent::follow);
  CHECK(last_component(first_of(Sys::creat), "link/") == LastComponent::entry);
}

TEST_CASE("what stands for the directory itself", "[arch][syscall_table]") {
  CHECK(first_of(Sys::newfstatat, {0, 0, 0, 0x1000}).empty_is_dirfd);
  CHECK_FALSE(first_of(Sys::newfstatat).empty_is_dirfd);
  CHECK(first_of(Sys::readlinkat).empty_is_dirfd);
  CHECK_FALSE(first_of(Sys::readlinkat).null_is_dirfd);
  CHECK(first_of(Sys::utimensat).null_is_dirfd);
  CHECK_FALSE(first_of(Sys::utimensat).empty_is_dirfd);
  CHECK(first_of(Sys::fspick, {0, 0, 8}).empty_is_dirfd);
}

TEST_CASE("what a read-only mount refuses", "[arch][syscall_table]") {
  const auto openat = [](std::uint64_t flags) {
    return first_of(Sys::openat, {0, 0, flags}).writing;
  };
  CHECK(openat(0) == Writing::no);
  CHECK(openat(1) == Writing::if_present);
  CHECK(openat(2) == Writing::if_present);
  CHECK(openat(kTruncate) == Writing::if_present);
  CHECK(openat(kTemporary | 2) == Writing::if_present);
  CHECK(openat(kCreate) == Writing::if_missing);
  CHECK(openat(kCreate | 1) == Writing::always);
  CHECK(openat(kCreate | kExclusive | 1) == Writing::if_missing);
  CHECK(openat(kPath | 2) == Writing::no);
  CHECK(first_of(Sys::creat).writing == Writing::always);
  CHECK(first_of(Sys::mkdir).writing == Writing::if_missing);
  CHECK(first_of(Sys::unlink).writing == Writing::always);
  CHECK(first_of(Sys::chmod).writing == Writing::if_present);
  CHECK(first_of(Sys::stat).writing == Writing::no);
  CHECK(first_of(Sys::access, {0, 4}).writing == Writing::no);
  CHECK(first_of(Sys::access, {0, 2}).writing == Writing::if_present);
  CHECK(first_of(Sys::faccessat2, {0, 0, 6}).writing == Writing::if_present);
  CHECK(paths_of(Sys::link).list[0].writing == Writing::no);
  CHECK(paths_of(Sys::link).list[1].writing == Writing::if_missing);
}

TEST_CASE("calls by descriptor stop only for a read-only binding", "[arch][syscall_table]") {
  for (const Sys sys :
       {Sys::fchmod, Sys::fchown, Sys::fchown32, Sys::fsetxattr, Sys::fremovexattr}) {
    INFO(name_of(sys));
    CHECK(find_row(sys)->when == When::read_only_bindings);
    CHECK(find_row(sys)->change == Change::object);
    CHECK(paths_of(sys).count == 0);
  }
}

TEST_CASE("a 64-bit argument moves the others in a 32-bit ABI", "[arch][syscall_table]") {
  const PathArg wide = first_of(Sys::fanotify_mark, {0, 4});
  CHECK(wide.index == 4);
  CHECK(wide.dirfd == 3);
  CHECK(wide.last == LastComponent::keep);
  for (const Abi* abi : {&kAbiX86, &kAbiX86OnX64, &kAbiArm}) {
    const PathArg narrow = first_of(Sys::fanotify_mark, {}, 0, *abi);
    CHECK(narrow.index == 5);
    CHECK(narrow.dirfd == 4);
    CHECK(narrow.last == LastComponent::follow);
  }
}

TEST_CASE("only answers that hold a path or an address need the exit", "[arch][syscall_table]") {
  for (const Sys sys : {Sys::readlink, Sys::getcwd, Sys::accept, Sys::recvfrom, Sys::recvmsg}) {
    CHECK(find_row(sys)->stops_at_exit());
  }
  for (const Sys sys : {Sys::openat, Sys::execve, Sys::bind, Sys::sendmsg, Sys::chdir}) {
    CHECK_FALSE(find_row(sys)->stops_at_exit());
  }
}

TEST_CASE("openat2 tells where its flags are", "[arch][syscall_table]") {
  CHECK(open_how_arg(kAbiX64, *find_row(Sys::openat2)) == 2);
  CHECK_FALSE(open_how_arg(kAbiX64, *find_row(Sys::openat)).has_value());
}

TEST_CASE("a row that makes no sense is not sound", "[arch][syscall_table]") {
  using enum ArgKind;
  using detail::row_is_sound;
  CHECK(row_is_sound({Sys::openat, {dirfd, path, value}}));
  CHECK_FALSE(row_is_sound({Sys::openat, {dirfd, value, path}}));
  CHECK_FALSE(row_is_sound({Sys::openat, {path, none, value}}));
  CHECK_FALSE(row_is_sound({Sys::openat, {path, path, path}}));
  CHECK_FALSE(row_is_sound({Sys::openat, {path, at_flags, watch_flags}}));
  CHECK_FALSE(row_is_sound({Sys::readlink, {name, path_out, value}}));
  CHECK_FALSE(row_is_sound({Sys::accept, {value, address_out, size}}));
  CHECK_FALSE(row_is_sound({Sys::open, {path, open_flags}}));
  CHECK_FALSE(row_is_sound({.sys = Sys::read, .args = {value}, .change = Change::object}));
  CHECK_FALSE(row_is_sound({.sys = Sys::bpf, .args = {value}, .when = When::never}));
}

}  // namespace
}  // namespace nestp
