// The loader: maps a guest's program and interpreter, as fs/binfmt_elf.c would,
// restores the appearance of a plain exec, and hands over to the guest.
//
// Freestanding: no library, no relocation, no state but the Plan the tracer
// wrote at the exec stop.  Past the point of no return, as in the kernel: what
// cannot be mapped kills the process.
#include "engine/gate/layout.h"
#include "engine/gate/memo.h"

using namespace nestp::gate;  // the whole program is one file

extern "C" {
long loader_syscall(long number, long a, long b, long c, long d, long e, long f);
void load_guest();
/// Where _start jumps to; 32 or 64 bits wide, little endian both.
uint64_t loader_jump;
}

namespace {

// Only the numbers differ between the builds.
#if defined(__x86_64__)
constexpr long kOpenAt = 257, kClose = 3, kMap = 9, kProtect = 10, kControl = 157, kKill = 62,
               kGetPid = 39, kExit = 231;
constexpr long kMapUnit = 1;  // mmap(2) takes bytes
using Word = uint64_t;
#elif defined(__aarch64__)
constexpr long kOpenAt = 56, kClose = 57, kMap = 222, kProtect = 226, kControl = 167, kKill = 129,
               kGetPid = 172, kExit = 94;
constexpr long kMapUnit = 1;
using Word = uint64_t;
#else
constexpr long kOpenAt = 295, kClose = 6, kMap = 192, kProtect = 125, kControl = 172, kKill = 37,
               kGetPid = 20, kExit = 252;
constexpr long kMapUnit = 4096;  // mmap2(2) takes pages
using Word = uint32_t;
#endif

#if defined(__aarch64__)
long page_size;  // the kernel's choice: 4, 16 or 64 KiB
#else
constexpr long page_size = 4096;
#endif
constexpr long kReadOnly = 1;   // PROT_READ
constexpr long kReadWrite = 3;  // PROT_READ | PROT_WRITE
constexpr long kShared = 1, kPrivate = 2, kFixed = 0x10, kAnonymous = 0x20, kNoReplace = 0x100000;
constexpr long kGrowsDown = 0x01000000;  // PROT_GROWSDOWN
constexpr long kSetName = 15, kSetMm = 35, kSetMmMap = 14;
constexpr long kCloseOnExec = 02000000, kOpenReadWrite = 2;
constexpr long kHere = -100;  // AT_FDCWD
constexpr int kSegmentationFault = 11;

/// struct prctl_mm_map of <linux/prctl.h>; the kernel copies it as it is for 32-bit callers too.
struct MemoryMap {
  uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
  uint64_t arg_start, arg_end, env_start, env_end;
  uint64_t auxv;
  uint32_t auxv_size, exe_fd;
};

Plan& plan() { return *reinterpret_cast<Plan*>(kPlan); }

long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  return loader_syscall(number, a, b, c, d, e, f);
}

bool failed(long result) { return result < 0 && result > -4096; }

/// The kernel's answer to a program that cannot be mapped any more.
[[noreturn]] void die() {
  call(kKill, call(kGetPid), kSegmentationFault);
  for (;;)
    call(kExit, 127);
}

uint64_t page_down(uint64_t address) { return address & ~static_cast<uint64_t>(page_size - 1); }
uint64_t page_up(uint64_t address) { return page_down(address + page_size - 1); }

void map_zeroes(uint64_t from, uint64_t to, long protection) {
  if (from >= to) return;
  const long got = call(kMap, static_cast<long>(from), static_cast<long>(to - from), protection,
                        kPrivate | kAnonymous | kFixed, -1, 0);
  if (failed(got)) die();
}

void map_segment(const PlanSegment& segment, uint64_t bias, long file) {
  const uint64_t start = page_down(segment.address + bias);
  const uint64_t file_end = segment.address + bias + segment.file_size;
  const uint64_t end = segment.address + bias + segment.memory_size;
  const long protection = static_cast<long>(segment.protection);
  if (segment.file_size != 0) {
    const uint64_t skew = segment.address + bias - start;
    const long got =
        call(kMap, static_cast<long>(start), static_cast<long>(file_end - start), protection,
             kPrivate | kFixed, file, static_cast<long>((segment.file_offset - skew) / kMapUnit));
    if (failed(got)) die();
  }
  if (segment.memory_size <= segment.file_size) return;
  // The rest of the last file page is bss: it must read as zeroes.
  if (segment.file_size != 0 && (protection & 2) != 0) {
    volatile char* byte = reinterpret_cast<volatile char*>(static_cast<Word>(file_end));
    for (uint64_t left = page_up(file_end) - file_end; left != 0; --left)
      *byte++ = 0;
  }
  map_zeroes(segment.file_size != 0 ? page_up(file_end) : start, page_up(end), protection);
}

/// Reserves the whole span of an ET_DYN so that its segments stay together.
uint64_t reserve(const PlanFile& file) {
  if (file.base_hint != 0) {
    const long got =
        call(kMap, static_cast<long>(file.base_hint + file.low), static_cast<long>(file.span), 0,
             kPrivate | kAnonymous | kNoReplace, -1, 0);
    if (!failed(got) && static_cast<Word>(got) == file.base_hint + file.low) return file.base_hint;
  }
  const uint64_t slack = file.alignment > page_size ? file.alignment : 0;
  const long got =
      call(kMap, 0, static_cast<long>(file.span + slack), 0, kPrivate | kAnonymous, -1, 0);
  if (failed(got)) die();
  uint64_t at = static_cast<Word>(got);
  if (slack != 0) at = (at + slack - 1) & ~(file.alignment - 1);
  return at - file.low;
}

long address_of(const char* text) { return static_cast<long>(reinterpret_cast<Word>(text)); }

long open_file(long path, long flags) { return call(kOpenAt, kHere, path, flags); }

/// Of a program that cannot move: at an address that may be taken.
bool map_fixed_stubs(const PlanSegment& stubs, long file) {
  const auto address = static_cast<long>(stubs.address);
  return call(kMap, address, static_cast<long>(stubs.file_size),
              static_cast<long>(stubs.protection), kPrivate | kNoReplace, file,
              static_cast<long>(stubs.file_offset / kMapUnit)) == address;
}

/// Opens what is to be mapped in the file's place; fails if it cannot be.
long open_copy(const PlanFile& file, const char* copy, const PlanSegment& stubs) {
  if (copy[0] == 0) return -1;
  const long descriptor = open_file(address_of(copy), kCloseOnExec);
  if (failed(descriptor) || file.movable != 0 || stubs.file_size == 0) return descriptor;
  if (map_fixed_stubs(stubs, descriptor)) return descriptor;
  call(kClose, descriptor);
  return -1;
}

uint64_t map_file(const PlanFile& file, const PlanSegment* segments, const char* copy,
                  const PlanSegment& stubs) {
  long descriptor = open_copy(file, copy, stubs);
  const bool has_stubs = !failed(descriptor) && file.movable != 0 && stubs.file_size != 0;
  if (failed(descriptor)) descriptor = open_file(static_cast<long>(file.path), kCloseOnExec);
  if (failed(descriptor)) die();
  const uint64_t bias = file.movable != 0 ? reserve(file) : 0;
  for (uint32_t i = 0; i < file.segment_count; ++i)
    map_segment(segments[i], bias, descriptor);
  if (has_stubs) map_segment(stubs, bias, descriptor);
  call(kClose, descriptor);
  return bias;
}

void set_auxiliary(uint64_t type, uint64_t value) {
  Word* entry = reinterpret_cast<Word*>(static_cast<Word>(plan().auxv));
  for (; entry[0] != 0; entry += 2) {
    if (entry[0] == type) entry[1] = static_cast<Word>(value);
  }
}

/// The kernel's page size is a constant but for arm64.
void learn_page_size() {
#if defined(__aarch64__)
  const Word* entry = reinterpret_cast<const Word*>(plan().auxv);
  for (page_size = 4096; entry[0] != 0; entry += 2) {
    if (entry[0] == 6) page_size = static_cast<long>(entry[1]);  // AT_PAGESZ
  }
#endif
}

void restore_appearance(uint64_t bias) {
  uint64_t code_start = ~0ULL, code_end = 0, data_start = 0, data_end = 0, bss_end = 0;
  for (uint32_t i = 0; i < plan().program.segment_count; ++i) {
    const PlanSegment& segment = plan().segments[i];
    const uint64_t start = segment.address + bias;
    const uint64_t file_end = start + segment.file_size;
    // As load_elf_binary() counts: code is what may be executed, data the highest start.
    if ((segment.protection & 4) != 0 && start < code_start) code_start = start;
    if ((segment.protection & 4) != 0 && file_end > code_end) code_end = file_end;
    if (start > data_start) data_start = start;
    if (file_end > data_end) data_end = file_end;
    if (start + segment.memory_size > bss_end) bss_end = start + segment.memory_size;
  }
  if (code_start == ~0ULL) code_start = data_start;
  if (code_end < code_start) code_end = code_start + 1;
  MemoryMap map{};
  map.start_code = code_start;
  map.end_code = code_end;
  map.start_data = data_start;
  map.end_data = data_end;
  const uint64_t heap = plan().heap_base != 0 ? plan().heap_base : page_up(bss_end);
  map.start_brk = map.brk = heap + plan().heap_offset;
  map.start_stack = plan().stack;
  map.arg_start = plan().arguments_start;
  map.arg_end = plan().arguments_end;
  map.env_start = plan().environment_start;
  map.env_end = plan().environment_end;
  map.auxv = plan().auxv;
  map.auxv_size = static_cast<uint32_t>(plan().auxv_size);
  map.exe_fd = ~0U;
  // Without CONFIG_CHECKPOINT_RESTORE this fails: the heap then stays behind the
  // loader, where it works as well.
  call(kControl, kSetMm, kSetMmMap, static_cast<long>(reinterpret_cast<Word>(&map)), sizeof map);
  call(kControl, kSetName, static_cast<long>(reinterpret_cast<Word>(plan().name)));
}

/// A file that guests write, to which `path` leads; false: it is not there.
bool map_shared(const char* path, uint64_t address, uint64_t size) {
  if (path[0] == 0) return false;
  const long file = open_file(address_of(path), kCloseOnExec | kOpenReadWrite);
  if (failed(file)) return false;
  const auto place = static_cast<long>(address);
  const long got =
      call(kMap, place, static_cast<long>(size), kReadWrite, kShared | kNoReplace, file, 0);
  call(kClose, file);
  return got == place;
}

/// Lets the handler answer; without the memo it leaves every call to the tracer.  `linker`, mapped
/// at `base`: who may open libraries.
void begin_fast_path(const PlanFile& linker, uint64_t base) {
  if constexpr (sizeof(Word) == 8 && kHasHandler) {
    auto& process = *reinterpret_cast<FastProcess*>(static_cast<Word>(kFastProcess));
    if (process.context == 0) return;
    const bool counts = (process.flags & kProcessCounts) != 0;
    long got = open_file(address_of(plan().memo), kCloseOnExec | (counts ? kOpenReadWrite : 0));
    if (!failed(got)) {
      const long descriptor = got;
      got = call(kMap, static_cast<long>(kMemo), static_cast<long>(kMemoSize),
                 counts ? kReadWrite : kReadOnly, kShared | kNoReplace, descriptor, 0);
      call(kClose, descriptor);
    }
    if (got != static_cast<long>(kMemo)) {
      process.context = 0;
      process.memo_missing = 1;
      return;
    }
    // Without the first the handler looks for records at every call, without the others it writes
    // none.
    process.has_plain_files = map_shared(plan().plain_files, kPlainFiles, kPlainSize);
    process.has_record_places = map_shared(plan().record_places, kRecordPlaces, kRecordPlacesSize);
    if (plan().opens_libraries == 0) return;
    process.linker_start = base + linker.low;
    process.linker_end = process.linker_start + linker.span;
  }
}

}  // namespace

void load_guest() {
  Plan& p = plan();
  if (p.program.segment_count == 0) die();
  learn_page_size();
  const uint64_t bias = map_file(p.program, p.segments, p.copies[0], p.stubs[0]);
  uint64_t start = p.program_entry + bias;
  uint64_t base = 0;
  if (p.interpreter.segment_count != 0) {
    base = map_file(p.interpreter, p.segments + p.program.segment_count, p.copies[1], p.stubs[1]);
    start = p.interpreter_entry + base;
  }
  set_auxiliary(3, p.program_headers + bias);  // AT_PHDR
  set_auxiliary(4, p.program_header_size);     // AT_PHENT
  set_auxiliary(5, p.program_header_count);    // AT_PHNUM
  set_auxiliary(7, base);                      // AT_BASE
  set_auxiliary(9, p.program_entry + bias);    // AT_ENTRY
  restore_appearance(bias);
  const bool is_static = p.interpreter.segment_count == 0;  // ld.so may run as a program
  begin_fast_path(is_static ? p.program : p.interpreter, is_static ? bias : base);
  if (p.executable_stack != 0) {
    call(kProtect, static_cast<long>(page_down(p.stack)), page_size, kReadWrite | 4 | kGrowsDown);
  }
  p.jump = start;
  loader_jump = p.stop_at_start != 0 ? kStartTrap : start;
}
