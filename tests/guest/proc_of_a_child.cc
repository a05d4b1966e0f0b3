// What one guest process sees in /proc of another: cmdline, environ, comm, exe, cwd.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>

#include "tests/support/guest_test.h"

int main(int argc, char** argv) {
  if (argc == 3) {  // the child: says that it runs, and waits
    if (write(std::atoi(argv[2]), "x", 1) != 1) return 1;
    pause();
  }
  EXPECT(contents("/proc/self/cmdline") == std::string(argv[0]) + '\0');
  EXPECT(contents("/proc/self/comm") == "test\n");
  EXPECT(prctl(PR_SET_NAME, "new name") == 0 && contents("/proc/self/comm") == "new name\n");

  int ready[2];
  EXPECT(pipe(ready) == 0 && mkdir("d", 0700) == 0);
  const std::string number = std::to_string(ready[1]);
  const pid_t child = fork();
  if (child == 0) {
    char* const arguments[] = {const_cast<char*>("other name"), const_cast<char*>("-x"),
                               const_cast<char*>(number.c_str()), nullptr};
    char* const environment[] = {const_cast<char*>("ONE=1"), const_cast<char*>("TWO=2"), nullptr};
    _exit(chdir("d") == 0 ? execve(argv[0], arguments, environment) : 1);
  }
  char byte;
  EXPECT(read(ready[0], &byte, 1) == 1);
  const std::string process = "/proc/" + std::to_string(child);
  EXPECT(contents((process + "/cmdline").c_str()) ==
         std::string("other name") + '\0' + "-x" + '\0' + number + '\0');
  EXPECT(contents((process + "/environ").c_str()) == std::string("ONE=1") + '\0' + "TWO=2" + '\0');
  EXPECT(contents((process + "/comm").c_str()) == "test\n");
  EXPECT(link_target((process + "/exe").c_str()) == argv[0]);
  EXPECT(link_target((process + "/cwd").c_str()) == working_directory() + "/d");
  EXPECT(link_target((process + "/root").c_str()) == "/");
  EXPECT(contents((process + "/maps").c_str()).find(argv[0]) != std::string::npos);
  EXPECT(kill(child, SIGKILL) == 0 && waitpid(child, nullptr, 0) == child);
  EXPECT_ERRNO(access(process.c_str(), F_OK), ENOENT);
}
