#include <cstring>

#include "cli/inside/inside.h"

int main(int argc, char** argv) {
  const char* const slash = std::strrchr(argv[0], '/');
  const char* const name = slash == nullptr ? argv[0] : slash + 1;
  if (std::strcmp(name, "loops") == 0) return nestp::inside::run_loops(argc, argv);
  return nestp::inside::run_on_host(argc, argv);
}
