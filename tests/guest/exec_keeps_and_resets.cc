// What exec(2) keeps (directory, mask, pending and ignored signals, limits) and resets (handlers).
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "tests/support/exec_test.h"

namespace {
int after(const std::string& inherited, const std::string& closed) {
  struct sigaction action;
  EXPECT(fcntl(std::stoi(inherited), F_GETFD) == 0 && fcntl(std::stoi(closed), F_GETFD) == -1);
  EXPECT(sigaction(SIGUSR1, nullptr, &action) == 0 && action.sa_handler == SIG_DFL);
  EXPECT(sigaction(SIGUSR2, nullptr, &action) == 0 && action.sa_handler == SIG_IGN);
  sigset_t set;
  EXPECT(sigprocmask(SIG_BLOCK, nullptr, &set) == 0 && sigismember(&set, SIGHUP) == 1);
  EXPECT(sigismember(&set, SIGTERM) == 0);
  EXPECT(sigpending(&set) == 0 && sigismember(&set, SIGHUP) == 1);
  rlimit limit;
  EXPECT(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 100);
  EXPECT(umask(0) == 031 && contents("here") == "text");
  char name[16];
  EXPECT(prctl(PR_GET_NAME, name) == 0 && std::strcmp(name, "a-name-of-more-") != 0);
  EXPECT(std::strcmp(name, "test") == 0);
  stack_t stack;
  EXPECT(sigaltstack(nullptr, &stack) == 0 && (stack.ss_flags & SS_DISABLE) != 0);
  return 42;
}
}  // namespace

int main(int argc, char** argv) {
  if (argc == 3) return after(argv[1], argv[2]);
  EXPECT(mkdir("d", 0700) == 0 && chdir("d") == 0 && make_file("here", "text"));
  const int inherited = open("here", O_RDONLY), closed = open("here", O_RDONLY | O_CLOEXEC);
  signal(SIGUSR1, [](int) {});
  signal(SIGUSR2, SIG_IGN);
  static char room[32768];
  const stack_t stack = {room, 0, sizeof room};
  EXPECT(sigaltstack(&stack, nullptr) == 0);
  const Output output = output_of([&] {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    const rlimit limit = {100, 100};
    if (sigprocmask(SIG_BLOCK, &set, nullptr) != 0 || raise(SIGHUP) != 0 ||
        setrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        prctl(PR_SET_NAME, "a-name-of-more-than-16") != 0) {
      return;
    }
    umask(031);
    execl(argv[0], "x", std::to_string(inherited).c_str(), std::to_string(closed).c_str(), nullptr);
  });
  EXPECT(exited_with(output.status, 42));
}
