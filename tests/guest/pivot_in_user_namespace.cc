// pivot_root(2) as sandboxes use it: into a tmpfs with the old root below it, then once more into a
// directory with "." for both, after which the old root is only where a descriptor leads.
#include <sys/wait.h>

#include "tests/support/namespace_test.h"

namespace {

constexpr int kSays = 40, kHears = 41;

/// A program that starts while the old root is still mounted over the new one, and sees it go.
int watch_old_root() {
  char byte = 0;
  EXPECT(access("plain", F_OK) == 0 && access("/plain", F_OK) == -1 && contents("/file") == "text");
  EXPECT(write(kSays, "", 1) == 1 && read(kHears, &byte, 1) == 1);
  EXPECT(chdir("/") == 0 && contents("/file") == "text" && access("/plain", F_OK) == -1);
  EXPECT(working_directory() == "/" && access("plain", F_OK) == -1);
  return 0;
}

/// Starts that program, unmounts the old root, and gives the program's status.
int leave_old_root(int program) {
  int said[2], heard[2];
  if (pipe(said) != 0 || pipe(heard) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    char name[] = "test", word[] = "watch";
    char* words[] = {name, word, nullptr};
    dup2(said[1], kSays);
    dup2(heard[0], kHears);
    close(said[1]);
    close(heard[1]);
    fexecve(program, words, environ);
    _exit(127);
  }
  close(said[1]);
  char byte = 0;
  if (read(said[0], &byte, 1) != 1 || umount2(".", MNT_DETACH) != 0) return -1;
  int status = -1;
  if (write(heard[1], "", 1) != 1 || waitpid(child, &status, 0) != child) return -1;
  return status;
}

int in_namespace(const std::string& start) {
  const int program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  EXPECT(mount("tmpfs", "base", "tmpfs", 0, nullptr) == 0 && chdir("base") == 0);
  EXPECT(mkdir("new", 0755) == 0 && mkdir("old", 0755) == 0 && mkdir("plain", 0755) == 0);
  EXPECT_ERRNO(pivot_root("new", "new"), EINVAL);
  EXPECT_ERRNO(pivot_root("absent", "."), ENOENT);
  EXPECT(mount("new", "new", nullptr, MS_BIND | MS_REC, nullptr) == 0);
  EXPECT(pivot_root(".", "old") == 0 && chdir("/") == 0 && working_directory() == "/");
  EXPECT(access("/new", F_OK) == 0 && contents(("/old" + start + "/file").c_str()) == "text");
  EXPECT(access(start.c_str(), F_OK) == -1 && access("/old/proc/self/exe", F_OK) == 0);
  EXPECT(contents("/../old/../old/proc/self/mounts").find(" /old") != std::string::npos);

  EXPECT(mount(("/old" + start).c_str(), "/new", nullptr, MS_BIND | MS_REC, nullptr) == 0);
  EXPECT(mkdir("/new/proc", 0755) == 0);
  EXPECT(mount("/old/proc", "/new/proc", nullptr, MS_BIND | MS_REC, nullptr) == 0);
  EXPECT(umount2("old", MNT_DETACH) == 0 && access("/old/proc", F_OK) == -1);
  EXPECT(contents("/new/file") == "text" && access("/plain/", F_OK) == 0);
  const int old_root = open("/", O_RDONLY | O_DIRECTORY);
  EXPECT(chdir("/new") == 0 && pivot_root(".", ".") == 0 && fchdir(old_root) == 0);
  EXPECT(access("plain", F_OK) == 0);
  EXPECT(exited_with(leave_old_root(program), 0));
  EXPECT(access("/new/file", F_OK) == -1 && access("/plain/", F_OK) == -1 && chdir("/") == 0);
  EXPECT(contents("/file") == "text" && working_directory() == "/" && access("/new", F_OK) == -1);
  EXPECT(mount_options("/") != "" && mount_options("/proc").starts_with("proc"));
  EXPECT(contents("/proc/self/mounts").find("/new") == std::string::npos);
  EXPECT(chdir("..") == 0 && link_target("/proc/self/cwd") == "/" &&
         link_target("/proc/self/root") == "/");
  EXPECT(exited_with(in_child([] { return contents("/../file") == "text" ? 0 : 1; }), 0));
  return 0;
}

}  // namespace

int main(int argc, char**) {
  if (argc > 1) return watch_old_root();
  const std::string start = working_directory();
  EXPECT(make_file("file", "text") && mkdir("base", 0755) == 0);
  const int status = in_child([&] {
    if (!enter_own_mounts()) SKIP("no user namespaces here");
    return in_namespace(start);
  });
  if (exited_with(status, 77)) return 77;
  EXPECT(exited_with(status, 0));
  EXPECT(contents((start + "/file").c_str()) == "text" && access("base/new", F_OK) == -1);
}
