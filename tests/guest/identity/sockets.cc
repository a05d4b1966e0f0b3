// Who may reach and make the sockets that have names, by which call ever.
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <utility>

#include "tests/guest/identity/table.h"

namespace {

// Below 4 GiB, as the program is static.
sockaddr_un address{};
std::uint32_t words[6];
char letter = 'x';

void name(const char* path) {
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path);
}

std::uint32_t low(const void* object) {
  return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(object));
}

/// socketcall(2) of i386, its result as those of others.
long socketcall(int number) {
  constexpr long kSocketCall = 102;
  long result;
  asm volatile("int $0x80"
               : "=a"(result)
               : "a"(kSocketCall), "b"(number), "c"(words)
               : "r8", "r9", "r10", "r11", "memory");
  if (static_cast<int>(result) >= 0) return static_cast<int>(result);
  errno = -static_cast<int>(result);
  return -1;
}

void reach(int kind) {
  constexpr int kConnect = 3, kSendTo = 11;
  const int end = socket(AF_UNIX, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const auto* const to = reinterpret_cast<sockaddr*>(&address);
  if (kind == SOCK_DGRAM) {
    CALL(sendto(end, "x", 1, 0, to, sizeof address));
    iovec part{.iov_base = &letter, .iov_len = 1};
    mmsghdr many[2]{};
    for (mmsghdr& one : many) {
      one.msg_hdr.msg_name = &address;
      one.msg_hdr.msg_namelen = sizeof address;
      one.msg_hdr.msg_iov = &part;
      one.msg_hdr.msg_iovlen = 1;
    }
    CALL(sendmsg(end, &many[0].msg_hdr, 0));
    CALL(sendmmsg(end, many, 2, 0));
    const std::uint32_t sent[6] = {
        static_cast<std::uint32_t>(end), low(&letter), 1, 0, low(&address), sizeof address};
    std::memcpy(words, sent, sizeof sent);
    CALL(socketcall(kSendTo));
  }
  const std::uint32_t joined[6] = {static_cast<std::uint32_t>(end), low(&address), sizeof address};
  std::memcpy(words, joined, sizeof joined);
  CALL(socketcall(kConnect));
  CALL(connect(end, to, sizeof address));
  close(end);
}

void make(const char* path) {
  constexpr int kBind = 2;
  const int end = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  name(path);
  const std::uint32_t bound[6] = {static_cast<std::uint32_t>(end), low(&address), sizeof address};
  std::memcpy(words, bound, sizeof bound);
  CALL(socketcall(kBind));
  close(end);
  show_owner(path);
  (void)unlink(path);  // some could not be made
}

/// Of several messages those before the first refused one are sent.
void send_to_both() {
  const int open_end = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int closed_end = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un names[2]{};
  iovec part{.iov_base = &letter, .iov_len = 1};
  mmsghdr many[2]{};
  const char* const paths[2] = {"sockets/open", "sockets/closed"};
  for (std::size_t i = 0; i < 2; ++i) {
    names[i].sun_family = AF_UNIX;
    std::strcpy(names[i].sun_path, paths[i]);
    many[i].msg_hdr.msg_name = &names[i];
    many[i].msg_hdr.msg_namelen = sizeof names[i];
    many[i].msg_hdr.msg_iov = &part;
    many[i].msg_hdr.msg_iovlen = 1;
    CALL(bind(i == 0 ? open_end : closed_end, reinterpret_cast<sockaddr*>(&names[i]),
              sizeof names[i]));
    CALL(chmod(paths[i], i == 0 ? 0666 : 0600));
  }
  as(50, 51, {}, [&] {
    const int end = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CALL(sendmmsg(end, many, 2, 0));
    std::swap(many[0], many[1]);
    CALL(sendmmsg(end, many, 2, 0));
  });
  for (const char* path : paths)
    CALL(unlink(path));
  close(open_end);
  close(closed_end);
}

}  // namespace

void table_of_sockets() {
  put_directory("sockets", 0, 0, 0755);
  put_directory("sockets/all", 0, 0, 0777);
  put("sockets/file", 0, 0, 0600);
  for (const int kind : {SOCK_DGRAM, SOCK_STREAM}) {
    show("kind", std::to_string(kind));
    const int end = socket(AF_UNIX, kind | SOCK_CLOEXEC, 0);
    name("sockets/end");
    CALL(bind(end, reinterpret_cast<sockaddr*>(&address), sizeof address));
    if (kind == SOCK_STREAM) CALL(listen(end, 50));
    for (const mode_t mode : {0600U, 0622U, 0755U}) {
      CALL(chmod("sockets/end", mode));
      reach(kind);
      as(50, 51, {}, [kind] { reach(kind); });
    }
    close(end);
    CALL(unlink("sockets/end"));
    for (const char* path : {"sockets/file", "sockets/all", "sockets/absent"}) {
      name(path);
      as(50, 51, {}, [kind] { reach(kind); });
    }
  }
  for (const char* path : {"sockets/new", "sockets/all/new"}) {
    make(path);
    as(50, 51, {}, [path] { make(path); });
  }
  send_to_both();
  CALL(unlink("sockets/file"));
  CALL(rmdir("sockets/all"));
  CALL(rmdir("sockets"));
}
