// The fast path's records: what the tracer publishes and the handler repeats.
//
// Three parts.  The memo, one file in memory that the tracer writes and every
// guest maps read-only, holds answers.  FastProcess, private to each address
// space, says which of them are its own.  A FastSlot holds one thread while it
// is in the handler.  Included by freestanding code and by the tracer: fixed
// widths, no pointers.
//
// The memo never says whether a file exists or may be used, only where a path
// leads: by the bindings and the symlinks met.  So it is wrong after exactly
// those changes that make PathCache forget (fs/path_cache.h), and then its
// generation goes up, which ends all entries at once.  It also goes up every
// PathCache::kStaleness, for what processes outside the session change.
#pragma once

#include <stdint.h>

#include "engine/gate/layout.h"

namespace nestp::gate {

// ---- where ----------------------------------------------------------------------

/// The handler's first instruction, to which patched sites jump through kFastPointer.
inline constexpr uint64_t kFastEntry = kImageBase + 0x2000;
/// Behind its last instruction: from there on the image holds data only.
inline constexpr uint64_t kHandlerEnd = kImageBase + 0x10000;
/// Eight bytes with the address kFastEntry.
inline constexpr uint64_t kFastPointer = kImageBase + 0xfe0;
/// The handler's own syscall instruction, in gate_x86_64.S.
inline constexpr uint64_t kFastCall = kImageBase + 0x80;
inline constexpr uint64_t kFastCallReturn = kFastCall + kCallSize;
/// From here on the call's result is in FastSlot::result, before in rax.
inline constexpr uint64_t kFastCallStored = kFastCallReturn + 11;

inline constexpr uint64_t kMemo = kImageBase + 0x400000;
inline constexpr uint64_t kMemoSize = 0x1000000;  // bytes

// ---- calls ----------------------------------------------------------------------

enum class FastKind : uint8_t {
  none,             ///< the tracer's
  status,           ///< stat(2), newfstatat(2)
  status_ex,        ///< statx(2)
  open,             ///< open(2), openat(2)
  exact,            ///< follows the last link, result tells nothing of it: access(2)
  generic,          ///< likewise, seldom asked twice of one path: chmod(2)
  keep,             ///< does not follow the last link: readlink(2)
  directory,        ///< getcwd(2)
  descriptor_mode,  ///< fchmod(2)
  remove,           ///< unlink(2), of what is no link
  thread,           ///< clone(2) and clone3(2), of a thread
  // Where an identity is believed (Extension::inside_world):
  descriptor_status,  ///< fstat(2)
  listing,            ///< getdents(2)
  attribute,          ///< getxattr(2), listxattr(2) and their kin
  owner,              ///< chown(2) and its kin
  user,               ///< getuid(2), geteuid(2)
  group,              ///< getgid(2), getegid(2)
};

inline constexpr uint8_t kNoArgument = 0xff;

/// How one call is handled, by its number.
struct FastCall {
  FastKind kind;
  uint8_t path;    ///< index of the path argument
  uint8_t dirfd;   ///< kNoArgument: relative to the working directory
  uint8_t flags;   ///< of AT_* or O_*; kNoArgument: none
  uint8_t writes;  ///< changes what it names: not where the binding is read-only
  uint8_t keeps;   ///< of an attribute call: does not follow the last link
};

/// Why the handler left a call to the tracer.
enum class AskReason : uint8_t {
  arguments,   ///< flags or forms that it does not know
  suspended,   ///< nothing is answered in this process now
  path,        ///< not known yet, or not any more
  name,        ///< a component that means more than its directory entry
  change,      ///< what is named may be a program that runs, or its binding read-only
  record,      ///< of an owner
  permission,  ///< refused by the kernel to who is root only here
};
inline constexpr uint32_t kAskReasons = 7;

// ---- the memo ---------------------------------------------------------------------

enum class EntryKind : uint32_t {
  directory = 1,  ///< key: what stands before the last slash
  exact = 2,      ///< key: a whole path, its last link followed
  name = 3,       ///< key: a component that means more than its directory entry
  working = 4,    ///< base: the working directory, no key, host: what getcwd(2) shows
  library = 5,    ///< key: a whole path that ld.so opens, host: the copy to map
};

/// A directory by what fstat(2) says of it.
struct DirectoryKey {
  uint64_t device, inode;
};

/// All directories of one context that are mount points or on the way to one; the tracer tells
/// them anew in each generation.
struct Ways {
  static constexpr uint32_t kMost = 128;  ///< where there are more, none are told
  uint64_t version;                       ///< odd while the tracer writes
  uint64_t generation, context;           ///< for which they hold
  uint64_t count;
  DirectoryKey list[kMost];
};

inline constexpr uint32_t kEntryAsItIs = 1;     ///< the guest's own text gets there
inline constexpr uint32_t kEntryReadOnly = 2;   ///< its binding is
inline constexpr uint32_t kEntryMounts = 4;     ///< names in it may be mount points
inline constexpr uint32_t kEntryAmbiguous = 8;  ///< it may have several names: opens are noted
inline constexpr uint32_t kEntryLinks = 16;     ///< it holds a link that an exact entry follows

/// Of a `name`, where it means more: in a /proc, in a directory on the way to a mount point.
inline constexpr uint32_t kNameOfProc = 1, kNameOfMount = 2;

/// Generation of an entry that does not end.
inline constexpr uint64_t kAlways = ~0ULL;

/// Never changes but for its generation; the memo only grows.
struct MemoEntry {
  uint64_t hash;
  uint64_t generation;  ///< valid while it is the memo's own, or kAlways
  uint64_t context, base;
  EntryKind kind;
  uint32_t flags;
  uint32_t next;  ///< offset of the next in the bucket; 0: none
  uint16_t key_size, host_size;
  // The key follows, then the host path with a NUL behind it.
};

inline constexpr uint32_t kBuckets = 4096;
inline constexpr uint32_t kFastCalls = 512;

inline constexpr uint64_t kRecordedBits = 1 << 18;

struct MemoHeader {
  uint64_t generation;
  uint32_t use_openat2;  ///< the kernel has it
  /// Guests that are answered believe to be root, of the shown ids; files of the real ones are
  /// theirs.  The real user, who runs nestp, is told in any case.
  uint32_t believes;
  uint32_t shown_user, shown_group, real_user, real_group;
  uint64_t proc_device;                   ///< of a /proc, whose files belong to processes
  uint64_t recorded_generation;           ///< at which `recorded` was complete
  uint32_t has_recorded;                  ///< a bit of `recorded` is set
  uint32_t use_listxattrat;               ///< the kernel has it
  uint64_t plain_device;                  ///< whose files may be kept as plain; 0: none
  uint64_t visits;                        ///< of guests to the tracer, who may have made a record
  uint64_t recorded[kRecordedBits / 64];  ///< inodes of records that are not their attributes
  FastCall calls[kFastCalls];
  uint64_t answered[kFastCalls];  ///< calls by number; guests count if kProcessCounts is set
  uint64_t asked[kFastCalls][kAskReasons];  ///< likewise
  Ways ways;
  uint32_t buckets[kBuckets];  ///< offsets of entries
};
static_assert(sizeof(MemoHeader) % 8 == 0);

/// The guest and the tracer must agree, and the guest has no library: hence our own.
/// Multiplies and folds eight bytes at a time.
inline uint64_t hash_of_key(EntryKind kind, uint64_t context, uint64_t base, const char* key,
                            uint32_t size) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
  uint64_t hash = (context ^ (base + static_cast<uint64_t>(kind))) * kOdd + size;
  const auto add = [&hash](uint64_t word) {
    hash = (hash ^ word) * kOdd;
    hash ^= hash >> 32;
  };
  for (; size >= 8; key += 8, size -= 8) {
    uint64_t word;
    __builtin_memcpy(&word, key, 8);
    add(word);
  }
  uint64_t rest = 0;
  for (uint32_t i = 0; i < size; ++i)
    rest = rest << 8 | static_cast<uint8_t>(key[i]);
  add(rest);
  return hash;
}

/// True for the last component of a path if a C library has such names, whose code makes calls.
/// ld.so itself is another matter.
inline bool names_c_library(const char* name, uint64_t size) {
  const auto begins = [&](const char* start, uint64_t length) {
    if (size < length) return false;
    for (uint64_t i = 0; i < length; ++i) {
      if (name[i] != start[i]) return false;
    }
    return true;
  };
  return begins("libc.so.", 8) || begins("libc-2.", 7) || begins("libpthread", 10);
}

/// A mode that somebody may not search a directory by: then what was answered of paths through it
/// does not hold any more, where the host path does not lead through it (a link, a mount point).
inline bool hides_names(uint64_t mode) {
  constexpr uint64_t kSearch = 0111;
  return (mode & kSearch) != kSearch;
}

/// The two bits of MemoHeader::recorded that an inode sets.
struct RecordedBits {
  uint64_t first, second;
};
inline RecordedBits recorded_bits(uint64_t device, uint64_t inode) {
  uint64_t hash = (inode ^ device << 48 ^ device >> 16) * 0x9e3779b97f4a7c15;
  hash ^= hash >> 29;
  hash *= 0xbf58476d1ce4e5b9;  // an odd number that mixes well
  return {hash >> 32 & (kRecordedBits - 1), hash & (kRecordedBits - 1)};
}

/// Chains longer than this are not walked to their end.
inline constexpr int kLongestChain = 64;

// ---- an address space ---------------------------------------------------------------

inline constexpr uint32_t kProcessReadOnly = 1;   ///< the view has read-only bindings
inline constexpr uint32_t kProcessAmbiguous = 2;  ///< opened files are noted by name
inline constexpr uint32_t kProcessCounts = 4;     ///< the memo is mapped for writing: --stats

struct FastProcess {
  uint64_t context;    ///< view and root directory; 0: nothing is answered here
  uint64_t directory;  ///< the working directory's id; 0: not known
  uint32_t flags;
  uint32_t memo_missing;              ///< set by the loader
  uint64_t has_plain_files;           ///< likewise: they are mapped
  uint64_t has_record_places;         ///< likewise
  uint64_t linker_start, linker_end;  ///< of an ld.so that opens libraries, by the loader
};
inline constexpr uint64_t kFastProcess = kLoaderData + kLoaderDataSize;
inline constexpr uint64_t kFastProcessSize = 0x2000;
/// Behind it, of each address space: what the handler looked for by itself, and how often; by hash.
inline constexpr uint64_t kFastSeen = kFastProcess + 0x1000;
inline constexpr uint32_t kSeenCount = 1024;
static_assert(sizeof(FastProcess) <= kFastSeen - kFastProcess);
static_assert(kFastSeen + kSeenCount * sizeof(uint32_t) <= kFastProcess + kFastProcessSize);

// ---- plain files ----------------------------------------------------------------------

// Numbers of files that the handler has seen to have no record when their status last changed; a
// record's attribute would have changed it again.  Guests of several sessions write and read them,
// each number at once: what is lost or stays too long is only looked for again.

inline constexpr uint64_t kPlainFiles = kMemo + kMemoSize;
inline constexpr uint64_t kPlainCount = 1 << 17;
inline constexpr uint64_t kPlainSize = kPlainCount * 8;  // bytes
/// Neighbours among which a number's place is.
inline constexpr uint64_t kPlainWays = 4;
/// File systems are allowed to know times by seconds: a file is kept once its is older.
inline constexpr int64_t kPlainAge = 3;

/// The number of a file; never 0.
inline uint64_t plain_number(uint64_t device, uint64_t inode, int64_t seconds,
                             uint32_t nanoseconds) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
  uint64_t number = 0;
  const uint64_t parts[] = {device, inode, static_cast<uint64_t>(seconds), nanoseconds};
  for (const uint64_t part : parts) {
    number = (number ^ part) * kOdd;
    number ^= number >> 32;
  }
  return number != 0 ? number : 1;
}

// ---- stubs ------------------------------------------------------------------------------

/// What jumps lead to in a program that cannot move and has no room for it (patches.h).
inline constexpr uint64_t kFastStubs = kPlainFiles + kPlainSize;
inline constexpr uint64_t kFastStubsSize = 0x40000;  // bytes

// ---- who changes records ------------------------------------------------------------------

/// A file in memory of its own, for guests to write as well.
struct RecordPlaces {
  static constexpr uint32_t kCount = 512;
  uint64_t written;  ///< records, by guests
  uint32_t
      holders[kCount];  ///< by inode: the thread that changes a record, or is the tracer's; 0: none
};
inline constexpr uint64_t kRecordPlaces = kFastStubs + kFastStubsSize;
inline constexpr uint64_t kRecordPlacesSize = 0x1000;
static_assert(sizeof(RecordPlaces) <= kRecordPlacesSize);

// ---- a thread in the handler ----------------------------------------------------------

/// Of FastSlot::is_final.
inline constexpr uint32_t kFinalIfGood = 2;        ///< an errno means: ask the tracer
inline constexpr uint32_t kFinalUnlessDenied = 4;  ///< EACCES and EPERM do

struct FastSlot {
  uint32_t lock;
  uint32_t has_result;  ///< `result` is that of the call under way
  uint64_t stack;       ///< the guest's rsp
  int64_t result;
  int64_t redo;       ///< a result that means: ask the tracer
  uint32_t is_final;  ///< what the call under way gives is the guest's result
  uint32_t done;      ///< `result` is the guest's
  uint64_t birth;     ///< address of the Birth that the call under way has claimed; 0: none
};

/// A directory that the handler walked to by itself, from one that the memo knows.
struct WalkedPrefix {
  uint64_t generation;  ///< of the memo, in which this holds; 0: none
  uint64_t context, base;
  uint32_t flags;  ///< kEntry*
  uint16_t key_size, host_size;
  uint16_t known;   ///< bytes of the key of the directory from which it began
  uint16_t links;   ///< that it was over
  char text[1896];  ///< key and host path, each with a NUL behind it
};

/// A path whose file the handler has seen to have no record; holds until a guest goes to the
/// tracer.
struct PlainPath {
  uint64_t generation;  ///< of the memo; 0: none
  uint64_t visits;      ///< visits_and_writes() of then
  uint64_t hash;        ///< of the path and where it starts
};

/// What the entry code pushes; lowest address first.
struct FastFrame {
  uint64_t target;  ///< where the handler goes to; 0: the slot still tells of the call before
  uint64_t after;   ///< behind the guest's syscall instruction
  uint64_t r9, r8, r10, rdx, rsi, rdi, r15, r14, r13, r12, rbp, rbx, rax, flags;
};

/// A thread that the handler makes.  It starts where the handler's own call ends, but stops for the
/// tracer before it runs there, and gets its maker's registers.  The tracer frees the record then.
struct Birth {
  /// 0: free; a slot's index and one: being filled by the call there; kBorn: of a new thread.
  uint32_t lock;
  int32_t maker;  ///< id of the thread
  FastFrame registers;
  uint64_t arguments[11];  ///< struct clone_args of <linux/sched.h>
};
inline constexpr uint32_t kBorn = 0xffffffff;
/// In each address space.
inline constexpr uint64_t kBirths = kFastProcess + 0x400;
inline constexpr uint64_t kBirthCount = 12;
static_assert(sizeof(FastProcess) <= kBirths - kFastProcess);
static_assert(kBirths + kBirthCount * sizeof(Birth) <= kFastSeen);

inline constexpr uint64_t kFastSlots = kFastProcess + kFastProcessSize;
inline constexpr uint64_t kFastSlotSize = 0x2800;
inline constexpr uint64_t kFastSlotCount = 32;
/// Offset of the stack's top; the path's room follows.  More than twice what the deepest calls take
/// (tests/guest/programs/handler_stack.cc).
inline constexpr uint64_t kFastStack = 0xe00;
/// Offset of the slot's WalkedPrefix.
inline constexpr uint64_t kFastWalked = 0x2000;
/// Offset of the slot's PlainPath.
inline constexpr uint64_t kFastPlain = 0x27c0;
inline constexpr uint64_t kFastRoom = kFastWalked - kFastStack;  ///< bytes
static_assert(kFastSlots + kFastSlotSize * kFastSlotCount <= kImageEnd);
static_assert(kFastRoom >= 4096 + 256);
static_assert(kFastWalked + sizeof(WalkedPrefix) <= kFastPlain);
static_assert(kFastPlain + sizeof(PlainPath) <= kFastSlotSize);

}  // namespace nestp::gate
