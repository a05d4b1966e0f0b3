// Under a terminal: Ctrl-Z stops the foreground group, SIGCONT goes on, Ctrl-C ends it.
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "tests/support/guest_test.h"

namespace {
/// The leader of a session on the terminal: runs a job in the foreground, as a shell does.
int session(const char* terminal) {
  EXPECT(setsid() != -1);
  const int tty = open(terminal, O_RDWR);
  EXPECT(tty >= 0 && tcgetpgrp(tty) == getpid());
  signal(SIGTTOU, SIG_IGN);
  const pid_t job = fork();
  if (job == 0) {
    setpgid(0, 0);
    tcsetpgrp(tty, getpid());
    signal(SIGTTOU, SIG_DFL);
    (void)!write(tty, "ready", 5);
    for (;;)
      access("/etc/passwd", F_OK);
  }
  int status;
  EXPECT(waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status));
  EXPECT(WSTOPSIG(status) == SIGTSTP && tcsetpgrp(tty, getpid()) == 0);
  EXPECT(tcsetpgrp(tty, job) == 0 && kill(-job, SIGCONT) == 0);
  EXPECT(write(tty, "again", 5) == 5);
  EXPECT(waitpid(job, &status, WUNTRACED) == job && WIFSIGNALED(status) &&
         WTERMSIG(status) == SIGINT);
  return 42;
}
}  // namespace

int main() {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal == -1) SKIP("no pseudo terminals here");
  EXPECT(grantpt(terminal) == 0 && unlockpt(terminal) == 0);
  const std::string name = ptsname(terminal);
  const pid_t leader = fork();
  if (leader == 0) _exit(session(name.c_str()));
  char text[16];
  EXPECT(read(terminal, text, sizeof text) == 5 && std::memcmp(text, "ready", 5) == 0);
  EXPECT(write(terminal, "\032", 1) == 1);  // Ctrl-Z
  std::string shown;
  while (shown.find("again") == std::string::npos) {
    const ssize_t got = read(terminal, text, sizeof text);
    EXPECT(got > 0);
    shown.append(text, static_cast<std::size_t>(got));
  }
  EXPECT(write(terminal, "\003", 1) == 1);  // Ctrl-C
  int status;
  EXPECT(waitpid(leader, &status, 0) == leader && exited_with(status, 42));
}
