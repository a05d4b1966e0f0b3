// The fast path's handler: repeats, inside the guest, answers the tracer gave.
//
// Freestanding, on a slot's small stack, general registers only.  It changes
// one pointer of a call, or the call into one that follows no links, and never
// invents a result.  Whatever it does not know is the guest's own syscall
// instruction's matter, which stops for the tracer.  It may be cut short at any
// instruction (engine/ptrace/fast/unwind.cc): what it does before a call whose
// result is final can be done again.
#include "engine/gate/handler.h"

using namespace nestp::gate;

extern "C" uint64_t fast_handle(FastFrame* frame);

namespace {

constexpr uint64_t kCallStat = 4, kCallLstat = 6, kCallCreat = 85, kCallOpenAt = 257,
                   kCallOpenAt2 = 437;
constexpr uint64_t kAccessMode = 3, kCreate = 0100, kExclusive = 0200, kTruncate = 01000,
                   kLargeFile = 0100000, kNoFollowOpen = 0400000, kDirectoryOnly = 0200000,
                   kPathOnly = 010000000, kTemporary = 020000000, kCloseOnExec = 02000000;
constexpr uint64_t kKnownOpenFlags = 037777703;  // VALID_OPEN_FLAGS of <linux/fcntl.h>
constexpr uint64_t kSetIds = 07000;
constexpr uint64_t kNoSymlinks = 4;  // RESOLVE_NO_SYMLINKS

/// struct open_how of <linux/openat2.h>.
struct OpenHow {
  uint64_t flags, mode, resolve;
};

uint64_t status_buffer(const Work& work) {
  if (work.call.kind == FastKind::status_ex) return work.args[4];
  return work.args[work.call.flags != kNoArgument ? 2 : 1];
}

/// The call as it stands, of Work::host or of a descriptor.
int64_t finish_status(Work& work, uint64_t number, int64_t descriptor = -1) {
  if (memo().believes == 0) return issue_final(work, number);
  const int64_t result = issue_look(work, number, work.args);
  return show_owner(work, result, status_buffer(work), work.call.kind == FastKind::status_ex,
                    descriptor);
}

/// With AT_EMPTY_PATH: without a name it is fstat(2), with one of its kernel's own.
int64_t get_status_of_base(Work& work) {
  if (work.text[0] != 0) return kAskTracer;
  const auto descriptor = static_cast<int32_t>(work.args[0]);
  if (memo().believes != 0 && descriptor < 0) return kAskTracer;
  const bool is_fstat = work.call.kind == FastKind::status && descriptor >= 0 &&
                        work.args[work.call.flags] == kEmptyPath;
  if (!is_fstat) return finish_status(work, work.frame->rax, descriptor);
  // The kernel need not look for a name then, nor the filter at the arguments.
  work.call.flags = kNoArgument;
  work.args[1] = work.args[2];
  return finish_status(work, kCallFstat, descriptor);
}

constexpr int64_t kIsLink = kAskTracer + 1;

/// Of the place, or kIsLink.
int64_t get_status_of_no_link(Work& work) {
  const bool extended = work.call.kind == FastKind::status_ex;
  const uint64_t number = work.frame->rax, buffer = status_buffer(work);
  uint64_t args[6];
  __builtin_memcpy(args, work.args, sizeof args);
  if (work.call.flags != kNoArgument) args[work.call.flags] |= kNoFollow;
  const int64_t result = issue_look(work, number == kCallStat ? kCallLstat : number, args);
  if (result == 0 && is_link(buffer, extended ? kStatusExMode : kStatusMode)) return kIsLink;
  return memo().believes == 0 ? result : show_owner(work, result, buffer, extended, -1);
}

int64_t get_status(Work& work) {
  const uint64_t number = work.frame->rax;
  const bool has_flags = work.call.flags != kNoArgument;
  if (has_flags && (work.args[work.call.flags] & kEmptyPath) != 0) return get_status_of_base(work);
  if (!measure(work) || !find_place(work)) return kAskTracer;
  const bool keeps =
      number == kCallLstat || (has_flags && (work.args[work.call.flags] & kNoFollow));
  if (keeps) {
    place(work);
    return finish_status(work, number);
  }
  bool leads_on = work.may_be_link && find_exact(work, EntryKind::exact);
  for (;;) {
    place(work);
    if (leads_on && work.as_it_is) return finish_status(work, number);
    const int64_t result = get_status_of_no_link(work);
    if (result != kIsLink) return result;
    if (leads_on) return ask(work, AskReason::path);  // since it was found to lead there
    leads_on = find_exact(work, EntryKind::exact) || follow_last(work);
    if (!leads_on) return kAskTracer;
  }
}

/// openat2(2) refuses what open(2) ignores.
OpenHow open_how(uint64_t flags, uint64_t mode) {
  OpenHow how{};
  how.flags = flags & kKnownOpenFlags;
  if ((flags & kPathOnly) != 0) {
    how.flags &= kPathOnly | kDirectoryOnly | kNoFollowOpen | kCloseOnExec;
  } else {
    how.flags |= kLargeFile;  // as force_o_largefile() does
  }
  const bool makes = (flags & kCreate) != 0 || (flags & kTemporary & ~kDirectoryOnly) != 0;
  how.mode = makes ? mode & 07777 : 0;
  how.resolve = kNoSymlinks;
  return how;
}

int64_t open_without_links(Work& work, uint64_t flags, uint64_t mode) {
  OpenHow how = open_how(flags, mode);
  uint64_t args[6] = {};
  args[0] = base_descriptor(work);
  args[1] = reinterpret_cast<uint64_t>(work.host);
  args[2] = reinterpret_cast<uint64_t>(&how);
  args[3] = sizeof how;
  begin_final(work.slot, memo().believes != 0 ? kFinalUnlessDenied : 1, kErrorLoop);
  return issue(work.slot, kCallOpenAt2, args);
}

bool is_library_open(const Work& work, uint64_t flags) {
  const uint64_t after = work.frame->after;
  const auto name_at = static_cast<uint64_t>(work.last_slash + 1);
  if (!names_c_library(work.text + name_at, work.size - name_at)) return false;
  return after >= process().linker_start && after < process().linker_end && work.is_absolute &&
         flags == kCloseOnExec;
}

/// ld.so is given a copy of the library, patched like itself.  A guest that
/// cannot open that gets the file.
int64_t open_library(Work& work) {
  if (!find_exact(work, EntryKind::library)) return kAskTracer;
  uint64_t args[6] = {static_cast<uint64_t>(kAtFdCwd), reinterpret_cast<uint64_t>(work.host),
                      kCloseOnExec};
  begin_final(work.slot, kFinalIfGood, 0);
  const int64_t result = issue(work.slot, kCallOpenAt, args);
  work.slot->is_final = result < 0 ? 0 : kFinalIfGood;
  return result < 0 ? kAskTracer : result;
}

/// To who believes to be root a record makes a file a device at most, and a directory nothing else.
bool opens_as_it_is(Work& work, uint64_t flags) {
  if ((flags & kDirectoryOnly) == 0) return is_what_it_seems(work);
  return !is_closed_directory(work) || no(work, AskReason::permission);
}

int64_t open_file(Work& work) {
  const uint64_t number = work.frame->rax;
  if (memo().use_openat2 == 0 || number == kCallCreat) return kAskTracer;
  const uint64_t flags = static_cast<uint32_t>(work.args[work.call.flags]);
  const uint64_t mode = work.args[work.call.flags + 1];
  // With O_PATH the kernel forgets these, and follows the last link.
  if ((flags & kPathOnly) != 0 && (flags & kCreate) != 0) return kAskTracer;
  const bool creates_anew = (flags & kCreate) != 0 && (flags & kExclusive) != 0;
  const bool writes = (flags & kAccessMode) != 0 || (flags & (kCreate | kTruncate)) != 0;
  // Somebody may run what is to be written, which the kernel, to whom a loader runs,
  // does not see.
  if (writes && !creates_anew) return ask(work, AskReason::change);
  if ((flags & (kCreate | kDirectoryOnly)) == (kCreate | kDirectoryOnly)) return kAskTracer;
  work.call.writes = writes;
  if (!measure(work)) return kAskTracer;
  if (is_library_open(work, flags)) return open_library(work);
  if (!find_place(work)) return kAskTracer;
  const bool keeps = (flags & kNoFollowOpen) != 0 || creates_anew;
  if (work.may_be_link && !keeps) (void)find_exact(work, EntryKind::exact);
  // What is made may have to be recorded, and what has a record need not be what it seems.
  const bool believes = memo().believes != 0;
  if (believes && creates_anew && ((mode & kSetIds) != 0 || !makes_no_record(work))) {
    return ask(work, AskReason::record);
  }
  if (believes && !creates_anew && !opens_as_it_is(work, flags)) return kAskTracer;
  if (keeps && !work.kernel_walks) {
    place(work);
    return issue_guests(work);
  }
  int64_t result = open_without_links(work, flags, mode);
  if (result == kErrorLoop) {
    work.slot->is_final = 0;
    if (!find_exact(work, EntryKind::exact) && !follow_last(work)) return kAskTracer;
    if (believes && !opens_as_it_is(work, flags)) return kAskTracer;
    result = open_without_links(work, flags, mode);
  }
  if (result != kErrorLoop && !(believes && is_denied(result))) return result;
  work.slot->is_final = 0;
  return ask(work, result == kErrorLoop ? AskReason::path : AskReason::permission);
}

/// access(2) for execution, which root has only if anybody has: records know.
bool asks_to_run(const Work& work) {
  constexpr uint64_t kExecute = 1;
  return memo().believes != 0 && work.call.kind == FastKind::exact &&
         (work.args[work.call.path + 1u] & kExecute) != 0;
}

/// chmod(2) and its kin.
bool sets_mode(const Work& work) {
  constexpr uint64_t kCallChmod = 90, kCallChmodAt = 268, kCallChmodAt2 = 452;
  const uint64_t number = work.frame->rax;
  return number == kCallChmod || number == kCallChmodAt || number == kCallChmodAt2;
}

/// Those that may close a directory to somebody.
bool may_hide(const Work& work) {
  return sets_mode(work) && hides_names(work.args[work.call.path + 1u]);
}

int64_t change_mode_of_descriptor(Work& work) {
  if ((process().flags & kProcessReadOnly) != 0) return ask(work, AskReason::change);
  const auto descriptor = static_cast<int32_t>(work.args[0]);
  if (hides_names(work.args[1])) {
    alignas(8) char status[kStatusSize];
    const bool is_known = descriptor >= 0 && see(work, descriptor, status) == 0;
    if (!is_known || type_of(status) == kTypeDirectory) return ask(work, AskReason::change);
  }
  if (memo().believes == 0) return issue_guests(work);
  return descriptor < 0 ? kAskTracer : set_mode(work, descriptor, work.args[1]);
}

int64_t change_by_path(Work& work) {
  place(work);
  if (memo().believes != 0 && sets_mode(work)) {
    return set_mode(work, -1, work.args[work.call.path + 1u]);
  }
  return issue_guests(work);
}

int64_t follow_path(Work& work) {
  const bool has_flags = work.call.flags != kNoArgument;
  const uint64_t flags = has_flags ? work.args[work.call.flags] : 0;
  if (has_flags && (flags & (kEmptyPath | kFollow)) != 0) return kAskTracer;
  if (asks_to_run(work) || !measure(work)) return kAskTracer;
  const bool may_hide_names = may_hide(work);
  const bool keeps = has_flags && (flags & kNoFollow) != 0;
  if (may_hide_names && keeps) return kAskTracer;
  if (!may_hide_names && !keeps && find_exact(work, EntryKind::exact)) return change_by_path(work);
  if (work.call.kind == FastKind::exact && !keeps &&
      is_frequent(work, EntryKind::exact, work.size, 32)) {
    return ask(work, AskReason::path);
  }
  if (!find_place(work)) return kAskTracer;
  if (is_acl_call(work)) {
    place(work);
    const int64_t result = issue_look(work, kCallGetKeep, work.args);
    if (result != kErrorNotSupported) return result;
  }
  if (!keeps) {
    // An errno may belong to another rule of the call, so it is not handed on.  Where nothing is,
    // no link is either: the call itself will tell.
    const int64_t seen = look(work, may_hide_names ? kTypeDirectory : kTypeLink);
    const bool is_other = seen != 0 && seen != kErrorNoEntry;
    if (is_other && (seen != kAskTracer || may_hide_names || !follow_last(work))) return kAskTracer;
  }
  return change_by_path(work);
}

int64_t keep_path(Work& work) {
  if (work.call.flags != kNoArgument && work.args[work.call.flags] != 0) return kAskTracer;
  if (!measure(work) || !find_place(work)) return kAskTracer;
  if (work.call.writes != 0 && memo().believes != 0) {  // a directory is made
    constexpr uint64_t kOwners = 0700;
    const bool is_open = (work.args[work.call.path + 1u] & kOwners) == kOwners;
    if (!is_open || !makes_no_record(work)) return ask(work, AskReason::record);
  }
  place(work);
  return issue_guests(work);
}

/// An entry that is no link leads nowhere: whoever knew it knows no less without it.
int64_t remove_entry(Work& work) {
  if (work.call.flags != kNoArgument && work.args[work.call.flags] != 0) {
    return ask(work, AskReason::change);
  }
  if (!measure(work) || !find_place(work)) return kAskTracer;
  if (look(work) == kAskTracer) return ask(work, AskReason::change);
  if (memo().believes != 0 && !is_unrecorded_elsewhere(work)) return kAskTracer;
  place(work);
  return issue_guests(work);
}

int64_t get_directory(Work& work) {
  const uint64_t base = process().directory;
  if (base == 0) return ask(work, AskReason::path);
  const MemoEntry* entry = find(EntryKind::working, process().context, base, nullptr, 0);
  if (entry == nullptr) return ask(work, AskReason::path);
  const uint32_t seen = entry->host_size + 1u;
  if (work.args[1] < seen) return kErrorRange;
  copy_bytes(reinterpret_cast<char*>(work.args[0]), host_of(entry), seen);
  return static_cast<int64_t>(seen);
}

int64_t answer(Work& work) {
  switch (work.call.kind) {
    case FastKind::status:
    case FastKind::status_ex:
      return get_status(work);
    case FastKind::open:
      return open_file(work);
    case FastKind::exact:
    case FastKind::generic:
      return follow_path(work);
    case FastKind::keep:
      return keep_path(work);
    case FastKind::directory:
      return get_directory(work);
    case FastKind::remove:
      return remove_entry(work);
    case FastKind::descriptor_mode:
      return change_mode_of_descriptor(work);
    case FastKind::descriptor_status:
      return get_status_of_descriptor(work);
    case FastKind::listing:
      return list_directory(work);
    case FastKind::attribute:
      return get_attribute(work);
    case FastKind::owner:
      return change_owner(work);
    case FastKind::user:
      return memo().shown_user;
    case FastKind::group:
      return memo().shown_group;
    case FastKind::thread:
      return make_thread(work);
    case FastKind::none:
      break;
  }
  return kAskTracer;
}

}  // namespace

uint64_t fast_handle(FastFrame* frame) {
  const uint64_t index = (reinterpret_cast<uint64_t>(frame) - kFastSlots) / kFastSlotSize;
  auto* slot = reinterpret_cast<FastSlot*>(kFastSlots + index * kFastSlotSize);
  slot->is_final = 0;
  slot->has_result = 0;
  slot->done = 0;
  slot->birth = 0;
  // Until here the slot tells of the call before.
  asm volatile("" ::: "memory");
  frame->target = frame->after - 2;
  asm volatile("" ::: "memory");
  if (frame->rax >= kFastCalls) return 0;
  const bool counts = (process().flags & kProcessCounts) != 0 && process().memo_missing == 0;
  if (process().context == 0) {
    if (counts) ++memo().asked[frame->rax][static_cast<uint32_t>(AskReason::suspended)];
    return 0;
  }
  Work work;
  work.slot = slot;
  work.frame = frame;
  work.call = memo().calls[frame->rax];
  if (work.call.kind == FastKind::none) return 0;
  work.args[0] = frame->rdi;
  work.args[1] = frame->rsi;
  work.args[2] = frame->rdx;
  work.args[3] = frame->r10;
  work.args[4] = frame->r8;
  work.args[5] = frame->r9;
  work.text = nullptr;
  work.reason = AskReason::arguments;
  if (work.call.path != kNoArgument) {
    work.text = reinterpret_cast<const char*>(work.args[work.call.path]);
    if (work.text == nullptr) return 0;
  }
  const uint64_t number = frame->rax;
  const int64_t result = answer(work);
  if (result == kAskTracer) {
    if (counts) ++memo().asked[number][static_cast<uint32_t>(work.reason)];
    return 0;
  }
  if (counts) ++memo().answered[number];
  // Until it is done, rax is the call's number: by that it would be made again.
  slot->result = result;
  asm volatile("" ::: "memory");
  slot->done = 1;
  asm volatile("" ::: "memory");
  frame->rax = static_cast<uint64_t>(result);
  frame->target = frame->after;
  return 0;
}
