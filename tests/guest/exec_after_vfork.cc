// vfork(2) and posix_spawn(3): the parent waits for the exec and keeps its memory and directory.
#include <spawn.h>

#include "tests/support/exec_test.h"

int main() {
  const std::string path = program("print_static");
  const std::string start = working_directory();
  EXPECT(mkdir("d", 0700) == 0);
  int status = 0;
  for (int round = 0; round < 50; ++round) {
    volatile int before_exec = 0;
    const pid_t child = vfork();
    if (child == 0) {
      before_exec = 1;  // seen by the parent: one memory
      close(1);
      if (chdir("d") == 0) execl(path.c_str(), "x", nullptr);
      _exit(1);
    }
    EXPECT(child > 0 && before_exec == 1 && working_directory() == start);
    EXPECT(waitpid(child, &status, 0) == child && exited_with(status, 42));
  }
  const pid_t failing = vfork();
  if (failing == 0) {
    execl("/absent", "x", nullptr);
    _exit(errno);
  }
  EXPECT(waitpid(failing, &status, 0) == failing && exited_with(status, ENOENT));

  char* const arguments[] = {const_cast<char*>("spawned"), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, "d");
  posix_spawn_file_actions_addopen(&actions, 1, "output", O_CREAT | O_WRONLY, 0600);
  pid_t spawned;
  EXPECT(posix_spawn(&spawned, path.c_str(), &actions, nullptr, arguments, environ) == 0);
  EXPECT(waitpid(spawned, &status, 0) == spawned && exited_with(status, 42));
  EXPECT(contents("d/output").find("arg spawned\n") != std::string::npos);
  EXPECT(posix_spawn(&spawned, "/absent", nullptr, nullptr, arguments, environ) == ENOENT);
}
