// Threads that are cancelled in the middle of calls on paths end, and leave the process whole.
#include <atomic>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <vector>

#include "tests/support/guest_test.h"

namespace {

std::atomic<long> rounds{0};

/// `asynchronous` threads may end at any instruction, so they call nothing that allocates.
void* ask_without_end(void* asynchronous) {
  if (asynchronous != nullptr) pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, nullptr);
  struct stat status;
  for (;;) {
    (void)stat("there/file", &status);
    (void)access("there/absent", F_OK);
    (void)lstat("there/link", &status);
    ++rounds;
    if (asynchronous == nullptr) {
      const int file = open("there/link", O_RDONLY | O_CLOEXEC);
      int before = 0;
      pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
      if (file >= 0) close(file);
      pthread_setcancelstate(before, nullptr);
    }
  }
}

int cancel_many(void* asynchronous) {
  for (int i = 0; i < 60; ++i) {
    pthread_t threads[4];
    for (pthread_t& thread : threads)
      EXPECT(pthread_create(&thread, nullptr, ask_without_end, asynchronous) == 0);
    const long seen = rounds;
    while (rounds < seen + i % 7)
      sched_yield();
    for (const pthread_t thread : threads)
      EXPECT(pthread_cancel(thread) == 0);
    for (const pthread_t thread : threads) {
      void* result = nullptr;
      EXPECT(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
    }
  }
  return 0;
}

}  // namespace

int main() {
  EXPECT(mkdir("there", 0700) == 0 && make_file("there/file", "text"));
  EXPECT(symlink("file", "there/link") == 0);
  EXPECT(cancel_many(nullptr) == 0);
  static int yes = 1;
  EXPECT(cancel_many(&yes) == 0);
  // Each answer is still the kernel's.
  struct stat status;
  EXPECT(stat("there/link", &status) == 0 && status.st_size == 4);
  EXPECT_ERRNO(access("there/absent", F_OK), ENOENT);
  EXPECT(contents("there/link") == "text");
  return 0;
}
