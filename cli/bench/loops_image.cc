#include "cli/bench/loops_image.h"

#ifdef NESTP_LOOPS
#include "cli/bench/loops_stamp.h"

// As the gate's images are taken in: by the assembler, as they are.
__asm__(
    ".section .rodata.loops, \"a\", @progbits\n"
    ".balign 16\n"
    "nestp_loops_begin: .incbin \"" NESTP_LOOPS
    "\"\n"
    "nestp_loops_end:\n"
    ".previous\n");

extern "C" {
// NOLINTNEXTLINE(readability-identifier-naming): names of the assembler
extern const std::byte nestp_loops_begin[], nestp_loops_end[];
}
#endif

namespace nestp::bench {

std::span<const std::byte> loops_image() {
#ifdef NESTP_LOOPS
  return {nestp_loops_begin, nestp_loops_end};
#else
  return {};
#endif
}

}  // namespace nestp::bench
