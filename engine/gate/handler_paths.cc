// Where a guest's path leads, by the memo.
#include "engine/gate/handler.h"

namespace nestp::gate {
namespace {

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

/// Base of the memo's keys for this text; false: it is not known.
bool base_of(const Work& work, uint64_t& base) {
  base = 0;
  if (work.is_absolute) return true;
  if (starts_at_descriptor(work)) return false;
  base = process().directory;
  return base != 0;
}

bool opens(const Work& work) { return work.call.kind == FastKind::open; }

/// Where what stands before the last slash leads.
struct Prefix {
  const char* host;
  uint32_t host_size;
  uint32_t flags;  ///< kEntry*
};

constexpr int kMostSteps = 16;

/// The longest part of the text's first `size` bytes, shorter than they, that the memo knows.
/// `known`: its size.
const MemoEntry* find_start(const Work& work, uint64_t base, uint32_t size, uint32_t& known) {
  known = size;
  for (int steps = 0; steps < kMostSteps; ++steps) {
    if (known <= 1 && work.is_absolute) return nullptr;
    while (known != 0 && work.text[known - 1] != '/')
      --known;
    // Before the slash; the root is its own.
    if (known > 1 || (known == 1 && !work.is_absolute)) --known;
    const MemoEntry* entry = find(EntryKind::directory, process().context, base, work.text, known);
    if (entry != nullptr || known == 0) return entry;
  }
  return nullptr;
}

enum class Step { directory, missing, other };

/// What is at a path of the host; a link and what is of /proc are something other.
Step step_at(Work& work, uint64_t base, const char* path) {
  alignas(8) char status[kStatusSize];
  const uint64_t args[6] = {base, reinterpret_cast<uint64_t>(path),
                            reinterpret_cast<uint64_t>(status), kNoFollow};
  const int64_t result = issue_look(work, kCallStatAt, args);
  if (result == kErrorNoEntry) return Step::missing;
  if (result != 0) return Step::other;
  uint64_t device;
  __builtin_memcpy(&device, status, sizeof device);
  const bool is_plain = type_of(status) == kTypeDirectory && device != memo().proc_device;
  return is_plain ? Step::directory : Step::other;
}

/// From a directory that the memo knows over plain names to where the text's prefix leads.
/// What is found holds as long as the entry that it began with; where a directory is missing, for
/// this call, to which the kernel will say so.
bool walk(Work& work, uint64_t base, uint32_t size, WalkedPrefix& walked) {
  const uint64_t now = __atomic_load_n(&memo().generation, __ATOMIC_ACQUIRE);
  uint32_t at;
  const MemoEntry* entry = find_start(work, base, size, at);
  if (entry == nullptr) return false;
  const bool as_it_is = (entry->flags & kEntryAsItIs) != 0;
  const uint32_t start = as_it_is ? at : entry->host_size;
  if (size + 1 + start + size - at + 2 > sizeof walked.text) return false;
  walked.generation = 0;
  copy_bytes(walked.text, work.text, size);
  walked.text[size] = 0;
  char* const host = walked.text + size + 1;
  copy_bytes(host, as_it_is ? work.text : host_of(entry), start);
  uint32_t end = start;
  bool is_whole = true;
  while (at < size) {
    if (work.text[at] == '/') ++at;
    uint32_t next = at;
    while (next < size && work.text[next] != '/')
      ++next;
    const char* name = work.text + at;
    if (!is_plain_name(name, next - at) || is_special_name(name, next - at)) return false;
    if (!as_it_is || at != 0) host[end++] = '/';
    copy_bytes(host + end, name, next - at);
    end += next - at;
    host[end] = 0;
    at = next;
    if (!is_whole) continue;  // only names are looked at any more
    const Step step = step_at(work, static_cast<uint64_t>(kAtFdCwd), host);
    if (step == Step::other) return false;
    is_whole = step == Step::directory;
  }
  walked.context = process().context;
  walked.base = base;
  walked.flags = entry->flags | kEntryMounts;
  walked.key_size = static_cast<uint16_t>(size);
  walked.host_size = static_cast<uint16_t>(end);
  asm volatile("" ::: "memory");  // who is cut short here leaves nothing that passes for whole
  walked.generation = is_whole ? now : 0;
  return true;
}

/// From an open directory over plain names, where the text stands as it is.  Of an open the
/// kernel sees to it that there are no links (Work::kernel_walks).
bool walk_from_descriptor(Work& work) {
  const bool writes = work.call.writes != 0;
  if (writes && (process().flags & kProcessReadOnly) != 0) return no(work, AskReason::change);
  if ((process().flags & kProcessAmbiguous) != 0) return false;
  work.kernel_walks = opens(work);
  char* const seen = room(work.slot);
  for (uint32_t at = 0; at < work.size;) {
    uint32_t end = at;
    while (end < work.size && work.text[end] != '/')
      ++end;
    const char* name = work.text + at;
    const bool is_last = end == work.size;
    const bool is_plain = is_plain_name(name, end - at);
    if (!is_plain && !(is_last && !writes && names_prefix(name, end - at))) return false;
    if (is_plain && is_special_name(name, end - at)) return no(work, AskReason::name);
    if (!is_last && !work.kernel_walks) {
      copy_bytes(seen + at, name, end - at);
      seen[end] = 0;
      const Step step = step_at(work, work.args[work.call.dirfd], seen);
      if (step != Step::directory) return no(work, AskReason::path);
      seen[end] = '/';
    }
    at = end + 1;
  }
  work.as_it_is = true;
  work.host = work.text;
  return true;
}

bool find_prefix(Work& work, Prefix& prefix) {
  uint64_t base;
  if (!base_of(work, base)) return false;
  const uint32_t size = work.last_slash == 0 ? 1 : static_cast<uint32_t>(work.last_slash);
  const MemoEntry* entry = find(EntryKind::directory, process().context, base, work.text, size);
  if (entry != nullptr) {
    prefix = {host_of(entry), entry->host_size, entry->flags};
    return true;
  }
  auto& walked =
      *reinterpret_cast<WalkedPrefix*>(reinterpret_cast<uint64_t>(work.slot) + kFastWalked);
  const bool is_known =
      walked.generation == __atomic_load_n(&memo().generation, __ATOMIC_ACQUIRE) &&
      walked.context == process().context && walked.base == base && walked.key_size == size &&
      same_bytes(walked.text, work.text, size);
  if (!is_known) {
    if ((process().flags & kProcessAmbiguous) != 0) return false;
    // A walk costs a call for each component, a stop as much as some dozens.
    if (is_frequent(work, EntryKind::directory, size, 16)) return false;
    if (!walk(work, base, size, walked)) return false;
  }
  prefix = {walked.text + walked.key_size + 1, walked.host_size, walked.flags};
  return true;
}

}  // namespace

void copy_bytes(char* to, const char* from, uint32_t size) {
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

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

bool find_place(Work& work) {
  work.may_be_link = work.kernel_walks = false;
  const auto name_at = static_cast<uint32_t>(work.last_slash + 1);
  const char* name = work.text + name_at;
  const uint32_t name_size = work.size - name_at;
  const bool writes = work.call.writes != 0;
  const bool is_parent = work.last_slash < 0 && names_parent(name, name_size);
  if (!is_plain_name(name, name_size) &&
      (writes || !(names_prefix(name, name_size) || is_parent))) {
    return false;
  }
  if (work.last_slash < 0) {
    if (writes && (process().flags & kProcessReadOnly) != 0) return no(work, AskReason::change);
    if (opens(work) && (process().flags & kProcessAmbiguous) != 0) return false;
    if (is_special_at_start(work, name, name_size)) return no(work, AskReason::name);
    work.as_it_is = true;
    work.host = work.text;
    work.host_slash = -1;
    return true;
  }
  work.host_slash = work.last_slash;
  if (!work.is_absolute && starts_at_descriptor(work)) return walk_from_descriptor(work);
  Prefix prefix;
  if (!find_prefix(work, prefix)) return no(work, AskReason::path);
  work.may_be_link = (prefix.flags & kEntryLinks) != 0;
  if ((prefix.flags & kEntryMounts) != 0 && is_special_name(name, name_size)) {
    return no(work, AskReason::name);
  }
  if (writes && (prefix.flags & kEntryReadOnly) != 0) return no(work, AskReason::change);
  if (opens(work) && (prefix.flags & kEntryAmbiguous) != 0) return false;
  work.as_it_is = (prefix.flags & kEntryAsItIs) != 0;
  if (work.as_it_is) {
    work.host = work.text;
    return true;
  }
  if (prefix.host_size + 1 + name_size > kLongestPath) return false;
  char* to = room(work.slot);
  copy_bytes(to, prefix.host, prefix.host_size);
  to[prefix.host_size] = '/';
  copy_bytes(to + prefix.host_size + 1, name, name_size + 1);
  work.host = to;
  work.host_slash = prefix.host_size;
  return true;
}

uint64_t hash_of_path(const Work& work) {
  uint64_t base;
  if (!base_of(work, base)) return 0;
  return hash_of_key(EntryKind::exact, process().context, base, work.text, work.size);
}

bool is_frequent(const Work& work, EntryKind kind, uint32_t size, uint32_t limit) {
  constexpr uint32_t kCounts = 0xff;
  const uint64_t now = __atomic_load_n(&memo().generation, __ATOMIC_ACQUIRE);
  const uint64_t base = process().directory ^ now << 32;
  const uint64_t hash = hash_of_key(kind, process().context, base, work.text, size);
  uint32_t& place = reinterpret_cast<uint32_t*>(kFastSeen)[hash % kSeenCount];
  const uint32_t tag = static_cast<uint32_t>(hash >> 32) & ~kCounts;
  const uint32_t known = place;
  const uint32_t count = (known & ~kCounts) == tag ? known & kCounts : 0;
  if (count >= limit) return true;
  place = tag | (count + 1);
  return false;
}

bool find_exact(Work& work, EntryKind kind) {
  uint64_t base;
  if (!base_of(work, base)) return no(work, AskReason::path);
  const MemoEntry* entry = find(kind, process().context, base, work.text, work.size);
  if (entry == nullptr) return no(work, AskReason::path);
  if (work.call.writes != 0 && (entry->flags & kEntryReadOnly) != 0) {
    return no(work, AskReason::change);
  }
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

uint64_t base_descriptor(const Work& work) {
  return work.as_it_is && work.call.dirfd != kNoArgument ? work.args[work.call.dirfd]
                                                         : static_cast<uint64_t>(kAtFdCwd);
}

bool is_link(uint64_t status, uint32_t mode_offset) {
  const char* at = reinterpret_cast<const char*>(status) + mode_offset;
  uint16_t mode;
  __builtin_memcpy(&mode, at, 2);
  return (mode & kTypeMask) == kTypeLink;
}

uint32_t type_of(const char* status) {
  uint32_t mode;
  __builtin_memcpy(&mode, status + kStatusMode, sizeof mode);
  return mode & kTypeMask;
}

int64_t see(Work& work, int64_t descriptor, char* status) {
  const auto to = reinterpret_cast<uint64_t>(status);
  if (descriptor >= 0) {
    const uint64_t args[6] = {static_cast<uint64_t>(descriptor), to};
    return issue_look(work, kCallFstat, args);
  }
  const uint64_t args[6] = {base_descriptor(work), reinterpret_cast<uint64_t>(work.host), to,
                            kNoFollow};
  return issue_look(work, kCallStatAt, args);
}

int64_t look(Work& work, uint32_t type) {
  alignas(8) char status[kStatusSize];
  const int64_t result = see(work, -1, status);
  if (result != 0) return result;
  const uint32_t seen = type_of(status);
  return seen == kTypeLink || seen == type ? kAskTracer : 0;
}

}  // namespace nestp::gate
