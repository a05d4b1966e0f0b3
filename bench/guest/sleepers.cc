// Measures: what a tracer needs to keep many programs alive; bench/run reads its memory meanwhile.
// Good: at most 32 MB of nestp with 1,000 of them.
//
//   sleepers COUNT
//
// Starts COUNT programs that wait, prints "ready", and ends them when its standard input ends.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  if (std::strcmp(argv[1], "wait") == 0) {
    const char byte = '.';
    if (write(3, &byte, 1) != 1) return 1;
    close(3);
    pause();
    return 0;
  }
  const int count = std::atoi(argv[1]);
  int started[2];
  if (pipe(started) != 0) return 1;
  std::vector<pid_t> programs;
  for (int i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child < 0) {
      std::perror("fork");
      break;
    }
    if (child == 0) {
      if (dup2(started[1], 3) != 3) _exit(1);
      execl(argv[0], argv[0], "wait", nullptr);
      _exit(127);
    }
    programs.push_back(child);
  }
  close(started[1]);
  char byte = 0;
  for (std::size_t i = 0; i < programs.size() && read(started[0], &byte, 1) == 1; ++i) {
  }
  std::printf("ready %zu\n", programs.size());
  std::fflush(stdout);
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  for (const pid_t program : programs)
    kill(program, SIGKILL);
  for (const pid_t program : programs)
    waitpid(program, nullptr, 0);
  return 0;
}
