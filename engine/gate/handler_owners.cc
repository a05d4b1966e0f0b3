// Whose files are whose for a guest that believes to be root: what the host says,
// with the person's own ids shown as root's, unless a record may say otherwise.
//
// Records are attributes of the file, or are kept elsewhere; of the latter the
// memo knows the inodes.  A file without either is answered here.
#include "engine/gate/handler.h"

namespace nestp::gate {
namespace {

constexpr uint64_t kCallListPath = 195, kCallListDescriptor = 196, kCallListAt = 465,
                   kCallGetDescriptor = 193;
constexpr uint32_t kRoomForNames = 256;  // bytes; a file with more is the tracer's

/// Offsets of what is looked at and changed.
struct StatusLayout {
  uint32_t mode, user, group, inode, changed;  ///< `changed`: seconds, then nanoseconds
};
constexpr StatusLayout kStatus{kStatusMode, 28, 32, 8, 104};
constexpr StatusLayout kStatusEx{kStatusExMode, 20, 24, 32, 96};
constexpr uint32_t kStatusExMask = 0, kStatusExMajor = 136, kStatusExMinor = 140;
constexpr uint32_t kSetUser = 04000, kSetGroup = 02000;
constexpr uint32_t kNeededMask = 0x11b;  // STATX_TYPE, MODE, UID, GID and INO
constexpr uint32_t kChangedMask = 0x80;  // STATX_CTIME

template <typename Number>
Number number_at(uint64_t buffer, uint32_t offset) {
  Number number;
  __builtin_memcpy(&number, reinterpret_cast<const char*>(buffer) + offset, sizeof number);
  return number;
}
void put_number(uint64_t buffer, uint32_t offset, uint32_t number) {
  __builtin_memcpy(reinterpret_cast<char*>(buffer) + offset, &number, sizeof number);
}

/// A file as a call has just shown it.
struct Seen {
  uint64_t device, inode;
  uint32_t mode, user, group;
  int64_t changed;        ///< seconds; 0: not known
  uint32_t changed_rest;  ///< nanoseconds
};

Seen read_status(uint64_t buffer, bool extended) {
  const StatusLayout& layout = extended ? kStatusEx : kStatus;
  Seen seen{.device = 0,
            .inode = number_at<uint64_t>(buffer, layout.inode),
            .mode = number_at<uint16_t>(buffer, layout.mode),
            .user = number_at<uint32_t>(buffer, layout.user),
            .group = number_at<uint32_t>(buffer, layout.group),
            .changed = number_at<int64_t>(buffer, layout.changed),
            .changed_rest = number_at<uint32_t>(buffer, layout.changed + 8)};
  if (extended) {
    if ((number_at<uint32_t>(buffer, kStatusExMask) & kChangedMask) == 0) seen.changed = 0;
    // As gnu_dev_makedev() joins them.
    const uint64_t major = number_at<uint32_t>(buffer, kStatusExMajor);
    const uint64_t minor = number_at<uint32_t>(buffer, kStatusExMinor);
    seen.device = (major & 0xfff) << 8 | (major & ~0xfffULL) << 32 | (minor & 0xff) |
                  (minor & ~0xffULL) << 12;
  } else {
    seen.device = number_at<uint64_t>(buffer, 0);
  }
  return seen;
}

/// "/proc/self/fd/N/NAME", for kernels without listxattrat(2); false: too long.
bool name_by_descriptor(Work& work, uint64_t descriptor) {
  constexpr char kStart[] = "/proc/self/fd/";
  constexpr uint32_t kStartSize = sizeof kStart - 1, kDigits = 10;
  if (work.size + kStartSize + kDigits + 2 > kLongestPath) return false;
  char digits[kDigits];
  uint32_t count = 0;
  for (auto rest = static_cast<uint32_t>(descriptor); count == 0 || rest != 0; rest /= 10)
    digits[count++] = static_cast<char>('0' + rest % 10);
  char* to = room(work.slot);
  copy_bytes(to, kStart, kStartSize);
  to += kStartSize;
  while (count != 0)
    *to++ = digits[--count];
  *to++ = '/';
  copy_bytes(to, work.host, work.size + 1);
  return true;
}

/// llistxattr(2) of Work::host, or flistxattr(2).
int64_t list_names(Work& work, int64_t descriptor, char* names) {
  const auto to = reinterpret_cast<uint64_t>(names);
  if (descriptor >= 0) {
    const uint64_t args[6] = {static_cast<uint64_t>(descriptor), to, kRoomForNames};
    return issue_look(work, kCallListDescriptor, args);
  }
  uint64_t args[6] = {reinterpret_cast<uint64_t>(work.host), to, kRoomForNames};
  const uint64_t base = base_descriptor(work);
  const bool is_relative = work.as_it_is && !work.is_absolute;
  if (!is_relative || static_cast<int32_t>(base) == kAtFdCwd) {
    return issue_look(work, kCallListPath, args);
  }
  if (memo().use_listxattrat != 0) {
    const uint64_t at[6] = {base, args[0], kNoFollow, to, kRoomForNames};
    return issue_look(work, kCallListAt, at);
  }
  if (!name_by_descriptor(work, base)) return kAskTracer;
  args[0] = reinterpret_cast<uint64_t>(room(work.slot));
  return issue_look(work, kCallListPath, args);
}

/// A record's name begins so, and so may others.
bool has_user_attribute(const char* names, int64_t size) {
  constexpr uint32_t kSpace = 0x72657375;  // "user"
  for (int64_t at = 0; at + 4 < size; ++at) {
    uint32_t start;
    __builtin_memcpy(&start, names + at, sizeof start);
    if (start == kSpace) return true;
    while (at < size && names[at] != 0)
      ++at;
  }
  return false;
}

/// 1: an attribute of the file may be a record; 0: none is; else an errno, or kAskTracer.
int64_t find_records(Work& work, int64_t descriptor) {
  char names[kRoomForNames];
  const int64_t size = list_names(work, descriptor, names);
  return size < 0 ? size : static_cast<int64_t>(has_user_attribute(names, size));
}

/// No attribute of the file is a record.
bool lacks_attributes(Work& work, int64_t descriptor) {
  const int64_t found = find_records(work, descriptor);
  return found == 0 || found == kErrorNotSupported;
}

bool is_recorded_elsewhere(const Seen& seen) {
  if (memo().has_recorded == 0) return false;
  const RecordedBits bits = recorded_bits(seen.device, seen.inode);
  const auto has = [](uint64_t bit) { return (memo().recorded[bit / 64] >> (bit % 64) & 1) != 0; };
  return has(bits.first) && has(bits.second);
}

bool knows_records() {
  return __atomic_load_n(&memo().recorded_generation, __ATOMIC_ACQUIRE) ==
         __atomic_load_n(&memo().generation, __ATOMIC_ACQUIRE);
}

/// Only what is the person's own can have attributes that are records.
bool can_have_attributes(const Seen& seen) {
  const uint32_t type = seen.mode & kTypeMask;
  return seen.user == memo().real_user && (type == kTypeFile || type == kTypeDirectory);
}

/// Unless an attribute says otherwise.
bool may_be_plain(const Seen& seen) {
  return knows_records() && seen.device != memo().proc_device && !is_recorded_elsewhere(seen);
}

/// Of the file in its present state; 0: it is none that is kept.
uint64_t plain_number_of(const Seen& seen) {
  if (process().has_plain_files == 0 || seen.changed == 0) return 0;
  if (seen.device != memo().plain_device) return 0;
  return plain_number(seen.device, seen.inode, seen.changed, seen.changed_rest);
}

/// Files of one directory, whose inodes are often neighbours, have their places side by side: a
/// walk over them touches few pages.
uint64_t* plain_places(const Seen& seen) {
  return reinterpret_cast<uint64_t*>(kPlainFiles) +
         seen.inode % (kPlainCount / kPlainWays) * kPlainWays;
}

bool is_kept_plain(uint64_t number, const Seen& seen) {
  const uint64_t* places = plain_places(seen);
  for (uint64_t i = 0; i < kPlainWays; ++i) {
    if (__atomic_load_n(&places[i], __ATOMIC_RELAXED) == number) return true;
  }
  return false;
}

/// Unless its state is so new that another one could seem the same.
void keep_plain(Work& work, uint64_t number, const Seen& seen) {
  constexpr uint64_t kCallClock = 228, kRealTimeCoarse = 5;
  int64_t now[2] = {};
  const uint64_t args[6] = {kRealTimeCoarse, reinterpret_cast<uint64_t>(now)};
  if (issue_look(work, kCallClock, args) != 0 || now[0] - seen.changed < kPlainAge) return;
  uint64_t* places = plain_places(seen);
  for (uint64_t i = 0; i < kPlainWays; ++i) {
    if (places[i] != 0) continue;
    return __atomic_store_n(&places[i], number, __ATOMIC_RELAXED);
  }
  __atomic_store_n(&places[number >> 62], number, __ATOMIC_RELAXED);
}

bool is_plain(Work& work, const Seen& seen, int64_t descriptor) {
  if (!may_be_plain(seen)) return false;
  if (!can_have_attributes(seen)) return true;
  const uint64_t number = plain_number_of(seen);
  if (number != 0 && is_kept_plain(number, seen)) return true;
  if (!lacks_attributes(work, descriptor)) return false;
  if (number != 0) keep_plain(work, number, seen);
  return true;
}

PlainPath& plain_path(const Work& work) {
  return *reinterpret_cast<PlainPath*>(reinterpret_cast<uint64_t>(work.slot) + kFastPlain);
}

/// For the calls that programs such as ls(1) make next, about the same file.  A link is another
/// matter, as one call follows it and another does not.
void remember_plain(const Work& work, const Seen& seen, uint64_t visits) {
  PlainPath& plain = plain_path(work);
  plain.generation = 0;
  if ((seen.mode & kTypeMask) == kTypeLink) return;
  plain.hash = hash_of_path(work);
  plain.visits = visits;
  plain.generation = __atomic_load_n(&memo().recorded_generation, __ATOMIC_ACQUIRE);
}

bool is_remembered_plain(const Work& work) {
  const PlainPath& plain = plain_path(work);
  return plain.generation == __atomic_load_n(&memo().generation, __ATOMIC_ACQUIRE) &&
         plain.visits == __atomic_load_n(&memo().visits, __ATOMIC_ACQUIRE) && plain.hash != 0 &&
         plain.hash == hash_of_path(work);
}

bool has_no_record(Work& work, int64_t descriptor) {
  if (knows_records() && memo().has_recorded == 0) {
    if (descriptor < 0 && is_remembered_plain(work)) return true;
    // Only an attribute could be one, whatever the file is.
    return lacks_attributes(work, descriptor);
  }
  alignas(8) char status[kStatusSize];
  if (see(work, descriptor, status) != 0) return false;
  return is_plain(work, read_status(reinterpret_cast<uint64_t>(status), false), descriptor);
}

/// The ids that chown(2) asks for are those that the file is shown with.  They become "none": the
/// kernel does all but change them.
bool keeps_owner(Work& work, int64_t descriptor, uint64_t* ids) {
  constexpr auto kNone = static_cast<uint32_t>(-1);
  const auto user = static_cast<uint32_t>(ids[0]), group = static_cast<uint32_t>(ids[1]);
  if (user != kNone && user != memo().shown_user) return false;
  if (group != kNone && group != memo().shown_group) return false;
  alignas(8) char status[kStatusSize];
  if (see(work, descriptor, status) != 0) return false;
  const Seen seen = read_status(reinterpret_cast<uint64_t>(status), false);
  const uint32_t type = seen.mode & kTypeMask;
  if (type != kTypeFile && type != kTypeDirectory && type != kTypeLink) return false;
  if (type == kTypeFile && (seen.mode & (kSetUser | kSetGroup)) != 0) return false;
  if (seen.user != memo().real_user) return false;
  if (group != kNone && seen.group != memo().real_group) return false;
  if (!is_plain(work, seen, descriptor)) return false;
  ids[0] = ids[1] = kNone;
  return true;
}

bool begins_with(const char* text, const char* start) {
  while (*start != 0) {
    if (*text++ != *start++) return false;
  }
  return true;
}

bool is_list_call(const Work& work) {
  return work.frame->rax < kCallGetPath || work.frame->rax > kCallGetDescriptor;
}

/// Of a file that the call's path or descriptor already leads to; `result`: the kernel's answer.
int64_t show_attribute(Work& work, int64_t result, int64_t descriptor) {
  if (is_list_call(work))
    return result == 0 && has_no_record(work, descriptor) ? 0 : ask(work, AskReason::record);
  if (result != kErrorNoData && result != kErrorNotSupported) return ask(work, AskReason::record);
  const char* name = reinterpret_cast<const char*>(work.args[1]);
  if (begins_with(name, "system.")) return result;
  if (!begins_with(name, "security.")) return kAskTracer;
  return has_no_record(work, descriptor) ? result : ask(work, AskReason::record);
}

int64_t ask_for_attribute(Work& work, int64_t descriptor) {
  return show_attribute(work, issue_look(work, work.frame->rax, work.args), descriptor);
}

}  // namespace

bool is_acl_call(const Work& work) {
  return work.frame->rax == kCallGetPath &&
         begins_with(reinterpret_cast<const char*>(work.args[1]), "system.posix_acl_");
}

int64_t show_owner(Work& work, int64_t result, uint64_t buffer, bool extended, int64_t descriptor) {
  if (result != 0) return is_denied(result) ? ask(work, AskReason::permission) : result;
  if (extended && (number_at<uint32_t>(buffer, kStatusExMask) & kNeededMask) != kNeededMask) {
    return kAskTracer;
  }
  const Seen seen = read_status(buffer, extended);
  // Before the file is looked at, so that a record made meanwhile counts.
  const uint64_t visits = __atomic_load_n(&memo().visits, __ATOMIC_ACQUIRE);
  if (!is_plain(work, seen, descriptor)) return ask(work, AskReason::record);
  if (descriptor < 0 && work.text != nullptr) remember_plain(work, seen, visits);
  const StatusLayout& layout = extended ? kStatusEx : kStatus;
  if (seen.user == memo().real_user) put_number(buffer, layout.user, memo().shown_user);
  if (seen.group == memo().real_group) put_number(buffer, layout.group, memo().shown_group);
  return 0;
}

bool is_unrecorded(Work& work) {
  work.reason = AskReason::record;
  if (!knows_records()) return false;
  if (memo().has_recorded != 0) {
    alignas(8) char status[kStatusSize];
    // What cannot be seen has its errno from the call itself.
    if (see(work, -1, status) != 0) return true;
    if (is_recorded_elsewhere(read_status(reinterpret_cast<uint64_t>(status), false))) return false;
  }
  const int64_t found = find_records(work, -1);
  return found <= 0 && found != kAskTracer && !is_denied(found);
}

bool is_unrecorded_elsewhere(Work& work) {
  work.reason = AskReason::record;
  if (!knows_records()) return false;
  if (memo().has_recorded == 0) return true;
  alignas(8) char status[kStatusSize];
  return see(work, -1, status) == 0 &&
         !is_recorded_elsewhere(read_status(reinterpret_cast<uint64_t>(status), false));
}

bool makes_no_record(Work& work) {
  work.reason = AskReason::record;
  const char* const host = work.host;
  const uint32_t size = work.size;
  const int64_t slash = work.host_slash;
  if (!knows_records() || slash == 0) return false;
  char* const begin = room(work.slot);
  const bool is_in_room = host == begin;
  // Behind what name_by_descriptor() writes.
  char* const parent = is_in_room ? begin : begin + 64;
  if (!is_in_room) {
    if (slash + 64 + 2 > static_cast<int64_t>(kFastRoom)) return false;
    copy_bytes(parent, slash < 0 ? "." : host, slash < 0 ? 1 : static_cast<uint32_t>(slash));
  }
  const int64_t end = slash < 0 ? 1 : slash;
  parent[end] = 0;
  work.host = parent;
  work.size = static_cast<uint32_t>(end);
  alignas(8) char status[kStatusSize];
  bool makes_none = see(work, -1, status) == 0;
  if (makes_none) {
    const Seen seen = read_status(reinterpret_cast<uint64_t>(status), false);
    const bool gives_group = (seen.mode & kSetGroup) != 0;
    makes_none =
        (seen.mode & kTypeMask) == kTypeDirectory && !gives_group && is_plain(work, seen, -1);
  }
  if (is_in_room) parent[end] = '/';
  work.host = host;
  work.size = size;
  return makes_none;
}

bool is_closed_directory(Work& work) {
  constexpr uint32_t kOwners = 0700;
  alignas(8) char status[kStatusSize];
  if (see(work, -1, status) != 0) return false;
  const Seen seen = read_status(reinterpret_cast<uint64_t>(status), false);
  return (seen.mode & kTypeMask) == kTypeDirectory && seen.user == memo().real_user &&
         (seen.mode & kOwners) != kOwners;
}

int64_t set_mode(Work& work, int64_t descriptor, uint64_t mode) {
  alignas(8) char status[kStatusSize];
  if (see(work, descriptor, status) != 0) return ask(work, AskReason::record);
  const Seen seen = read_status(reinterpret_cast<uint64_t>(status), false);
  const uint32_t type = seen.mode & kTypeMask;
  // As OwnedFiles::host_mode() has it: what keeps the person out, or is a privilege, is recorded.
  // Where there is no room for attributes, any record is in the database, which only the tracer
  // asks.
  const bool is_program = (mode & 0111) != 0;
  const bool is_free = type == kTypeDirectory ? (mode & 06700) == 0700
                                              : type == kTypeFile && (mode & 07600) == 0600 &&
                                                    (!is_program || (mode & 0100) != 0);
  if (!is_free || seen.user != memo().real_user || !may_be_plain(seen) ||
      find_records(work, descriptor) != 0) {
    return ask(work, AskReason::record);
  }
  const int64_t result = issue_look(work, work.frame->rax, work.args);
  if (result != 0) return is_denied(result) ? ask(work, AskReason::permission) : result;
  // Who has recorded the former mode meanwhile has to be told of this one.
  return find_records(work, descriptor) == 0 ? 0 : ask(work, AskReason::record);
}

int64_t change_owner(Work& work) {
  const bool has_path = work.call.path != kNoArgument, has_flags = work.call.flags != kNoArgument;
  const uint64_t flags = has_flags ? work.args[work.call.flags] : 0;
  const auto descriptor = has_path ? int64_t{-1} : static_cast<int32_t>(work.args[0]);
  if ((flags & ~kNoFollow) != 0 || (!has_path && descriptor < 0)) return kAskTracer;
  if (!has_path && (process().flags & kProcessReadOnly) != 0) return ask(work, AskReason::change);
  if (has_path) {
    if (!measure(work)) return kAskTracer;
    const bool keeps = work.call.keeps != 0 || (flags & kNoFollow) != 0;
    if (keeps || !find_exact(work, EntryKind::exact)) {
      if (!find_place(work) || (!keeps && look(work) != 0)) return kAskTracer;
    }
    place(work);
  }
  uint64_t* const ids = work.args + (has_path ? work.call.path + 1u : 1u);
  return keeps_owner(work, descriptor, ids) ? issue_guests(work) : ask(work, AskReason::record);
}

int64_t get_status_of_descriptor(Work& work) {
  const auto descriptor = static_cast<int32_t>(work.args[0]);
  const int64_t result = issue_look(work, work.frame->rax, work.args);
  return descriptor < 0 ? result : show_owner(work, result, work.args[1], false, descriptor);
}

int64_t list_directory(Work& work) {
  const auto descriptor = static_cast<int32_t>(work.args[0]);
  // It is with a record that a directory says that some of its entries have other types.
  if (descriptor < 0 || !has_no_record(work, descriptor)) return ask(work, AskReason::record);
  return issue_final(work, work.frame->rax);
}

int64_t get_attribute(Work& work) {
  if (work.call.path == kNoArgument) {
    const auto descriptor = static_cast<int32_t>(work.args[0]);
    return descriptor < 0 ? kAskTracer : ask_for_attribute(work, descriptor);
  }
  if (!measure(work)) return kAskTracer;
  if (work.call.keeps == 0 && find_exact(work, EntryKind::exact)) {
    place(work);
    return ask_for_attribute(work, -1);
  }
  if (!find_place(work)) return kAskTracer;
  place(work);
  if (work.call.keeps != 0) return ask_for_attribute(work, -1);
  if (is_acl_call(work)) {
    const int64_t result = issue_look(work, kCallGetKeep, work.args);
    if (result != kErrorNotSupported) return show_attribute(work, result, -1);
  }
  return look(work) != 0 ? kAskTracer : ask_for_attribute(work, -1);
}

}  // namespace nestp::gate
