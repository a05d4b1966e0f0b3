// The host's own column of sysno.def, checked against its header.
#include <asm/unistd.h>

#include "arch/number_check.h"

namespace nestp::detail {

#if defined(__x86_64__)
#define NESTP_HOST_NUMBER(x64, arm64, riscv64) x64
#elif defined(__aarch64__)
#define NESTP_HOST_NUMBER(x64, arm64, riscv64) arm64
#elif defined(__riscv)
#define NESTP_HOST_NUMBER(x64, arm64, riscv64) riscv64
#endif

#define SYSCALL(name, x64, x86, arm64, arm, riscv64)                                            \
  static_assert(agrees(NESTP_NUMBER_TEXT(__NR_##name), NESTP_HOST_NUMBER(x64, arm64, riscv64)), \
                #name ": sysno.def and <asm/unistd.h> disagree");
#include "arch/sysno.def"
#undef SYSCALL

static_assert(std::string_view(NESTP_NUMBER_TEXT(__NR_openat)) != "__NR_openat",
              "the header defines nothing: this file would check nothing");

}  // namespace nestp::detail
