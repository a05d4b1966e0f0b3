// Prints what it was started with, one fact a line: the program of the exec tests.
#include <cstdio>
#include <sys/auxv.h>
#include <unistd.h>

extern const char start_of_program asm("__ehdr_start");

int main(int argc, char** argv) {
  std::printf("argc %d\n", argc);
  for (int index = 0; index < argc; ++index)
    std::printf("arg %s\n", argv[index]);
  char target[4096];
  const ssize_t length = readlink("/proc/self/exe", target, sizeof target);
  std::printf("exe %.*s\n", length < 0 ? 0 : static_cast<int>(length), target);
  std::printf("execfn %s\n", reinterpret_cast<const char*>(getauxval(AT_EXECFN)));
  // Offset of the program headers in the file: 64, wherever the program was loaded.
  const auto start = reinterpret_cast<unsigned long>(&start_of_program);
  std::printf("phdr %ld\n", static_cast<long>(getauxval(AT_PHDR) - start));
  std::printf("interpreter %d\n", getauxval(AT_BASE) != 0 ? 1 : 0);
  return 42;
}
