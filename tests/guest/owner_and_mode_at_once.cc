// Owner and mode of one file, changed by several processes at once: no change is lost, by whatever
// call it comes, nor when a process is killed in the middle of one.
#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/support/guest_test.h"

namespace {

constexpr int kRounds = 3000, kKills = 60;

struct Shared {
  std::atomic<int> arrived, done;
};

Shared* shared = nullptr;

bool change_owner(int file, int round) {
  const auto id = static_cast<uid_t>(100 + round);
  return (round % 3 == 0 ? chown("file", id, id + 1) : fchown(file, id, id + 1)) == 0;
}

mode_t mode_of(int round) {
  constexpr mode_t kModes[] = {0600, 0644, 0755, 0640, 0711, 0666, 0700, 01644, 04755, 0444};
  return kModes[round % 10];
}

bool change_mode(int file, int round) {
  return (round % 4 == 0 ? chmod("file", mode_of(round)) : fchmod(file, mode_of(round))) == 0;
}

/// Both are there.
void meet(int round) {
  ++shared->arrived;
  for (int spins = 0; shared->arrived < 2 * round; ++spins) {
    if (spins > 20'000) sched_yield();
  }
}

int check_round(int file, int round) {
  struct stat status {};
  EXPECT(fstat(file, &status) == 0);
  EXPECT(status.st_uid == static_cast<uid_t>(100 + round) && status.st_gid == status.st_uid + 1);
  // A change of owner takes set-ID bits away, so the order counts.
  EXPECT((status.st_mode & 01777) == (mode_of(round) & 01777));
  return 0;
}

int work(bool (*change)(int, int), int file) {
  for (int round = 1; round <= kRounds; ++round) {
    meet(round);
    EXPECT(change(file, round));
    // Who is last looks, and the other waits for that.
    if (++shared->done % 3 == 2) {
      EXPECT(check_round(file, round) == 0);
      ++shared->done;
    }
    while (shared->done < 3 * round)
      sched_yield();
  }
  return 0;
}

int check_rounds(int file) {
  const pid_t other = fork();
  if (other == 0) {
    const int failures = work(change_mode, file);
    if (failures != 0) kill(getppid(), SIGTERM);  // who would wait for it
    _exit(failures);
  }
  const int failures = work(change_owner, file);
  if (failures != 0) kill(other, SIGKILL);
  EXPECT(failures == 0);
  int how = 0;
  EXPECT(waitpid(other, &how, 0) == other && how == 0);
  return 0;
}

/// What says that it may be run can be: it is empty, and no program.
int check_execution(int file) {
  struct stat status {};
  EXPECT(fstat(file, &status) == 0);
  if ((status.st_mode & 0111) == 0) return 0;
  char* const words[] = {const_cast<char*>("file"), nullptr};
  EXPECT_ERRNO(execv("file", words), ENOEXEC);
  return 0;
}

int check_kills(int file) {
  for (int i = 0; i < kKills; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (int round = 0;; ++round) {
        (void)change_owner(file, round % 50);
        (void)change_mode(file, round % 7);
      }
    }
    usleep(static_cast<useconds_t>(300 + i * 37));
    EXPECT(kill(child, i % 2 == 0 ? SIGKILL : SIGTERM) == 0);
    EXPECT(fchown(file, 7, 8) == 0);
    EXPECT(waitpid(child, nullptr, 0) == child);
    EXPECT(check_execution(file) == 0);
    EXPECT(fchown(file, 9, 10) == 0 && fchmod(file, 0640) == 0);
    struct stat status {};
    EXPECT(fstat(file, &status) == 0 && status.st_uid == 9 && status.st_gid == 10);
    EXPECT((status.st_mode & 07777) == 0640);
  }
  return 0;
}

}  // namespace

int main() {
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  EXPECT(memory != MAP_FAILED);
  shared = new (memory) Shared{};
  const int file = open("file", O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0644);
  EXPECT(file >= 0);
  EXPECT(check_rounds(file) == 0);
  return check_kills(file);
}
