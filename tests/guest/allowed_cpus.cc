// The CPUs a thread may run on are what its parent or itself said, also after many calls in a row
// and in children made meanwhile; /proc/self/status says the same.
#include <cstdio>
#include <cstring>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "tests/support/guest_test.h"

namespace {

cpu_set_t allowed() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  sched_getaffinity(0, sizeof cpus, &cpus);
  return cpus;
}

bool are_allowed(const cpu_set_t& cpus) {
  const cpu_set_t now = allowed();
  return CPU_EQUAL(&now, &cpus);
}

void make_calls() {
  struct stat status;
  for (int i = 0; i < 500; ++i)
    stat("/etc", &status);
}

/// The line "Cpus_allowed:" of /proc/self/status.
void read_line(char (&line)[256]) {
  FILE* file = std::fopen("/proc/self/status", "re");
  if (file == nullptr) return;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    if (std::strncmp(line, "Cpus_allowed:", 13) == 0) break;
  }
  std::fclose(file);
}

}  // namespace

int main() {
  const cpu_set_t at_start = allowed();
  char line_at_start[256] = "";
  read_line(line_at_start);
  EXPECT(CPU_COUNT(&at_start) > 0 && line_at_start[0] != 0);

  make_calls();
  EXPECT(are_allowed(at_start));
  make_calls();
  char line[256] = "";
  read_line(line);
  EXPECT(std::strcmp(line, line_at_start) == 0);

  make_calls();
  const pid_t child = fork();
  if (child == 0) _exit(are_allowed(at_start) ? 0 : 1);
  int how = 0;
  EXPECT(waitpid(child, &how, 0) == child && how == 0);

  make_calls();
  bool same = false;
  std::thread thread([&] { same = are_allowed(at_start); });
  thread.join();
  EXPECT(same);

  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && CPU_COUNT(&one) == 0; --cpu) {
    if (CPU_ISSET(cpu, &at_start)) CPU_SET(cpu, &one);
  }
  make_calls();
  EXPECT(sched_setaffinity(0, sizeof one, &one) == 0);
  make_calls();
  EXPECT(are_allowed(one));
  usleep(20'000);
  EXPECT(are_allowed(one));
  return 0;
}
