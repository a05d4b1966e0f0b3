// Calls that an old kernel lacks, each as the manual says it works; prints those that do not.
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

int wrong = 0;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::printf("%s: %s\n", what, std::strerror(errno));
  wrong = 1;
}

bool closes(int file) { return (fcntl(file, F_GETFD) & FD_CLOEXEC) != 0; }

void descriptors() {
  int file = open("/dev/null", O_RDONLY);
  const long copy = syscall(SYS_dup3, file, 20, O_CLOEXEC);
  expect(copy == 20 && closes(20), "dup3");
  errno = 0;
  expect(syscall(SYS_dup3, file, file, 0) == -1 && errno == EINVAL, "dup3 of the same");
  const auto events = static_cast<int>(syscall(SYS_eventfd2, 3, O_NONBLOCK | O_CLOEXEC));
  std::uint64_t count = 0;
  expect(events >= 0 && closes(events) && (fcntl(events, F_GETFL) & O_NONBLOCK) != 0, "eventfd2");
  expect(read(events, &count, sizeof count) == 8 && count == 3, "eventfd2 counts");
  const auto poll = static_cast<int>(syscall(SYS_epoll_create1, O_CLOEXEC));
  expect(poll >= 0 && closes(poll), "epoll_create1");
  epoll_event event{};
  const timespec brief{0, 1000};
  expect(syscall(SYS_epoll_pwait2, poll, &event, 1, &brief, nullptr, 8) == 0, "epoll_pwait2");
  const auto watch = static_cast<int>(syscall(SYS_inotify_init1, O_CLOEXEC));
  expect(watch >= 0 && closes(watch), "inotify_init1");
  int pair[2];
  expect(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
  expect(syscall(SYS_close_range, 20, 20, 0) == 0 && fcntl(20, F_GETFD) == -1, "close_range");
  expect(syscall(SYS_close_range, pair[0], pair[1], 4) == 0 && closes(pair[1]),
         "close_range, on exec");
  expect(syscall(SYS_close_range, file, ~0U, 0) == 0 && fcntl(events, F_GETFD) == -1,
         "close_range of all");
  errno = 0;
  expect(syscall(SYS_close_range, 9, 8, 0) == -1 && errno == EINVAL, "close_range backwards");
}

void contents() {
  char text[8] = {};
  iovec part{text, 4};
  const int file = open("data", O_RDWR | O_CREAT | O_TRUNC, 0600);
  expect(write(file, "abcdefgh", 8) == 8, "write");
  expect(syscall(SYS_preadv2, file, &part, 1, 2L, 0L, 0) == 4 && std::memcmp(text, "cdef", 4) == 0,
         "preadv2");
  lseek(file, 1, SEEK_SET);
  expect(syscall(SYS_preadv2, file, &part, 1, -1L, -1L, 0) == 4 && text[0] == 'b',
         "preadv2 at the position");
  expect(syscall(SYS_pwritev2, file, &part, 1, 0L, 0L, 0) == 4, "pwritev2");
  const int other = open("other", O_RDWR | O_CREAT | O_TRUNC, 0600);
  loff_t from = 2;
  expect(syscall(SYS_copy_file_range, file, &from, other, nullptr, 3UL, 0) == 3 && from == 5,
         "copy_file_range");
  char random[64] = {};
  expect(syscall(SYS_getrandom, random, sizeof random, 0) == sizeof random, "getrandom");
  const auto memory = static_cast<int>(syscall(SYS_memfd_create, "name", 1));
  expect(memory >= 0 && closes(memory) && ftruncate(memory, 100) == 0, "memfd_create");
}

void paths() {
  struct statx status {};
  expect(syscall(SYS_statx, AT_FDCWD, "data", 0, STATX_BASIC_STATS, &status) == 0 &&
             status.stx_size == 8 && S_ISREG(status.stx_mode),
         "statx");
  const int here = open(".", O_RDONLY | O_DIRECTORY);
  expect(syscall(SYS_statx, here, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status) == 0 &&
             S_ISDIR(status.stx_mode),
         "statx of a descriptor");
  errno = 0;
  expect(syscall(SYS_statx, AT_FDCWD, "none", 0, 0, &status) == -1 && errno == ENOENT,
         "statx of nothing");
  expect(symlink("none", "dangling") == 0 &&
             syscall(SYS_statx, AT_FDCWD, "dangling", AT_SYMLINK_NOFOLLOW, 0, &status) == 0 &&
             S_ISLNK(status.stx_mode),
         "statx of a link");
  expect(syscall(SYS_faccessat2, AT_FDCWD, "data", R_OK, AT_EACCESS) == 0, "faccessat2");
  errno = 0;
  expect(syscall(SYS_faccessat2, AT_FDCWD, "none", F_OK, 0) == -1 && errno == ENOENT,
         "faccessat2 of nothing");
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC;
  const auto file = static_cast<int>(syscall(SYS_openat2, here, "data", &how, sizeof how));
  expect(file >= 0 && closes(file), "openat2");
  errno = 0;
  expect(syscall(SYS_renameat2, AT_FDCWD, "data", AT_FDCWD, "other", 1) == -1 && errno == EEXIST,
         "renameat2 keeps");
  expect(syscall(SYS_renameat2, AT_FDCWD, "data", AT_FDCWD, "third", 1) == 0, "renameat2");
  expect(syscall(SYS_renameat2, AT_FDCWD, "third", AT_FDCWD, "other", 0) == 0,
         "renameat2 replaces");
  constexpr long kFchmodat2 = 452;
  struct stat changed {};
  expect(syscall(kFchmodat2, AT_FDCWD, "other", 0640, 0) == 0 && stat("other", &changed) == 0 &&
             (changed.st_mode & 07777) == 0640,
         "fchmodat2");
}

void processes() {
  clone_args asked{};
  asked.exit_signal = SIGCHLD;
  const long child = syscall(SYS_clone3, &asked, sizeof asked);
  if (child == 0) {
    pause();
    _exit(3);
  }
  expect(child > 0, "clone3");
  if (child < 0) return;
  const auto handle = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  expect(handle >= 0 && closes(handle), "pidfd_open");
  expect(syscall(SYS_pidfd_send_signal, handle, SIGTERM, nullptr, 0) == 0, "pidfd_send_signal");
  if (wrong != 0) kill(static_cast<pid_t>(child), SIGKILL);
  int status = 0;
  const bool waited = waitpid(static_cast<pid_t>(child), &status, 0) == child;
  expect(waited && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "the signal arrives");
}

}  // namespace

void futexes() {
  std::uint32_t word = 1;
  const timespec brief{0, 1000};
  expect(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr) == 0, "private futex, wake");
  errno = 0;
  const long early = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 2, nullptr);
  expect(early == -1 && errno == EAGAIN, "private futex, another value");
  errno = 0;
  const long late = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, &brief);
  expect(late == -1 && errno == ETIMEDOUT, "private futex, nobody wakes");
}

int main() {
  alarm(30);  // a signal that does not arrive must not hang it
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  descriptors();
  contents();
  paths();
  processes();
  futexes();
  if (wrong == 0) std::puts("all");
  return wrong;
}
