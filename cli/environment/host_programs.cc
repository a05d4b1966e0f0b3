#include "cli/environment/host_programs.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/inside/image.h"
#include "cli/output.h"
#include "cli/run.h"
#include "engine/words.h"
#include "fs/fd.h"

namespace nestp::environment {
namespace {

/// What one client asks for.
struct Request {
  std::string directory{};
  std::vector<std::string> command{};
  std::array<UniqueFd, 3> standard{};
};

/// Words of the text, each ended by a null.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    words.emplace_back(word);
  }
  return words;
}

bool receive(int connection, Request& request) {
  std::string text(std::size_t{256} * 1024, '\0');
  std::array<int, 3> descriptors{};
  iovec part{.iov_base = text.data(), .iov_len = text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof descriptors)> room{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  const ssize_t size = ::recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
  const cmsghdr* const head = CMSG_FIRSTHDR(&message);
  if (size <= 0 || head == nullptr || head->cmsg_type != SCM_RIGHTS ||
      head->cmsg_len != CMSG_LEN(sizeof descriptors)) {
    return false;
  }
  std::memcpy(descriptors.data(), CMSG_DATA(head), sizeof descriptors);
  for (std::size_t i = 0; i < descriptors.size(); ++i)
    request.standard[i].reset(descriptors[i]);
  std::vector<std::string> words = words_of({text.data(), static_cast<std::size_t>(size)});
  if (words.size() < 2 || (message.msg_flags & MSG_TRUNC) != 0) return false;
  request.directory = std::move(words[0]);
  request.command.assign(words.begin() + 1, words.end());
  return true;
}

[[noreturn]] void execute(Request& request, pid_t client) {
  // With the client's terminal: of its group, Ctrl-C and reading reach it.  A client of another
  // session or process namespace has none to share.
  const pid_t group = client > 0 ? ::getpgid(client) : -1;
  if (group <= 0 || ::setpgid(0, group) != 0) (void)::setpgid(0, 0);
  for (std::size_t i = 0; i < request.standard.size(); ++i)
    ::dup2(request.standard[i].get(), static_cast<int>(i));
  // The session's directory may be one that the host does not have.
  if (::chdir(request.directory.c_str()) != 0) (void)!::chdir("/");
  const std::vector<char*> argv = pointers(request.command);
  ::execvp(argv[0], argv.data());
  const int failure = errno;
  // A directory of PATH that is closed makes EACCES of what is in none.
  const bool is_path = request.command[0].find('/') != std::string::npos;
  const int error = is_path || is_in_path(request.command[0]) ? failure : ENOENT;
  print_error("host-run: " + request.command[0] + ": " + std::strerror(error) + "\n");
  ::_exit(error == ENOENT ? exit_not_found : exit_not_executable);
}

/// Ends the command when the client goes.
int wait_for(pid_t child, int connection) {
  int status = 0;
  constexpr int kLook = 20;  // milliseconds
  bool is_told = false;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    pollfd watched{.fd = connection, .events = POLLIN, .revents = 0};
    if (is_told) {
      ::usleep(kLook * 1000);
    } else if (::poll(&watched, 1, kLook) > 0) {
      is_told = ::kill(child, SIGTERM) == 0;
    }
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void serve_one(int connection) {
  Request request;
  if (!receive(connection, request)) return;
  ucred client{};
  socklen_t size = sizeof client;
  (void)::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &client, &size);
  const pid_t child = ::fork();
  if (child == 0) execute(request, client.pid);
  for (UniqueFd& descriptor : request.standard)
    descriptor.reset();  // a pipe's end is told when the command's own ends are closed
  const int status = child < 0 ? exit_not_started : wait_for(child, connection);
  (void)::send(connection, &status, sizeof status, MSG_NOSIGNAL);
}

[[noreturn]] void serve(int listener) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  // What is typed is meant for the session.
  for (const int signal : {SIGINT, SIGQUIT, SIGTSTP})
    ::signal(signal, SIG_IGN);
  ::signal(SIGCHLD, SIG_IGN);  // no zombies
  while (true) {
    const UniqueFd connection(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection && errno != EINTR && errno != ECONNABORTED) ::_exit(1);
    if (!connection || ::fork() != 0) continue;
    for (const int signal : {SIGINT, SIGQUIT, SIGTSTP, SIGCHLD})
      ::signal(signal, SIG_DFL);
    ::signal(SIGINT, SIG_IGN);
    serve_one(connection.get());
    ::_exit(0);
  }
}

Result<UniqueFd> listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{path + " is too long for a socket; set TMPDIR to a shorter one"};
  }
  path.copy(address.sun_path, path.size());
  UniqueFd listener(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!listener ||
      ::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), SOMAXCONN) != 0) {
    return Error{path + ": " + std::strerror(errno)};
  }
  return listener;
}

}  // namespace

Result<std::unique_ptr<HostPrograms>> HostPrograms::start() {
  std::unique_ptr<HostPrograms> programs(new HostPrograms);
  const auto directory = programs->session_.make_directory(0700);
  if (!directory) return directory.error();
  programs->directory_ = directory->text();
  if (auto done = inside::write_image_to(programs->directory_ + "/host-run"); !done) {
    return done.error();
  }
  const auto listener = listen_at(programs->directory_ + "/host.socket");
  if (!listener) return listener.error();
  programs->server_ = ::fork();
  if (programs->server_ < 0) return Error{std::string("fork: ") + std::strerror(errno)};
  if (programs->server_ == 0) serve(listener->get());
  return programs;
}

HostPrograms::~HostPrograms() {
  if (server_ <= 0) return;
  (void)::kill(server_, SIGTERM);
  (void)::waitpid(server_, nullptr, 0);
}

std::vector<std::string> HostPrograms::words() const {
  return {"-b", directory_ + ":" + kHostProgramsPlace};
}

}  // namespace nestp::environment
