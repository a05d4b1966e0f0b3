#include <algorithm>
#include <chrono>
#include <cstring>
#include <elf.h>
#include <string>
#include <sys/resource.h>
#include <thread>

#include <catch2/catch.hpp>

#include "arch/syscall_table.h"
#include "engine/gate/image.h"
#include "engine/ptrace/fast/calls.h"
#include "engine/ptrace/fast/memo.h"

using namespace nestp;
using gate::EntryKind;
using gate::FastKind;

namespace {

/// As the handler looks (gate/handler.cc); null if it finds nothing that is valid.
const gate::MemoEntry* look(const Memo& memo, const Memo::Key& key) {
  const auto* base = reinterpret_cast<const char*>(&memo.header());
  const std::uint64_t hash = gate::hash_of_key(key.kind, key.context, key.base, key.text.data(),
                                               static_cast<std::uint32_t>(key.text.size()));
  for (std::uint32_t at = memo.header().buckets[hash % gate::kBuckets]; at != 0;) {
    const auto* entry = reinterpret_cast<const gate::MemoEntry*>(base + at);
    const bool valid =
        entry->generation == memo.header().generation || entry->generation == gate::kAlways;
    const std::string_view text(reinterpret_cast<const char*>(entry + 1), entry->key_size);
    if (valid && entry->hash == hash && entry->context == key.context && text == key.text) {
      return entry;
    }
    at = entry->next;
  }
  return nullptr;
}

std::string host_of(const gate::MemoEntry* entry) {
  return reinterpret_cast<const char*>(entry + 1) + entry->key_size;
}

FastKind kind_of(const FastCalls& calls, Sys sys) {
  return calls[static_cast<std::size_t>(number_of(kAbiX64, sys))].kind;
}

}  // namespace

TEST_CASE("what is published is found until its generation ends") {
  const auto memo = Memo::make(false);
  REQUIRE(memo != nullptr);
  const Memo::Key key{EntryKind::directory, 7, 0, "/usr/lib"};
  CHECK(look(*memo, key) == nullptr);
  memo->publish(key, "/root/usr/lib", gate::kEntryMounts);
  REQUIRE(look(*memo, key) != nullptr);
  CHECK(host_of(look(*memo, key)) == "/root/usr/lib");
  CHECK(look(*memo, key)->flags == gate::kEntryMounts);
  CHECK(look(*memo, {EntryKind::directory, 8, 0, "/usr/lib"}) == nullptr);
  memo->end_all();
  CHECK(look(*memo, key) == nullptr);
  memo->publish(key, "/elsewhere", 0);
  REQUIRE(look(*memo, key) != nullptr);
  CHECK(host_of(look(*memo, key)) == "/elsewhere");
}

TEST_CASE("an answer that comes back takes no new room") {
  const auto memo = Memo::make(false);
  const Memo::Key key{EntryKind::exact, 1, 2, "/bin/sh"};
  memo->publish(key, "/root/usr/bin/dash", 0);
  const auto used = memo->used();
  for (int i = 0; i < 100; ++i) {
    memo->end_all();
    memo->publish(key, "/root/usr/bin/dash", 0);
  }
  CHECK(memo->used() == used);
  CHECK(look(*memo, key) != nullptr);
}

TEST_CASE("names mean more than they say for as long as there are guests") {
  const auto memo = Memo::make(false);
  const Memo::Key key{EntryKind::name, 1, 0, "self"};
  memo->publish(key, {}, 0, true);
  memo->end_all();
  CHECK(look(*memo, key) != nullptr);
}

TEST_CASE("a full memo takes nothing more and keeps what it has") {
  const auto memo = Memo::make(false);
  const std::string host(4000, 'h');
  const Memo::Key first{EntryKind::directory, 1, 0, "/first"};
  memo->publish(first, "/host", 0);
  for (int i = 0; i < 5000; ++i) {
    const std::string text = "/" + std::to_string(i);
    memo->publish({EntryKind::directory, 1, 0, text}, host, 0);
  }
  CHECK(memo->used() <= gate::kMemoSize);
  CHECK(look(*memo, first) != nullptr);
  CHECK(look(*memo, {EntryKind::directory, 1, 0, "/4999"}) == nullptr);
}

TEST_CASE("where others change files, answers end by themselves") {
  const auto memo = Memo::make(true);
  const auto generation = memo->header().generation;
  memo->publish({EntryKind::directory, 1, 0, "/usr"}, "/root/usr", 0);
  for (int i = 0; i < 500; ++i) {
    if (__atomic_load_n(&memo->header().generation, __ATOMIC_ACQUIRE) != generation) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  CHECK(__atomic_load_n(&memo->header().generation, __ATOMIC_ACQUIRE) > generation);
}

TEST_CASE("where no timer can be had, nothing is remembered") {
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_SIGPENDING, &before) == 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_SIGPENDING, &none) == 0);
  const auto memo = Memo::make(true);
  const Memo::Key key{EntryKind::directory, 1, 0, "/usr"};
  memo->publish(key, "/root/usr", 0);
  memo->publish(key, "/root/usr", 0);
  CHECK(setrlimit(RLIMIT_SIGPENDING, &before) == 0);
  CHECK(look(*memo, key) == nullptr);
}

TEST_CASE("calls are answered inside as their rows say") {
  const auto calls = fast_calls(kAbiX64, {});
  CHECK(kind_of(calls, Sys::openat) == FastKind::open);
  CHECK(kind_of(calls, Sys::newfstatat) == FastKind::status);
  CHECK(kind_of(calls, Sys::statx) == FastKind::status_ex);
  CHECK(kind_of(calls, Sys::access) == FastKind::exact);
  CHECK(kind_of(calls, Sys::readlinkat) == FastKind::keep);
  CHECK(kind_of(calls, Sys::mkdir) == FastKind::keep);
  CHECK(kind_of(calls, Sys::chmod) == FastKind::generic);
  CHECK(kind_of(calls, Sys::getcwd) == FastKind::directory);
  CHECK(kind_of(calls, Sys::fchmod) == FastKind::descriptor_mode);
  CHECK(kind_of(calls, Sys::unlink) == FastKind::remove);
  CHECK(kind_of(calls, Sys::unlinkat) == FastKind::remove);
  // What changes symlinks or names of directories, starts programs or goes elsewhere is not.
  for (const Sys sys : {Sys::rename, Sys::renameat2, Sys::rmdir, Sys::symlink, Sys::symlinkat,
                        Sys::link, Sys::linkat, Sys::execve, Sys::chdir, Sys::chroot, Sys::mount,
                        Sys::connect, Sys::truncate}) {
    CAPTURE(name_of(sys));
    CHECK(kind_of(calls, sys) == FastKind::none);
  }
  const auto& open = calls[static_cast<std::size_t>(number_of(kAbiX64, Sys::openat))];
  CHECK(int{open.dirfd} == 0);
  CHECK(int{open.path} == 1);
  CHECK(int{open.flags} == 2);
}

TEST_CASE("calls that an extension wants are the tracer's") {
  SysSet wanted;
  wanted.set(static_cast<std::size_t>(Sys::openat));
  wanted.set(static_cast<std::size_t>(Sys::unlink));
  const auto calls = fast_calls(kAbiX64, wanted);
  CHECK(kind_of(calls, Sys::unlink) == FastKind::none);
  CHECK(kind_of(calls, Sys::openat) == FastKind::none);
  CHECK(kind_of(calls, Sys::open) == FastKind::open);
}

TEST_CASE("a memo that takes no more says so, and so does a chain that is long enough") {
  const auto memo = Memo::make(false);
  REQUIRE(memo != nullptr);
  std::string text(4000, 'x');
  int taken = 0;
  for (; taken < 10'000; ++taken) {
    text.replace(0, 8, std::to_string(10'000'000 + taken));
    if (!memo->publish({EntryKind::directory, 1, 0, text}, "/host", 0)) break;
  }
  CHECK(taken > 1000);
  CHECK(taken < 10'000);
  int more = 0;
  while (more < 1000 && memo->publish({EntryKind::name, 1, 0, std::to_string(more)}, {}, 0, true))
    ++more;
  CHECK(more < 1000);

  const auto chained = Memo::make(false);
  int links = 0;
  const std::uint64_t bucket = gate::hash_of_key(EntryKind::name, 1, 0, "0", 1) % gate::kBuckets;
  bool is_taken = true;
  for (int i = 0; is_taken; ++i) {
    const std::string name = std::to_string(i);
    const auto size = static_cast<std::uint32_t>(name.size());
    if (gate::hash_of_key(EntryKind::name, 1, 0, name.data(), size) % gate::kBuckets != bucket)
      continue;
    is_taken = chained->publish({EntryKind::name, 1, 0, name}, {}, 0, true);
    if (is_taken) ++links;
  }
  CHECK(links == gate::kLongestChain);
}

TEST_CASE("the image has room for all that its layout places in it") {
  const auto image = gate::image_64();
  Elf64_Ehdr head{};
  REQUIRE(image.size() > sizeof head);
  std::memcpy(&head, image.data(), sizeof head);
  std::uint64_t end = 0;
  for (unsigned i = 0; i < head.e_phnum; ++i) {
    Elf64_Phdr segment{};
    std::memcpy(&segment, image.data() + head.e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_type == PT_LOAD) end = std::max(end, segment.p_vaddr + segment.p_memsz);
  }
  CHECK(end == gate::kImageEnd);
}
