// Measures: nanoseconds of one call, natively or as a guest; each operation a loop.
// Good: within the floors of bench/README.md when divided by the native figure of the same run.
//
//   loops list                                 the operations: NAME, tab, what it is
//   loops make DIRECTORY                       the files that they need, in there
//   loops run DIRECTORY MILLISECONDS NAME...   "NAME NANOSECONDS" lines: the median of kRounds
//                                              rounds, which share the milliseconds
//   loops filtered WORD...                     the same under a seccomp filter that allows all:
//                                              the kernel's own share of what nestp costs
//
// A part of the program that nestp brings into guests; bench/run takes that as it is.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "cli/inside/inside.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 5;
constexpr unsigned kNews = 8192;  ///< more than a tracer answers in the milliseconds

/// The files of the operations, made by make_files.
struct Paths {
  std::string own_name;   ///< of this program
  std::string directory;  ///< also the working directory
  std::string top = directory.substr(0, directory.find('/', 1));
  std::string third = directory + "/a/b/c";
  std::string tenth = directory + "/a/b/c/d/e/f/g/h/file";
  std::string missing = directory + "/a/b/none";
  std::string file = directory + "/a/b/file";
  std::string link = directory + "/a/b/link";
  std::string here = directory + "/a/here";
  std::string there = directory + "/a/there";
  std::string made = directory + "/a/new";
};

const Paths* paths = nullptr;
int directory = -1;
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
void stat_1() { must(stat(paths->top.c_str(), &status) == 0, "stat_1"); }
void stat_4() { must(stat(paths->third.c_str(), &status) == 0, "stat_4"); }
void stat_10() { must(stat(paths->tenth.c_str(), &status) == 0, "stat_10"); }
void stat_missing() { must(stat(paths->missing.c_str(), &status) != 0, "stat_missing"); }
/// The next of kNews paths, none of which is asked of twice in a run.
const char* next_new(const char* kind, const char* rest) {
  static unsigned count = 0;
  static char path[512];
  std::snprintf(path, sizeof path, "%s/%s/%u%s", paths->directory.c_str(), kind, count++ % kNews,
                rest);
  return path;
}
void first_stat() { must(stat(next_new("news", "/."), &status) == 0, "first_stat"); }
void first_stat_by_link() {
  must(stat(next_new("links", "/file"), &status) == 0, "first_stat_by_link");
}
void stat_by_link() { must(stat(paths->link.c_str(), &status) == 0, "stat_by_link"); }
void lstat_4() { must(lstat(paths->link.c_str(), &status) == 0, "lstat_4"); }
void access_4() { must(access(paths->third.c_str(), R_OK) == 0, "access_4"); }

void open_close() {
  const int file = open(paths->file.c_str(), O_RDONLY | O_CLOEXEC);
  must(file >= 0, "open_close");
  close(file);
}

void openat_relative() {
  const int file = openat(directory, "a/b/file", O_RDONLY | O_CLOEXEC);
  must(file >= 0, "openat_relative");
  close(file);
}

void stat_relative() { must(stat("a/b/file", &status) == 0, "stat_relative"); }
void readlink_4() { must(readlink(paths->link.c_str(), buffer, sizeof buffer) > 0, "readlink_4"); }
void readlink_exe() { must(readlink("/proc/self/exe", buffer, sizeof buffer) > 0, "readlink_exe"); }
void getcwd_call() { must(syscall(SYS_getcwd, buffer, sizeof buffer) > 0, "getcwd"); }
void fstat_call() {
  must(syscall(SYS_newfstatat, regular_file, "", &status, AT_EMPTY_PATH) == 0, "fstat");
}
void brk_call() { syscall(SYS_brk, 0); }
void close_bad() { syscall(SYS_close, -1); }
void chdir_call() { must(chdir(paths->directory.c_str()) == 0, "chdir"); }

void mkdir_rmdir() {
  must(mkdir(paths->made.c_str(), 0755) == 0, "mkdir");
  must(rmdir(paths->made.c_str()) == 0, "rmdir");
}

void rename_call() {
  must(rename(paths->here.c_str(), paths->there.c_str()) == 0, "rename");
  must(rename(paths->there.c_str(), paths->here.c_str()) == 0, "rename back");
}

void creat_unlink() {
  const int file = open(paths->made.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  must(file >= 0, "creat");
  close(file);
  must(unlink(paths->made.c_str()) == 0, "unlink");
}

void make_place(const std::string& path) {
  must(mkdir(path.c_str(), 0755) == 0 || errno == EEXIST, path.c_str());
}

/// A contender before has made all of them.
bool are_made(const std::string& place) {
  return access((place + std::to_string(kNews - 1)).c_str(), F_OK) == 0;
}

void make_news() {
  const std::string place = paths->directory + "/news/";
  if (are_made(place)) return;
  make_place(place);
  for (unsigned i = 0; i < kNews; ++i)
    make_place(place + std::to_string(i));
}

void make_links() {
  const std::string place = paths->directory + "/links/";
  if (are_made(place)) return;
  make_place(place);
  make_place(place + "base");
  const int file = open((place + "base/file").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  must(file >= 0 && close(file) == 0, "links/base/file");
  for (unsigned i = 0; i < kNews; ++i) {
    const std::string link = place + std::to_string(i);
    must(symlink("base", link.c_str()) == 0 || errno == EEXIST, link.c_str());
  }
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
    execl(paths->own_name.c_str(), "loops", "exit", nullptr);
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
  const char* title;
  void (*run)();
  int threads = 1;
  int calls = 1;                ///< in one run, to divide by
  void (*prepare)() = nullptr;  ///< makes files that no other needs; who is first makes them
};

constexpr Operation kOperations[] = {
    {"getppid", "getppid(2), which has no path", getppid_call},
    {"close_bad", "close(2) of nothing", close_bad},
    {"brk", "brk(2)", brk_call},
    {"fstat", "fstatat(2) of a descriptor", fstat_call},
    {"stat_1", "stat(2), a short path", stat_1},
    {"stat_4", "stat(2), three names deeper", stat_4},
    {"stat_10", "stat(2), nine names deeper", stat_10},
    {"stat_missing", "stat(2) of what is not there", stat_missing},
    {"stat_by_link", "stat(2) through a symlink", stat_by_link},
    {"stat_relative", "stat(2), a relative path", stat_relative},
    {"first_stat", "stat(2) in a directory that is new", first_stat, 1, 1, make_news},
    {"first_stat_by_link", "the same by a new symlink", first_stat_by_link, 1, 1, make_links},
    {"lstat_4", "lstat(2)", lstat_4},
    {"access_4", "access(2)", access_4},
    {"open_close", "open(2) and close(2)", open_close},
    {"openat_relative", "openat(2) and close(2), relative", openat_relative},
    {"readlink_4", "readlink(2)", readlink_4},
    {"readlink_exe", "readlink(2) of /proc/self/exe", readlink_exe},
    {"getcwd", "getcwd(2)", getcwd_call},
    {"chdir", "chdir(2)", chdir_call},
    {"mkdir_rmdir", "mkdir(2) and rmdir(2)", mkdir_rmdir},
    {"rename", "rename(2)", rename_call, 1, 2},
    {"creat_unlink", "a file made and removed", creat_unlink},
    {"fork_wait", "fork(2) and wait(2)", fork_wait},
    {"spawn_static", "a static program, start to end", spawn_static},
    {"spawn_dynamic", "/bin/true, start to end", spawn_dynamic},
    {"stat_4_threads_1", "stat(2), one thread", stat_4, 1},
    {"stat_4_threads_2", "stat(2), two threads at once", stat_4, 2},
    {"stat_4_threads_4", "stat(2), four threads at once", stat_4, 4},
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
    threads.reserve(static_cast<std::size_t>(operation.threads));
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
  if (operation.prepare != nullptr) operation.prepare();
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

void make_file(const std::string& path) {
  const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  if (file < 0 || write(file, "text\n", 5) != 5) give_up(path.c_str());
  close(file);
}

int make_files() {
  std::string path = paths->directory;
  for (const char* const name : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
    path.append("/").append(name);
    if (mkdir(path.c_str(), 0755) != 0) give_up(path.c_str());
  }
  for (const std::string* const file : {&paths->file, &paths->tenth, &paths->here})
    make_file(*file);
  if (symlink("file", paths->link.c_str()) != 0) give_up(paths->link.c_str());
  return 0;
}

int list() {
  for (const Operation& operation : kOperations)
    std::printf("%s\t%s\n", operation.name, operation.title);
  return 0;
}

void install_filter_that_allows_all() {
  sock_filter allow{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = SECCOMP_RET_ALLOW};
  const sock_fprog program{.len = 1, .filter = &allow};
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) == 0,
       "seccomp");
}

int run(double budget, char** names) {
  if (chdir(paths->directory.c_str()) != 0) give_up(paths->directory.c_str());
  directory = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  regular_file = open("a/b/file", O_RDONLY | O_CLOEXEC);
  if (directory < 0 || regular_file < 0) give_up("a/b/file");
  for (; *names != nullptr; ++names) {
    const Operation* operation = find_operation(*names);
    if (operation == nullptr) {
      std::fprintf(stderr, "loops: no operation '%s'\n", *names);
      return 2;
    }
    measure(*operation, budget);
  }
  return 0;
}

}  // namespace

int nestp::inside::run_loops(int argc, char** argv) {
  const std::string task = argc > 1 ? argv[1] : "";
  if (task == "filtered") {
    install_filter_that_allows_all();
    argv[1] = argv[0];  // by which the operations find the program
    return run_loops(argc - 1, argv + 1);
  }
  if (task == "exit") return 0;
  if (task == "list") return list();
  if (argc < 3) return 2;
  const Paths here{.own_name = argv[0], .directory = argv[2]};
  paths = &here;
  if (task == "make") return make_files();
  if (task == "run" && argc > 4) return run(std::atof(argv[3]) * 1e6, argv + 4);
  return 2;
}
