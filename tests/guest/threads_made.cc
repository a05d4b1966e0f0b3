// Threads however they are made: by many at once, by makers that end, under signals, and where the
// kernel refuses them; each starts with its maker's registers.
#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "tests/support/guest_test.h"
#include "tests/support/timer_period.h"

extern "C" {
// rbx rbp r12 r13 r14 r15 rdi rsi rdx r10 r8 r9, flags, rsp
long registers_of_maker[14], registers_of_thread[14];
long make_and_look(clone_args* arguments, std::size_t size);
long clone_and_look(unsigned long flags, void* stack, int* id);
}

// The same with both calls: all registers but the result, rcx and r11 are the maker's.
#define LOOK_AFTER(NUMBER)                         \
  "  push %rbx\n  push %rbp\n  push %r12\n"        \
  "  push %r13\n  push %r14\n  push %r15\n"        \
  "  mov $-11, %rbx\n  mov $-12, %rbp\n"           \
  "  mov $-13, %r12\n  mov $-14, %r13\n"           \
  "  mov $-15, %r14\n  mov $-16, %r15\n"           \
  "  mov $-17, %r9\n  stc\n"                       \
  "  mov $" NUMBER                                 \
  ", %eax\n  syscall\n"                            \
  "  lea registers_of_maker(%rip), %rcx\n"         \
  "  pushfq\n  popq %r11\n"                        \
  "  test %rax, %rax\n  jnz 1f\n"                  \
  "  lea registers_of_thread(%rip), %rcx\n"        \
  "1:\n"                                           \
  "  mov %rbx, (%rcx)\n  mov %rbp, 8(%rcx)\n"      \
  "  mov %r12, 16(%rcx)\n  mov %r13, 24(%rcx)\n"   \
  "  mov %r14, 32(%rcx)\n  mov %r15, 40(%rcx)\n"   \
  "  mov %rdi, 48(%rcx)\n  mov %rsi, 56(%rcx)\n"   \
  "  mov %rdx, 64(%rcx)\n  mov %r10, 72(%rcx)\n"   \
  "  mov %r8, 80(%rcx)\n  mov %r9, 88(%rcx)\n"     \
  "  mov %r11, 96(%rcx)\n  mov %rsp, 104(%rcx)\n"  \
  "  test %rax, %rax\n  jnz 2f\n"                  \
  "  xor %edi, %edi\n  mov $60, %eax\n  syscall\n" \
  "2:\n"                                           \
  "  pop %r15\n  pop %r14\n  pop %r13\n"           \
  "  pop %r12\n  pop %rbp\n  pop %rbx\n  ret\n"

asm(".text\n"
    "make_and_look:\n"
    "  mov $-18, %rdx\n  mov $-19, %r10\n  mov $-20, %r8\n"
    LOOK_AFTER("435")
    "clone_and_look:\n"
    "  mov %rdx, %r10\n  mov $-20, %r8\n"
    LOOK_AFTER("56"));

namespace {

constexpr std::uint64_t kOfThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
                                    CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_SETTID |
                                    CLONE_CHILD_CLEARTID;
alignas(16) char stack[4096];
std::atomic<int> id{0};

/// The kernel clears the id when the thread is gone.
bool ends() {
  while (const int left = id.load()) {
    if (syscall(SYS_futex, &id, FUTEX_WAIT, left, nullptr, nullptr, 0) < 0 && errno != EAGAIN &&
        errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool has_makers_registers() {
  for (int i = 0; i < 12; ++i) {
    if (registers_of_thread[i] != registers_of_maker[i]) return false;
  }
  constexpr long kCarry = 1;
  return (registers_of_thread[12] & kCarry) != 0 && (registers_of_maker[12] & kCarry) != 0 &&
         registers_of_thread[0] == -11 && registers_of_thread[11] == -17;
}

int registers_are_kept() {
  for (int i = 0; i < 40; ++i) {
    clone_args arguments{};
    arguments.flags = kOfThread;
    arguments.child_tid = reinterpret_cast<std::uintptr_t>(&id);
    arguments.stack = reinterpret_cast<std::uintptr_t>(stack);
    arguments.stack_size = sizeof stack;
    id = 1;
    const long made = make_and_look(&arguments, sizeof arguments);
    if (made < 0 && i == 0) break;  // no clone3(2)
    EXPECT(made > 0 && ends() && has_makers_registers());
    EXPECT(registers_of_thread[13] == reinterpret_cast<long>(stack + sizeof stack));
    EXPECT(arguments.flags == kOfThread);
  }
  for (int i = 0; i < 40; ++i) {
    id = 1;
    const long made = clone_and_look(kOfThread, stack + sizeof stack, reinterpret_cast<int*>(&id));
    EXPECT(made > 0 && ends() && has_makers_registers());
  }
  return 0;
}

int refusals_are_the_kernels() {
  clone_args arguments{};
  arguments.flags = CLONE_THREAD | CLONE_VM;  // without CLONE_SIGHAND
  arguments.stack = reinterpret_cast<std::uintptr_t>(stack);
  arguments.stack_size = sizeof stack;
  const auto make = [&](clone_args* given, std::size_t size) {
    return syscall(SYS_clone3, given, size);
  };
  if (make(nullptr, 0) != 0 && errno == ENOSYS) return 0;
  EXPECT_ERRNO(make(&arguments, sizeof arguments), EINVAL);
  EXPECT_ERRNO(make(nullptr, sizeof arguments), EFAULT);
  EXPECT_ERRNO(make(&arguments, 8), EINVAL);
  arguments.flags = kOfThread;
  arguments.exit_signal = SIGCHLD;  // a thread has none
  EXPECT_ERRNO(make(&arguments, sizeof arguments), EINVAL);
  arguments.exit_signal = 0;
  arguments.stack_size = 0;
  EXPECT_ERRNO(make(&arguments, sizeof arguments), EINVAL);
  return 0;
}

std::atomic<int> count{0};

void* open_and_count(void*) {
  const int file = open("file", O_RDONLY | O_CLOEXEC);
  if (file >= 0 && close(file) == 0) ++count;
  return nullptr;
}

void* make_two(void*) {
  pthread_t first, second;
  if (pthread_create(&first, nullptr, open_and_count, nullptr) != 0) return nullptr;
  if (pthread_create(&second, nullptr, open_and_count, nullptr) != 0) return nullptr;
  pthread_join(first, nullptr);
  pthread_join(second, nullptr);
  return open_and_count(nullptr);
}

int many_at_once() {
  constexpr int kThreads = 48;
  for (int round = 0; round < 8; ++round) {
    count = 0;
    pthread_t threads[kThreads];
    for (pthread_t& thread : threads)
      EXPECT(pthread_create(&thread, nullptr, make_two, nullptr) == 0);
    for (const pthread_t thread : threads)
      EXPECT(pthread_join(thread, nullptr) == 0);
    EXPECT(count == 3 * kThreads);
  }
  return 0;
}

sem_t left;

void* open_and_post(void*) {
  open_and_count(nullptr);
  sem_post(&left);
  return nullptr;
}

/// Ends as soon as the one that it made exists.
void* make_and_end(void*) {
  pthread_t thread;
  if (pthread_create(&thread, nullptr, open_and_post, nullptr) == 0) pthread_detach(thread);
  return nullptr;
}

int makers_that_end() {
  EXPECT(sem_init(&left, 0, 0) == 0);
  count = 0;
  for (int i = 0; i < 200; ++i) {
    pthread_t maker;
    EXPECT(pthread_create(&maker, nullptr, make_and_end, nullptr) == 0);
    pthread_detach(maker);
    while (sem_wait(&left) != 0) {
    }
  }
  EXPECT(count == 200);
  return 0;
}

int wait_for_ever(void*) {
  for (;;)
    pause();
}

sem_t has_other;

void* make_makers(void*) {
  while (sem_wait(&has_other) != 0) {
  }
  _exit(makers_that_end() == 0 ? 0 : 3);
}

/// The same beside a thread made with a flag that few ask for.
int makers_that_end_beside_another() {
  const pid_t child = fork();
  EXPECT(child >= 0);
  if (child == 0) {
    const int flags = static_cast<int>(kOfThread & ~(CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID));
    pthread_t maker;
    if (sem_init(&has_other, 0, 0) != 0) _exit(4);
    if (pthread_create(&maker, nullptr, make_makers, nullptr) != 0) _exit(5);
    if (clone(wait_for_ever, stack + sizeof stack, flags | CLONE_IO, nullptr) < 0) _exit(2);
    sem_post(&has_other);
    pthread_join(maker, nullptr);
  }
  int status = 0;
  EXPECT(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return 0;
}

/// A process that ends without a signal to its parent.
int silent_processes() {
  for (const bool by_struct : {false, true}) {
    clone_args arguments{};
    const long child = by_struct ? syscall(SYS_clone3, &arguments, sizeof arguments)
                                 : syscall(SYS_clone, 0, nullptr, nullptr, nullptr, nullptr);
    if (by_struct && child < 0 && errno == ENOSYS) continue;
    if (child == 0) {
      const int file = open("file", O_RDONLY | O_CLOEXEC);
      _exit(file >= 0 && close(file) == 0 ? 0 : 1);
    }
    int status = 0;
    EXPECT(child > 0 && waitpid(static_cast<pid_t>(child), &status, __WALL) == child);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  return 0;
}

std::atomic<long> alarms{0};

int under_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { ++alarms; };
  EXPECT(sigaction(SIGALRM, &action, nullptr) == 0);
  const long period = timer_period(200);
  const itimerval quick{{0, period}, {0, period}}, none{};
  EXPECT(setitimer(ITIMER_REAL, &quick, nullptr) == 0);
  count = 0;
  for (int i = 0; i < 600; ++i) {
    pthread_t thread;
    EXPECT(pthread_create(&thread, nullptr, open_and_count, nullptr) == 0);
    EXPECT(pthread_join(thread, nullptr) == 0);
  }
  EXPECT(setitimer(ITIMER_REAL, &none, nullptr) == 0);
  EXPECT(count == 600 && alarms > 0);
  return 0;
}

/// The person's threads count, so that a limit below them refuses every new one.
int at_the_limit() {
  if (geteuid() == 0) return 0;  // it has none
  rlimit before{};
  EXPECT(getrlimit(RLIMIT_NPROC, &before) == 0);
  const rlimit none{0, before.rlim_max};
  EXPECT(setrlimit(RLIMIT_NPROC, &none) == 0);
  pthread_t thread;
  for (int i = 0; i < 30; ++i)
    EXPECT(pthread_create(&thread, nullptr, open_and_count, nullptr) == EAGAIN);
  EXPECT(setrlimit(RLIMIT_NPROC, &before) == 0);
  count = 0;
  for (int i = 0; i < 30; ++i) {
    EXPECT(pthread_create(&thread, nullptr, open_and_count, nullptr) == 0);
    EXPECT(pthread_join(thread, nullptr) == 0);
  }
  EXPECT(count == 30);
  return 0;
}

void* make_until_told(void* stop) {
  while (!static_cast<std::atomic<bool>*>(stop)->load()) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, open_and_count, nullptr) == 0) {
      pthread_join(thread, nullptr);
    }
  }
  return nullptr;
}

/// What other threads were making when the process was copied is nothing to the copy.
int in_copies() {
  std::atomic<bool> stop{false};
  pthread_t makers[3];
  for (pthread_t& maker : makers)
    EXPECT(pthread_create(&maker, nullptr, make_until_told, &stop) == 0);
  for (int i = 0; i < 40; ++i) {
    const pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
      count = 0;
      for (int made = 0; made < 4; ++made) {
        pthread_t thread;
        if (pthread_create(&thread, nullptr, make_two, nullptr) != 0) _exit(2);
        pthread_join(thread, nullptr);
      }
      _exit(count == 12 ? 0 : 3);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
    }
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  stop = true;
  for (const pthread_t maker : makers)
    EXPECT(pthread_join(maker, nullptr) == 0);
  return 0;
}

/// A process that is killed while it makes threads leaves nothing behind.
int killed_makers() {
  for (int i = 0; i < 30; ++i) {
    const pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
      std::atomic<bool> never{false};
      pthread_t maker;
      (void)pthread_create(&maker, nullptr, make_until_told, &never);
      (void)make_until_told(&never);
    }
    usleep(static_cast<useconds_t>(200 * i));
    EXPECT(kill(child, SIGKILL) == 0);
    int status = 0;
    EXPECT(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
  }
  return 0;
}

}  // namespace

int main() {
  EXPECT(make_file("file", "text"));
  EXPECT(makers_that_end_beside_another() == 0);
  EXPECT(registers_are_kept() == 0);
  EXPECT(silent_processes() == 0);
  EXPECT(refusals_are_the_kernels() == 0);
  EXPECT(many_at_once() == 0);
  EXPECT(makers_that_end() == 0);
  EXPECT(under_signals() == 0);
  EXPECT(at_the_limit() == 0);
  EXPECT(in_copies() == 0);
  EXPECT(killed_makers() == 0);
}
