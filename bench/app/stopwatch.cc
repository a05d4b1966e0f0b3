// Measures: one program from fork to its end, as an ordinary user, perhaps in a real chroot.
// Good: nothing by itself; bench/run divides its figures.
//
//   stopwatch [-r ROOT] [-w DIRECTORY] [-u UID] PROGRAM [ARG...]
//
// Prints "NANOSECONDS USER_NANOSECONDS SYSTEM_NANOSECONDS STATUS" on descriptor 3.
// The program's standard output is thrown away.
// That root and user are entered here, and not by chroot(1) or setpriv(1), keeps
// the start of those programs out of the figures.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

struct Place {
  const char* root = nullptr;
  const char* directory = nullptr;
  const char* user = nullptr;
};

bool enter(const Place& place) {
  if (place.root != nullptr && chroot(place.root) != 0) return false;
  if (place.directory != nullptr && chdir(place.directory) != 0) return false;
  if (place.user == nullptr) return true;
  const auto user = static_cast<uid_t>(std::atoi(place.user));
  return setgroups(0, nullptr) == 0 && setresgid(user, user, user) == 0 &&
         setresuid(user, user, user) == 0;
}

[[noreturn]] void become(const Place& place, char** command) {
  const int nowhere = open("/dev/null", O_RDWR);
  if (nowhere < 0 || dup2(nowhere, STDIN_FILENO) < 0 || dup2(nowhere, STDOUT_FILENO) < 0) {
    std::perror("/dev/null");
    _exit(126);
  }
  close(nowhere);
  if (!enter(place)) {
    std::perror("stopwatch");
    _exit(126);
  }
  execvp(command[0], command);
  std::perror(command[0]);
  _exit(127);
}

long long nanoseconds(const timeval& time) {
  return time.tv_sec * 1'000'000'000LL + time.tv_usec * 1'000LL;
}

}  // namespace

int main(int argc, char** argv) {
  Place place;
  int option = 0;
  while ((option = getopt(argc, argv, "+r:w:u:")) != -1) {
    if (option == 'r') place.root = optarg;
    if (option == 'w') place.directory = optarg;
    if (option == 'u') place.user = optarg;
    if (option == '?') return 2;
  }
  if (optind >= argc || fcntl(3, F_SETFD, FD_CLOEXEC) != 0) return 2;
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child == 0) become(place, argv + optind);
  int status = 0;
  rusage usage{};
  if (child < 0 || wait4(child, &status, 0, &usage) != child) {
    std::perror("stopwatch");
    return 1;
  }
  const std::chrono::nanoseconds spent = std::chrono::steady_clock::now() - start;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  dprintf(3, "%lld %lld %lld %d\n", static_cast<long long>(spent.count()),
          nanoseconds(usage.ru_utime), nanoseconds(usage.ru_stime), code);
  return 0;
}
