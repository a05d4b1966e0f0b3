#include "engine/gate/image.h"

#include "engine/gate/gate_stamp.h"

// The images are link inputs of their own; the assembler is the one tool that
// takes a file in as it is.  Where programs have one width, the other image is empty.
#if defined(NESTP_GATE_32)
#define NESTP_NARROW_BYTES ".incbin \"" NESTP_GATE_32 "\"\n"
#else
#define NESTP_NARROW_BYTES ""
#endif
__asm__(
    ".section .rodata.gate, \"a\", %progbits\n"
    // Names of the linker: a local one may be addressed through its section, and a table of
    // addresses (aarch64) has one place for that.
    ".globl nestp_gate_64_begin, nestp_gate_64_end, nestp_gate_32_begin, nestp_gate_32_end\n"
    ".balign 16\n"
    "nestp_gate_64_begin: .incbin \"" NESTP_GATE_64
    "\"\n"
    "nestp_gate_64_end:\n"
    ".balign 16\n"
    "nestp_gate_32_begin: " NESTP_NARROW_BYTES
    "\n"
    "nestp_gate_32_end:\n"
    ".previous\n");

extern "C" {
// NOLINTBEGIN(readability-identifier-naming): names of the assembler
extern const std::byte nestp_gate_64_begin[], nestp_gate_64_end[];
extern const std::byte nestp_gate_32_begin[], nestp_gate_32_end[];
// NOLINTEND(readability-identifier-naming)
}

namespace nestp::gate {

std::span<const std::byte> image_64() { return {nestp_gate_64_begin, nestp_gate_64_end}; }
std::span<const std::byte> image_32() { return {nestp_gate_32_begin, nestp_gate_32_end}; }

}  // namespace nestp::gate
