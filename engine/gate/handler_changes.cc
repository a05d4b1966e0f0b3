// Changes of owners and modes that a record must tell, where the tracer would do no more than write
// one attribute: of files and directories of the person's own, without set-ID bits.
//
// As OwnedFiles has it (extensions/identity/owned_files.h).  Whatever is unusual is the tracer's,
// and so is a record that is no longer needed.
#include "engine/gate/handler_records.h"

namespace nestp::gate {
namespace {

constexpr AttributeCalls kSet{189, 190, 0};  // lsetxattr(2), fsetxattr(2)
constexpr uint64_t kCallChmodDescriptor = 91, kCallChmodAt = 268;
constexpr uint32_t kPermissions = 0777, kSpecial = 07000, kNone = 0xffffffff;

/// OwnedFiles::host_mode().
uint32_t host_mode(const Record& record) {
  if (record.is_directory) return record.mode | 0700;
  return record.mode | 0600 | ((record.mode & 0111) != 0 ? 0100 : 0);
}

const char* type_text(bool is_directory) { return is_directory ? "dir" : "file"; }

char* put_text(char* to, const char* text) {
  while (*text != 0)
    *to++ = *text++;
  return to;
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
uint64_t text_of(const Record& record, char* text) {
  char* at = put_digits(text, record.user, 10, 1);
  *at++ = ':';
  at = put_digits(at, record.group, 10, 1);
  *at++ = ':';
  at = put_digits(at, record.mode, 8, 4);
  *at++ = ':';
  at = put_text(at, type_text(record.is_directory));
  return static_cast<uint64_t>(at - text);
}

int64_t set_host_mode(Work& work, int64_t descriptor, uint32_t mode) {
  if (descriptor >= 0) {
    const uint64_t args[6] = {static_cast<uint64_t>(descriptor), mode};
    return issue_look(work, kCallChmodDescriptor, args);
  }
  // Of what is no link.
  const uint64_t args[6] = {base_descriptor(work), reinterpret_cast<uint64_t>(work.host), mode};
  return issue_look(work, kCallChmodAt, args);
}

bool look_at(Work& work, int64_t descriptor, Seen& seen) {
  alignas(8) char status[kStatusSize];
  if (see(work, descriptor, status) != 0) return false;
  seen = read_status(reinterpret_cast<uint64_t>(status), false);
  return true;
}

/// What is recorded of the file, or would be of one without record.
bool recall(Work& work, int64_t descriptor, Seen& seen, Record& record) {
  if (!look_at(work, descriptor, seen) || !may_be_plain(seen)) return false;
  const uint32_t type = seen.mode & kTypeMask;
  if (seen.user != memo().real_user || (type != kTypeFile && type != kTypeDirectory)) return false;
  // An attribute can only be written where the mode lets its owner write.
  if ((seen.mode & kSpecial) != 0 || (seen.mode & 0200) == 0) return false;
  const uint32_t group = seen.group == memo().real_group ? memo().shown_group : seen.group;
  record = {memo().shown_user, group, seen.mode & kPermissions, type == kTypeDirectory};
  const int64_t kind = find_records(work, descriptor);
  return kind == kNoRecord || (kind == kOneRecord && read_record(work, descriptor, seen, record));
}

int64_t write(Work& work, int64_t descriptor, const Seen& seen, const Record& record) {
  // The first user's own may need none.
  if (record.user == memo().shown_user || (record.mode & ~kPermissions) != 0) return kAskTracer;
  char text[kRecordRoom];
  const uint64_t size = text_of(record, text);
  const AttributeArguments rest{reinterpret_cast<uint64_t>(kOverride),
                                reinterpret_cast<uint64_t>(text), size};
  if (call_for_attributes(work, descriptor, kSet, rest) != 0) return kAskTracer;
  const uint32_t needed = host_mode(record);
  const bool has_mode = (seen.mode & kPermissions) == needed;
  if (!has_mode && set_host_mode(work, descriptor, needed) != 0) return kAskTracer;
  // Another thread, to which there was no record, may have changed the mode meanwhile.
  Seen after;
  const bool is_done =
      look_at(work, descriptor, after) && (after.mode & (kPermissions | kSpecial)) == needed;
  return is_done ? 0 : kAskTracer;
}

}  // namespace

int64_t record_owner(Work& work, int64_t descriptor, uint32_t user, uint32_t group) {
  work.reason = AskReason::record;
  Seen seen;
  Record record;
  if (!recall(work, descriptor, seen, record)) return kAskTracer;
  if (user != kNone) record.user = user;
  if (group != kNone) record.group = group;
  return write(work, descriptor, seen, record);
}

int64_t record_mode(Work& work, int64_t descriptor, uint32_t mode) {
  work.reason = AskReason::record;
  Seen seen;
  Record record;
  if (!recall(work, descriptor, seen, record)) return kAskTracer;
  record.mode = mode;
  return write(work, descriptor, seen, record);
}

}  // namespace nestp::gate
