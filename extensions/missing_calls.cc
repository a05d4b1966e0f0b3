#include "extensions/missing_calls.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <utility>

#include "arch/call_releases.h"
#include "fs/fd.h"

namespace nestp {
namespace {

/// Calls by path whose answer nestp itself gives.
constexpr Sys kAnswered[] = {Sys::faccessat2, Sys::statx};

bool has(const SysSet& set, Sys sys) { return set.test(static_cast<std::size_t>(sys)); }

Entry answer(Call& call, std::int64_t result) {
  call.result = result;
  return Entry::answered;
}

class ProcFacts final : public ThreadFacts {
 public:
  std::vector<std::pair<unsigned, bool>> descriptors(pid_t thread) const override {
    std::vector<std::pair<unsigned, bool>> all;
    const std::string place = "/proc/" + std::to_string(thread);
    DIR* const directory = opendir((place + "/fd").c_str());
    if (directory == nullptr) return all;
    while (const dirent* const entry = readdir(directory)) {
      const std::string_view name = entry->d_name;
      unsigned number = 0;
      const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), number);
      if (failure != std::errc() || end != name.data() + name.size()) continue;
      all.emplace_back(number, closes_on_exec(place + "/fdinfo/" + std::string(name)));
    }
    closedir(directory);
    std::sort(all.begin(), all.end());
    return all;
  }

  pid_t process_of(pid_t thread, int descriptor) const override {
    constexpr std::string_view kProc = "/proc/";
    const auto text =
        read_link("/proc/" + std::to_string(thread) + "/fd/" + std::to_string(descriptor));
    if (!text || !text->starts_with(kProc)) return 0;
    pid_t process = 0;
    const char* const end = text->data() + text->size();
    const auto [stop, failure] = std::from_chars(text->data() + kProc.size(), end, process);
    return failure == std::errc() && stop == end ? process : 0;
  }

 private:
  static bool closes_on_exec(const std::string& info) {
    const auto text = read_file(info);
    constexpr std::string_view kField = "flags:\t";
    const std::size_t at = text ? text->find(kField) : std::string::npos;
    if (at == std::string::npos) return false;
    return (std::strtoul(text->c_str() + at + kField.size(), nullptr, 8) & O_CLOEXEC) != 0;
  }
};

struct statx_timestamp time_of(const timespec& time) {
  struct statx_timestamp stamp {};
  stamp.tv_sec = time.tv_sec;
  stamp.tv_nsec = static_cast<std::uint32_t>(time.tv_nsec);
  return stamp;
}

/// struct statx is the same in every ABI.
struct statx statx_of(const struct stat& status) {
  struct statx shown {};
  shown.stx_mask = STATX_BASIC_STATS;
  shown.stx_blksize = static_cast<std::uint32_t>(status.st_blksize);
  shown.stx_nlink = static_cast<std::uint32_t>(status.st_nlink);
  shown.stx_uid = status.st_uid;
  shown.stx_gid = status.st_gid;
  shown.stx_mode = static_cast<std::uint16_t>(status.st_mode);
  shown.stx_ino = status.st_ino;
  shown.stx_size = static_cast<std::uint64_t>(status.st_size);
  shown.stx_blocks = static_cast<std::uint64_t>(status.st_blocks);
  shown.stx_atime = time_of(status.st_atim);
  shown.stx_mtime = time_of(status.st_mtim);
  shown.stx_ctime = time_of(status.st_ctim);
  shown.stx_rdev_major = major(status.st_rdev);
  shown.stx_rdev_minor = minor(status.st_rdev);
  shown.stx_dev_major = major(status.st_dev);
  shown.stx_dev_minor = minor(status.st_dev);
  return shown;
}

std::int64_t answer_statx(Call& call, const CallObject& object) {
  const auto status = object.follow ? stat_of(object.host) : lstat_of(object.host);
  if (!status) return -status.error().code();
  const struct statx shown = statx_of(*status);
  const auto done =
      call.memory.write(GuestAddress{call.args[4]}, std::as_bytes(std::span(&shown, 1)));
  return done ? 0 : -EFAULT;
}

std::int64_t answer_faccessat2(Call& call, const CallObject& object) {
  const auto flags = static_cast<int>(call.args[3]);
  if (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return -EINVAL;
  // A link itself may always be read; its mode means nothing.
  const auto itself = lstat_of(object.host);
  if (!object.follow && itself && S_ISLNK(itself->st_mode)) return 0;
  const auto mode = static_cast<int>(call.args[2]);
  return faccessat(AT_FDCWD, object.host.c_str(), mode, flags & AT_EACCESS) == 0 ? 0 : -errno;
}

/// Of futex(2), private ones.
bool lacks_private_futexes() {
  const std::uint32_t word = 0;
  return syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0) < 0 &&
         errno == ENOSYS;
}

bool is_missing(Sys sys) {
  if (sys == Sys::futex) return lacks_private_futexes();
  const std::int32_t number = number_of(*host_abis().front(), sys);
  if (number < 0) return false;
  // Nothing of this makes a valid call, but for eventfd2, which makes a descriptor.
  const long result = syscall(number, -1L, 0L, -1L, 0L, 0L, 0L);
  if (result >= 0) close(static_cast<int>(result));
  return result < 0 && errno == ENOSYS;
}

bool came_by(Sys sys, std::uint32_t limit) {
  const auto rows = call_releases();
  return std::none_of(rows.begin(), rows.end(), [&](const CallRelease& row) {
    return row.sys == sys && row.release > limit;
  });
}

}  // namespace

MissingCalls::MissingCalls(SysSet missing, std::unique_ptr<ThreadFacts> facts)
    : missing_(missing), facts_(std::move(facts)) {}

SysSet MissingCalls::missing_here(std::uint32_t release) {
  SysSet set;
  const auto look = [&](Sys sys) {
    if (came_by(sys, release) && is_missing(sys)) set.set(static_cast<std::size_t>(sys));
  };
  for (const SubstituteRow& row : call_substitutes())
    look(row.sys);
  std::for_each(std::begin(kAnswered), std::end(kAnswered), look);
  return set;
}

std::unique_ptr<ThreadFacts> MissingCalls::real_facts() { return std::make_unique<ProcFacts>(); }

SysSet MissingCalls::entries() const {
  SysSet set = missing_;
  for (const Sys sys : kAnswered)
    set.reset(static_cast<std::size_t>(sys));
  return set;
}

SysSet MissingCalls::objects() const {
  SysSet set;
  for (const Sys sys : {Sys::faccessat2, Sys::statx})
    set.set(static_cast<std::size_t>(sys), has(missing_, sys));
  // Resolved as the older call that it has become.
  set.set(static_cast<std::size_t>(Sys::renameat), has(missing_, Sys::renameat2));
  return set;
}

Entry MissingCalls::make_next(Call& call, UnderWay& state) {
  OlderCall older = state.substitute.calls[state.next];
  // Those after the first act on the descriptor that it gave.
  const bool is_later = state.next != 0 && !state.substitute.result;
  if (is_later) older.args[0] = static_cast<std::uint64_t>(state.first_result);
  ++state.next;
  call.sys = older.sys;
  call.args = older.args;
  call.wants_exit = true;
  return Entry::proceed;
}

Entry MissingCalls::on_entry(Call& call) {
  const auto found = under_way_.find(call.thread);
  if (found != under_way_.end()) {
    UnderWay& state = found->second;
    const bool goes_on = state.sys == call.sys && state.args == call.args && state.next != 0 &&
                         state.next < state.substitute.calls.size();
    if (goes_on) return make_next(call, state);
    under_way_.erase(found);  // a handler of the guest jumped out of it
  }
  const auto rows = call_substitutes();
  const auto row = std::find_if(rows.begin(), rows.end(), [&call](const SubstituteRow& candidate) {
    return candidate.sys == call.sys;
  });
  if (row == rows.end()) return Entry::proceed;
  Substitute made = row->make(call, *facts_);
  if (made.calls.empty()) return answer(call, made.result.value_or(-ENOSYS));
  const bool is_plain = made.calls.size() == 1 && !made.result && call.sys != Sys::renameat2;
  if (is_plain) {
    call.sys = made.calls.front().sys;
    call.args = made.calls.front().args;
    return Entry::proceed;
  }
  UnderWay& state = under_way_[call.thread];
  state = {.sys = call.sys, .args = call.args, .substitute = std::move(made)};
  return make_next(call, state);
}

Entry MissingCalls::on_objects(Call& call) {
  if (call.sys == Sys::renameat) {
    // RENAME_NOREPLACE; between this look and the call somebody might make the name.
    const auto found = under_way_.find(call.thread);
    const bool keeps = found != under_way_.end() && found->second.sys == Sys::renameat2 &&
                       (found->second.args[4] & 1) != 0 && call.objects.size() == 2;
    if (!keeps || !lstat_of(call.objects[1].host)) return Entry::proceed;
    under_way_.erase(found);
    return answer(call, -EEXIST);
  }
  if (call.objects.empty()) return Entry::proceed;
  const CallObject& object = call.objects.front();
  return answer(
      call, call.sys == Sys::statx ? answer_statx(call, object) : answer_faccessat2(call, object));
}

void MissingCalls::on_exit(Call& call) {
  const auto found = under_way_.find(call.thread);
  if (found == under_way_.end()) return;
  UnderWay& state = found->second;
  if (state.next == 1) state.first_result = call.result;
  const bool goes_on = call.result >= 0 && state.next < state.substitute.calls.size();
  if (goes_on) {
    call.repeats = true;
    return;
  }
  if (call.result >= 0) call.result = state.substitute.result.value_or(state.first_result);
  under_way_.erase(found);
}

}  // namespace nestp
