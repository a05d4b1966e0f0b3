// Where a guest's path leads, by the memo.
#include "engine/gate/handler.h"

namespace nestp::gate {

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

bool base_of(const Work& work, uint64_t& base) {
  base = 0;
  if (work.is_absolute) return true;
  if (starts_at_descriptor(work)) return false;
  base = process().directory;
  return base != 0;
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
  if (entry->host_size > kLongestPath) return false;
  work.host_slash = kNoPlace;
  work.as_it_is = (entry->flags & kEntryAsItIs) != 0;
  if (work.as_it_is) {
    work.host = work.text;
    return true;
  }
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
