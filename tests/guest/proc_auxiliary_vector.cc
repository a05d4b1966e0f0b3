// /proc/self/auxv is the vector that the program got, and each entry points where it should.
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#include "tests/support/guest_test.h"

int main(int, char** argv) {
  const std::string bytes = contents("/proc/self/auxv");
  EXPECT(bytes.size() >= 16 * sizeof(Elf64_auxv_t) && bytes.size() % sizeof(Elf64_auxv_t) == 0);
  const auto* entries = reinterpret_cast<const Elf64_auxv_t*>(bytes.data());
  bool ended = false;
  for (std::size_t index = 0; index < bytes.size() / sizeof *entries && !ended; ++index) {
    ended = entries[index].a_type == AT_NULL;
    if (ended || entries[index].a_type == AT_HWCAP || entries[index].a_type == AT_HWCAP2) {
      continue;  // glibc answers these with its own
    }
    EXPECT(getauxval(entries[index].a_type) == entries[index].a_un.a_val);
  }
  EXPECT(ended);
  EXPECT(std::strcmp(reinterpret_cast<const char*>(getauxval(AT_EXECFN)), argv[0]) == 0);
  extern const Elf64_Ehdr start_of_program asm("__ehdr_start");
  EXPECT(getauxval(AT_PHDR) ==
         reinterpret_cast<unsigned long>(&start_of_program) + start_of_program.e_phoff);
  EXPECT(getauxval(AT_PHNUM) == start_of_program.e_phnum && getauxval(AT_PHENT) == 56);
  EXPECT(getauxval(AT_ENTRY) == start_of_program.e_entry);  // linked at a fixed address
  EXPECT(getauxval(AT_BASE) == 0);                          // no interpreter
  EXPECT(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_UID) == getuid() &&
         getauxval(AT_SECURE) == 0);
  EXPECT(getauxval(AT_SYSINFO_EHDR) != 0 && getauxval(AT_RANDOM) != 0 && getauxval(AT_FLAGS) == 0);
  EXPECT(std::strcmp(reinterpret_cast<const char*>(getauxval(AT_PLATFORM)), "x86_64") == 0);
}
