// What the tracer and the code inside a guest agree on: addresses and records.
//
// Included by the freestanding loader of each width and by the tracer, so:
// fixed-width fields, no pointers, no library.  The image is linked at one
// address in every guest because the seccomp filter, which is inherited and
// cannot change, names the gate's instruction.  0x70000000 is clear of the
// sanitizers' shadows, of non-PIE programs and of Wine's reserved ranges, and
// reachable for i386.
#pragma once

#include <stdint.h>

namespace nestp::gate {

inline constexpr uint64_t kImageBase = 0x70000000;

#if defined(__aarch64__)
inline constexpr uint64_t kCallSize = 4;    ///< bytes of a syscall instruction
inline constexpr uint64_t kTrapShift = 0;   ///< from a trap to where it leaves a thread
inline constexpr bool kHasHandler = false;  ///< the fast path's
#else
inline constexpr uint64_t kCallSize = 2;
inline constexpr uint64_t kTrapShift = 1;
inline constexpr bool kHasHandler = true;
#endif

// Offsets in the first page, held in place by gate_*.S.
/// The gate: one syscall instruction, then what restores the guest's registers.
inline constexpr uint64_t kCall = kImageBase;
/// Address behind that instruction: seccomp's instruction_pointer in the gate.
inline constexpr uint64_t kCallReturn = kCall + kCallSize;
/// First address behind the gate's last instruction.
inline constexpr uint64_t kCallEnd = kImageBase + 0x40;
/// The loader's own syscall instruction, and the address behind it.
inline constexpr uint64_t kLoaderCall = kImageBase + 0x40;
inline constexpr uint64_t kLoaderCallReturn = kLoaderCall + kCallSize;
/// A trap behind the loader's end, for a program whose start must be seen.
inline constexpr uint64_t kStartTrap = kImageBase + 0xff0;
/// The instruction pointer of a thread that it has stopped.
inline constexpr uint64_t kStartTrapped = kStartTrap + kTrapShift;
/// i386: one stub a slot, 16 bytes each, that restores the stack pointer.
inline constexpr uint64_t kStubs = kImageBase + 0x1000;
inline constexpr uint64_t kStubSize = 16;

/// A slot holds what one thread's call through the gate needs; a thread keeps
/// its slot for life, so no slot is ever freed while its gate still reads it.
inline constexpr uint64_t kSlots = kImageBase + 0x10000;
inline constexpr uint64_t kSlotSize = 0x3000;  // bytes
inline constexpr uint32_t kSlotCount = 128;
/// Written by the tracer at the exec stop, read by the loader.
inline constexpr uint64_t kPlan = kSlots + kSlotSize * kSlotCount;
inline constexpr uint64_t kPlanSize = 0x4000;
/// The loader's own variables; the image ends behind them.
inline constexpr uint64_t kLoaderData = kPlan + kPlanSize;
inline constexpr uint64_t kLoaderDataSize = 0x2000;
/// Behind it come the fast path's own data (memo.h).
inline constexpr uint64_t kImageEnd = kLoaderData + kLoaderDataSize + 0x52000;

/// Head of a slot on x86_64: r15 points at it while the thread is in the gate.
struct Slot64 {
  uint64_t rdi, rsi, rdx, r10, r8, r9;  ///< the guest's own argument registers
  uint64_t return_address;              ///< behind the guest's syscall instruction
  uint64_t r15;                         ///< the guest's own
};

/// Head of a slot on i386: esp points at it while the thread is in the gate.
struct Slot32 {
  uint32_t ebx, ecx, edx, esi, edi, ebp;
  uint32_t stub;  ///< kStubs + index * kStubSize
  uint32_t esp;
  uint32_t return_address;
};

/// Room for rewritten arguments behind a slot's head.
inline constexpr uint64_t kSlotScratch = 0x80;

/// One file the loader maps.
struct PlanFile {
  uint64_t path;       ///< address of the host path, NUL terminated
  uint64_t base_hint;  ///< load address of an ET_DYN; 0: the kernel chooses
  uint64_t span;       ///< bytes from the first segment's page to the end of the last
  uint64_t low;        ///< page address of the first segment as linked
  uint64_t alignment;  ///< bytes, a power of two
  uint32_t movable;    ///< ET_DYN
  uint32_t segment_count;
};

struct PlanSegment {
  uint64_t address;      ///< as linked
  uint64_t file_offset;  ///< of `address`
  uint64_t file_size, memory_size;
  uint64_t protection;  ///< PROT_*
};

inline constexpr uint32_t kMaxSegments = 40;  // of program and interpreter together

struct Plan {
  PlanFile program;
  PlanFile interpreter;                       ///< segment_count 0: none
  PlanSegment segments[kMaxSegments];         ///< the program's, then the interpreter's
  uint64_t program_entry, interpreter_entry;  ///< as linked
  uint64_t program_headers;                   ///< AT_PHDR as linked
  uint64_t program_header_size, program_header_count;
  uint64_t stack;      ///< stack pointer at the program's start: argc
  uint64_t auxv;       ///< address of the auxiliary vector
  uint64_t auxv_size;  ///< bytes, with AT_NULL
  uint64_t arguments_start, arguments_end, environment_start, environment_end;
  uint64_t heap_base;         ///< where brk starts; 0: behind the program's bss
  uint64_t heap_offset;       ///< bytes between there and brk
  uint64_t executable_stack;  ///< PROT_EXEC for the stack
  char name[16];              ///< comm
  uint64_t stop_at_start;     ///< go to kStartTrap instead of the program
  char copies[2][64];    ///< what to open instead of PlanFile::path, if it can be; may be empty
  PlanSegment stubs[2];  ///< of a copy: what it has besides the file's segments; file_size 0: none
  char memo[64];         ///< path of the memo (memo.h); empty: none
  char record_places[64];    ///< path of the RecordPlaces (memo.h); empty: none
  char plain_files[64];      ///< path of the plain files (memo.h); empty: none
  uint64_t opens_libraries;  ///< glibc's ld.so is mapped last: its opens may be given copies
  // Filled by the loader.
  uint64_t jump;  ///< where the guest starts
  // Last, as all that is behind them is not written.
  char paths[8200];  ///< room for PlanFile::path
};
static_assert(sizeof(Plan) <= kPlanSize);

}  // namespace nestp::gate
