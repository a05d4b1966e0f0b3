// The fast path's handler: repeats, inside the guest, answers the tracer gave.
//
// Freestanding, on a slot's small stack, general registers only.  It changes
// one pointer of a call, or the call into one that follows no links, and never
// invents a result.  Whatever it does not know is the guest's own syscall
// instruction's matter, which stops for the tracer.  It may be cut short at any
// instruction (engine/ptrace/fast/unwind.cc): what it does before a call whose
// result is final can be done again.
#include "engine/gate/memo.h"

using namespace nestp::gate;  // the whole program is one file

extern "C" uint64_t fast_handle(FastFrame* frame);

namespace {

constexpr uint64_t kCallStat = 4, kCallLstat = 6, kCallOpenAt = 257, kCallCreat = 85,
                   kCallStatAt = 262, kCallOpenAt2 = 437;
constexpr int64_t kAtFdCwd = -100, kErrorLoop = -40, kErrorRange = -34;
constexpr uint64_t kEmptyPath = 0x1000, kNoFollow = 0x100, kFollow = 0x400;  // AT_*
constexpr uint64_t kAccessMode = 3, kCreate = 0100, kExclusive = 0200, kTruncate = 01000,
                   kLargeFile = 0100000, kNoFollowOpen = 0400000, kDirectoryOnly = 0200000,
                   kPathOnly = 010000000, kTemporary = 020000000, kCloseOnExec = 02000000;
constexpr uint64_t kKnownOpenFlags = 037777703;  // VALID_OPEN_FLAGS of <linux/fcntl.h>
constexpr uint64_t kNoSymlinks = 4;              // RESOLVE_NO_SYMLINKS
constexpr uint32_t kTypeMask = 0170000, kTypeLink = 0120000;
constexpr uint32_t kLongestPath = 4095, kLongestName = 255;  // bytes

/// struct open_how of <linux/openat2.h>.
struct OpenHow {
  uint64_t flags, mode, resolve;
};

/// The first bytes of struct stat and struct statx are enough to tell a link.
constexpr uint32_t kStatusMode = 24, kStatusExMode = 28;  // offsets

MemoHeader& memo() { return *reinterpret_cast<MemoHeader*>(kMemo); }
FastProcess& process() { return *reinterpret_cast<FastProcess*>(kFastProcess); }

/// One call under way.
struct Work {
  FastSlot* slot;
  FastFrame* frame;
  FastCall call;
  uint64_t args[6];
  const char* text;  ///< the path as the guest passed it
  uint32_t size;
  bool is_absolute;
  int64_t last_slash;  ///< index; -1: none
  bool as_it_is;       ///< `host` is the guest's own text
  const char* host;    ///< what to pass to the kernel
};

inline int64_t issue(FastSlot* slot, uint64_t number, const uint64_t* args) {
  int64_t result;
  slot->has_result = 0;
  asm volatile(
      "movq 0(%%rcx), %%rdi\n\t"
      "movq 8(%%rcx), %%rsi\n\t"
      "movq 16(%%rcx), %%rdx\n\t"
      "movq 24(%%rcx), %%r10\n\t"
      "movq 32(%%rcx), %%r8\n\t"
      "movq 40(%%rcx), %%r9\n\t"
      "call fast_gate"
      : "=a"(result), "+c"(args)
      : "a"(number), "b"(slot)
      : "rdi", "rsi", "rdx", "r8", "r9", "r10", "r11", "memory");
  return result;
}

/// From here on a result of the slot's is the guest's.  An earlier call's must not pass for it.
inline void begin_final(FastSlot* slot, uint32_t kind, int64_t redo) {
  slot->has_result = 0;
  slot->redo = redo;
  asm volatile("" ::: "memory");
  slot->is_final = kind;
  asm volatile("" ::: "memory");
}

/// A call whose result is the guest's, unless it is `redo`.
inline int64_t issue_final(Work& work, uint64_t number, int64_t redo = 0) {
  begin_final(work.slot, 1, redo);
  return issue(work.slot, number, work.args);
}

/// A call that may be made again.
inline int64_t issue_look(Work& work, uint64_t number, const uint64_t* args) {
  return issue(work.slot, number, args);
}

bool same_bytes(const char* a, const char* b, uint32_t size) {
  while (size >= 8) {
    uint64_t x, y;
    __builtin_memcpy(&x, a, 8);
    __builtin_memcpy(&y, b, 8);
    if (x != y) return false;
    a += 8, b += 8, size -= 8;
  }
  while (size-- != 0) {
    if (*a++ != *b++) return false;
  }
  return true;
}

void copy_bytes(char* to, const char* from, uint32_t size) {
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

const char* key_of(const MemoEntry* entry) { return reinterpret_cast<const char*>(entry + 1); }
const char* host_of(const MemoEntry* entry) { return key_of(entry) + entry->key_size; }

const MemoEntry* find(EntryKind kind, uint64_t context, uint64_t base, const char* key,
                      uint32_t size) {
  const uint64_t hash = hash_of_key(kind, context, base, key, size);
  const uint64_t now = __atomic_load_n(&memo().generation, __ATOMIC_ACQUIRE);
  uint32_t offset = __atomic_load_n(&memo().buckets[hash % kBuckets], __ATOMIC_ACQUIRE);
  for (int steps = 0; offset != 0 && steps < kLongestChain; ++steps) {
    if (offset > kMemoSize - 2 * sizeof(MemoEntry) - 8192) return nullptr;
    const auto* entry = reinterpret_cast<const MemoEntry*>(kMemo + offset);
    const uint64_t generation = __atomic_load_n(&entry->generation, __ATOMIC_ACQUIRE);
    if (entry->hash == hash && (generation == now || generation == kAlways) &&
        entry->kind == kind && entry->context == context && entry->base == base &&
        entry->key_size == size && same_bytes(key_of(entry), key, size)) {
      return entry;
    }
    offset = entry->next;
  }
  return nullptr;
}

char* room(FastSlot* slot) { return reinterpret_cast<char*>(slot) + kFastStack; }

/// Length and last slash of the guest's text.  False: too long for a path.
bool measure(Work& work) {
  constexpr uint64_t kOnes = 0x0101010101010101, kHigh = 0x8080808080808080;
  const char* at = work.text;
  // Aligned reads stay within the page of the byte they start from.
  while ((reinterpret_cast<uint64_t>(at) & 7) != 0 && *at != 0)
    ++at;
  if ((reinterpret_cast<uint64_t>(at) & 7) == 0) {
    for (;;) {
      uint64_t word;
      __builtin_memcpy(&word, __builtin_assume_aligned(at, 8), 8);
      const uint64_t zero = (word - kOnes) & ~word & kHigh;
      if (zero != 0) {
        at += __builtin_ctzll(zero) / 8;
        break;
      }
      at += 8;
      if (at - work.text > kLongestPath) return false;
    }
  }
  work.size = static_cast<uint32_t>(at - work.text);
  if (work.size == 0 || work.size > kLongestPath) return false;
  work.last_slash = work.size - 1;
  while (work.last_slash >= 0 && work.text[work.last_slash] != '/')
    --work.last_slash;
  work.is_absolute = work.text[0] == '/';
  return true;
}

bool is_plain_name(const char* name, uint32_t size) {
  if (size == 0 || size > kLongestName) return false;
  return !(name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.')));
}

bool is_special_name(const char* name, uint32_t size) {
  return find(EntryKind::name, process().context, 0, name, size) != nullptr;
}

bool starts_at_descriptor(const Work& work) {
  return work.call.dirfd != kNoArgument &&
         static_cast<int32_t>(work.args[work.call.dirfd]) != kAtFdCwd;
}

/// Base of the memo's keys for this text; false: it is not known.
bool base_of(const Work& work, uint64_t& base) {
  base = 0;
  if (work.is_absolute) return true;
  if (starts_at_descriptor(work)) return false;
  base = process().directory;
  return base != 0;
}

bool opens(const Work& work) { return work.call.kind == FastKind::open; }

/// Where the path leads if its last component is no link.
bool find_place(Work& work) {
  const auto name_at = static_cast<uint32_t>(work.last_slash + 1);
  const char* name = work.text + name_at;
  const uint32_t name_size = work.size - name_at;
  if (!is_plain_name(name, name_size)) return false;
  const bool writes = work.call.writes != 0;
  if (work.last_slash < 0) {
    if (writes && (process().flags & kProcessReadOnly) != 0) return false;
    if (opens(work) && (process().flags & kProcessAmbiguous) != 0) return false;
    if (is_special_name(name, name_size)) return false;
    work.as_it_is = true;
    work.host = work.text;
    return true;
  }
  uint64_t base;
  if (!base_of(work, base)) return false;
  const uint32_t size = work.last_slash == 0 ? 1 : static_cast<uint32_t>(work.last_slash);
  const MemoEntry* entry = find(EntryKind::directory, process().context, base, work.text, size);
  if (entry == nullptr) return false;
  if ((entry->flags & kEntryMounts) != 0 && is_special_name(name, name_size)) return false;
  if (writes && (entry->flags & kEntryReadOnly) != 0) return false;
  if (opens(work) && (entry->flags & kEntryAmbiguous) != 0) return false;
  work.as_it_is = (entry->flags & kEntryAsItIs) != 0;
  if (work.as_it_is) {
    work.host = work.text;
    return true;
  }
  const uint32_t host_size = entry->host_size;
  if (host_size + 1 + name_size > kLongestPath) return false;
  char* to = room(work.slot);
  copy_bytes(to, host_of(entry), host_size);
  to[host_size] = '/';
  copy_bytes(to + host_size + 1, name, name_size + 1);
  work.host = to;
  return true;
}

/// Where the path leads with its last link followed, if the tracer has said so.
bool find_exact(Work& work, EntryKind kind) {
  uint64_t base;
  if (!base_of(work, base)) return false;
  const MemoEntry* entry = find(kind, process().context, base, work.text, work.size);
  if (entry == nullptr) return false;
  if (work.call.writes != 0 && (entry->flags & kEntryReadOnly) != 0) return false;
  if (opens(work) && (entry->flags & kEntryAmbiguous) != 0) return false;
  work.as_it_is = (entry->flags & kEntryAsItIs) != 0;
  if (work.as_it_is) {
    work.host = work.text;
    return true;
  }
  if (entry->host_size > kLongestPath) return false;
  char* to = room(work.slot);
  copy_bytes(to, host_of(entry), entry->host_size + 1u);
  work.host = to;
  return true;
}

void place(Work& work) { work.args[work.call.path] = reinterpret_cast<uint64_t>(work.host); }

constexpr int64_t kAskTracer = INT64_MIN;

bool is_link(uint64_t status, uint32_t mode_offset) {
  const char* at = reinterpret_cast<const char*>(status) + mode_offset;
  uint16_t mode;
  __builtin_memcpy(&mode, at, 2);
  return (mode & kTypeMask) == kTypeLink;
}

int64_t get_status(Work& work) {
  const uint64_t number = work.frame->rax;
  const bool extended = work.call.kind == FastKind::status_ex;
  const bool has_flags = work.call.flags != kNoArgument;
  if (has_flags && (work.args[work.call.flags] & kEmptyPath) != 0) {
    // Without a name it is fstat(2), with one of its kernel's own.
    return work.text == nullptr || work.text[0] == 0 ? issue_final(work, number) : kAskTracer;
  }
  if (!measure(work) || !find_place(work)) return kAskTracer;
  place(work);
  const bool keeps =
      number == kCallLstat || (has_flags && (work.args[work.call.flags] & kNoFollow));
  if (keeps) return issue_final(work, number);
  uint64_t plain = number == kCallStat ? kCallLstat : number;
  if (has_flags) work.args[work.call.flags] |= kNoFollow;
  const int64_t result = issue_look(work, plain, work.args);
  const uint64_t buffer = work.args[extended ? 4 : (has_flags ? 2 : 1)];
  if (result != 0 || !is_link(buffer, extended ? kStatusExMode : kStatusMode)) return result;
  if (!find_exact(work, EntryKind::exact)) return kAskTracer;
  place(work);
  if (has_flags) work.args[work.call.flags] &= ~kNoFollow;
  return issue_final(work, number);
}

/// openat2(2) refuses what open(2) ignores.
OpenHow open_how(uint64_t flags, uint64_t mode) {
  OpenHow how{};
  how.flags = flags & kKnownOpenFlags;
  if ((flags & kPathOnly) != 0) {
    how.flags &= kPathOnly | kDirectoryOnly | kNoFollowOpen | kCloseOnExec;
  } else {
    how.flags |= kLargeFile;  // as force_o_largefile() does
  }
  const bool makes = (flags & kCreate) != 0 || (flags & kTemporary & ~kDirectoryOnly) != 0;
  how.mode = makes ? mode & 07777 : 0;
  how.resolve = kNoSymlinks;
  return how;
}

int64_t open_without_links(Work& work, uint64_t flags, uint64_t mode) {
  OpenHow how = open_how(flags, mode);
  uint64_t args[6] = {};
  args[0] = work.as_it_is && work.call.dirfd != kNoArgument ? work.args[work.call.dirfd]
                                                            : static_cast<uint64_t>(kAtFdCwd);
  args[1] = reinterpret_cast<uint64_t>(work.host);
  args[2] = reinterpret_cast<uint64_t>(&how);
  args[3] = sizeof how;
  begin_final(work.slot, 1, kErrorLoop);
  return issue(work.slot, kCallOpenAt2, args);
}

bool is_library_open(const Work& work, uint64_t flags) {
  const uint64_t after = work.frame->after;
  const auto name_at = static_cast<uint64_t>(work.last_slash + 1);
  if (!names_c_library(work.text + name_at, work.size - name_at)) return false;
  return after >= process().linker_start && after < process().linker_end && work.is_absolute &&
         flags == kCloseOnExec;
}

/// ld.so is given a copy of the library, patched like itself.  A guest that
/// cannot open that gets the file.
int64_t open_library(Work& work) {
  if (!find_exact(work, EntryKind::library)) return kAskTracer;
  uint64_t args[6] = {static_cast<uint64_t>(kAtFdCwd), reinterpret_cast<uint64_t>(work.host),
                      kCloseOnExec};
  begin_final(work.slot, kFinalIfGood, 0);
  const int64_t result = issue(work.slot, kCallOpenAt, args);
  work.slot->is_final = result < 0 ? 0 : kFinalIfGood;
  return result < 0 ? kAskTracer : result;
}

int64_t open_file(Work& work) {
  const uint64_t number = work.frame->rax;
  if (memo().use_openat2 == 0 || number == kCallCreat) return kAskTracer;
  const uint64_t flags = static_cast<uint32_t>(work.args[work.call.flags]);
  const uint64_t mode = work.args[work.call.flags + 1];
  const bool creates_anew = (flags & kCreate) != 0 && (flags & kExclusive) != 0;
  const bool writes = (flags & kAccessMode) != 0 || (flags & (kCreate | kTruncate)) != 0;
  // Somebody may run what is to be written, which the kernel, to whom a loader runs,
  // does not see.
  if (writes && !creates_anew) return kAskTracer;
  if ((flags & (kCreate | kDirectoryOnly)) == (kCreate | kDirectoryOnly)) return kAskTracer;
  work.call.writes = writes;
  if (!measure(work)) return kAskTracer;
  if (is_library_open(work, flags)) return open_library(work);
  if (!find_place(work)) return kAskTracer;
  if ((flags & kNoFollowOpen) != 0 || creates_anew) {
    place(work);
    return issue_final(work, number);
  }
  int64_t result = open_without_links(work, flags, mode);
  if (result != kErrorLoop) return result;
  work.slot->is_final = 0;
  if (!find_exact(work, EntryKind::exact)) return kAskTracer;
  result = open_without_links(work, flags, mode);
  if (result != kErrorLoop) return result;
  work.slot->is_final = 0;
  return kAskTracer;
}

/// lstat(2) of the place, to see that it is no link.  0, an errno, or kAskTracer.
int64_t look(Work& work) {
  alignas(8) char status[144];
  uint64_t args[6] = {};
  args[0] = work.as_it_is && work.call.dirfd != kNoArgument ? work.args[work.call.dirfd]
                                                            : static_cast<uint64_t>(kAtFdCwd);
  args[1] = reinterpret_cast<uint64_t>(work.host);
  args[2] = reinterpret_cast<uint64_t>(status);
  args[3] = kNoFollow;
  const int64_t result = issue_look(work, kCallStatAt, args);
  if (result != 0) return result;
  return is_link(args[2], kStatusMode) ? kAskTracer : 0;
}

int64_t follow_path(Work& work) {
  const bool has_flags = work.call.flags != kNoArgument;
  const uint64_t flags = has_flags ? work.args[work.call.flags] : 0;
  if (has_flags && (flags & (kEmptyPath | kFollow)) != 0) return kAskTracer;
  if (!measure(work)) return kAskTracer;
  if (find_exact(work, EntryKind::exact)) {
    place(work);
    return issue_final(work, work.frame->rax);
  }
  if (work.call.kind == FastKind::exact && !(has_flags && (flags & kNoFollow) != 0)) {
    return kAskTracer;
  }
  if (!find_place(work)) return kAskTracer;
  if (!(has_flags && (flags & kNoFollow) != 0)) {
    // An errno may belong to another rule of the call, so it is not handed on.
    if (look(work) != 0) return kAskTracer;
  }
  place(work);
  return issue_final(work, work.frame->rax);
}

int64_t keep_path(Work& work) {
  if (work.call.flags != kNoArgument && work.args[work.call.flags] != 0) return kAskTracer;
  if (!measure(work) || !find_place(work)) return kAskTracer;
  place(work);
  return issue_final(work, work.frame->rax);
}

int64_t get_directory(Work& work) {
  char* host = room(work.slot);
  uint64_t args[6] = {reinterpret_cast<uint64_t>(host), kFastRoom};
  const int64_t size = issue_look(work, work.frame->rax, args);
  if (size <= 1 || size > kLongestPath) return kAskTracer;
  const MemoEntry* entry =
      find(EntryKind::working, process().context, 0, host, static_cast<uint32_t>(size - 1));
  if (entry == nullptr) return kAskTracer;
  const uint32_t seen = entry->host_size + 1u;
  if (work.args[1] < seen) return kErrorRange;
  copy_bytes(reinterpret_cast<char*>(work.args[0]), host_of(entry), seen);
  return static_cast<int64_t>(seen);
}

int64_t answer(Work& work) {
  switch (work.call.kind) {
    case FastKind::status:
    case FastKind::status_ex:
      return get_status(work);
    case FastKind::open:
      return open_file(work);
    case FastKind::exact:
    case FastKind::generic:
      return follow_path(work);
    case FastKind::keep:
      return keep_path(work);
    case FastKind::directory:
      return get_directory(work);
    case FastKind::none:
      break;
  }
  return kAskTracer;
}

}  // namespace

uint64_t fast_handle(FastFrame* frame) {
  const uint64_t index = (reinterpret_cast<uint64_t>(frame) - kFastSlots) / kFastSlotSize;
  auto* slot = reinterpret_cast<FastSlot*>(kFastSlots + index * kFastSlotSize);
  slot->is_final = 0;
  slot->has_result = 0;
  slot->done = 0;
  // Until here the slot tells of the call before.
  asm volatile("" ::: "memory");
  frame->target = frame->after - 2;
  asm volatile("" ::: "memory");
  if (process().context == 0 || frame->rax >= kFastCalls) return 0;
  Work work;
  work.slot = slot;
  work.frame = frame;
  work.call = memo().calls[frame->rax];
  if (work.call.kind == FastKind::none) return 0;
  work.args[0] = frame->rdi;
  work.args[1] = frame->rsi;
  work.args[2] = frame->rdx;
  work.args[3] = frame->r10;
  work.args[4] = frame->r8;
  work.args[5] = frame->r9;
  work.text = nullptr;
  if (work.call.path != kNoArgument) {
    work.text = reinterpret_cast<const char*>(work.args[work.call.path]);
    if (work.text == nullptr) return 0;
  }
  const uint64_t number = frame->rax;
  const int64_t result = answer(work);
  if (result == kAskTracer) return 0;
  if ((process().flags & kProcessCounts) != 0) ++memo().answered[number];
  frame->rax = static_cast<uint64_t>(result);
  asm volatile("" ::: "memory");
  slot->done = 1;
  asm volatile("" ::: "memory");
  frame->target = frame->after;
  return 0;
}
