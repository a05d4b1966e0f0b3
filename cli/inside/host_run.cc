// host-run COMMAND [ARG]...: a program of the host, from a session of `nestp enter
// --host-programs`.  Called by another name, through a link, it is the host's program of that name.
//
// The session's nestp listens on a socket beside this program; it gets the command, the directory
// and the standard descriptors, and answers with the status.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/inside/inside.h"

namespace nestp::inside {
namespace {

constexpr const char* kSocket = "/run/nestp/host.socket";
constexpr int kFailed = 125;

int fail(const char* what) {
  std::fprintf(stderr, "host-run: %s: %s\n", what, std::strerror(errno));
  return kFailed;
}

/// The directory and the words, each with its null.
std::string request(int argc, char** argv) {
  char directory[4096];
  std::string text = ::getcwd(directory, sizeof directory) == nullptr ? "/" : directory;
  text += '\0';
  for (int i = 0; i < argc; ++i)
    text.append(argv[i]).push_back('\0');
  return text;
}

bool send_with_descriptors(int connection, std::string text) {
  constexpr int kDescriptors[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  iovec part{.iov_base = text.data(), .iov_len = text.size()};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof kDescriptors)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  cmsghdr* const head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof kDescriptors);
  std::memcpy(CMSG_DATA(head), kDescriptors, sizeof kDescriptors);
  return ::sendmsg(connection, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

}  // namespace

int run_on_host(int argc, char** argv) {
  const char* const slash = std::strrchr(argv[0], '/');
  const bool by_own_name = std::strcmp(slash == nullptr ? argv[0] : slash + 1, "host-run") == 0;
  if (by_own_name && argc < 2) {
    std::fputs("Usage: host-run COMMAND [ARG]...\nRun COMMAND on the host.\n", stderr);
    return kFailed;
  }
  std::string name = slash == nullptr ? argv[0] : slash + 1;
  if (!by_own_name) argv[0] = name.data();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, kSocket, sizeof address.sun_path - 1);
  const int connection = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (connection < 0 ||
      ::connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return fail("this session has no way to the host; enter it with --host-programs");
  }
  const int skipped = by_own_name ? 1 : 0;
  if (!send_with_descriptors(connection, request(argc - skipped, argv + skipped))) {
    return fail("the command cannot be sent");
  }
  int status = kFailed;
  if (::recv(connection, &status, sizeof status, 0) != sizeof status) {
    return fail("the session's nestp has gone");
  }
  return status;
}

}  // namespace nestp::inside
