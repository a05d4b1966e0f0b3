// AF_UNIX datagrams: sendto, sendmsg, sendmmsg; the source address answers to the sender.
#include "tests/support/unix_socket.h"

int main() {
  const int server = socket(AF_UNIX, SOCK_DGRAM, 0), client = socket(AF_UNIX, SOCK_DGRAM, 0);
  EXPECT(bind_to(server, "server") == 0 && bind_to(client, "client") == 0);
  char text[16];
  Address to("./server"), from;
  EXPECT(sendto(client, "one", 3, 0, to.get(), to.length) == 3);
  EXPECT(recvfrom(server, text, sizeof text, 0, from.get(), &from.length) == 3);
  EXPECT(from.path() == "client");
  EXPECT(sendto(server, "back", 4, 0, from.get(), from.length) == 4);
  EXPECT(recv(client, text, sizeof text, 0) == 4);

  iovec part = {const_cast<char*>("two"), 3};
  msghdr message{};
  message.msg_name = to.get();
  message.msg_namelen = to.length;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  EXPECT(sendmsg(client, &message, 0) == 3);
  Address source;
  part = {text, sizeof text};
  message.msg_name = source.get();
  message.msg_namelen = source.length;
  EXPECT(recvmsg(server, &message, 0) == 3 && message.msg_namelen == 2 + 7);
  source.length = message.msg_namelen;
  EXPECT(source.path() == "client");

  mmsghdr several[2] = {};
  iovec words[2] = {{const_cast<char*>("three"), 5}, {const_cast<char*>("four"), 4}};
  for (int index = 0; index < 2; ++index) {
    several[index].msg_hdr = {to.get(), to.length, &words[index], 1, nullptr, 0, 0};
  }
  EXPECT(sendmmsg(client, several, 2, 0) == 2 && several[1].msg_len == 4);
  EXPECT(recv(server, text, sizeof text, 0) == 5 && recv(server, text, sizeof text, 0) == 4);
  EXPECT_ERRNO(sendto(client, "x", 1, 0, Address("absent").get(), 9), ENOENT);
  EXPECT(connect_to(client, "server") == 0 && send(client, "five", 4, 0) == 4);
  EXPECT(read(server, text, sizeof text) == 4 && peer_of(client) == "server");
}
