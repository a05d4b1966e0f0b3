#include "engine/ptrace/special/socket_memory.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace nestp {
namespace {

/// A directory that goes with the test.
class TempDirectory {
 public:
  TempDirectory() {
    char name[] = "/tmp/nestp-sockets.XXXXXX";
    path_ = mkdtemp(name);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("a name comes back as the guest gave it") {
  SocketNames names;
  CHECK(names.find("/srv/tmp/s") == nullptr);
  CHECK(names.remember("/srv/tmp/s", "/tmp/./s") == "/srv/tmp/s");
  CHECK(names.remember("/srv/tmp/s", "/tmp/./s") == "/srv/tmp/s");
  REQUIRE(names.find("/srv/tmp/s") != nullptr);
  CHECK(*names.find("/srv/tmp/s") == "/tmp/./s");
}

TEST_CASE("each text of the guest has its own text for the kernel") {
  SocketNames names;
  const std::string one = names.remember("/srv/s", "/s");
  const std::string two = names.remember("/srv/s", "/./s");
  CHECK(one != two);
  CHECK(std::filesystem::path(one).lexically_normal() == std::filesystem::path("/srv/s"));
  CHECK(two == "//srv/s");
  CHECK(*names.find(one) == "/s");
  CHECK(*names.find(two) == "/./s");
}

TEST_CASE("a text never outgrows sun_path") {
  SocketNames names;
  const std::string host = "/" + std::string(SocketNames::kMaxText - 1, 's');
  CHECK(names.remember(host, "/a") == host);
  CHECK(names.remember(host, "/b") == host);
  CHECK(*names.find(host) == "/b");
}

TEST_CASE("the oldest names are forgotten") {
  SocketNames names;
  for (int i = 0; i < 9000; ++i)
    names.remember("/srv/" + std::to_string(i), "/s");
  CHECK(names.find("/srv/0") == nullptr);
  CHECK(names.find("/srv/8999") != nullptr);
}

TEST_CASE("a short text leads to the directory of now") {
  const TempDirectory base;
  const std::string place = base.path() + "/d";
  std::filesystem::create_directory(place);
  std::ofstream(place + "/s") << "first";
  SocketDirectories directories;
  const auto first = directories.shorten(place + "/s");
  REQUIRE(first);
  CHECK(first->starts_with("/proc/" + std::to_string(getpid()) + "/fd/"));
  CHECK(first->ends_with("/s"));
  CHECK(*read_file(*first) == "first");
  CHECK(*directories.shorten(place + "/s") == *first);
  std::filesystem::rename(place, base.path() + "/moved");
  const auto gone = directories.shorten(place + "/s");
  REQUIRE(!gone);
  CHECK(gone.error() == Errno(ENOENT));
  std::filesystem::create_directory(place);
  std::ofstream(place + "/s") << "second";
  const auto second = directories.shorten(place + "/s");
  REQUIRE(second);
  CHECK(*read_file(*second) == "second");
  CHECK(directories.shorten(place + "/s/")->ends_with("/s/"));
  CHECK(directories.shorten(place + "/s/x").error() == Errno(ENOTDIR));
}

TEST_CASE("only a socket that is surely of another family is skipped") {
  SocketFamilies families;
  const UniqueFd local(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  UniqueFd internet(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const pid_t self = getpid();
  CHECK_FALSE(families.is_other(self, self, local.get()));
  CHECK_FALSE(families.is_other(self, self, -1));
  if (!internet || !families.is_other(self, self, internet.get())) return;  // before Linux 5.6
  // The same number, another socket.
  const int number = internet.get();
  REQUIRE(dup3(local.get(), number, O_CLOEXEC) == number);
  CHECK_FALSE(families.is_other(self, self, number));
}

}  // namespace nestp
