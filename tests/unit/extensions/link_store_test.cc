#include "extensions/link_store.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "extensions/link_calls.h"
#include "extensions/link_faces.h"
#include "fs/fd.h"
#include "fs/session_directory.h"
#include "tests/unit/extensions/fake_memory.h"

namespace nestp {
namespace {

/// A directory with a file "a" in it.
struct Tree {
  Tree() {
    char name[] = "/tmp/nestp-links.XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    top = real_path_of(name);
    write("a", "text");
  }
  ~Tree() { remove_tree(AT_FDCWD, top); }
  std::string operator/(const std::string& name) const { return top + "/" + name; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(*this / name) << text;
  }
  std::string read(const std::string& name) const {
    const auto text = read_file(*this / name);
    return text ? *text : "?";
  }
  std::uint64_t count(const std::string& name) const {
    const auto file = StoredFile::find(*this / name);
    return file ? file->count().value_or(99) : 0;
  }
  std::string top;
};

TEST_CASE("a link makes two names of one file", "[extensions][links]") {
  const Tree tree;
  LinkStore store;
  mkdir((tree / "d").c_str(), 0700);
  REQUIRE(store.link(tree / "a", tree / "d/b", tree.top));
  CHECK(tree.read("a") == "text");
  CHECK(tree.read("d/b") == "text");
  CHECK(StoredFile::find(tree / "a") == StoredFile::find(tree / "d/b"));
  CHECK(tree.count("a") == 2);
  CHECK(StoredFile::find(tree / "a")->store == tree / ".nestp-links");
  CHECK(store.link(tree / "d/b", tree / "c", tree.top));
  CHECK(tree.count("a") == 3);
}

TEST_CASE("what cannot be linked stays as it was", "[extensions][links]") {
  const Tree tree;
  LinkStore store;
  mkdir((tree / "d").c_str(), 0700);
  const auto error = [&](const char* from, const char* to) {
    const auto done = store.link(tree / from, tree / to, tree.top);
    return done ? 0 : done.error().code();
  };
  CHECK(error("none", "b") == ENOENT);
  CHECK(error("a", "none/b") == ENOENT);
  CHECK(error("a", "a/b") == ENOTDIR);
  CHECK(error("a", "d") == EEXIST);
  CHECK(error("d", "b") == EPERM);
  CHECK(tree.count("a") == 0);
  CHECK_FALSE(is_there(tree / ".nestp-links"));
  REQUIRE(symlink("nowhere", (tree / "s").c_str()) == 0);
  CHECK(error("s", "t") == 0);
  CHECK(*read_link(tree / "t") == "nowhere");
}

TEST_CASE("the last name takes the file with it", "[extensions][links]") {
  const Tree tree;
  LinkStore store;
  REQUIRE(store.link(tree / "a", tree / "b", tree.top));
  const StoredFile file = *StoredFile::find(tree / "a");
  unlink((tree / "a").c_str());
  store.release(file);
  CHECK(tree.count("b") == 1);
  CHECK(tree.read("b") == "text");
  unlink((tree / "b").c_str());
  store.release(file);
  CHECK_FALSE(is_there(tree / ".nestp-links"));
}

TEST_CASE("a file whose names nobody has counted is kept", "[extensions][links]") {
  const Tree tree;
  LinkStore store;
  REQUIRE(store.link(tree / "a", tree / "b", tree.top));
  const StoredFile file = *StoredFile::find(tree / "a");
  unlink(file.count_path().c_str());
  store.release(file);
  store.release(file);
  CHECK(tree.read("b") == "text");
}

TEST_CASE("names that were moved lead to their file", "[extensions][links]") {
  const Tree tree;
  LinkStore store;
  mkdir((tree / "d").c_str(), 0700);
  mkdir((tree / "d/e").c_str(), 0700);
  REQUIRE(store.link(tree / "a", tree / "d/e/b", tree.top));
  const StoredFile file = *StoredFile::find(tree / "a");
  REQUIRE(rename((tree / "a").c_str(), (tree / "d/a").c_str()) == 0);
  CHECK(tree.read("d/a") == "?");
  CHECK(StoredFile::find(tree / "d/a") == file);
  store.mend(tree / "d/a");
  CHECK(tree.read("d/a") == "text");
  REQUIRE(rename((tree / "d/e").c_str(), (tree / "e").c_str()) == 0);
  CHECK(tree.read("e/b") == "?");
  store.mend_below(tree / "e");
  CHECK(tree.read("e/b") == "text");
  CHECK(StoredFile::parse(tree / ("d/.nestp-links/" + file.id)) == file);
}

TEST_CASE("what a killed session left is put right", "[extensions][links]") {
  const Tree tree;
  const std::string store = tree / ".nestp-links";
  mkdir(store.c_str(), 0700);
  tree.write(".nestp-links/0123456789abcdef", "kept");
  REQUIRE(symlink("1", (store + "/0123456789abcdef.links").c_str()) == 0);
  REQUIRE(symlink((tree / "lost").c_str(), (store + "/0123456789abcdef.from").c_str()) == 0);
  REQUIRE(symlink("../a", (store + "/aaaaaaaaaaaaaaaa").c_str()) == 0);
  REQUIRE(symlink("1", (store + "/aaaaaaaaaaaaaaaa.links").c_str()) == 0);
  LinkStore links;
  REQUIRE(links.link(tree / "a", tree / "b", tree.top));
  CHECK(tree.read("lost") == "kept");
  CHECK_FALSE(is_there(store + "/0123456789abcdef.from"));
  CHECK_FALSE(is_there(store + "/aaaaaaaaaaaaaaaa"));
  CHECK_FALSE(is_there(store + "/aaaaaaaaaaaaaaaa.links"));
}

TEST_CASE("ordinary links are not taken for names", "[extensions][links]") {
  const Tree tree;
  for (const char* const text :
       {"a", ".nestp-links/a", "/x/.nestp-links/0123456789abcdef", ".nestp-links/0123456789abcdeg",
        ".nestp-links/0123456789abcdef", "0123456789abcdef"}) {
    unlink((tree / "s").c_str());
    REQUIRE(symlink(text, (tree / "s").c_str()) == 0);
    CHECK_FALSE(StoredFile::find(tree / "s"));
  }
  CHECK_FALSE(StoredFile::find(tree / "a"));
}

TEST_CASE("names look like hard links", "[extensions][links]") {
  const Tree tree;
  LinkStore store;
  REQUIRE(store.link(tree / "a", tree / "b", tree.top));
  const std::string data = StoredFile::find(tree / "a")->data();
  FakeMemory memory(256);
  LinkFaces faces;
  Call call = make_call(Sys::lstat, memory, {0, FakeMemory::kStart});
  CallObject object{.host = tree / "b"};
  call.objects = {&object, 1};
  CHECK(faces.on_objects(call) == Entry::proceed);
  CHECK(object.host == data);
  REQUIRE(call.wants_exit);
  memory.bytes[16] = 1;  // st_nlink
  faces.on_exit(call);
  CHECK(memory.bytes[16] == 2);

  // The names themselves are what unlink(2) and rename(2) mean.
  Call removal = make_call(Sys::unlink, memory, {});
  CallObject entry{.host = tree / "b", .is_entry = true};
  removal.objects = {&entry, 1};
  CHECK(faces.on_objects(removal) == Entry::proceed);
  CHECK(entry.host == tree / "b");
  CHECK_FALSE(faces.objects().test(static_cast<std::size_t>(Sys::linkat)));
}

TEST_CASE("calls on names keep the count", "[extensions][links]") {
  const Tree tree;
  FakeMemory memory(64);
  LinkCalls calls;
  const auto make = [&](Sys sys, const std::string& from, const std::string& to,
                        const std::function<void()>& kernel) {
    Call call = make_call(sys, memory, {}, getpid());
    std::array<CallObject, 2> objects = {CallObject{.host = tree / from, .is_entry = true},
                                         CallObject{.host = tree / to, .is_entry = true}};
    call.objects = std::span(objects).first(to.empty() ? 1 : 2);
    if (calls.on_objects(call) == Entry::answered) return call.result;
    kernel();
    if (call.wants_exit) calls.on_exit(call);
    return std::int64_t{1};
  };
  const auto nothing = [] {};
  CHECK(make(Sys::link, "a", "b", nothing) == 0);
  CHECK(make(Sys::link, "a", "b", nothing) == -EEXIST);
  CHECK(make(Sys::link, "b", "c", nothing) == 0);
  CHECK(tree.count("a") == 3);
  CHECK(make(Sys::rename, "a", "b", nothing) == 0);
  CHECK(tree.count("a") == 3);
  CHECK(make(Sys::unlink, "c", "", [&] { unlink((tree / "c").c_str()); }) == 1);
  CHECK(tree.count("a") == 2);
  tree.write("new", "new");
  const auto replace = [&] { (void)rename((tree / "new").c_str(), (tree / "a").c_str()); };
  CHECK(make(Sys::rename, "new", "a", replace) == 1);
  CHECK(tree.count("b") == 1);
  CHECK(tree.count("a") == 0);
}

}  // namespace
}  // namespace nestp
