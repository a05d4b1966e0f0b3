// Names work where the guest's path is short enough and the host's is not.
#include "tests/support/unix_socket.h"

namespace {
/// A datagram sent to `name` and answered at its source comes back.
bool answers(const std::string& name, const std::string& client_name) {
  const int server = socket(AF_UNIX, SOCK_DGRAM, 0), client = socket(AF_UNIX, SOCK_DGRAM, 0);
  char text[4];
  Address to(name), from;
  const bool done = bind_to(server, name) == 0 && bind_to(client, client_name) == 0 &&
                    sendto(client, "ping", 4, 0, to.get(), to.length) == 4 &&
                    recvfrom(server, text, 4, 0, from.get(), &from.length) == 4 &&
                    from.path() == client_name && name_of(server) == name &&
                    sendto(server, "pong", 4, 0, from.get(), from.length) == 4 &&
                    recv(client, text, 4, 0) == 4 && unlink(client_name.c_str()) == 0;
  close(server);
  close(client);
  return done;
}
}  // namespace

int main() {
  // A link makes the name short and leaves the path long, natively too.
  const std::string part(60, 'd'), here = working_directory();
  EXPECT(mkdir(part.c_str(), 0700) == 0 && mkdir((part + "/" + part).c_str(), 0700) == 0);
  EXPECT(symlink((here + "/" + part + "/" + part).c_str(), "short") == 0);
  EXPECT(answers("short/server", "short/client") && unlink("short/server") == 0);
  EXPECT(answers(here + "/short/server", here + "/short/./client"));
  EXPECT_ERRNO(bind_to(socket(AF_UNIX, SOCK_DGRAM, 0), "short/server"), EADDRINUSE);
  EXPECT_ERRNO(connect_to(socket(AF_UNIX, SOCK_DGRAM, 0), "short/server"), ECONNREFUSED);
  EXPECT_ERRNO(connect_to(socket(AF_UNIX, SOCK_DGRAM, 0), "short/absent"), ENOENT);
  EXPECT_ERRNO(bind_to(socket(AF_UNIX, SOCK_DGRAM, 0), "short/server/x"), ENOTDIR);
  EXPECT_ERRNO(bind_to(socket(AF_UNIX, SOCK_DGRAM, 0), "short/absent/x"), ENOENT);
  const std::string name(100, 's');
  EXPECT(answers(name, "client") && symlink(("../../" + name).c_str(), "short/link") == 0);
  EXPECT_ERRNO(connect_to(socket(AF_UNIX, SOCK_DGRAM, 0), here + "/short/link"), ECONNREFUSED);

  // Another directory in the same place is another directory.
  EXPECT(rename(part.c_str(), "moved") == 0 && mkdir(part.c_str(), 0700) == 0);
  EXPECT_ERRNO(bind_to(socket(AF_UNIX, SOCK_DGRAM, 0), "short/server"), ENOENT);
  EXPECT(mkdir((part + "/" + part).c_str(), 0700) == 0);
  EXPECT(answers("short/server", here + "/short/client"));
  struct stat old, now;
  EXPECT(stat(("moved/" + part + "/server").c_str(), &old) == 0);
  EXPECT(stat((part + "/" + part + "/server").c_str(), &now) == 0 && old.st_ino != now.st_ino);

  // Many such directories.
  for (int i = 0; i < 100; ++i) {
    const std::string directory = "short/" + std::to_string(i);
    EXPECT(mkdir(directory.c_str(), 0700) == 0);
    EXPECT(answers(directory + "/server", directory + "/client"));
  }
}
