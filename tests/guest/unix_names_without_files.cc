// Abstract names, autobind, socket pairs and other families are not paths.
#include <netinet/in.h>

#include "tests/support/unix_socket.h"

int main() {
  const std::string name = std::string(1, '\0') + "/nestp/" + std::to_string(getpid());
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT(bind_to(listener, name) == 0 && listen(listener, 1) == 0 && name_of(listener) == name);
  const int client = socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT(connect_to(client, name) == 0 && peer_of(client) == name);
  const int automatic = socket(AF_UNIX, SOCK_DGRAM, 0);
  Address family;
  family.data.sun_family = AF_UNIX;
  EXPECT(bind(automatic, family.get(), sizeof(sa_family_t)) == 0 && name_of(automatic).size() == 6);

  int pair[2];
  char text[4];
  EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && write(pair[0], "text", 4) == 4);
  EXPECT(read(pair[1], text, 4) == 4 && name_of(pair[0]).empty() && peer_of(pair[0]).empty());

  // A descriptor sent through a socket is the file itself.
  EXPECT(make_file("file", "sent"));
  const int file = open("file", O_RDONLY);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec part = {text, 1};
  msghdr message{nullptr, 0, &part, 1, control, sizeof control, 0};
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  *header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  std::memcpy(CMSG_DATA(header), &file, sizeof file);
  EXPECT(sendmsg(pair[0], &message, 0) == 1 && recvmsg(pair[1], &message, 0) == 1);
  int received;
  std::memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof received);
  EXPECT(received != file && read(received, text, 4) == 4 && std::memcmp(text, "sent", 4) == 0);
  EXPECT(link_target(("/proc/self/fd/" + std::to_string(received)).c_str()) ==
         working_directory() + "/file");

  sockaddr_in internet{};
  internet.sin_family = AF_INET;
  internet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof internet;
  const int tcp = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT(tcp == -1 || bind(tcp, reinterpret_cast<sockaddr*>(&internet), length) == 0);
}
