// What the parts of the fast path's handler share: one call under way, how it
// gets to the kernel, and what each part gives the others.
#pragma once

#include "engine/gate/memo.h"

namespace nestp::gate {

constexpr int64_t kAskTracer = INT64_MIN;
constexpr int64_t kAtFdCwd = -100;
constexpr uint64_t kEmptyPath = 0x1000, kNoFollow = 0x100, kFollow = 0x400;  // AT_*
constexpr int64_t kErrorNotPermitted = -1, kErrorNoEntry = -2, kErrorAccess = -13,
                  kErrorRange = -34, kErrorLoop = -40, kErrorNoData = -61, kErrorNotSupported = -95;
constexpr uint64_t kCallFstat = 5, kCallStatAt = 262;
constexpr uint64_t kCallGetPath = 191, kCallGetKeep = 192;   // getxattr(2), lgetxattr(2)
constexpr uint32_t kLongestPath = 4095, kLongestName = 255;  // bytes

/// The bytes of struct stat and struct statx that are looked at, by offset.
constexpr uint32_t kStatusMode = 24, kStatusExMode = 28, kStatusSize = 144;
constexpr uint32_t kTypeMask = 0170000, kTypeLink = 0120000, kTypeFile = 0100000,
                   kTypeDirectory = 0040000;

inline const char* key_of(const MemoEntry* entry) {
  return reinterpret_cast<const char*>(entry + 1);
}
inline const char* host_of(const MemoEntry* entry) { return key_of(entry) + entry->key_size; }

inline MemoHeader& memo() { return *reinterpret_cast<MemoHeader*>(kMemo); }
inline FastProcess& process() { return *reinterpret_cast<FastProcess*>(kFastProcess); }

inline constexpr int64_t kNoPlace = -2;

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
  bool may_be_link;    ///< links in the same directory were followed
  bool kernel_walks;   ///< an open whose path may hold links: only to be made without
  const char* host;    ///< what to pass to the kernel
  int64_t host_slash;  ///< index of its last slash, -1: none; kNoPlace: not by find_place()
  AskReason reason;    ///< for kAskTracer
};

inline int64_t ask(Work& work, AskReason reason) {
  work.reason = reason;
  return kAskTracer;
}
/// The same for a condition that failed.
inline bool no(Work& work, AskReason reason) {
  work.reason = reason;
  return false;
}

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

/// What the tracer alone can answer where an identity is believed (Extension::inside_world).
inline bool is_denied(int64_t result) {
  return result == kErrorAccess || result == kErrorNotPermitted;
}

/// The same for a call that is the guest's own, once its path is another.
inline int64_t issue_guests(Work& work) {
  if (memo().believes == 0) return issue_final(work, work.frame->rax);
  begin_final(work.slot, kFinalUnlessDenied, 0);
  const int64_t result = issue(work.slot, work.frame->rax, work.args);
  if (!is_denied(result)) return result;
  work.slot->is_final = 0;
  return ask(work, AskReason::permission);
}

inline bool opens(const Work& work) { return work.call.kind == FastKind::open; }

inline bool starts_at_descriptor(const Work& work) {
  return work.call.dirfd != kNoArgument &&
         static_cast<int32_t>(work.args[work.call.dirfd]) != kAtFdCwd;
}

// ---- handler_names.cc -----------------------------------------------------------

/// Neither empty nor "." nor "..", and not too long.
bool is_plain_name(const char* name, uint32_t size);
/// Behind a slash, or alone: the directory before it is meant, whatever led there.
bool names_prefix(const char* name, uint32_t size);
bool names_parent(const char* name, uint32_t size);  ///< ".."
/// Mount points are in the directory of this struct stat, or it is one itself; also where the
/// tracer does not tell which are.
bool may_be_on_way(const char* status);
/// In some directory it means more than its entry.
bool is_special_name(const char* name, uint32_t size);
/// In the directory at which the call's relative path starts it does, or may; also of "..".
bool is_special_at_start(Work& work, const char* name, uint32_t size);

// ---- handler_paths.cc -----------------------------------------------------------

void copy_bytes(char* to, const char* from, uint32_t size);
char* room(FastSlot* slot);  ///< kFastRoom bytes
const MemoEntry* find(EntryKind kind, uint64_t context, uint64_t base, const char* key,
                      uint32_t size);
bool same_bytes(const char* a, const char* b, uint32_t size);
/// Base of the memo's keys for this text; false: it is not known.
bool base_of(const Work& work, uint64_t& base);
/// Length and last slash of the guest's text.  False: too long for a path.
bool measure(Work& work);
/// Where the path leads if its last component is no link.
bool find_place(Work& work);
/// A number for the path as the guest passed it and where it starts; 0: it starts at a descriptor.
uint64_t hash_of_path(const Work& work);
/// Where the path leads with its last link followed, if the tracer has said so.
bool find_exact(Work& work, EntryKind kind);
/// True once this was asked of a path `limit` times in the memo's present generation: what a few
/// calls of the handler's own find out is then better asked of the tracer, who makes it known.
bool is_frequent(const Work& work, EntryKind kind, uint32_t size, uint32_t limit);
/// Puts Work::host into the call.
void place(Work& work);
/// Where paths that stand as they are begin.
uint64_t base_descriptor(const Work& work);
bool is_link(uint64_t status, uint32_t mode_offset);
uint32_t type_of(const char* status);  ///< kType*, of a struct stat
/// lstat(2) of Work::host, or fstat(2) of `descriptor` if that is not negative, into a buffer of
/// kStatusSize.
int64_t see(Work& work, int64_t descriptor, char* status);
/// lstat(2) of the place, to see that it is no link, nor of `type` (kType*).  0, an errno, or
/// kAskTracer.
int64_t look(Work& work, uint32_t type = kTypeLink);

// ---- handler_walks.cc -----------------------------------------------------------

/// Where what stands before the last slash leads.
struct Prefix {
  const char* host;
  uint32_t host_size;
  uint32_t flags;  ///< kEntry*
};
/// By the memo, or by a walk to where the memo does not know.
bool find_prefix(Work& work, Prefix& prefix);
/// The place of a path from an open directory over plain names, where the text stands as it is.
/// Of an open the kernel sees to it that there are no links (Work::kernel_walks).
bool walk_from_descriptor(Work& work);
/// Work::host, a link by what a call has just said, becomes what it leads to, which is none.
bool follow_last(Work& work);

// ---- handler_threads.cc ---------------------------------------------------------

/// clone(2) and clone3(2).
int64_t make_thread(Work& work);

// ---- handler_owners.cc ----------------------------------------------------------

/// `result` came with a struct stat or statx at `buffer`: the guest's answer, or kAskTracer.
/// `descriptor`: of what; negative: of Work::host.
int64_t show_owner(Work& work, int64_t result, uint64_t buffer, bool extended, int64_t descriptor);
/// No record makes the file at Work::host another kind of file.
bool is_what_it_seems(Work& work);
/// No record that is no attribute of the file says anything of it.
bool is_unrecorded_elsewhere(Work& work);
/// What is made at Work::host needs no record.
bool makes_no_record(Work& work);
/// A directory of the person's own whose mode keeps its owner from what is in it.
bool is_closed_directory(Work& work);
/// chmod(2) and its kin, as they stand in the call: of the file at Work::host, or of `descriptor`
/// if that is not negative.
int64_t set_mode(Work& work, int64_t descriptor, uint64_t mode);
/// chown(2) and its kin.
int64_t change_owner(Work& work);
/// fstat(2).
int64_t get_status_of_descriptor(Work& work);
/// getdents(2).
int64_t list_directory(Work& work);
/// getxattr(2), listxattr(2) and their kin.
int64_t get_attribute(Work& work);
/// getxattr(2) of a name that no link has: the answer is the file's own if it is not
/// kErrorNotSupported, so that nobody need look whether it is a link (fs/posix_acl.c,
/// vfs_get_acl).
bool is_acl_call(const Work& work);

}  // namespace nestp::gate
