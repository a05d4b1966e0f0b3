// riscv64.
//
// The youngest list of calls: like aarch64's, and without renameat as well.  The
// number is in a7 and the kernel reads it again after a stop, so a plain write
// changes it.  As on aarch64 the first argument and the result share a register,
// a0.  Kernels from 6.6 up to 6.12 overwrote a0 with -ENOSYS before the stop on
// entry and kept the argument where no tracer could reach it: there the first
// argument of a call can neither be read nor changed, so that ptrace cannot keep
// its promises.  The program counter comes first in the register set, before x1.
// `ecall` has four bytes even where compressed code surrounds it.
#include <cstddef>

#include "arch/abi.h"
#include "arch/number_tables.h"

#if defined(__riscv) && __riscv_xlen == 64
#include <asm/ptrace.h>
#endif

namespace nestp {
namespace {

constexpr std::uint8_t kEcall[] = {0x73, 0x00, 0x00, 0x00};  // ecall

constexpr auto kByNumberRiscv64 =
    detail::reverse_of<detail::kReverseSize>(detail::kNumbersRiscv64, 0);

}  // namespace

constexpr Abi kAbiRiscv64{
    .name = "riscv64",
    .audit_arch = 0xc00000f3,
    .elf_machine = 243,
    .elf_class = 2,
    .word_size = 8,
    .red_zone = 0,
    .register_size = 8,
    .register_set_size = 32 * 8,  // pc, x1 to x31
    .registers = {.number = 17 * 8,
                  .given_number = 17 * 8,
                  .args = {10 * 8, 11 * 8, 12 * 8, 13 * 8, 14 * 8, 15 * 8},
                  .result = 10 * 8,
                  .stack = 2 * 8,
                  .instruction = 0},
    .number_write = NumberWrite::in_registers,
    .shows_restarts = false,
    .jumps_through_memory = false,
    .places = {.base = 0x2aaaaaa000, .base_range = 1ULL << 30, .heap_range = 1ULL << 30},
    .open_flags = {},
    .syscall_instruction = kEcall,
    .numbers = detail::kNumbersRiscv64,
    .by_number = kByNumberRiscv64,
    .by_private_number = {},
    .highest_number = detail::highest_of(detail::kNumbersRiscv64, kPrivateNumbers),
};

static_assert(kAbiRiscv64.highest_number < static_cast<std::int32_t>(detail::kReverseSize));

#if defined(__riscv) && __riscv_xlen == 64
// The layout above restates the kernel's; on its own host, check it.
static_assert(kAbiRiscv64.register_set_size == sizeof(user_regs_struct));
static_assert(kAbiRiscv64.registers.number == offsetof(user_regs_struct, a7));
static_assert(kAbiRiscv64.registers.args[0] == offsetof(user_regs_struct, a0));
static_assert(kAbiRiscv64.registers.stack == offsetof(user_regs_struct, sp));
static_assert(kAbiRiscv64.registers.instruction == offsetof(user_regs_struct, pc));
#endif

}  // namespace nestp
