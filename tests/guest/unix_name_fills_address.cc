// A socket's name may be one component that fills the address: no room for any other directory.
#include <dirent.h>

#include "tests/support/unix_socket.h"

namespace {
/// Nothing but `name` is in the working directory.
bool is_alone(const std::string& name) {
  DIR* directory = opendir(".");
  if (directory == nullptr) return false;
  int others = 0;
  while (const dirent* entry = readdir(directory)) {
    const std::string found = entry->d_name;
    if (found != "." && found != ".." && found != name) ++others;
  }
  closedir(directory);
  return others == 0;
}
}  // namespace

int main() {
  const std::string here = working_directory() + "/";
  for (const std::size_t length : {100UL, 107UL, 108UL}) {
    if (here.size() + 10 > length) SKIP("the working directory has a long name");
    const std::string name = here + std::string(length - here.size(), 'n');
    Address address(name);
    address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
    const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT(chdir("/") == 0);
    EXPECT(bind(listener, address.get(), address.length) == 0 && listen(listener, 1) == 0);
    EXPECT(name_of(listener) == name && chdir(here.c_str()) == 0);
    struct stat status;
    EXPECT(stat(name.c_str(), &status) == 0 && S_ISSOCK(status.st_mode));
    EXPECT(is_alone(name.substr(here.size())));
    const int second = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_ERRNO(bind(second, address.get(), address.length), EADDRINUSE);
    const int client = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT(connect(client, address.get(), address.length) == 0 && peer_of(client) == name);
    EXPECT_ERRNO(bind(listener, address.get(), address.length), EADDRINUSE);
    EXPECT(unlink(name.c_str()) == 0);
    EXPECT(bind(second, address.get(), address.length) == 0 && unlink(name.c_str()) == 0);
    EXPECT(close(listener) == 0 && close(second) == 0 && close(client) == 0);
  }
  EXPECT(mkdir("closed", 0500) == 0);
  if (geteuid() != 0) {
    const std::string name = here + "closed/" + std::string(106 - here.size() - 7, 'n');
    EXPECT_ERRNO(bind_to(socket(AF_UNIX, SOCK_STREAM, 0), name), EACCES);
  }
  // The working directory may be one that nothing is reached from.
  EXPECT(mkdir("shut", 0700) == 0 && chdir("shut") == 0 && chmod(".", 0600) == 0);
  const std::string name = here + std::string(108 - here.size(), 'n');
  Address address(name);
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  EXPECT(bind(socket(AF_UNIX, SOCK_STREAM, 0), address.get(), address.length) == 0);
  EXPECT(unlink(name.c_str()) == 0);
}
