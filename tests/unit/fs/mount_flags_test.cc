#include "fs/mount_flags.h"

#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "fs/fd.h"

namespace nestp {
namespace {

TEST_CASE("a mount is noexec if /proc/self/mounts says so", "[fs][mount_flags]") {
  std::ifstream mounts("/proc/self/mounts");
  std::string line;
  int looked_at = 0;
  while (std::getline(mounts, line)) {
    std::istringstream words(line);
    std::string source, place, type, options;
    words >> source >> place >> type >> options;
    if (place != "/" && place != "/proc" && place != "/sys") continue;
    const bool is_noexec = ("," + options + ",").find(",noexec,") != std::string::npos;
    CHECK(*on_noexec_mount(place) == is_noexec);
    const auto directory = open_at(AT_FDCWD, place, O_PATH | O_DIRECTORY);
    REQUIRE(directory);
    CHECK(*on_noexec_mount(directory->get()) == is_noexec);
    ++looked_at;
  }
  CHECK(looked_at > 0);
}

TEST_CASE("what is not there is on no mount", "[fs][mount_flags]") {
  CHECK(on_noexec_mount("/absent").error() == Errno(ENOENT));
  CHECK(on_noexec_mount(-1).error() == Errno(EBADF));
}

}  // namespace
}  // namespace nestp
