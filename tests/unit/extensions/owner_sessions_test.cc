// Two sessions at work on one root file system, step by step in the order that would lose a record.
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <catch2/catch.hpp>

#include "extensions/identity/owned_files.h"
#include "tests/unit/fs/temp_tree.h"

namespace nestp::identity {
namespace {

struct Sessions {
  TempTree tree;
  OwnedFiles::Setup setup{.user = 0,
                          .group = 0,
                          .places = {tree.at("/owners")},
                          .root_device = device(tree.path()),
                          .root = tree.path()};
  OwnedFiles one{setup}, other{setup};

  static dev_t device(const std::string& path) {
    struct stat status {};
    stat(path.c_str(), &status);
    return status.st_dev;
  }
  std::string at(const std::string& name) const { return tree.at("/" + name); }
  OwnedFile look(OwnedFiles& files, const std::string& name, Freshness freshness = {}) const {
    auto file = files.look(at(name), false, freshness);
    REQUIRE(file.ok());
    return *file;
  }
  void own(OwnedFiles& files, const std::string& name, Id user) const {
    const OwnedFile file = look(files, name, Freshness::now);
    OwnerRecord record = file.record;
    record.user = user;
    REQUIRE(files.set(file, record).ok());
  }
  /// Of the name; 0: it has none any more.
  ino_t inode(const std::string& name) const {
    struct stat status {};
    return lstat(at(name).c_str(), &status) == 0 ? status.st_ino : 0;
  }
  void remove(const std::string& name) const { REQUIRE(unlink(at(name).c_str()) == 0); }
  /// Waits until what the other session has written is in this one's memory.
  void settle(OwnedFiles& files) const {
    std::this_thread::sleep_for(2 * kStaleness);
    (void)files.hold(at("."));
  }
  std::size_t records() const {
    const auto database = OwnerDatabase::open(at("owners"), false);
    REQUIRE(database != nullptr);
    std::size_t count = 0;
    for (const FileKey& key : keys)
      count += database->knows(key) ? 1 : 0;
    return count;
  }
  void note(const std::string& name) {
    keys.push_back({.device = 0, .inode = static_cast<std::int64_t>(inode(name))});
  }
  std::vector<FileKey> keys{};
};

TEST_CASE("a session that forgets a file takes no other's record with it", "[identity]") {
  Sessions sessions;
  sessions.tree.link("nowhere", "/gone");
  sessions.own(sessions.one, "gone", 33);
  const ino_t former = sessions.inode("gone");
  const auto held = sessions.one.hold(sessions.at("gone"));
  REQUIRE(held != nullptr);
  sessions.remove("gone");
  // Before the first session hears that its call has succeeded.
  for (int number = 0; number < 20; ++number) {
    const std::string name = "made" + std::to_string(number);
    sessions.tree.link("nowhere", "/" + name);
    CHECK(sessions.inode(name) != former);
    sessions.own(sessions.other, name, 34);
  }
  sessions.one.forget(*held);
  OwnedFiles later(sessions.setup);
  for (int number = 0; number < 20; ++number)
    CHECK(sessions.look(later, "made" + std::to_string(number)).record.user == 34);
}

TEST_CASE("of two names that two sessions remove the last one takes the record", "[identity]") {
  Sessions sessions;
  sessions.tree.link("nowhere", "/first");
  REQUIRE(linkat(AT_FDCWD, sessions.at("first").c_str(), AT_FDCWD, sessions.at("second").c_str(),
                 0) == 0);
  sessions.own(sessions.one, "first", 33);
  sessions.note("first");
  // Both look while there are two names.
  const auto by_one = sessions.one.hold(sessions.at("first"));
  sessions.settle(sessions.other);
  const auto by_other = sessions.other.hold(sessions.at("second"));
  REQUIRE(by_one != nullptr);
  REQUIRE(by_other != nullptr);
  sessions.remove("first");
  sessions.one.forget(*by_one);
  CHECK(sessions.records() == 1);
  CHECK(sessions.look(sessions.one, "second").record.user == 33);
  sessions.remove("second");
  sessions.other.forget(*by_other);
  CHECK(sessions.records() == 0);
}

TEST_CASE("a name that another session makes at the last moment keeps the record", "[identity]") {
  Sessions sessions;
  sessions.tree.link("nowhere", "/first");
  sessions.own(sessions.one, "first", 33);
  const auto held = sessions.one.hold(sessions.at("first"));
  REQUIRE(held != nullptr);
  REQUIRE(linkat(AT_FDCWD, sessions.at("first").c_str(), AT_FDCWD, sessions.at("second").c_str(),
                 0) == 0);
  sessions.remove("first");
  sessions.one.forget(*held);
  CHECK(sessions.look(sessions.one, "second").record.user == 33);
}

TEST_CASE("what another session has just recorded goes with its file", "[identity]") {
  Sessions sessions;
  sessions.tree.link("nowhere", "/any");
  sessions.own(sessions.one, "any", 33);
  sessions.settle(sessions.one);
  sessions.tree.link("nowhere", "/new");
  sessions.own(sessions.other, "new", 34);
  sessions.note("new");
  // At once: it cannot be in the first session's memory yet.
  const auto held = sessions.one.hold(sessions.at("new"));
  REQUIRE(held != nullptr);
  sessions.remove("new");
  sessions.one.forget(*held);
  CHECK(sessions.records() == 0);
}

TEST_CASE("changes of one file by two sessions both stay", "[identity]") {
  Sessions sessions;
  REQUIRE(mkfifo(sessions.at("pipe").c_str(), 0600) == 0);
  sessions.own(sessions.one, "pipe", 33);
  sessions.settle(sessions.other);
  // Both have looked, then both change.
  const OwnedFile by_one = sessions.look(sessions.one, "pipe");
  const OwnedFile by_other = sessions.look(sessions.other, "pipe");
  OwnerRecord record = by_one.record;
  record.user = 35;
  REQUIRE(sessions.one.set(by_one, record).ok());
  record = by_other.record;
  record.mode = S_IFIFO | 0640;
  REQUIRE(sessions.other.set(by_other, record).ok());
  OwnedFiles later(sessions.setup);
  CHECK(sessions.look(later, "pipe").record.user == 35);
  CHECK((sessions.look(later, "pipe").record.mode & 07777) == 0640);
}

TEST_CASE("a change that follows another session's is no old answer's", "[identity]") {
  Sessions sessions;
  sessions.tree.link("nowhere", "/l");
  sessions.own(sessions.one, "l", 33);
  sessions.settle(sessions.other);
  sessions.own(sessions.other, "l", 34);
  // The first session has 33 in its memory still, which is what it is to be again.
  sessions.own(sessions.one, "l", 33);
  OwnedFiles later(sessions.setup);
  CHECK(sessions.look(later, "l").record.user == 33);
}

TEST_CASE("a young file is not taken for one that another session removed", "[identity]") {
  // Where both have the same number and time of birth there is nothing to tell them apart but that
  // the record is gone.
  Sessions sessions;
  sessions.tree.link("nowhere", "/l");
  sessions.own(sessions.one, "l", 33);
  CHECK(sessions.look(sessions.other, "l").record.user == 33);
  sessions.own(sessions.one, "l", 0);
  CHECK(sessions.look(sessions.other, "l").record.user == 0);
}

TEST_CASE("what a killed session was about to remove leaves no record", "[identity]") {
  Sessions sessions;
  for (const char* name : {"gone", "stays", "moves"}) {
    sessions.tree.link("nowhere", std::string("/") + name);
    sessions.own(sessions.one, name, 33);
    sessions.note(name);
    REQUIRE(sessions.one.hold(sessions.at(name)) != nullptr);
  }
  sessions.tree.directory("/d");
  sessions.remove("gone");
  REQUIRE(rename(sessions.at("moves").c_str(), sessions.at("d/moved").c_str()) == 0);
  OwnedFiles later(sessions.setup);
  later.recover();
  CHECK(sessions.records() == 2);
  CHECK(sessions.look(later, "stays").record.user == 33);
  CHECK(sessions.look(later, "d/moved").record.user == 33);
}

TEST_CASE("a removal that failed leaves nothing to be found out", "[identity]") {
  Sessions sessions;
  sessions.tree.link("nowhere", "/l");
  sessions.own(sessions.one, "l", 33);
  const auto held = sessions.one.hold(sessions.at("l"));
  REQUIRE(held != nullptr);
  const auto database = OwnerDatabase::open(sessions.at("owners"), false);
  REQUIRE(database != nullptr);
  CHECK(database->removals().size() == 1);
  sessions.one.forget(*held);
  CHECK(database->removals().empty());
  CHECK(sessions.look(sessions.one, "l").record.user == 33);
}

TEST_CASE("a database that many make at once is one", "[identity]") {
  Sessions sessions;
  constexpr int kMany = 8;
  for (int number = 0; number < kMany; ++number)
    sessions.tree.link("nowhere", "/l" + std::to_string(number));
  std::vector<std::thread> threads;
  threads.reserve(kMany);
  for (int number = 0; number < kMany; ++number) {
    threads.emplace_back([&sessions, number] {
      OwnedFiles files(sessions.setup);
      const auto file = files.look(sessions.at("l" + std::to_string(number)), false);
      if (!file) return;
      OwnerRecord record = file->record;
      record.user = static_cast<Id>(100 + number);
      (void)files.set(*file, record);  // told by what is looked at below
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  OwnedFiles later(sessions.setup);
  for (int number = 0; number < kMany; ++number) {
    const OwnedFile file = sessions.look(later, "l" + std::to_string(number));
    CHECK(file.record.user == static_cast<Id>(100 + number));
  }
}

}  // namespace
}  // namespace nestp::identity
