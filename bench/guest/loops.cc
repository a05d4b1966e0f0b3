// Measures: nanoseconds of one call, natively or as a guest; each operation a loop.
// Good: within the floors of bench/README.md when divided by the native figure of the same run.
//
//   loops MILLISECONDS OPERATION...
//
// Works in /bench, which is writable and has the tree that
// bench/runner/place.py makes there.  Prints "OPERATION NANOSECONDS" lines: the median of
// kRounds rounds, which share the milliseconds given.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 5;

const char* own_name = nullptr;
int directory = -1;  // /bench, which is also the working directory
int regular_file = -1;
char buffer[4096];
struct stat status;

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

/// An operation that fails natively as well says so by its name; any other must work.
void must(bool works, const char* what) {
  if (!works) give_up(what);
}

void getppid_call() { syscall(SYS_getppid); }
void stat_1() { must(stat("/etc", &status) == 0, "stat_1"); }
void stat_4() { must(stat("/bench/a/b/c", &status) == 0, "stat_4"); }
void stat_10() { must(stat("/bench/a/b/c/d/e/f/g/h/file", &status) == 0, "stat_10"); }
void stat_missing() { must(stat("/bench/a/b/none", &status) != 0, "stat_missing"); }
void stat_by_link() { must(stat("/bench/a/b/link", &status) == 0, "stat_by_link"); }
void lstat_4() { must(lstat("/bench/a/b/link", &status) == 0, "lstat_4"); }
void access_4() { must(access("/bench/a/b/c", R_OK) == 0, "access_4"); }

void open_close() {
  const int file = open("/bench/a/b/file", O_RDONLY | O_CLOEXEC);
  must(file >= 0, "open_close");
  close(file);
}

void openat_relative() {
  const int file = openat(directory, "a/b/file", O_RDONLY | O_CLOEXEC);
  must(file >= 0, "openat_relative");
  close(file);
}

void stat_relative() { must(stat("a/b/file", &status) == 0, "stat_relative"); }
void readlink_4() { must(readlink("/bench/a/b/link", buffer, sizeof buffer) > 0, "readlink_4"); }
void readlink_exe() { must(readlink("/proc/self/exe", buffer, sizeof buffer) > 0, "readlink_exe"); }
void getcwd_call() { must(syscall(SYS_getcwd, buffer, sizeof buffer) > 0, "getcwd"); }
void fstat_call() {
  must(syscall(SYS_newfstatat, regular_file, "", &status, AT_EMPTY_PATH) == 0, "fstat");
}
void brk_call() { syscall(SYS_brk, 0); }
void close_bad() { syscall(SYS_close, -1); }
void chdir_call() { must(chdir("/bench") == 0, "chdir"); }

void mkdir_rmdir() {
  must(mkdir("/bench/a/new", 0755) == 0, "mkdir");
  must(rmdir("/bench/a/new") == 0, "rmdir");
}

void rename_call() {
  must(rename("/bench/a/here", "/bench/a/there") == 0, "rename");
  must(rename("/bench/a/there", "/bench/a/here") == 0, "rename back");
}

void creat_unlink() {
  const int file = open("/bench/a/made", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  must(file >= 0, "creat");
  close(file);
  must(unlink("/bench/a/made") == 0, "unlink");
}

void wait_for(pid_t child, const char* what) {
  int how = 0;
  must(child > 0 && waitpid(child, &how, 0) == child && how == 0, what);
}

void fork_wait() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  wait_for(child, "fork");
}

void spawn_static() {
  // vfork is what posix_spawn(3) and shells use; the child does nothing but exec.
  const pid_t child = vfork();  // NOLINT: that is what is measured
  if (child == 0) {
    execl(own_name, own_name, "exit", nullptr);
    _exit(127);
  }
  wait_for(child, "spawn_static");
}

void spawn_dynamic() {
  const pid_t child = vfork();  // NOLINT: that is what is measured
  if (child == 0) {
    execl("/bin/true", "true", nullptr);
    _exit(127);
  }
  wait_for(child, "spawn_dynamic");
}

struct Operation {
  const char* name;
  void (*run)();
  int threads = 1;
  int calls = 1;  ///< in one run, to divide by
};

constexpr Operation kOperations[] = {
    {"getppid", getppid_call},
    {"close_bad", close_bad},
    {"brk", brk_call},
    {"fstat", fstat_call},
    {"stat_1", stat_1},
    {"stat_4", stat_4},
    {"stat_10", stat_10},
    {"stat_missing", stat_missing},
    {"stat_by_link", stat_by_link},
    {"stat_relative", stat_relative},
    {"lstat_4", lstat_4},
    {"access_4", access_4},
    {"open_close", open_close},
    {"openat_relative", openat_relative},
    {"readlink_4", readlink_4},
    {"readlink_exe", readlink_exe},
    {"getcwd", getcwd_call},
    {"chdir", chdir_call},
    {"mkdir_rmdir", mkdir_rmdir},
    {"rename", rename_call, 1, 2},
    {"creat_unlink", creat_unlink},
    {"fork_wait", fork_wait},
    {"spawn_static", spawn_static},
    {"spawn_dynamic", spawn_dynamic},
    {"stat_4_threads_1", stat_4, 1},
    {"stat_4_threads_2", stat_4, 2},
    {"stat_4_threads_4", stat_4, 4},
};

void repeat(void (*run)(), long count) {
  for (long i = 0; i < count; ++i)
    run();
}

double nanoseconds(const Operation& operation, long count) {
  const auto start = Clock::now();
  if (operation.threads == 1) {
    repeat(operation.run, count);
  } else {
    std::vector<std::thread> threads;
    for (int i = 0; i < operation.threads; ++i) {
      threads.emplace_back(repeat, operation.run, count / operation.threads);
    }
    for (std::thread& thread : threads)
      thread.join();
  }
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

/// Repetitions that fill `budget` nanoseconds; finding out also warms everything up.
long calibrate(const Operation& operation, double budget) {
  long count = operation.threads;
  for (;;) {
    const double spent = nanoseconds(operation, count);
    if (spent > budget / 4) {
      return std::max<long>(operation.threads,
                            static_cast<long>(static_cast<double>(count) * budget / spent));
    }
    count *= 4;
  }
}

void measure(const Operation& operation, double budget) {
  const long count = calibrate(operation, budget / kRounds);
  std::array<double, kRounds> rounds{};
  for (double& round : rounds)
    round = nanoseconds(operation, count);
  std::sort(rounds.begin(), rounds.end());
  const double each = rounds[kRounds / 2] / static_cast<double>(count) / operation.calls;
  std::printf("%s %.1f\n", operation.name, each);
  std::fflush(stdout);
}

const Operation* find_operation(const char* name) {
  for (const Operation& operation : kOperations) {
    if (std::strcmp(operation.name, name) == 0) return &operation;
  }
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "exit") == 0) return 0;
  if (argc == 2 && std::strcmp(argv[1], "list") == 0) {
    for (const Operation& operation : kOperations)
      std::puts(operation.name);
    return 0;
  }
  if (argc < 3) return 2;
  own_name = argv[0];
  const double budget = std::atof(argv[1]) * 1e6;
  if (chdir("/bench") != 0) give_up("/bench");
  directory = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  regular_file = open("a/b/file", O_RDONLY | O_CLOEXEC);
  if (directory < 0 || regular_file < 0) give_up("a/b/file");
  for (int i = 2; i < argc; ++i) {
    const Operation* operation = find_operation(argv[i]);
    if (operation == nullptr) {
      std::fprintf(stderr, "loops: no operation '%s'\n", argv[i]);
      return 2;
    }
    measure(*operation, budget);
  }
  return 0;
}
