// aarch64, and the 32-bit EABI of arm.
//
// aarch64 has no "original first argument" in its register set: x0 holds the
// first argument at a stop on entry and the result at a stop on exit.  Whoever
// needs the argument on exit must have kept it.  The number is in x8, but the
// kernel reads it only once: changing it at a stop takes a write to a register
// set of its own, NT_ARM_SYSTEM_CALL.  The kernel has none of the calls that
// later ones replaced: no open, stat or rename, only their *at successors.
// A skipped call leaves x0 as the tracer set it.  When a signal interrupts a call that
// is to be restarted, the kernel has put the thread back to its svc, with the first
// argument in x0, before the tracer sees the signal's stop.  No instruction jumps to
// an address in memory, and no register is free after a call: svc keeps all but x0.
// svc carries a 16-bit immediate that Linux ignores; compilers write 0.
//
// arm's EABI has the number in r7; `svc #0` with the number as immediate was the
// old ABI, which current kernels no longer have.  A native arm tracer changes
// the number by a request of its own (PTRACE_SET_SYSCALL); a tracer on an
// aarch64 host must use NT_ARM_SYSTEM_CALL for its 32-bit guests as well.
// A 64-bit argument starts in an even register, so one register may be unused.
// O_DIRECTORY, O_NOFOLLOW, O_DIRECT and O_LARGEFILE have other values than
// elsewhere, on both.  The calls from 0x0f0000 on (breakpoint, cacheflush,
// set_tls, ...) are the kernel's private ones; seccomp does see them.
// Thumb code has two-byte instructions, `svc #0` being 00 df.
#include <cstddef>

#include "arch/abi.h"
#include "arch/number_tables.h"

#if defined(__aarch64__)
#include <sys/user.h>
#endif

namespace nestp {
namespace {

constexpr std::uint8_t kSvc64[] = {0x01, 0x00, 0x00, 0xd4};  // svc #0
constexpr std::uint8_t kSvc32[] = {0x00, 0x00, 0x00, 0xef};  // svc 0x00000000

constexpr auto kByNumberArm64 = detail::reverse_of<detail::kReverseSize>(detail::kNumbersArm64, 0);
constexpr auto kByNumberArm = detail::reverse_of<detail::kReverseSize>(detail::kNumbersArm, 0);
constexpr auto kByPrivateNumberArm = detail::reverse_of<16>(detail::kNumbersArm, kPrivateNumbers);

constexpr OpenFlags kArmOpenFlags{.directory = 040000, .no_follow = 0100000};

}  // namespace

constexpr Abi kAbiArm64{
    .name = "aarch64",
    .audit_arch = 0xc00000b7,
    .elf_machine = 183,
    .elf_class = 2,
    .word_size = 8,
    .red_zone = 0,
    .register_size = 8,
    .register_set_size = 34 * 8,  // x0 to x30, sp, pc, pstate
    .registers = {.number = 8 * 8,
                  .given_number = 8 * 8,
                  .args = {0, 1 * 8, 2 * 8, 3 * 8, 4 * 8, 5 * 8},
                  .result = 0,
                  .stack = 31 * 8,
                  .instruction = 32 * 8},
    .number_write = NumberWrite::own_register_set,
    .shows_restarts = false,
    .jumps_through_memory = false,
    .places = {.base = 0xaaaaaaaaa000, .base_range = 1ULL << 30, .heap_range = 1ULL << 30},
    .open_flags = kArmOpenFlags,
    .syscall_instruction = kSvc64,
    .numbers = detail::kNumbersArm64,
    .by_number = kByNumberArm64,
    .by_private_number = {},
    .highest_number = detail::highest_of(detail::kNumbersArm64, kPrivateNumbers),
};

constexpr Abi kAbiArm{
    .name = "arm",
    .audit_arch = 0x40000028,
    .elf_machine = 40,
    .elf_class = 1,
    .word_size = 4,
    .red_zone = 0,
    .register_size = 4,
    .register_set_size = 18 * 4,  // r0 to r15, cpsr, orig_r0
    .registers = {.number = 7 * 4,
                  .given_number = 7 * 4,
                  .args = {0, 1 * 4, 2 * 4, 3 * 4, 4 * 4, 5 * 4},
                  .result = 0,
                  .stack = 13 * 4,
                  .instruction = 15 * 4},
    .number_write = NumberWrite::own_request,
    .shows_restarts = false,
    .jumps_through_memory = true,  // into its instruction pointer, an ordinary register
    .places = {.base = 0x2aaaa000, .base_range = 1ULL << 20, .heap_range = 32ULL << 20},
    .open_flags = kArmOpenFlags,
    .syscall_instruction = kSvc32,
    .numbers = detail::kNumbersArm,
    .by_number = kByNumberArm,
    .by_private_number = kByPrivateNumberArm,
    .highest_number = detail::highest_of(detail::kNumbersArm, kPrivateNumbers),
};

static_assert(kAbiArm64.highest_number < static_cast<std::int32_t>(detail::kReverseSize));
static_assert(kAbiArm.highest_number < static_cast<std::int32_t>(detail::kReverseSize));

#if defined(__aarch64__)
// The layout above restates the kernel's; on its own host, check it.
static_assert(kAbiArm64.register_set_size == sizeof(user_regs_struct));
static_assert(kAbiArm64.registers.number == offsetof(user_regs_struct, regs[8]));
static_assert(kAbiArm64.registers.args[5] == offsetof(user_regs_struct, regs[5]));
static_assert(kAbiArm64.registers.stack == offsetof(user_regs_struct, sp));
static_assert(kAbiArm64.registers.instruction == offsetof(user_regs_struct, pc));
#endif

}  // namespace nestp
