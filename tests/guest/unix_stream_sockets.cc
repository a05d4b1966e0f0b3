// AF_UNIX streams: names as the guest gave them in bind, accept, getsockname and getpeername.
#include "tests/support/unix_socket.h"

int main() {
  struct stat status;
  EXPECT(mkdir("d", 0700) == 0 && symlink("d", "link") == 0);
  const std::string absolute =
      working_directory().size() < 60 ? working_directory() + "/d/s" : "d/s";
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT(bind_to(listener, absolute) == 0 && listen(listener, 5) == 0);
  EXPECT(name_of(listener) == absolute);
  EXPECT(stat("d/s", &status) == 0 && S_ISSOCK(status.st_mode));
  EXPECT_ERRNO(bind_to(socket(AF_UNIX, SOCK_STREAM, 0), "link/s"), EADDRINUSE);
  EXPECT_ERRNO(bind_to(socket(AF_UNIX, SOCK_STREAM, 0), "absent/s"), ENOENT);

  const int client = socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT(bind_to(client, "./link/../client") == 0 && name_of(client) == "./link/../client");
  EXPECT(connect_to(client, "link/s") == 0 && peer_of(client) == absolute);
  Address from;
  const int server = accept4(listener, from.get(), &from.length, SOCK_CLOEXEC);
  EXPECT(server >= 0 && from.path() == "./link/../client");
  EXPECT(from.length == offsetof(sockaddr_un, sun_path) + 17);
  EXPECT(name_of(server) == absolute && peer_of(server) == "./link/../client");
  char text[8];
  EXPECT(write(client, "text", 4) == 4 && read(server, text, 8) == 4);

  const int other = socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT(connect_to(other, absolute) == 0 && name_of(other).empty());
  EXPECT(accept(listener, nullptr, nullptr) >= 0);
  EXPECT(rename("d/s", "moved") == 0 && connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "moved") == 0);
  EXPECT_ERRNO(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), absolute), ENOENT);
  EXPECT(make_file("plain", "") && close(listener) == 0);
  EXPECT_ERRNO(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "plain"), ECONNREFUSED);
  EXPECT_ERRNO(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "moved"), ECONNREFUSED);
  EXPECT_ERRNO(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "plain/x"), ENOTDIR);
  if (std::getenv("VIEW") == nullptr) return 0;
  const int bound = socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT(bind_to(bound, "/bind/dir/sub/../s") == 0 && name_of(bound) == "/bind/dir/sub/../s");
  EXPECT(listen(bound, 1) == 0 &&
         connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "/bind/again/s") == 0);
}
