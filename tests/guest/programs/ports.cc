// A server and a client of one port, which must see no other port than that.
//
//   ports check PORT    all calls that pass or take an address; prints "all", or what failed
//   ports hold PORT     takes the port, prints "held", and waits to be killed
//   ports serve PORT    takes the port, prints "served", and ends when somebody has connected
//   ports reach PORT    connects to it; prints the port that it has reached
//   ports find          prints a port that is free, and the next one, which is, too
#include <arpa/inet.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace {

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = sizeof(sockaddr_storage);
  sockaddr* any() { return reinterpret_cast<sockaddr*>(&bytes); }
  int port() const {
    return ntohs(bytes.ss_family == AF_INET
                     ? reinterpret_cast<const sockaddr_in&>(bytes).sin_port
                     : reinterpret_cast<const sockaddr_in6&>(bytes).sin6_port);
  }
};

Address address_of(const char* host, int port) {
  Address address;
  auto& narrow = reinterpret_cast<sockaddr_in&>(address.bytes);
  auto& wide = reinterpret_cast<sockaddr_in6&>(address.bytes);
  if (std::strchr(host, ':') != nullptr) {
    wide.sin6_family = AF_INET6;
    wide.sin6_port = htons(static_cast<std::uint16_t>(port));
    inet_pton(AF_INET6, host, &wide.sin6_addr);
    address.size = sizeof wide;
  } else {
    narrow.sin_family = AF_INET;
    narrow.sin_port = htons(static_cast<std::uint16_t>(port));
    inet_pton(AF_INET, host, &narrow.sin_addr);
    address.size = sizeof narrow;
  }
  return address;
}

[[noreturn]] void fail(const char* what, const char* host) {
  std::printf("%s %s: %s\n", host, what, std::strerror(errno));
  std::exit(1);
}

void expect(bool condition, const char* what, const char* host) {
  if (!condition) fail(what, host);
}

int bound(int family, int type, Address address) {
  const int descriptor = socket(family, type, 0);
  if (descriptor >= 0 && bind(descriptor, address.any(), address.size) == 0) return descriptor;
  const int error = errno;
  close(descriptor);
  errno = error;
  return -1;
}

// A port just left may still be busy with the last acknowledgement of its connection.
int bound_soon(int family, int type, const Address& address) {
  for (int tries = 0; tries < 20; ++tries) {
    const int descriptor = bound(family, type, address);
    if (descriptor >= 0 || errno != EADDRINUSE) return descriptor;
    poll(nullptr, 0, 100);
  }
  errno = EADDRINUSE;
  return -1;
}

int own_port(int descriptor) {
  Address address;
  return getsockname(descriptor, address.any(), &address.size) == 0 ? address.port() : -1;
}

void check_stream(const char* host, int port) {
  Address address = address_of(host, port);
  const int family = address.bytes.ss_family;
  const int server = bound_soon(family, SOCK_STREAM, address);
  expect(server >= 0, "bind", host);
  expect(own_port(server) == port, "getsockname", host);
  expect(listen(server, 1) == 0, "listen", host);
  errno = 0;
  expect(bound(family, SOCK_STREAM, address) < 0 && errno == EADDRINUSE, "second bind", host);
  const int client = socket(family, SOCK_STREAM, 0);
  expect(connect(client, address.any(), address.size) == 0, "connect", host);
  Address peer;
  expect(getpeername(client, peer.any(), &peer.size) == 0 && peer.port() == port, "getpeername",
         host);
  Address from;
  const int accepted = accept(server, from.any(), &from.size);
  expect(accepted >= 0 && from.port() == own_port(client), "accept", host);
  expect(own_port(accepted) == port, "getsockname of what was accepted", host);
  Address cut;
  cut.size = 4;  // as far as the port
  expect(getsockname(server, cut.any(), &cut.size) == 0 && cut.port() == port, "cut name", host);
  close(client);  // first, so that the server's port is free at once
  pollfd end{accepted, POLLIN, 0};
  poll(&end, 1, 10'000);
  close(accepted);
  close(server);
}

void check_datagrams(const char* host, int port) {
  Address address = address_of(host, port);
  const int server = bound(address.bytes.ss_family, SOCK_DGRAM, address);
  expect(server >= 0, "datagram bind", host);
  const int client = socket(address.bytes.ss_family, SOCK_DGRAM, 0);
  char letter = 'a';
  expect(sendto(client, &letter, 1, 0, address.any(), address.size) == 1, "sendto", host);
  Address from;
  expect(recvfrom(server, &letter, 1, 0, from.any(), &from.size) == 1, "recvfrom", host);
  expect(from.port() == own_port(client), "sender", host);
  // Back, by messages.
  iovec part{&letter, 1};
  msghdr message{};
  message.msg_name = from.any();
  message.msg_namelen = from.size;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  expect(sendmsg(server, &message, 0) == 1, "sendmsg back", host);
  Address sender;
  message.msg_name = sender.any();
  message.msg_namelen = sizeof sender.bytes;
  expect(recvmsg(client, &message, 0) == 1 && sender.port() == port, "recvmsg", host);
  message.msg_name = address.any();
  message.msg_namelen = address.size;
  expect(sendmsg(client, &message, 0) == 1, "sendmsg", host);
  expect(recv(server, &letter, 1, 0) == 1, "recv", host);
  mmsghdr messages[2] = {{message, 0}, {message, 0}};
  expect(sendmmsg(client, messages, 2, 0) == 2, "sendmmsg", host);
  expect(messages[1].msg_hdr.msg_name == address.any() && address.port() == port, "their names",
         host);
  expect(recv(server, &letter, 1, 0) == 1 && recv(server, &letter, 1, 0) == 1, "two", host);
  expect(sendto(server, &letter, 1, 0, from.any(), from.size) == 1, "sendto back", host);
  Address senders[2];
  for (int i = 0; i < 2; ++i) {
    messages[i].msg_hdr.msg_name = senders[i].any();
    messages[i].msg_hdr.msg_namelen = sizeof senders[i].bytes;
  }
  expect(recvmmsg(client, messages, 2, MSG_WAITFORONE, nullptr) == 1, "recvmmsg", host);
  expect(senders[0].port() == port, "its sender", host);
  close(client);
  close(server);
}

void wait_for_end(int descriptor) {
  pollfd wait{descriptor, POLLIN, 0};
  poll(&wait, 1, -1);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string action = argc > 1 ? argv[1] : "";
  const int port = argc > 2 ? std::atoi(argv[2]) : 0;
  alarm(170);  // less than the test's own time
  if (action == "check") {
    const int wide = socket(AF_INET6, SOCK_STREAM, 0);
    Address loopback = address_of("::1", 0);
    const bool has_wide = wide >= 0 && bind(wide, loopback.any(), loopback.size) == 0;
    for (const char* host : {"127.0.0.1", "::1", "::ffff:127.0.0.1"}) {
      if (host[0] == ':' && !has_wide) continue;
      check_stream(host, port);
      check_datagrams(host, port);
    }
    std::puts("all");
    return 0;
  }
  if (action == "hold" || action == "serve") {
    const int server = bound(AF_INET6, SOCK_STREAM, address_of("::", port));
    const int other = bound(AF_INET, SOCK_STREAM, address_of("0.0.0.0", port));
    const int used = server >= 0 ? server : other;
    if (used < 0 || listen(used, 1) != 0) fail("bind", "any");
    (void)bound(AF_INET6, SOCK_DGRAM, address_of("::", port));
    std::puts(action == "hold" ? "held" : "served");
    std::fflush(stdout);
    wait_for_end(action == "hold" ? -1 : used);
    wait_for_end(accept(used, nullptr, nullptr));  // the client closes first
    return 0;
  }
  if (action == "reach") {
    Address address = address_of("127.0.0.1", port);
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    Address peer;
    if (connect(client, address.any(), address.size) != 0) fail("connect", "127.0.0.1");
    if (getpeername(client, peer.any(), &peer.size) != 0) fail("getpeername", "127.0.0.1");
    std::printf("%d\n", peer.port());
    return 0;
  }
  for (int first = 20'000 + getpid() % 10'000; first < 60'000; first += 2) {
    const int one = bound(AF_INET, SOCK_STREAM, address_of("0.0.0.0", first));
    const int next = bound(AF_INET, SOCK_STREAM, address_of("0.0.0.0", first + 1));
    const int datagrams = bound(AF_INET, SOCK_DGRAM, address_of("0.0.0.0", first + 1));
    if (one >= 0 && next >= 0 && datagrams >= 0) {
      std::printf("%d %d\n", first, first + 1);
      return 0;
    }
  }
  return 1;
}
