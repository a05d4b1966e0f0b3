// Records of real files, in both stores; as root too, who then stands for the person.
#include "extensions/identity/owned_files.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/unit/fs/temp_tree.h"

namespace nestp::identity {
namespace {

struct World {
  TempTree tree;
  OwnedFiles files{setup(tree)};

  static OwnedFiles::Setup setup(const TempTree& tree) {
    return {
        .user = 0, .group = 0, .places = {tree.at("/owners")}, .root_device = device(tree.path())};
  }
  static dev_t device(const std::string& path) {
    struct stat status {};
    stat(path.c_str(), &status);
    return status.st_dev;
  }
  OwnedFile look(const std::string& name) {
    auto file = files.look(tree.at("/" + name), false);
    REQUIRE(file.ok());
    return *file;
  }
  void set(const std::string& name, Id user, Id group, mode_t mode) {
    const OwnedFile file = look(name);
    OwnerRecord record = file.record;
    record.user = user;
    record.group = group;
    record.mode = (record.mode & S_IFMT) | mode;
    REQUIRE(files.set(file, record).ok());
  }
  mode_t host_mode(const std::string& name) {
    struct stat status {};
    REQUIRE(lstat(tree.at("/" + name).c_str(), &status) == 0);
    return status.st_mode & 07777;
  }
};

TEST_CASE("a file of one's own is the fake user's", "[identity]") {
  World world;
  world.tree.file("/f");
  CHECK(world.look("f").record.user == 0);
  CHECK_FALSE(world.look("f").is_stored);
}

TEST_CASE("owner and mode are remembered, by another session too", "[identity]") {
  World world;
  world.tree.file("/f");
  world.tree.directory("/d");
  world.tree.link("nowhere", "/l");
  REQUIRE(mkfifo(world.tree.at("/p").c_str(), 0644) == 0);
  world.set("f", 33, 34, 04750);
  world.set("d", 33, 34, 01000);
  world.set("l", 35, 36, 0777);
  world.set("p", 37, 38, 0600);
  OwnedFiles other(World::setup(world.tree));
  const auto file = other.look(world.tree.at("/f"), false);
  REQUIRE(file.ok());
  CHECK(file->record.user == 33);
  CHECK(file->record.group == 34);
  CHECK((file->record.mode & 07777) == 04750);
  CHECK(other.look(world.tree.at("/l"), false)->record.user == 35);
  CHECK(other.look(world.tree.at("/p"), false)->record.group == 38);
  CHECK((other.look(world.tree.at("/d"), false)->record.mode & 07777) == 01000);
}

TEST_CASE("a directory tells whether its entries are other than they look", "[identity]") {
  World world;
  for (const char* directory : {"/plain", "/made", "/moved"})
    world.tree.directory(directory);
  world.tree.file("/plain/f");
  world.tree.file("/made/null");
  world.set("plain/f", 33, 34, 04750);
  const OwnedFile file = world.look("made/null");
  OwnerRecord record = file.record;
  record.mode = S_IFCHR | 0666;
  record.device = 0x103;
  REQUIRE(world.files.set(file, record).ok());
  CHECK(world.look("made/null").is_placeholder());
  CHECK(world.files.lists_other_types(world.look("made")));
  CHECK_FALSE(world.files.lists_other_types(world.look("plain")));
  CHECK_FALSE(world.files.lists_other_types(world.look("made/null")));
  CHECK(world.files.attributes(world.look("made")).empty());
  world.files.note_name(world.look("plain/f"), world.tree.at("/moved/f"));
  CHECK_FALSE(world.files.lists_other_types(world.look("moved")));
  world.files.note_name(world.look("made/null"), world.tree.at("/moved/null"));
  OwnedFiles other(World::setup(world.tree));
  CHECK(other.lists_other_types(world.look("moved")));
}

TEST_CASE("attributes outlive the record of an owner", "[identity]") {
  World world;
  world.tree.link("nowhere", "/l");
  world.set("l", 5, 6, 0777);
  REQUIRE(world.files.set_attribute(world.look("l"), "trusted.a", "value", 0).ok());
  world.set("l", 0, 0, 0777);
  CHECK_FALSE(world.look("l").is_stored);
  CHECK(world.files.attribute(world.look("l"), "trusted.a").ok());
  const auto held = world.files.hold(world.tree.at("/l"));
  REQUIRE(held != nullptr);
  unlink(world.tree.at("/l").c_str());
  world.files.forget(*held);
  world.tree.link("nowhere", "/l");
  CHECK_FALSE(world.files.attribute(world.look("l"), "trusted.a").ok());
}

TEST_CASE("the host's mode lets its owner in and is never set-ID", "[identity]") {
  World world;
  world.tree.file("/f");
  world.tree.directory("/d");
  world.set("f", 0, 0, 06011);
  CHECK(world.host_mode("f") == 0711);
  world.set("d", 0, 0, 0);
  CHECK(world.host_mode("d") == 0700);
}

TEST_CASE("a record is found though the host's owner lost his permission", "[identity]") {
  World world;
  world.tree.file("/f");
  world.set("f", 33, 33, 0640);
  REQUIRE(chmod(world.tree.at("/f").c_str(), 0) == 0);
  OwnedFiles other(World::setup(world.tree));
  CHECK(other.look(world.tree.at("/f"), false)->record.user == 33);
}

TEST_CASE("what became natural again has no record", "[identity]") {
  World world;
  world.tree.file("/f");
  world.tree.link("nowhere", "/l");
  world.set("f", 33, 33, 0600);
  world.set("l", 33, 33, 0777);
  world.set("f", 0, 0, 0640);
  CHECK_FALSE(world.look("f").is_stored);
  CHECK(world.host_mode("f") == 0640);
  world.set("l", 0, 0, 0777);
  CHECK(world.files.hold(world.tree.at("/l")) == nullptr);
}

TEST_CASE("the next file with the number of a removed one inherits nothing", "[identity]") {
  World world;
  world.tree.link("nowhere", "/l");
  world.set("l", 33, 33, 0777);
  const ino_t former = world.look("l").status().st_ino;
  // Without nestp: so the record is left behind.
  for (int i = 0; i < 50; ++i) {
    REQUIRE(unlink(world.tree.at("/l").c_str()) == 0);
    world.tree.link("elsewhere", "/l");
    CHECK(world.look("l").record.user == 0);
    if (world.look("l").status().st_ino == former) break;
  }
}

TEST_CASE("a change by another session is seen", "[identity]") {
  World world;
  OwnedFiles other(World::setup(world.tree));
  world.tree.file("/f");
  world.tree.link("nowhere", "/l");
  for (Id id = 1; id < 5; ++id) {
    world.set("f", id, id, 0600);
    world.set("l", id, id, 0777);
    CHECK(other.look(world.tree.at("/f"), false)->record.user == id);
    // In the database: not at once.
    const auto is_seen = [&] { return other.look(world.tree.at("/l"), false)->record.user == id; };
    for (int tries = 0; tries < 1000 && !is_seen(); ++tries)
      usleep(10'000);
    CHECK(is_seen());
  }
}

TEST_CASE("a file that its owner may not write can get an owner", "[identity]") {
  World world;
  world.tree.file("/f");
  REQUIRE(chmod(world.tree.at("/f").c_str(), 0444) == 0);
  world.set("f", 33, 33, 0444);
  CHECK(world.look("f").record.user == 33);
  CHECK((world.look("f").record.mode & 07777) == 0444);
}

TEST_CASE("a terminal's owner is forgotten with the session", "[identity]") {
  World world;
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0 || grantpt(terminal) != 0) return;  // no terminals here
  const std::string name = ptsname(terminal);
  const auto file = world.files.look(name, true);
  REQUIRE(file.ok());
  OwnerRecord record = file->record;
  record.user = 33;
  REQUIRE(world.files.set(*file, record).ok());
  CHECK(world.files.look(name, true)->record.user == 33);
  OwnedFiles other(World::setup(world.tree));
  CHECK(other.look(name, true)->record.user != 33);
  close(terminal);
}

TEST_CASE("attributes of root's name spaces are kept", "[identity]") {
  World world;
  world.tree.file("/f");
  world.tree.link("nowhere", "/l");
  for (const char* name : {"f", "l"}) {
    const OwnedFile file = world.look(name);
    CHECK(world.files.attribute(file, "trusted.a").error() == Errno(ENODATA));
    REQUIRE(world.files.set_attribute(file, "trusted.a", std::string("v\0w", 3), 0).ok());
    CHECK(*world.files.attribute(world.look(name), "trusted.a") == std::string("v\0w", 3));
    CHECK(world.files.attributes(world.look(name)) == std::vector<std::string>{"trusted.a"});
    REQUIRE(world.files.remove_attribute(world.look(name), "trusted.a").ok());
    CHECK(world.files.attributes(world.look(name)).empty());
  }
}

TEST_CASE("places that cannot be written leave records in memory", "[identity]") {
  TempTree tree;
  OwnedFiles files({.places = {"/proc/nowhere/owners"}});
  tree.link("nowhere", "/l");
  const auto file = files.look(tree.at("/l"), false);
  REQUIRE(file.ok());
  OwnerRecord record = file->record;
  record.user = 9;
  REQUIRE(files.set(*file, record).ok());
  CHECK(files.look(tree.at("/l"), false)->record.user == 9);
}

}  // namespace
}  // namespace nestp::identity
