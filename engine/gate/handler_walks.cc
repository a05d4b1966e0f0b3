// Walks to where the memo does not know: from a directory that it knows over names, and over the
// links among them, each looked at once.  Where a text stands as it is, it may begin with links
// that the kernel follows; a walk takes nothing of that off.
#include "engine/gate/handler.h"

namespace nestp::gate {
namespace {

constexpr uint64_t kCallReadLink = 89;
constexpr int kMostSteps = 16;
constexpr uint32_t kMostLinks = 8;      // a person's chains of links are shorter
constexpr uint32_t kRoomForLink = 512;  // bytes of where one leads

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

enum class Step { directory, link, foreign_link, missing, other };

/// What is at a path of the host; what is of /proc is something other.
Step step_at(Work& work, uint64_t base, const char* path) {
  constexpr uint32_t kOwner = 28;
  alignas(8) char status[kStatusSize];
  const uint64_t args[6] = {base, reinterpret_cast<uint64_t>(path),
                            reinterpret_cast<uint64_t>(status), kNoFollow};
  const int64_t result = issue_look(work, kCallStatAt, args);
  if (result == kErrorNoEntry) return Step::missing;
  if (result != 0) return Step::other;
  uint64_t device;
  uint32_t owner;
  __builtin_memcpy(&device, status, sizeof device);
  __builtin_memcpy(&owner, status + kOwner, sizeof owner);
  if (device == memo().proc_device) return Step::other;
  if (type_of(status) == kTypeDirectory) return Step::directory;
  if (type_of(status) != kTypeLink) return Step::other;
  return owner == 0 || owner == memo().real_user ? Step::link : Step::foreign_link;
}

/// A walk under way.  Names to come are the text's until a link is met; then they are in the
/// slot's room, with where that leads before them.
struct Walk {
  char* host;          ///< where it has come to, with a NUL behind it
  uint32_t end, room;  ///< bytes of it, and at most
  uint32_t firm;       ///< of these, which may hold links and stay
  const char* rest;    ///< names to come
  uint32_t left;       ///< bytes of them
  uint32_t flags;      ///< kEntry*
  uint32_t links;      ///< followed
  bool is_absolute;    ///< as a path of the host
  bool is_whole;       ///< nothing that was to be a directory is missing
};

/// From the path of a host that Walk::host begins with over `left` bytes of the text.
void start(Walk& walk, const Work& work, uint32_t end, bool has_links, const char* rest,
           uint32_t left) {
  walk.end = end;
  walk.host[end] = 0;
  walk.firm = has_links ? end : 0;
  walk.rest = rest;
  walk.left = left;
  walk.links = 0;
  walk.is_absolute = end != 0 ? walk.host[0] == '/' : work.is_absolute;
  walk.is_whole = true;
}

/// A link has led there.
bool begin_at_root(Walk& walk) {
  const MemoEntry* entry = find(EntryKind::directory, process().context, 0, "/", 1);
  if (entry == nullptr || entry->host_size > walk.room) return false;
  copy_bytes(walk.host, host_of(entry), entry->host_size);
  walk.end = entry->host_size;
  walk.firm = 0;
  walk.flags |= entry->flags;
  walk.is_absolute = true;
  return true;
}

void take_off_last(Walk& walk) {
  while (walk.end != 0 && walk.host[walk.end - 1] != '/')
    --walk.end;
  if (walk.end != 0) --walk.end;
}

/// The names of the link at Walk::host, which is taken off, come next.
bool enter_link(Work& work, Walk& walk) {
  if (++walk.links > kMostLinks) return false;
  char* const text = room(work.slot);
  const uint64_t args[6] = {reinterpret_cast<uint64_t>(walk.host), reinterpret_cast<uint64_t>(text),
                            kRoomForLink};
  const int64_t got = issue_look(work, kCallReadLink, args);
  if (got <= 0 || got == kRoomForLink) return false;
  const auto size = static_cast<uint32_t>(got);
  // What was to come is at the room's end, or goes there; it begins with a slash if it is any.
  if (kRoomForLink + size + walk.left > kFastRoom) return false;
  char* const rest = text + kFastRoom - walk.left;
  if (walk.links == 1) copy_bytes(rest, walk.rest, walk.left);
  walk.rest = rest - size;
  walk.left += size;
  copy_bytes(rest - size, text, size);
  walk.flags &= ~kEntryAsItIs;
  take_off_last(walk);
  return text[0] != '/' || begin_at_root(walk);
}

/// ".." of where the walk has come to: the host's, unless that is a mount point or on the way to
/// one.
bool leave(Work& work, Walk& walk) {
  if (walk.end <= walk.firm || !walk.is_whole || walk.end + 3 > walk.room) return false;
  alignas(8) char status[kStatusSize];
  // With "/." whoever may not search it is told.
  walk.host[walk.end] = '/';
  walk.host[walk.end + 1] = '.';
  walk.host[walk.end + 2] = 0;
  const uint64_t args[6] = {static_cast<uint64_t>(kAtFdCwd), reinterpret_cast<uint64_t>(walk.host),
                            reinterpret_cast<uint64_t>(status), kNoFollow};
  if (issue_look(work, kCallStatAt, args) != 0 || type_of(status) != kTypeDirectory) return false;
  if (may_be_on_way(status)) return false;
  const uint32_t end = walk.end;
  take_off_last(walk);
  const uint32_t name_at = walk.host[walk.end] == '/' ? walk.end + 1 : walk.end;
  const bool was_name = is_plain_name(walk.host + name_at, end - name_at);
  walk.host[walk.end] = 0;
  return was_name;
}

/// The next name goes to Walk::host.
bool enter_name(Work& work, Walk& walk) {
  uint32_t size = 0;
  while (size < walk.left && walk.rest[size] != '/')
    ++size;
  const char* const name = walk.rest;
  walk.rest += size;
  walk.left -= size;
  if (walk.links != 0 && names_parent(name, size)) return leave(work, walk);
  if (!is_plain_name(name, size) || is_special_name(name, size)) return false;
  if (walk.end + size + 2 > walk.room) return false;
  if (walk.end != 0 || walk.is_absolute) walk.host[walk.end++] = '/';
  copy_bytes(walk.host + walk.end, name, size);
  walk.end += size;
  walk.host[walk.end] = 0;
  return true;
}

/// Over all that is to come.  Where a directory is missing the rest are names only, which the
/// kernel will say.  `to_directory`: what it comes to is one.
bool run(Work& work, Walk& walk, bool to_directory) {
  while (walk.left != 0) {
    const bool has_slash = walk.rest[0] == '/';
    if (has_slash) ++walk.rest, --walk.left;
    // A link's last slash asks for a directory, which a prefix is; a text's own is the tracer's.
    if (has_slash && walk.left == 0) return to_directory && walk.links != 0;
    const uint32_t before = walk.end;
    if (!enter_name(work, walk)) return false;
    if (!walk.is_whole || walk.end <= before) continue;
    const Step step = step_at(work, static_cast<uint64_t>(kAtFdCwd), walk.host);
    const bool must_be_directory = to_directory || walk.left != 0;
    walk.is_whole = step != Step::missing;
    if (step == Step::other && must_be_directory) return false;
    // As the last of a path the kernel may not follow it (fs/namei.c, may_follow_link).
    const bool is_last = walk.left == 0 && (!to_directory || work.text[work.size - 1] == '/');
    if (step == Step::foreign_link && is_last) return false;
    const bool is_link = step == Step::link || step == Step::foreign_link;
    if (is_link && !enter_link(work, walk)) return false;
  }
  // The root itself has no name here that a call could be given.
  return walk.end != 0 || (to_directory && walk.is_absolute);
}

/// Bytes of the text's first `size` that name the same directories as those of the walk before.
uint32_t same_directories(const Work& work, uint64_t base, uint32_t size, uint64_t now,
                          const WalkedPrefix& walked) {
  if (walked.generation != now || walked.context != process().context || walked.base != base ||
      walked.links != 0) {
    return 0;
  }
  const uint32_t most = size < walked.key_size ? size : walked.key_size;
  uint32_t same = 0;
  while (same < most && walked.text[same] == work.text[same])
    ++same;
  const bool ends_there = (same == size || work.text[same] == '/') &&
                          (same == walked.key_size || walked.text[same] == '/');
  while (!ends_there && same != 0 && work.text[--same] != '/') {
  }
  // Where it began, the host's path need not be the text's.
  return same >= walked.known ? same : 0;
}

/// From the longest part of the text that the memo knows, or that the walk before has come over.
bool begin(Work& work, uint64_t base, uint32_t size, uint64_t now, WalkedPrefix& walked,
           Walk& walk) {
  uint32_t known;
  const MemoEntry* entry = find_start(work, base, size, known);
  if (entry == nullptr) return false;
  const bool as_it_is = (entry->flags & kEntryAsItIs) != 0;
  const char* host = as_it_is ? work.text : host_of(entry);
  uint32_t end = as_it_is ? known : entry->host_size;
  uint32_t began = known;
  walk.flags = entry->flags;
  const uint32_t same = same_directories(work, base, size, now, walked);
  if (same > known) {
    end = walked.host_size - (walked.key_size - same);
    host = room(work.slot);
    copy_bytes(room(work.slot), walked.text + walked.key_size + 1, end);
    known = same;
    began = walked.known;
    walk.flags = walked.flags;
  }
  if (size + 1 + end + size - known + 2 > sizeof walked.text) return false;
  walked.generation = 0;
  walked.known = static_cast<uint16_t>(began);
  copy_bytes(walked.text, work.text, size);
  walked.text[size] = 0;
  walk.host = walked.text + size + 1;
  walk.room = static_cast<uint32_t>(sizeof walked.text) - size - 1;
  copy_bytes(walk.host, host, end);
  start(walk, work, end, as_it_is, work.text + known, size - known);
  return true;
}

/// From a directory that is known to where the text's prefix leads.  What is found holds as long
/// as the memo's entries; where a directory is missing, for this call.
bool walk_prefix(Work& work, uint64_t base, uint32_t size, WalkedPrefix& walked) {
  const uint64_t now = __atomic_load_n(&memo().generation, __ATOMIC_ACQUIRE);
  Walk walk;
  if (!begin(work, base, size, now, walked, walk)) return false;
  if (!run(work, walk, true)) return false;
  walked.context = process().context;
  walked.base = base;
  walked.flags = walk.flags | kEntryMounts;
  walked.links = static_cast<uint16_t>(walk.links);
  walked.key_size = static_cast<uint16_t>(size);
  walked.host_size = static_cast<uint16_t>(walk.end);
  asm volatile("" ::: "memory");  // who is cut short here leaves nothing that passes for whole
  walked.generation = walk.is_whole ? now : 0;
  return true;
}

WalkedPrefix& walked_prefix(const Work& work) {
  return *reinterpret_cast<WalkedPrefix*>(reinterpret_cast<uint64_t>(work.slot) + kFastWalked);
}

}  // namespace

bool find_prefix(Work& work, Prefix& prefix) {
  uint64_t base;
  if (!base_of(work, base)) return false;
  const uint32_t size = work.last_slash == 0 ? 1 : static_cast<uint32_t>(work.last_slash);
  const MemoEntry* entry = find(EntryKind::directory, process().context, base, work.text, size);
  if (entry != nullptr) {
    prefix = {host_of(entry), entry->host_size, entry->flags};
    return true;
  }
  WalkedPrefix& walked = walked_prefix(work);
  const bool is_known =
      walked.generation == __atomic_load_n(&memo().generation, __ATOMIC_ACQUIRE) &&
      walked.context == process().context && walked.base == base && walked.key_size == size &&
      same_bytes(walked.text, work.text, size);
  if (!is_known) {
    if ((process().flags & kProcessAmbiguous) != 0) return false;
    // A walk costs a call for each component, a stop as much as some dozens.
    if (is_frequent(work, EntryKind::directory, size, 16)) return false;
    if (!walk_prefix(work, base, size, walked)) return false;
  }
  prefix = {walked.text + walked.key_size + 1, walked.host_size, walked.flags};
  return true;
}

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

bool follow_last(Work& work) {
  if (starts_at_descriptor(work)) return no(work, AskReason::path);
  const uint32_t unsafe = kProcessAmbiguous | (work.call.writes != 0 ? kProcessReadOnly : 0);
  if ((process().flags & unsafe) != 0) return no(work, AskReason::path);
  if (is_frequent(work, EntryKind::exact, work.size, 16)) return no(work, AskReason::path);
  const auto name_at = static_cast<uint32_t>(work.last_slash + 1);
  const uint32_t before = work.host_slash < 0 ? 0 : static_cast<uint32_t>(work.host_slash);
  WalkedPrefix& walked = walked_prefix(work);
  if (work.host_slash == kNoPlace || name_at == work.size || before + 1 > sizeof walked.text) {
    return no(work, AskReason::path);
  }
  walked.generation = 0;  // its room is used
  Walk walk;
  walk.host = walked.text;
  walk.room = sizeof walked.text;
  walk.flags = 0;
  copy_bytes(walk.host, work.host, before);
  start(walk, work, before, work.as_it_is, work.text + name_at, work.size - name_at);
  if (!run(work, walk, false)) return no(work, AskReason::path);
  char* const to = room(work.slot);
  copy_bytes(to, walk.host, walk.end + 1);
  work.host = to;
  work.as_it_is = false;
  return true;
}

}  // namespace nestp::gate
