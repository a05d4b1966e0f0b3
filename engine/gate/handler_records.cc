// Which files have no record: none is an attribute of theirs, and none is kept elsewhere.
#include "engine/gate/handler_records.h"

namespace nestp::gate {
namespace {

constexpr uint32_t kRoomForNames = 256;  // bytes; a file with more is the tracer's

/// "/proc/thread-self/fd/N/NAME", for want of a call from a directory; false: too long.
bool name_by_descriptor(Work& work, uint64_t descriptor) {
  constexpr char kStart[] = "/proc/thread-self/fd/";  // a thread may have a table of its own
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

/// By the names of a file's attributes.
int64_t kind_of_records(const char* names, int64_t size) {
  constexpr uint32_t kSpace = 0x72657375;  // "user"
  int64_t kind = kNoRecord;
  for (int64_t at = 0; at + 4 < size; ++at) {
    const int64_t begin = at;
    while (at < size && names[at] != 0)
      ++at;
    uint32_t start;
    __builtin_memcpy(&start, names + begin, sizeof start);
    if (start != kSpace) continue;
    const bool is_override = kind == kNoRecord && at - begin + 1 == sizeof kOverride &&
                             same_bytes(names + begin, kOverride, sizeof kOverride);
    kind = is_override ? kOneRecord : kManyRecords;
  }
  return kind;
}

/// What follows the file in a call on its attributes.
struct AttributeArguments {
  uint64_t first, second, third;
};
/// The calls for a file by its path without following a link, by a descriptor, and from a
/// directory (0: the third is not as listxattrat(2)).
struct AttributeCalls {
  uint64_t path, descriptor, at;
};
constexpr AttributeCalls kList{195, 196, 465};  // llistxattr(2), flistxattr(2), listxattrat(2)
constexpr AttributeCalls kGet{192, 193, 0};     // lgetxattr(2), fgetxattr(2)

int64_t call_for_attributes(Work& work, int64_t descriptor, const AttributeCalls& calls,
                            AttributeArguments rest) {
  uint64_t args[6] = {static_cast<uint64_t>(descriptor), rest.first, rest.second, rest.third};
  if (descriptor >= 0) return issue_look(work, calls.descriptor, args);
  args[0] = reinterpret_cast<uint64_t>(work.host);
  const uint64_t base = base_descriptor(work);
  const bool is_relative = work.as_it_is && !work.is_absolute;
  if (!is_relative || static_cast<int32_t>(base) == kAtFdCwd) {
    return issue_look(work, calls.path, args);
  }
  if (memo().use_listxattrat != 0 && calls.at != 0) {
    const uint64_t at[6] = {base, args[0], kNoFollow, rest.first, rest.second};
    return issue_look(work, calls.at, at);
  }
  if (!name_by_descriptor(work, base)) return kAskTracer;
  args[0] = reinterpret_cast<uint64_t>(room(work.slot));
  return issue_look(work, calls.path, args);
}

/// A number and the colon behind it.
bool take_number(const char*& at, uint32_t base, uint32_t limit, uint32_t& number) {
  uint64_t value = 0;
  const char* const begin = at;
  for (; *at >= '0' && *at < static_cast<char>('0' + base); ++at) {
    value = value * base + static_cast<uint64_t>(*at - '0');
    if (value > limit) return false;
  }
  number = static_cast<uint32_t>(value);
  return at != begin && *at++ == ':';
}

bool is_text(const char* at, const char* text) {
  while (*text != 0 && *at == *text)
    ++at, ++text;
  return *at == *text;
}

/// No attribute of the file is a record.
bool lacks_attributes(Work& work, int64_t descriptor) {
  const int64_t found = find_records(work, descriptor);
  return found == 0 || found == kErrorNotSupported;
}

/// Only what is the person's own can have attributes that are records.
bool can_have_attributes(const Seen& seen) {
  const uint32_t type = seen.mode & kTypeMask;
  return seen.user == memo().real_user && (type == kTypeFile || type == kTypeDirectory);
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

PlainPath& plain_path(const Work& work) {
  return *reinterpret_cast<PlainPath*>(reinterpret_cast<uint64_t>(work.slot) + kFastPlain);
}

bool is_remembered_plain(const Work& work) {
  const PlainPath& plain = plain_path(work);
  return plain.generation == __atomic_load_n(&memo().generation, __ATOMIC_ACQUIRE) &&
         plain.visits == visits_and_writes() && plain.hash != 0 && plain.hash == hash_of_path(work);
}

}  // namespace

uint64_t visits_and_writes() {
  uint64_t sum = __atomic_load_n(&memo().visits, __ATOMIC_ACQUIRE);
  if (process().has_record_places != 0) {
    const auto* places = reinterpret_cast<const RecordPlaces*>(kRecordPlaces);
    sum += __atomic_load_n(&places->written, __ATOMIC_ACQUIRE);
  }
  return sum;
}

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

int64_t find_records(Work& work, int64_t descriptor) {
  char names[kRoomForNames];
  const int64_t size = call_for_attributes(work, descriptor, kList,
                                           {reinterpret_cast<uint64_t>(names), kRoomForNames, 0});
  return size < 0 ? size : kind_of_records(names, size);
}

bool read_record(Work& work, int64_t descriptor, const Seen& seen, Record& record) {
  constexpr uint32_t kMostId = 0xfffffffe, kMostMode = 07777;
  if (!may_be_plain(seen) || !can_have_attributes(seen)) return false;
  char text[kRecordRoom];
  const AttributeArguments rest{reinterpret_cast<uint64_t>(kOverride),
                                reinterpret_cast<uint64_t>(text), kRecordRoom - 1};
  const int64_t size = call_for_attributes(work, descriptor, kGet, rest);
  if (size <= 0) return false;
  text[size] = 0;
  const char* at = text;
  if (!take_number(at, 10, kMostId, record.user) || !take_number(at, 10, kMostId, record.group) ||
      !take_number(at, 8, kMostMode, record.mode)) {
    return false;
  }
  return is_text(at, record_type(seen));
}

bool knows_records() {
  return __atomic_load_n(&memo().recorded_generation, __ATOMIC_ACQUIRE) ==
         __atomic_load_n(&memo().generation, __ATOMIC_ACQUIRE);
}

bool is_recorded_elsewhere(const Seen& seen) {
  if (memo().has_recorded == 0) return false;
  const RecordedBits bits = recorded_bits(seen.device, seen.inode);
  const auto has = [](uint64_t bit) { return (memo().recorded[bit / 64] >> (bit % 64) & 1) != 0; };
  return has(bits.first) && has(bits.second);
}

bool may_be_plain(const Seen& seen) {
  return knows_records() && seen.device != memo().proc_device && !is_recorded_elsewhere(seen);
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

void remember_plain(const Work& work, const Seen& seen, uint64_t visits) {
  PlainPath& plain = plain_path(work);
  plain.generation = 0;
  if ((seen.mode & kTypeMask) == kTypeLink) return;
  plain.hash = hash_of_path(work);
  plain.visits = visits;
  plain.generation = __atomic_load_n(&memo().recorded_generation, __ATOMIC_ACQUIRE);
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

}  // namespace nestp::gate
