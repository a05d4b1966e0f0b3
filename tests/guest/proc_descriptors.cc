// /proc/self/fd/N and /dev/fd/N name and reopen what a descriptor is.
#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "tests/support/guest_test.h"

namespace {
int open_descriptors() {
  DIR* listing = opendir("/proc/self/fd");
  int entries = 0;
  while (readdir(listing) != nullptr)
    ++entries;
  closedir(listing);
  return entries;
}
}  // namespace

int main() {
  struct stat status, other;
  const std::string start = working_directory();
  EXPECT(make_file("file", "some text") && mkdir("d", 0700) == 0);
  const int file = open("file", O_RDONLY);
  const std::string magic = "/proc/self/fd/" + std::to_string(file);
  EXPECT(link_target(magic.c_str()) == start + "/file");
  EXPECT(stat(magic.c_str(), &status) == 0 && S_ISREG(status.st_mode));
  EXPECT(lstat(magic.c_str(), &status) == 0 && S_ISLNK(status.st_mode));
  EXPECT(contents(magic.c_str()) == "some text");
  EXPECT(contents(("/dev/fd/" + std::to_string(file)).c_str()) == "some text");
  EXPECT(rename("file", "renamed") == 0 && link_target(magic.c_str()) == start + "/renamed");
  EXPECT(unlink("renamed") == 0 && link_target(magic.c_str()) == start + "/renamed (deleted)");
  EXPECT(contents(magic.c_str()) == "some text");  // by the descriptor, not by the name

  const int directory = open("d", O_RDONLY | O_DIRECTORY);
  const std::string below = "/proc/self/fd/" + std::to_string(directory);
  EXPECT(make_file((below + "/new").c_str(), "in d") && contents("d/new") == "in d");
  EXPECT(stat((below + "/..").c_str(), &status) == 0 && stat(".", &other) == 0);
  EXPECT(status.st_ino == other.st_ino);
  EXPECT(chdir(below.c_str()) == 0 && working_directory() == start + "/d");

  int pipes[2];
  EXPECT(pipe(pipes) == 0 && socket(AF_UNIX, SOCK_STREAM, 0) > pipes[1]);
  EXPECT(link_target(("/proc/self/fd/" + std::to_string(pipes[0])).c_str()).starts_with("pipe:["));
  EXPECT(link_target(("/proc/self/fd/" + std::to_string(pipes[1] + 1)).c_str())
             .starts_with("socket:["));
  EXPECT(open(("/proc/self/fd/" + std::to_string(pipes[1])).c_str(), O_WRONLY) >= 0);
  EXPECT(link_target("/proc/self/fd/999").empty() && errno == ENOENT);
  const int before = open_descriptors();
  EXPECT(dup(0) >= 0 && dup(0) >= 0 && open_descriptors() == before + 2);
}
