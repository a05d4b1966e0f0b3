// What the host and records say of a file, for a guest that believes to be root.
#pragma once

#include "engine/gate/handler.h"

namespace nestp::gate {

/// Offsets of what is looked at and changed.
struct StatusLayout {
  uint32_t mode, user, group, inode, changed;  ///< `changed`: seconds, then nanoseconds
};
inline constexpr StatusLayout kStatus{kStatusMode, 28, 32, 8, 104};
inline constexpr StatusLayout kStatusEx{kStatusExMode, 20, 24, 32, 96};
inline constexpr uint32_t kStatusExMask = 0, kStatusExMajor = 136, kStatusExMinor = 140;
inline constexpr uint32_t kSetUser = 04000, kSetGroup = 02000;
inline constexpr uint32_t kNeededMask = 0x11b;  // STATX_TYPE, MODE, UID, GID and INO
inline constexpr uint32_t kChangedMask = 0x80;  // STATX_CTIME

template <typename Number>
Number number_at(uint64_t buffer, uint32_t offset) {
  Number number;
  __builtin_memcpy(&number, reinterpret_cast<const char*>(buffer) + offset, sizeof number);
  return number;
}
inline void put_number(uint64_t buffer, uint32_t offset, uint32_t number) {
  __builtin_memcpy(reinterpret_cast<char*>(buffer) + offset, &number, sizeof number);
}

/// A file as a call has just shown it.
struct Seen {
  uint64_t device, inode;
  uint32_t mode, user, group;
  int64_t changed;        ///< seconds; 0: not known
  uint32_t changed_rest;  ///< nanoseconds
};

/// Of a struct stat, or statx if `extended`.
Seen read_status(uint64_t buffer, bool extended);

/// MemoHeader::recorded is complete.
bool knows_records();
/// By the memo, which may be wrong unless it is complete.
bool is_recorded_elsewhere(const Seen& seen);
/// Nothing but an attribute of its can say otherwise.
bool may_be_plain(const Seen& seen);
/// The attribute that the tracer keeps a record in (XattrStore).
inline constexpr char kOverride[] = "user.containers.override_stat";
/// Attributes of a file that may be records: none, that one alone, others too.
inline constexpr int64_t kNoRecord = 0, kOneRecord = 1, kManyRecords = 2;
/// Of these; or an errno, or kAskTracer.
/// `descriptor`, here and below: of which file; negative: that at Work::host.
int64_t find_records(Work& work, int64_t descriptor);

/// What the attribute says of a file or a directory.
struct Record {
  uint32_t user, group, mode;  ///< `mode`: without the type
};
inline constexpr uint32_t kRecordRoom = 64;  ///< bytes of a record's text, with a NUL
inline const char* record_type(const Seen& seen) {
  return (seen.mode & kTypeMask) == kTypeDirectory ? "dir" : "file";
}
/// False: there is none, or it makes the file another kind of file.
bool read_record(Work& work, int64_t descriptor, const Seen& seen, Record& record);

/// No record says anything of it.
bool is_plain(Work& work, const Seen& seen, int64_t descriptor);
/// The same without a look at the file first.
bool has_no_record(Work& work, int64_t descriptor);
/// Changes whenever a guest may have made a record, or the tracer for it.
uint64_t visits_and_writes();
/// For the calls that programs such as ls(1) make next, about the same file.  A link is another
/// matter, as one call follows it and another does not.
void remember_plain(const Work& work, const Seen& seen, uint64_t visits);

// ---- handler_changes.cc ---------------------------------------------------------

/// From hold() on nobody else of the session changes the record of a file with that inode number.
/// False: somebody does, or it cannot be told.
struct Held {
  uint32_t* place;
  uint32_t thread;
};
bool hold(Work& work, uint64_t inode, Held& held);
void let_go(const Held& held);

/// fchown(2), where a record must tell: written if the tracer would do no more.
int64_t record_owner(Work& work, int64_t descriptor, uint32_t user, uint32_t group);
/// fchmod(2) of a file with one record, which the caller holds.
int64_t record_mode(Work& work, int64_t descriptor, uint32_t mode);

}  // namespace nestp::gate
