// Prints what a program is told of its kernel: uname(2), the vDSO's note, AT_HWCAP; with an
// argument, which calls it has.
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <elf.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/// Whether the kernel has two calls that came with 4.11 and 3.17.
int print_calls() {
  char byte = 0;
  const bool has_statx = syscall(SYS_statx, -1, "", 0, 0, &byte) == -1 && errno != ENOSYS;
  const bool has_random = syscall(SYS_getrandom, &byte, 1, 0) == 1;
  return std::printf("statx %d getrandom %d\n", has_statx, has_random) < 0;
}

int main(int argc, char**) {
  if (argc > 1) return print_calls();
  utsname name{};
  if (uname(&name) != 0) return 1;
  std::printf("%s %s %s %s\n", name.sysname, name.nodename, name.release, name.machine);
  // getauxval(AT_HWCAP) gives what the C library made of it.
  std::FILE* const auxiliary = std::fopen("/proc/self/auxv", "re");
  if (auxiliary == nullptr) return 1;
  Elf64_auxv_t entry{};
  while (std::fread(&entry, sizeof entry, 1, auxiliary) == 1) {
    if (entry.a_type == AT_HWCAP) std::printf("hwcap %lx\n", entry.a_un.a_val);
  }
  std::fclose(auxiliary);
  const auto* const base = reinterpret_cast<const char*>(getauxval(AT_SYSINFO_EHDR));
  if (base == nullptr) return 0;
  const auto* const header = reinterpret_cast<const Elf64_Ehdr*>(base);
  const auto* const segments = reinterpret_cast<const Elf64_Phdr*>(base + header->e_phoff);
  for (int i = 0; i < header->e_phnum; ++i) {
    if (segments[i].p_type != PT_NOTE) continue;
    const char* at = base + segments[i].p_offset;
    const char* const end = at + segments[i].p_filesz;
    while (at < end) {
      const auto* const note = reinterpret_cast<const Elf64_Nhdr*>(at);
      const char* const value = at + sizeof *note + ((note->n_namesz + 3) & ~3U);
      std::uint32_t code = 0;
      std::memcpy(&code, value, sizeof code);
      if (note->n_type == 0 && std::strcmp(at + sizeof *note, "Linux") == 0)
        std::printf("note %x\n", code);
      at = value + ((note->n_descsz + 3) & ~3U);
    }
  }
}
