// Whose files are whose for a guest that believes to be root: what the host says,
// with the person's own ids shown as root's, unless a record may say otherwise.
//
// Records are attributes of the file, or are kept elsewhere; of the latter the
// memo knows the inodes.  A file without either is answered here.
#include "engine/gate/handler_records.h"

namespace nestp::gate {
namespace {

constexpr uint64_t kCallGetDescriptor = 193;

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

/// Of struct stat and struct statx, whose two bytes are followed by others.
void put_mode(uint64_t buffer, uint32_t offset, uint32_t mode) {
  const auto bytes = static_cast<uint16_t>(mode);
  __builtin_memcpy(reinterpret_cast<char*>(buffer) + offset, &bytes, sizeof bytes);
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
  const uint64_t visits = visits_and_writes();
  const StatusLayout& layout = extended ? kStatusEx : kStatus;
  if (!is_plain(work, seen, descriptor)) {
    Record record;
    if (!read_record(work, descriptor, seen, record)) return ask(work, AskReason::record);
    put_number(buffer, layout.user, record.user);
    put_number(buffer, layout.group, record.group);
    put_mode(buffer, layout.mode, (seen.mode & kTypeMask) | record.mode);
    return 0;
  }
  if (descriptor < 0 && work.text != nullptr) remember_plain(work, seen, visits);
  if (seen.user == memo().real_user) put_number(buffer, layout.user, memo().shown_user);
  if (seen.group == memo().real_group) put_number(buffer, layout.group, memo().shown_group);
  return 0;
}

bool is_what_it_seems(Work& work) {
  work.reason = AskReason::record;
  if (!knows_records()) return false;
  const int64_t found = find_records(work, -1);
  if (found == kAskTracer || is_denied(found)) return false;
  if (found <= 0 && memo().has_recorded == 0) return true;
  alignas(8) char status[kStatusSize];
  // What cannot be seen has its errno from the call itself.
  if (see(work, -1, status) != 0) return true;
  const Seen seen = read_status(reinterpret_cast<uint64_t>(status), false);
  if (is_recorded_elsewhere(seen)) return false;
  Record record;
  return found <= 0 || read_record(work, -1, seen, record);
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
  if (!knows_records() || slash == 0 || slash == kNoPlace) return false;
  char* const begin = room(work.slot);
  const bool is_in_room = host == begin;
  // Behind what name_by_descriptor() writes, which copies it.
  constexpr int64_t kHalf = kFastRoom / 2;
  char* const parent = is_in_room ? begin : begin + kHalf;
  if (!is_in_room) {
    if (slash + 64 > kHalf) return false;
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
    Record record;
    makes_none = (seen.mode & kTypeMask) == kTypeDirectory && !gives_group &&
                 (is_plain(work, seen, -1) ||
                  (read_record(work, -1, seen, record) && (record.mode & kSetGroup) == 0));
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
  if (seen.user != memo().real_user || !may_be_plain(seen)) return ask(work, AskReason::record);
  Held held;
  if (!hold(work, seen.inode, held)) return ask(work, AskReason::record);
  const int64_t kind = find_records(work, descriptor);
  int64_t result = ask(work, AskReason::record);
  if (kind == kNoRecord && is_free) {
    result = issue_look(work, work.frame->rax, work.args);
    if (is_denied(result)) result = ask(work, AskReason::permission);
    // Another session may have recorded the former mode, or the path lead elsewhere.
    if (result == 0 && find_records(work, descriptor) != kNoRecord) {
      result = ask(work, AskReason::record);
    }
  } else if (kind == kOneRecord && descriptor >= 0) {
    result = record_mode(work, descriptor, static_cast<uint32_t>(mode) & 07777);
  }
  let_go(held);
  return result;
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
  const auto user = static_cast<uint32_t>(ids[0]), group = static_cast<uint32_t>(ids[1]);
  if (keeps_owner(work, descriptor, ids)) return issue_guests(work);
  return has_path ? ask(work, AskReason::record) : record_owner(work, descriptor, user, group);
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
