#include "extensions/call_substitutes.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <linux/futex.h>
#include <sched.h>
#include <string>
#include <unistd.h>

#include "fs/fd.h"

namespace nestp {
namespace {

Substitute fail(int error) { return {.calls = {}, .result = -error}; }

Substitute one(Sys sys, std::array<std::uint64_t, 6> args) {
  return {.calls = {{sys, args}}, .result = {}};
}

/// `first` gives a descriptor; then the flags that it could not take.  The descriptor's number is
/// put in place of the first argument of the later calls.
Substitute with_flags(OlderCall first, std::uint64_t flags) {
  Substitute made{.calls = {first}, .result = {}};
  if (flags & ~static_cast<std::uint64_t>(O_CLOEXEC | O_NONBLOCK)) return fail(EINVAL);
  if (flags & O_CLOEXEC) made.calls.push_back({Sys::fcntl, {0, F_SETFD, FD_CLOEXEC}});
  if (flags & O_NONBLOCK) made.calls.push_back({Sys::fcntl, {0, F_SETFL, O_RDWR | O_NONBLOCK}});
  return made;
}

Substitute of_dup3(Call& call, const ThreadFacts&) {
  const auto& args = call.args;
  if (static_cast<int>(args[0]) == static_cast<int>(args[1]) || (args[2] & O_NONBLOCK)) {
    return fail(EINVAL);
  }
  return with_flags({Sys::dup2, {args[0], args[1]}}, args[2]);
}

Substitute of_accept4(Call& call, const ThreadFacts&) {
  const auto& args = call.args;
  return with_flags({Sys::accept, {args[0], args[1], args[2]}}, args[3]);
}

Substitute of_epoll_create1(Call& call, const ThreadFacts&) {
  return with_flags({Sys::epoll_create, {1}}, call.args[0]);
}

Substitute of_inotify_init1(Call& call, const ThreadFacts&) {
  return with_flags({Sys::inotify_init, {}}, call.args[0]);
}

Substitute of_eventfd2(Call& call, const ThreadFacts&) {
  return with_flags({Sys::eventfd, {call.args[0]}}, call.args[1]);
}

Substitute of_signalfd4(Call& call, const ThreadFacts&) {
  const auto& args = call.args;
  return with_flags({Sys::signalfd, {args[0], args[1], args[2]}}, args[3]);
}

Substitute of_renameat2(Call& call, const ThreadFacts&) {
  const auto& args = call.args;
  // What a file system without them says (EINVAL); RENAME_NOREPLACE is seen to by the caller.
  if (args[4] & ~std::uint64_t{1}) return fail(EINVAL);
  return one(Sys::renameat, {args[0], args[1], args[2], args[3]});
}

Substitute of_fchmodat2(Call& call, const ThreadFacts&) {
  const auto& args = call.args;
  if (args[3] != 0) return fail(EOPNOTSUPP);
  return one(Sys::fchmodat, {args[0], args[1], args[2]});
}

Substitute of_openat2(Call& call, const ThreadFacts&) {
  struct {
    std::uint64_t flags, mode, resolve;
  } how{};
  const auto& args = call.args;
  if (args[3] < sizeof how) return fail(EINVAL);
  if (!call.memory.read(GuestAddress{args[2]}, std::as_writable_bytes(std::span(&how, 1)))) {
    return fail(EFAULT);
  }
  // An older kernel cannot keep them; programs that use them know how to do without.
  if (how.resolve != 0) return fail(ENOSYS);
  return one(Sys::openat, {args[0], args[1], how.flags, how.mode});
}

Substitute of_vector_call(Call& call, Sys at_offset, Sys at_position) {
  const auto& args = call.args;
  if (args[5] != 0) return fail(EOPNOTSUPP);  // RWF_*
  const bool is_position = static_cast<std::int64_t>(args[3]) == -1 ||
                           (call.abi->word_size == 4 && args[3] == 0xffffffff);
  if (is_position) return one(at_position, {args[0], args[1], args[2]});
  return one(at_offset, {args[0], args[1], args[2], args[3], args[4]});
}

Substitute of_preadv2(Call& call, const ThreadFacts&) {
  return of_vector_call(call, Sys::preadv, Sys::readv);
}

Substitute of_pwritev2(Call& call, const ThreadFacts&) {
  return of_vector_call(call, Sys::pwritev, Sys::writev);
}

Substitute of_getrandom(Call& call, const ThreadFacts&) {
  constexpr std::uint64_t kFlags = 7;         // GRND_*
  constexpr std::uint64_t kMost = 1UL << 20;  // bytes; a caller must take less than it wished
  const std::uint64_t wanted = std::min(call.args[1], kMost);
  if (call.args[2] & ~kFlags) return fail(EINVAL);
  std::string bytes(wanted, '\0');
  // The call is missing for nestp, too.
  const auto source = open_at(AT_FDCWD, "/dev/urandom", O_RDONLY);
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t got = source ? read(source->get(), bytes.data() + done, bytes.size() - done) : -1;
    if (got <= 0) return fail(EAGAIN);
    done += static_cast<std::size_t>(got);
  }
  if (!call.memory.write(GuestAddress{call.args[0]}, std::as_bytes(std::span(bytes)))) {
    return fail(EFAULT);
  }
  return {.calls = {}, .result = static_cast<std::int64_t>(wanted)};
}

Substitute of_memfd_create(Call& call, const ThreadFacts&) {
  constexpr std::uint64_t kCloseOnExec = 1, kAllowSealing = 2;  // MFD_*
  if (call.args[1] & ~(kCloseOnExec | kAllowSealing)) return fail(EINVAL);
  const std::uint64_t directory = call.memory.place("/tmp");
  if (directory == 0) return fail(ENOMEM);
  const OpenFlags& flags = call.abi->open_flags;
  std::uint64_t how = O_RDWR | flags.temporary | flags.directory;
  if (call.args[1] & kCloseOnExec) how |= flags.close_on_exec;
  return one(Sys::openat, {static_cast<std::uint64_t>(AT_FDCWD), directory, how, 0600});
}

Substitute of_copy_file_range(Call& call, const ThreadFacts&) {
  const auto& args = call.args;
  if (args[5] != 0) return fail(EINVAL);
  // sendfile(2) writes at the file's own position only; all callers know what EXDEV means.
  if (args[3] != 0) return fail(EXDEV);
  const Sys sys = call.abi->word_size == 8 ? Sys::sendfile : Sys::sendfile64;
  return one(sys, {args[2], args[0], args[1], args[4]});
}

Substitute of_epoll_pwait2(Call& call, const ThreadFacts&) {
  const auto& args = call.args;
  std::uint64_t wait = static_cast<std::uint64_t>(-1);  // milliseconds
  if (args[3] != 0) {
    std::array<std::int64_t, 2> time{};  // seconds and nanoseconds, in every ABI
    if (!call.memory.read(GuestAddress{args[3]}, std::as_writable_bytes(std::span(time)))) {
      return fail(EFAULT);
    }
    constexpr std::int64_t kPerSecond = 1'000'000'000, kPerMillisecond = 1'000'000;
    if (time[0] < 0 || time[1] < 0 || time[1] >= kPerSecond) return fail(EINVAL);
    constexpr std::int64_t kMost = std::numeric_limits<int>::max();
    const std::int64_t whole = std::min(time[0], kMost / 1000 - 1) * 1000;
    wait = static_cast<std::uint64_t>(whole + (time[1] + kPerMillisecond - 1) / kPerMillisecond);
  }
  return one(Sys::epoll_pwait, {args[0], args[1], args[2], wait, args[4], args[5]});
}

Substitute of_close_range(Call& call, const ThreadFacts& facts) {
  constexpr std::uint64_t kUnshare = 2, kCloseOnExec = 4;  // CLOSE_RANGE_*
  const auto first = static_cast<unsigned>(call.args[0]);
  const auto last = static_cast<unsigned>(call.args[1]);
  if (first > last || (call.args[2] & ~(kUnshare | kCloseOnExec))) return fail(EINVAL);
  Substitute made{.calls = {}, .result = 0};
  if (call.args[2] & kUnshare) made.calls.push_back({Sys::unshare, {CLONE_FILES}});
  for (const auto& [descriptor, closes] : facts.descriptors(call.thread)) {
    if (descriptor < first || descriptor > last) continue;
    if (!(call.args[2] & kCloseOnExec)) {
      made.calls.push_back({Sys::close, {descriptor}});
    } else if (!closes) {
      made.calls.push_back({Sys::fcntl, {descriptor, F_SETFD, FD_CLOEXEC}});
    }
  }
  return made;
}

/// A directory of /proc stands for a process, and dies with it.
Substitute of_pidfd_open(Call& call, const ThreadFacts&) {
  const auto process = static_cast<std::int32_t>(call.args[0]);
  if (process <= 0 || (call.args[1] & ~static_cast<std::uint64_t>(O_NONBLOCK))) return fail(EINVAL);
  const std::uint64_t name = call.memory.place("/proc/" + std::to_string(process));
  if (name == 0) return fail(ENOMEM);
  const OpenFlags& flags = call.abi->open_flags;
  return one(Sys::openat, {static_cast<std::uint64_t>(AT_FDCWD), name,
                           flags.directory | flags.close_on_exec, 0});
}

Substitute of_pidfd_send_signal(Call& call, const ThreadFacts& facts) {
  const auto& args = call.args;
  const pid_t process = facts.process_of(call.thread, static_cast<int>(args[0]));
  if (process == 0) return fail(EBADF);
  if (args[3] != 0) return fail(EINVAL);
  const auto id = static_cast<std::uint64_t>(process);
  if (args[2] == 0) return one(Sys::kill, {id, args[1]});
  return one(Sys::rt_sigqueueinfo, {id, args[1], args[2]});
}

Substitute of_clone3(Call& call, const ThreadFacts&) {
  struct {
    std::uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
  } asked{};
  if (call.args[1] < sizeof asked) return fail(EINVAL);
  if (!call.memory.read(GuestAddress{call.args[0]}, std::as_writable_bytes(std::span(&asked, 1)))) {
    return fail(EFAULT);
  }
  // What clone(2) has no room for: 64-bit flags, and a process's descriptor.
  constexpr std::uint64_t kSignal = 0xff;
  if ((asked.flags >> 32) != 0 || (asked.flags & (kSignal | CLONE_PIDFD)) != 0) return fail(EINVAL);
  if (asked.exit_signal > kSignal) return fail(EINVAL);
  const std::uint64_t flags = asked.flags | asked.exit_signal;
  const std::uint64_t stack = asked.stack == 0 ? 0 : asked.stack + asked.stack_size;
  // The order of the last two is each ABI's own (CONFIG_CLONE_BACKWARDS).
  const bool has_tls_last = call.abi == &kAbiX64;
  return one(Sys::clone,
             {flags, stack, asked.parent_tid, has_tls_last ? asked.child_tid : asked.tls,
              has_tls_last ? asked.tls : asked.child_tid});
}

/// Private futexes (Linux 2.6.22) are faster ones and no others.
Substitute of_futex(Call& call, const ThreadFacts&) {
  auto args = call.args;
  args[1] &= ~std::uint64_t{FUTEX_PRIVATE_FLAG};
  return one(Sys::futex, args);
}

constexpr SubstituteRow kRows[] = {
    {Sys::accept4, of_accept4},
    {Sys::clone3, of_clone3},
    {Sys::close_range, of_close_range},
    {Sys::copy_file_range, of_copy_file_range},
    {Sys::dup3, of_dup3},
    {Sys::epoll_create1, of_epoll_create1},
    {Sys::epoll_pwait2, of_epoll_pwait2},
    {Sys::eventfd2, of_eventfd2},
    {Sys::fchmodat2, of_fchmodat2},
    {Sys::futex, of_futex},
    {Sys::getrandom, of_getrandom},
    {Sys::inotify_init1, of_inotify_init1},
    {Sys::memfd_create, of_memfd_create},
    {Sys::openat2, of_openat2},
    {Sys::pidfd_open, of_pidfd_open},
    {Sys::pidfd_send_signal, of_pidfd_send_signal},
    {Sys::preadv2, of_preadv2},
    {Sys::pwritev2, of_pwritev2},
    {Sys::renameat2, of_renameat2},
    {Sys::signalfd4, of_signalfd4},
};

}  // namespace

std::span<const SubstituteRow> call_substitutes() { return kRows; }

}  // namespace nestp
