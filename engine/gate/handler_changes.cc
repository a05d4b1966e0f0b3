// Changes of owners and modes that a record must tell, where the tracer would do no more than write
// one attribute: of files and directories of the person's own, without set-ID bits.
//
// Of open files alone: a path may lead elsewhere from call to call.  As OwnedFiles has it
// (extensions/identity/owned_files.h).  Whatever is unusual is the tracer's, and so is a record
// that is no longer needed.  A record is read and written as a whole, so who changes one holds its
// place meanwhile; the tracer does as well, and frees it for who is cut short (FastPath::hold).
#include "engine/gate/handler_records.h"

namespace nestp::gate {
namespace {

constexpr uint64_t kCallChmodDescriptor = 91, kCallGetThread = 186, kCallSetAttribute = 190;
constexpr uint64_t kAttributeMustBeNew = 1, kAttributeMustBe = 2;  // XATTR_CREATE, XATTR_REPLACE
constexpr uint32_t kPermissions = 0777, kSpecial = 07000, kOwnerMayWrite = 0200;
constexpr uint32_t kNobody = 0xffffffff;

RecordPlaces& places() { return *reinterpret_cast<RecordPlaces*>(kRecordPlaces); }

bool is_directory(const Seen& seen) { return (seen.mode & kTypeMask) == kTypeDirectory; }

/// OwnedFiles::host_mode().
uint32_t host_mode(const Seen& seen, uint32_t mode) {
  if (is_directory(seen)) return mode | 0700;
  return mode | 0600 | ((mode & 0111) != 0 ? 0100 : 0);
}

char* put_digits(char* to, uint32_t number, uint32_t base, uint32_t least) {
  char digits[12];
  uint32_t count = 0;
  for (; number != 0 || count < least; number /= base)
    digits[count++] = static_cast<char>('0' + number % base);
  while (count != 0)
    *to++ = digits[--count];
  return to;
}

/// "USER:GROUP:MODE:TYPE", the mode in octal.  Its size.
uint64_t put_record(const Record& record, const char* type, char* text) {
  char* at = put_digits(text, record.user, 10, 1);
  *at++ = ':';
  at = put_digits(at, record.group, 10, 1);
  *at++ = ':';
  at = put_digits(at, record.mode, 8, 4);
  *at++ = ':';
  while (*type != 0)
    *at++ = *type++;
  return static_cast<uint64_t>(at - text);
}

int64_t set_host_mode(Work& work, int64_t descriptor, uint32_t mode) {
  const uint64_t args[6] = {static_cast<uint64_t>(descriptor), mode};
  return issue_look(work, kCallChmodDescriptor, args);
}

bool look_at(Work& work, int64_t descriptor, Seen& seen) {
  alignas(8) char status[kStatusSize];
  if (see(work, descriptor, status) != 0) return false;
  seen = read_status(reinterpret_cast<uint64_t>(status), false);
  return true;
}

/// A file as it is now, and what is recorded of it.
struct Known {
  Seen seen;
  Record natural;  ///< what holds without a record
  Record record;
  bool is_recorded;
};

/// `kind`: what find_records() says of it.
bool recall(Work& work, int64_t descriptor, int64_t kind, Known& known) {
  const Seen& seen = known.seen;
  if (!look_at(work, descriptor, known.seen) || !may_be_plain(seen)) return false;
  const uint32_t type = seen.mode & kTypeMask;
  if (seen.user != memo().real_user || (type != kTypeFile && type != kTypeDirectory)) return false;
  // An attribute can only be written where the mode lets its owner write.
  if ((seen.mode & kSpecial) != 0 || (seen.mode & kOwnerMayWrite) == 0) return false;
  const uint32_t group = seen.group == memo().real_group ? memo().shown_group : seen.group;
  known.natural = known.record = {memo().shown_user, group, seen.mode & kPermissions};
  known.is_recorded = kind == kOneRecord;
  return kind == kNoRecord ||
         (kind == kOneRecord && read_record(work, descriptor, seen, known.record));
}

bool is_needed(const Record& record, const Record& natural) {
  return record.user != natural.user || record.group != natural.group;
}

/// The host's mode is never less than what the record asks for, whenever a guest is killed; while
/// there is a record, nobody is shown it.
int64_t write(Work& work, int64_t descriptor, const Known& known) {
  const Record& record = known.record;
  if ((record.mode & ~kPermissions) != 0 || !is_needed(record, known.natural)) return kAskTracer;
  const uint32_t needed = host_mode(known.seen, record.mode);
  const uint32_t mode = known.seen.mode & kPermissions;
  if (mode != needed && !known.is_recorded) return kAskTracer;
  if ((needed & ~mode) != 0 && set_host_mode(work, descriptor, mode | needed) != 0) {
    return kAskTracer;
  }
  char text[kRecordRoom];
  const uint64_t size = put_record(record, record_type(known.seen), text);
  const uint64_t args[6] = {static_cast<uint64_t>(descriptor),
                            reinterpret_cast<uint64_t>(kOverride), reinterpret_cast<uint64_t>(text),
                            size, known.is_recorded ? kAttributeMustBe : kAttributeMustBeNew};
  if (issue_look(work, kCallSetAttribute, args) != 0) return kAskTracer;
  __atomic_add_fetch(&places().written, 1, __ATOMIC_ACQ_REL);
  const bool has_mode = (mode | needed) == needed;
  return has_mode || set_host_mode(work, descriptor, needed) == 0 ? 0 : kAskTracer;
}

}  // namespace

bool hold(Work& work, uint64_t inode, Held& held) {
  if (process().has_record_places == 0) return false;
  const uint64_t args[6] = {};
  held.thread = static_cast<uint32_t>(issue_look(work, kCallGetThread, args));
  held.place = &places().holders[inode % RecordPlaces::kCount];
  uint32_t nobody = 0;
  return __atomic_compare_exchange_n(held.place, &nobody, held.thread, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED);
}

void let_go(const Held& held) {
  uint32_t own = held.thread;  // the tracer has taken it where this thread was stopped
  __atomic_compare_exchange_n(held.place, &own, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

int64_t record_owner(Work& work, int64_t descriptor, uint32_t user, uint32_t group) {
  work.reason = AskReason::record;
  Known known;
  Held held;
  if (!look_at(work, descriptor, known.seen) || !hold(work, known.seen.inode, held)) {
    return kAskTracer;
  }
  int64_t result = kAskTracer;
  if (recall(work, descriptor, find_records(work, descriptor), known)) {
    if (user != kNobody) known.record.user = user;
    if (group != kNobody) known.record.group = group;
    result = write(work, descriptor, known);
  }
  let_go(held);
  return result;
}

int64_t record_mode(Work& work, int64_t descriptor, uint32_t mode) {
  work.reason = AskReason::record;
  Known known;
  if (!recall(work, descriptor, kOneRecord, known)) return kAskTracer;
  known.record.mode = mode;
  return write(work, descriptor, known);
}

}  // namespace nestp::gate
