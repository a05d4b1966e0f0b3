// The i386 column of sysno.def, checked against the header of an x86 host.  It
// defines the macros of <asm/unistd_64.h> with other values: hence a file of its own.
#if defined(__x86_64__)
#include <asm/unistd_32.h>

#include "arch/number_check.h"

namespace nestp::detail {

#define SYSCALL(name, x64, x86, arm64, arm, riscv64)         \
  static_assert(agrees(NESTP_NUMBER_TEXT(__NR_##name), x86), \
                #name ": sysno.def and <asm/unistd_32.h> disagree");
#include "arch/sysno.def"
#undef SYSCALL

static_assert(std::string_view(NESTP_NUMBER_TEXT(__NR_openat)) == "295",
              "the header defines nothing: this file would check nothing");

}  // namespace nestp::detail
#endif
