// /proc/self/status says that nobody traces, and the rest as it is.
#include <fcntl.h>
#include <signal.h>

#include "tests/support/guest_test.h"

namespace {
std::string field(const std::string& path, const std::string& name) {
  const std::string text = "\n" + contents(path.c_str());
  const std::size_t at = text.find("\n" + name + ":\t");
  if (at == std::string::npos) return "absent";
  const std::size_t value = at + name.size() + 3;
  return text.substr(value, text.find('\n', value) - value);
}
}  // namespace

int main() {
  const std::string process = "/proc/" + std::to_string(getpid());
  EXPECT(field("/proc/self/status", "TracerPid") == "0");
  EXPECT(field(process + "/status", "TracerPid") == "0");
  EXPECT(field("/proc/thread-self/status", "TracerPid") == "0");
  EXPECT(field("/proc/self/status", "State") == "R (running)");
  EXPECT(contents("/proc/self/stat").find(" (test) R ") != std::string::npos);
  EXPECT(field("/proc/self/status", "Pid") == std::to_string(getpid()));
  EXPECT(field("/proc/self/status", "PPid") == std::to_string(getppid()));
  EXPECT(field("/proc/self/status", "Name") == "test");
  const int directory = open("/proc/self", O_RDONLY | O_DIRECTORY);
  char text[8192];
  const ssize_t length = read(openat(directory, "status", O_RDONLY), text, sizeof text);
  EXPECT(length > 0);
  EXPECT(std::string(text, static_cast<std::size_t>(length)).find("TracerPid:\t0\n") !=
         std::string::npos);

  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  EXPECT(field("/proc/" + std::to_string(child) + "/status", "TracerPid") == "0");
  EXPECT(kill(child, SIGKILL) == 0 && waitpid(child, nullptr, 0) == child);
}
