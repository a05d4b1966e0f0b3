// A name of up to 108 bytes works, however long the host's path of it is; also without a NUL.
#include "tests/support/unix_socket.h"

int main() {
  const std::string deep(90, 'd');
  EXPECT(mkdir(deep.c_str(), 0700) == 0 && mkdir((deep + "/" + deep).c_str(), 0700) == 0);
  for (const std::size_t length : {92UL, 107UL, 108UL}) {
    const std::string name = deep + "/" + std::string(length - deep.size() - 1, 's');
    Address address(name);
    address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);  // no NUL
    const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT(bind(listener, address.get(), address.length) == 0 && listen(listener, 1) == 0);
    struct stat status;
    EXPECT(stat(name.c_str(), &status) == 0 && S_ISSOCK(status.st_mode));
    const int client = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT(connect(client, address.get(), address.length) == 0);
    EXPECT(name_of(listener) == name && peer_of(client) == name);
  }
  EXPECT(chdir(deep.c_str()) == 0 &&
         chdir(deep.c_str()) == 0);  // the directory alone has 180 bytes
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT(bind_to(listener, "socket") == 0 && listen(listener, 1) == 0 &&
         name_of(listener) == "socket");
  const int client = socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT(bind_to(client, "client") == 0 && connect_to(client, "../" + deep + "/socket") == 0);
  Address from;
  EXPECT(accept(listener, from.get(), &from.length) >= 0 && from.path() == "client");
  Address bad("x");
  EXPECT_ERRNO(bind(socket(AF_UNIX, SOCK_STREAM, 0), bad.get(), 111), EINVAL);
  EXPECT_ERRNO(bind(socket(AF_UNIX, SOCK_STREAM, 0), nullptr, 20), EFAULT);
  EXPECT_ERRNO(bind(socket(AF_UNIX, SOCK_STREAM, 0), bad.get(), 1), EINVAL);
}
