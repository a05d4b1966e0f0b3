// Threads that were made while their process was being stopped, seized and let go: they have the
// registers that they were made with.
#include <csignal>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <vector>

#include "tests/support/guest_test.h"

namespace {

void* open_once(void*) {
  const int file = open("file", O_RDONLY | O_CLOEXEC);
  if (file < 0 || close(file) != 0) _exit(77);
  return nullptr;
}

void* make_without_end(void*) {
  for (;;) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, open_once, nullptr) == 0) pthread_join(thread, nullptr);
  }
}

[[noreturn]] void make_threads() {
  pthread_t thread;
  for (int i = 0; i < 3; ++i)
    (void)pthread_create(&thread, nullptr, make_without_end, nullptr);
  (void)make_without_end(nullptr);
  _exit(78);
}

std::vector<pid_t> threads_of(pid_t process) {
  std::vector<pid_t> threads;
  DIR* directory = opendir(("/proc/" + std::to_string(process) + "/task").c_str());
  if (directory == nullptr) return threads;
  while (const dirent* entry = readdir(directory)) {
    if (const int id = std::atoi(entry->d_name); id > 0) threads.push_back(id);
  }
  closedir(directory);
  return threads;
}

/// Stops `process`, seizes what threads it has, and lets all go on.
void seize_all(pid_t process) {
  kill(process, SIGSTOP);
  usleep(2000);
  std::vector<pid_t> seized;
  for (const pid_t thread : threads_of(process)) {
    if (ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) == 0 &&
        ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) == 0) {
      seized.push_back(thread);
    }
  }
  for (const pid_t thread : seized) {
    int status = 0;
    if (waitpid(thread, &status, __WALL) == thread) ptrace(PTRACE_CONT, thread, nullptr, 0);
  }
  kill(process, SIGCONT);
}

/// Nothing but SIGCONT comes to its threads for a while, and none of them ends it.
bool goes_on(pid_t process) {
  for (int looks = 0; looks < 40; ++looks) {
    int status = 0;
    const pid_t thread = waitpid(-1, &status, __WALL | WNOHANG);
    if (thread <= 0) {
      usleep(500);
      continue;
    }
    const int signal = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
    const bool is_event = WIFSTOPPED(status) && status >> 16 != 0;
    if (!is_event && (signal == SIGSEGV || signal == SIGILL || signal == SIGBUS)) return false;
    if (WIFSTOPPED(status)) ptrace(PTRACE_CONT, thread, nullptr, is_event ? 0 : signal);
    if (!WIFSTOPPED(status) && thread == process) return false;
  }
  return true;
}

}  // namespace

int main() {
  EXPECT(make_file("file", "text"));
  for (int round = 0; round < 25; ++round) {
    const pid_t process = fork();
    EXPECT(process >= 0);
    if (process == 0) make_threads();
    usleep(static_cast<useconds_t>(5000 + 137 * round));
    seize_all(process);
    EXPECT(goes_on(process));
    EXPECT(kill(process, SIGKILL) == 0);
    int status = 0;
    while (waitpid(-1, &status, __WALL) > 0) {
    }
  }
}
