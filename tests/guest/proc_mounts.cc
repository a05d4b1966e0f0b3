// /proc/self/mounts and mountinfo show the guest's view: a root, no host path, sensible fields.
#include <fcntl.h>
#include <set>
#include <sstream>

#include "tests/support/guest_test.h"

int main() {
  std::set<std::string> mounts;
  std::istringstream table(contents("/proc/self/mounts"));
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    std::string source, target, type, options, zero;
    EXPECT(fields >> source >> target >> type >> options >> zero >> zero);
    EXPECT(target.starts_with("/") && target.find("nestp-guest") == std::string::npos);
    EXPECT(options.starts_with("rw") || options.starts_with("ro"));
    mounts.insert(target);
  }
  std::set<std::string> details;
  std::istringstream info(contents("/proc/self/mountinfo"));
  for (std::string line; std::getline(info, line);) {
    std::istringstream fields(line);
    std::string id, parent, device, root, target;
    EXPECT(fields >> id >> parent >> device >> root >> target);
    EXPECT(device.find(':') != std::string::npos && line.find(" - ") != std::string::npos);
    EXPECT(target.starts_with("/"));
    details.insert(target);
  }
  EXPECT(mounts == details);
  EXPECT(contents("/proc/mounts") == contents("/proc/self/mounts"));
  if (std::getenv("VIEW") == nullptr) return 0;
  for (const char* target : {"/", "/proc", "/dev", "/bind/dir", "/bind/dir/nested", "/bind/file"}) {
    EXPECT(mounts.contains(target));
  }
  const std::string text = contents("/proc/self/mounts");
  EXPECT(text.find(" /bind/tmpfs tmpfs rw") != std::string::npos);
  const std::size_t read_only = text.find(" /bind/ro ");
  EXPECT(read_only != std::string::npos);
  const std::string options = text.substr(text.find(' ', read_only + 10) + 1);
  EXPECT(options.starts_with("ro"));
}
