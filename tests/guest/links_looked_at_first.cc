// Links that nobody has asked of before lead where they say, however they say it, and elsewhere as
// soon as they are changed.
#include <fcntl.h>

#include "tests/support/guest_test.h"

namespace {

constexpr int kPlaces = 24;

std::string here;

ino_t inode_of(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

int make_file(const std::string& path) {
  const int file = open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  EXPECT(file >= 0);
  return close(file);
}

int link_to(const std::string& target, const std::string& link) {
  (void)unlink(link.c_str());
  EXPECT(symlink(target.c_str(), link.c_str()) == 0);
  return 0;
}

/// By each call that follows links; a file, or a directory.
int leads_to(const std::string& path, const std::string& place) {
  const ino_t wanted = inode_of(place);
  EXPECT(wanted != 0 && inode_of(path) == wanted);
  EXPECT(access(path.c_str(), F_OK) == 0);
  const int opened = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  EXPECT(opened >= 0 && fstat(opened, &status) == 0 && status.st_ino == wanted);
  return close(opened);
}

int check_place(int number) {
  const std::string name = std::to_string(number);
  const std::string place = "places/" + name, file = place + "/deep/file";
  EXPECT(mkdir(place.c_str(), 0755) == 0 && mkdir((place + "/deep").c_str(), 0755) == 0);
  EXPECT(make_file(file) == 0);
  const std::string targets[] = {"../places/" + name, here + "/places/" + name,
                                 "../places/../places/" + name + "/deep/..", "by/" + name};
  EXPECT(link_to("../../places/" + name, "links/by/" + name) == 0);
  for (const std::string& target : targets) {
    const std::string link = "links/" + name;
    EXPECT(link_to(target, link) == 0);
    for (const std::string& start : {std::string(), here + "/"}) {
      EXPECT(leads_to(start + link + "/deep/file", file) == 0);
      EXPECT(leads_to(start + link, place) == 0);
      EXPECT(leads_to(start + link + "/", place) == 0);
      EXPECT_ERRNO(access((start + link + "/none").c_str(), F_OK), ENOENT);
      EXPECT_ERRNO(access((start + link + "/none/deep").c_str(), F_OK), ENOENT);
      EXPECT_ERRNO(access((start + link + "/deep/file/none").c_str(), F_OK), ENOTDIR);
    }
  }
  return 0;
}

/// Chains, loops, and what is not there.
int check_odd_ones() {
  for (int i = 0; i < 60; ++i)
    EXPECT(link_to(i == 0 ? "file" : "chain" + std::to_string(i - 1),
                   "chain" + std::to_string(i)) == 0);
  for (const int length : {1, 5, 7, 8, 9, 12, 39})
    EXPECT(leads_to("chain" + std::to_string(length), "file") == 0);
  EXPECT_ERRNO(access("chain40", F_OK), ELOOP);
  EXPECT(link_to("loop", "loop") == 0 && link_to("nowhere", "dangling") == 0);
  EXPECT_ERRNO(access("loop", F_OK), ELOOP);
  EXPECT_ERRNO(access("loop/x", F_OK), ELOOP);
  EXPECT_ERRNO(open("dangling", O_RDONLY | O_CLOEXEC), ENOENT);
  EXPECT_ERRNO(access("dangling/x", F_OK), ENOENT);
  EXPECT(link_to("file/", "slash") == 0);
  EXPECT_ERRNO(access("slash", F_OK), ENOTDIR);
  EXPECT(link_to("../../../../../../../../../../../../../../..", "up") == 0);
  EXPECT(leads_to("up", "/") == 0);
  const std::string top = here.substr(0, here.find('/', 1));
  EXPECT(link_to(top + "/..", "around") == 0 && leads_to("around", "/") == 0);
  EXPECT(leads_to("around" + top, top) == 0);
  EXPECT(leads_to(here + "//places//1/deep", "places/1/deep") == 0);
  EXPECT(leads_to(here + "//places/1", "places/1") == 0);
  EXPECT(link_to("closed/../file", "out_of_closed") == 0 && mkdir("closed", 0) == 0);
  if (geteuid() != 0) EXPECT_ERRNO(access("out_of_closed", F_OK), EACCES);
  EXPECT(chmod("closed", 0755) == 0 && leads_to("out_of_closed", "file") == 0);
  EXPECT(link_to("places/..", "self") == 0 && leads_to("self", ".") == 0 &&
         leads_to("self/file", "file") == 0);
  EXPECT(link_to("/", "root") == 0 && leads_to("root", "/") == 0 && leads_to("root/.", "/") == 0);
  EXPECT_ERRNO(access("", F_OK), ENOENT);
  return 0;
}

/// ".." of what a link leads to is not that of the link, and a slash behind a link's name asks for
/// a directory.
int check_parents() {
  for (const char* const name : {"one", "two", "one/deep", "with spaces"})
    EXPECT(mkdir(name, 0755) == 0);
  EXPECT(make_file("one/target") == 0 && make_file("two/target") == 0 && make_file("target") == 0);
  EXPECT(link_to("../one/deep", "two/by") == 0 && link_to("../target", "one/deep/up") == 0);
  EXPECT(link_to("..", "one/deep/loop") == 0 && link_to("../../two", "one/deep/there") == 0);
  EXPECT(chdir("two") == 0);
  for (int i = 0; i < 40; ++i) {
    const std::string another = "by/up" + std::to_string(i);
    EXPECT(link_to("../target", "../one/deep/up" + std::to_string(i)) == 0);
    EXPECT(leads_to(another, "../one/target") == 0);
    EXPECT(leads_to("by/up", "../one/target") == 0);
    EXPECT_ERRNO(open((another + "/").c_str(), O_RDONLY | O_CLOEXEC), ENOTDIR);
    EXPECT(leads_to("by/loop/target", "../one/target") == 0);
    EXPECT(leads_to("by/there/by/there/target", "target") == 0);
    EXPECT(chmod("by/up", i % 2 == 0 ? 0600 : 0644) == 0);
    EXPECT(leads_to("by/", "../one/deep") == 0 && leads_to("by/there/", ".") == 0);
    EXPECT_ERRNO(open("by/up/", O_RDONLY | O_CLOEXEC), ENOTDIR);
  }
  return chdir("..");
}

/// What is asked right after a change is answered by what is then.
int check_changes() {
  for (int i = 0; i < kPlaces; ++i) {
    const std::string place = "places/" + std::to_string(i);
    EXPECT(link_to(place, "current") == 0);
    EXPECT(leads_to("current/deep/file", place + "/deep/file") == 0);
    EXPECT(link_to("places/" + std::to_string(kPlaces - 1 - i), "next") == 0);
    EXPECT(rename("next", "current") == 0);
    EXPECT(inode_of("current") == inode_of("places/" + std::to_string(kPlaces - 1 - i)));
  }
  return 0;
}

}  // namespace

int main() {
  here = working_directory();
  EXPECT(mkdir("places", 0755) == 0 && mkdir("links", 0755) == 0 && mkdir("links/by", 0755) == 0);
  EXPECT(make_file("file") == 0);
  for (int i = 0; i < kPlaces; ++i)
    EXPECT(check_place(i) == 0);
  EXPECT(check_odd_ones() == 0 && check_parents() == 0);
  return check_changes();
}
