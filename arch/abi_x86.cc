// x86_64, and i386 in its two forms.
//
// One 64-bit kernel serves four ways to ask for a call.  The x86_64 way, the
// `syscall` instruction from 64-bit code, is the common one.  It has a red zone:
// 128 bytes below the stack pointer belong to the running function, so whatever
// nestp writes on a guest's stack goes below them.
//
// The i386 way, from a 32-bit process: `int $0x80`, or through the vDSO by
// `sysenter` or AMD's 32-bit `syscall`, all with the same registers at the stop.
// After a call through the vDSO, the kernel resumes at the vDSO's own landing
// place whatever instruction preceded it, so the address before the instruction
// pointer need not hold the `int $0x80` that stands for i386 below.  The sixth
// argument is in %ebp to the kernel, though `sysenter` callers keep it on their
// stack: the kernel has loaded it by then.  Sockets came to i386 through one
// call, socketcall, whose arguments are in memory; the separate calls exist only
// since Linux 4.3, and programs use both.  A 64-bit argument fills two registers,
// low half first.  stat and friends exist in three generations: oldstat (18),
// stat (106), stat64 (195).
//
// The third way is `int $0x80` from a 64-bit process (Go's old runtime,
// debuggers, exploits of careless filters): i386's numbers and pointers of 32
// bits, while a tracer sees the register set of x86_64.  The kernel takes the low
// halves of rbx, rcx, rdx, rsi, rdi, rbp.
//
// The fourth is x32: the `syscall` instruction with bit 30 set in the number,
// 32-bit pointers, AUDIT_ARCH_X86_64.  Few kernels still have it; nestp refuses.
//
// The number is orig_rax, not rax, which holds -ENOSYS at a stop on entry.
#include <cstddef>

#include "arch/abi.h"
#include "arch/number_tables.h"

#if defined(__x86_64__)
#include <sys/user.h>
#endif

namespace nestp {
namespace {

constexpr std::uint8_t kSyscall[] = {0x0f, 0x05};  // syscall
constexpr std::uint8_t kInt80[] = {0xcd, 0x80};    // int $0x80

constexpr auto kByNumberX64 = detail::reverse_of<detail::kReverseSize>(detail::kNumbersX64, 0);
constexpr auto kByNumberX86 = detail::reverse_of<detail::kReverseSize>(detail::kNumbersX86, 0);

constexpr ProgramPlaces kPlaces64{
    .base = 0x555555554000, .base_range = 1ULL << 40, .heap_range = 1ULL << 30};
constexpr ProgramPlaces kPlaces32{
    .base = 0x56555000, .base_range = 1ULL << 20, .heap_range = 32ULL << 20};

// Members of user_regs_struct, by their places in it.
constexpr std::uint16_t kRbp = 4 * 8;
constexpr std::uint16_t kRbx = 5 * 8;
constexpr std::uint16_t kR10 = 7 * 8;
constexpr std::uint16_t kR9 = 8 * 8;
constexpr std::uint16_t kR8 = 9 * 8;
constexpr std::uint16_t kRax = 10 * 8;
constexpr std::uint16_t kRcx = 11 * 8;
constexpr std::uint16_t kRdx = 12 * 8;
constexpr std::uint16_t kRsi = 13 * 8;
constexpr std::uint16_t kRdi = 14 * 8;
constexpr std::uint16_t kOrigRax = 15 * 8;
constexpr std::uint16_t kRip = 16 * 8;
constexpr std::uint16_t kRsp = 19 * 8;
constexpr std::uint16_t kSetSize64 = 27 * 8;

}  // namespace

constexpr Abi kAbiX64{
    .name = "x86_64",
    .audit_arch = 0xc000003e,
    .elf_machine = 62,
    .elf_class = 2,
    .word_size = 8,
    .red_zone = 128,
    .register_size = 8,
    .register_set_size = kSetSize64,
    .registers = {.number = kOrigRax,
                  .given_number = kRax,
                  .args = {kRdi, kRsi, kRdx, kR10, kR8, kR9},
                  .result = kRax,
                  .stack = kRsp,
                  .instruction = kRip,
                  .return_copy = kRcx},
    .number_write = NumberWrite::in_registers,
    .shows_restarts = true,
    .jumps_through_memory = true,
    .places = kPlaces64,
    .open_flags = {},
    .syscall_instruction = kSyscall,
    .numbers = detail::kNumbersX64,
    .by_number = kByNumberX64,
    .by_private_number = {},
    .highest_number = detail::highest_of(detail::kNumbersX64, kPrivateNumbers),
};

constexpr Abi kAbiX86{
    .name = "i386",
    .audit_arch = 0x40000003,
    .elf_machine = 3,
    .elf_class = 1,
    .word_size = 4,
    .red_zone = 0,
    .register_size = 4,
    .register_set_size = 17 * 4,
    .registers = {.number = 11 * 4,
                  .given_number = 6 * 4,
                  .args = {0, 1 * 4, 2 * 4, 3 * 4, 4 * 4, 5 * 4},  // ebx ecx edx esi edi ebp
                  .result = 6 * 4,
                  .stack = 15 * 4,
                  .instruction = 12 * 4},
    .number_write = NumberWrite::in_registers,
    .shows_restarts = true,
    .jumps_through_memory = true,
    .places = kPlaces32,
    .open_flags = {},
    .syscall_instruction = kInt80,
    .numbers = detail::kNumbersX86,
    .by_number = kByNumberX86,
    .by_private_number = {},
    .highest_number = detail::highest_of(detail::kNumbersX86, kPrivateNumbers),
};

constexpr Abi kAbiX86OnX64{
    .name = "i386 on x86_64",
    .audit_arch = kAbiX86.audit_arch,
    .elf_machine = kAbiX64.elf_machine,
    .elf_class = kAbiX64.elf_class,
    .word_size = 4,
    .red_zone = kAbiX64.red_zone,  // the stack is that of 64-bit code
    .register_size = 8,
    .register_set_size = kSetSize64,
    .registers = {.number = kOrigRax,
                  .given_number = kRax,
                  .args = {kRbx, kRcx, kRdx, kRsi, kRdi, kRbp},
                  .result = kRax,
                  .stack = kRsp,
                  .instruction = kRip},
    .number_write = NumberWrite::in_registers,
    .shows_restarts = true,
    .jumps_through_memory = true,
    .places = kPlaces64,
    .open_flags = {},
    .syscall_instruction = kInt80,
    .numbers = detail::kNumbersX86,
    .by_number = kByNumberX86,
    .by_private_number = {},
    .highest_number = kAbiX86.highest_number,
};

static_assert(kAbiX64.highest_number < static_cast<std::int32_t>(detail::kReverseSize));
static_assert(kAbiX86.highest_number < static_cast<std::int32_t>(detail::kReverseSize));

#if defined(__x86_64__)
// The layout above restates the kernel's; on its own host, check it.
static_assert(kSetSize64 == sizeof(user_regs_struct));
static_assert(kRbp == offsetof(user_regs_struct, rbp));
static_assert(kRbx == offsetof(user_regs_struct, rbx));
static_assert(kR10 == offsetof(user_regs_struct, r10));
static_assert(kR9 == offsetof(user_regs_struct, r9));
static_assert(kR8 == offsetof(user_regs_struct, r8));
static_assert(kRax == offsetof(user_regs_struct, rax));
static_assert(kRcx == offsetof(user_regs_struct, rcx));
static_assert(kRdx == offsetof(user_regs_struct, rdx));
static_assert(kRsi == offsetof(user_regs_struct, rsi));
static_assert(kRdi == offsetof(user_regs_struct, rdi));
static_assert(kOrigRax == offsetof(user_regs_struct, orig_rax));
static_assert(kRip == offsetof(user_regs_struct, rip));
static_assert(kRsp == offsetof(user_regs_struct, rsp));
#endif

}  // namespace nestp
