// What is wrong with an AF_UNIX call besides its path is said in the kernel's order.
#include <fcntl.h>
#include <netinet/in.h>

#include "tests/support/unix_socket.h"

namespace {
int send_to(int socket, const std::string& path) {
  Address address(path);
  return static_cast<int>(sendto(socket, "x", 1, 0, address.get(), address.length));
}
int open_socket(int type) { return socket(AF_UNIX, type, 0); }
}  // namespace

int main() {
  const std::string here = working_directory();
  const int listener = open_socket(SOCK_SEQPACKET), datagram = open_socket(SOCK_DGRAM);
  EXPECT(bind_to(listener, "packets") == 0 && listen(listener, 2) == 0);
  EXPECT(bind_to(datagram, here + "/datagrams") == 0);
  EXPECT(symlink("packets", "link") == 0 && symlink("nowhere", "dangling") == 0);
  EXPECT(symlink("loop", "loop") == 0 && mkdir("d", 0700) == 0 && make_file("plain", ""));

  const int client = open_socket(SOCK_SEQPACKET);
  EXPECT_ERRNO(connect_to(client, "datagrams"), EPROTOTYPE);
  EXPECT_ERRNO(connect_to(client, "dangling"), ENOENT);
  EXPECT_ERRNO(connect_to(client, here + "/dangling"), ENOENT);
  EXPECT_ERRNO(connect_to(client, "absent/../packets"), ENOENT);
  EXPECT_ERRNO(connect_to(client, "plain/../packets"), ENOTDIR);
  EXPECT_ERRNO(connect_to(client, "packets/"), ENOTDIR);
  EXPECT_ERRNO(connect_to(client, "loop"), ELOOP);
  EXPECT_ERRNO(connect_to(client, "d"), ECONNREFUSED);
  EXPECT_ERRNO(send_to(client, "absent"), ENOTCONN);
  EXPECT(connect_to(client, here + "/link") == 0 && peer_of(client) == "packets");
  EXPECT(send_to(client, "absent") == 1 && send_to(client, here + "/absent/../x") == 1);
  EXPECT_ERRNO(connect_to(client, "absent"), ENOENT);

  const int stream = open_socket(SOCK_STREAM);
  EXPECT_ERRNO(send_to(stream, "absent"), EOPNOTSUPP);
  EXPECT_ERRNO(send_to(stream, here + "/packets"), EOPNOTSUPP);
  for (const char* taken : {"packets", "link", "dangling", "loop", "d", "plain"}) {
    EXPECT_ERRNO(bind_to(stream, taken), EADDRINUSE);
    EXPECT_ERRNO(bind_to(stream, here + "/" + taken), EADDRINUSE);
  }
  for (const char* bad : {"absent/x", "absent/../x", "new/", "d/absent/"}) {
    EXPECT_ERRNO(bind_to(stream, bad), ENOENT);
  }
  EXPECT_ERRNO(bind_to(stream, "plain/x"), ENOTDIR);
  EXPECT_ERRNO(bind_to(stream, "plain/../x"), ENOTDIR);
  EXPECT_ERRNO(bind_to(datagram, "absent/x"), ENOENT);
  EXPECT_ERRNO(bind_to(datagram, here + "/second"), EINVAL);
  EXPECT_ERRNO(access("second", F_OK), ENOENT);

  EXPECT_ERRNO(bind_to(99, "absent/../x"), EBADF);
  EXPECT_ERRNO(connect_to(99, here + "/packets"), EBADF);
  const int file = open("plain", O_RDONLY);
  EXPECT_ERRNO(bind_to(file, "absent/../x"), ENOTSOCK);
  EXPECT_ERRNO(send_to(file, here + "/packets"), ENOTSOCK);
  Address from;
  EXPECT_ERRNO(getsockname(file, from.get(), &from.length), ENOTSOCK);
  EXPECT_ERRNO(accept(stream, from.get(), &from.length), EINVAL);
  auto* nowhere = reinterpret_cast<sockaddr*>(8);
  EXPECT_ERRNO(getsockname(datagram, nowhere, &from.length), EFAULT);
  EXPECT_ERRNO(getsockname(datagram, from.get(), reinterpret_cast<socklen_t*>(8)), EFAULT);
  socklen_t negative = static_cast<socklen_t>(-1);
  EXPECT_ERRNO(getsockname(datagram, from.get(), &negative), EINVAL);
  Address other(here + "/packets");
  other.data.sun_family = AF_INET6;
  EXPECT_ERRNO(connect(stream, other.get(), other.length), EINVAL);
}
