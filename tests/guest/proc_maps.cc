// /proc/self/maps names files as the guest knows them and nothing of the tracer's.
#include <fcntl.h>
#include <sstream>
#include <sys/mman.h>

#include "tests/support/guest_test.h"

int main(int, char** argv) {
  const std::string start = working_directory();
  EXPECT(make_file("mapped", std::string(4096, 'x')));
  EXPECT(mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, open("mapped", O_RDONLY), 0) != MAP_FAILED);
  bool saw_program = false, saw_file = false, saw_stack = false;
  for (const char* path : {"/proc/self/maps", "/proc/self/smaps"}) {
    std::istringstream maps(contents(path));
    EXPECT(!maps.str().empty());
    unsigned long last_end = 0;
    for (std::string line; std::getline(maps, line);) {
      unsigned long from = 0, to = 0;
      if (std::sscanf(line.c_str(), "%lx-%lx ", &from, &to) != 2) continue;
      EXPECT(from >= last_end && to > from);
      last_end = to;
      const std::size_t name = line.find_first_of("/[");
      const std::string file = name == std::string::npos ? "" : line.substr(name);
      EXPECT(file.find("nestp") == std::string::npos || file.find(start) == 0 || file == argv[0]);
      EXPECT(file.find("memfd:") == std::string::npos);
      saw_program |= file == argv[0];
      saw_file |= file == start + "/mapped";
      saw_stack |= file == "[stack]";
    }
  }
  EXPECT(saw_program && saw_file && saw_stack);
}
