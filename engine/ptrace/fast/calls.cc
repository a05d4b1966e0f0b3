#include "engine/ptrace/fast/calls.h"

#include "arch/syscall_table.h"

namespace nestp {
namespace {

using gate::FastCall;
using gate::FastKind;

constexpr FastCall kTracers{
    FastKind::none, gate::kNoArgument, gate::kNoArgument, gate::kNoArgument, 0, 0};

bool is_one_path(ArgKind kind) {
  return kind == ArgKind::path || kind == ArgKind::name || kind == ArgKind::new_entry;
}

/// Kinds of arguments that mean more than the handler knows.
bool is_foreign(ArgKind kind) {
  switch (kind) {
    case ArgKind::none:
    case ArgKind::value:
    case ArgKind::size:
    case ArgKind::dirfd:
    case ArgKind::path:
    case ArgKind::name:
    case ArgKind::new_entry:
    case ArgKind::path_out:
    case ArgKind::open_flags:
    case ArgKind::access_mode:
    case ArgKind::at_flags:
      return false;
    default:
      return true;
  }
}

/// What the row cannot say: which results tell a link, what is done to which file system.
FastKind kind_of(const SyscallRow& row) {
  switch (row.sys) {  // NOLINT: all others by their path
    case Sys::stat:
    case Sys::lstat:
    case Sys::newfstatat:
      return FastKind::status;
    case Sys::statx:
      return FastKind::status_ex;
    case Sys::open:
    case Sys::openat:
      return FastKind::open;
    case Sys::access:
    case Sys::faccessat:
    case Sys::faccessat2:
      return FastKind::exact;
    case Sys::getcwd:
      return FastKind::directory;
    // A program that runs must not be cut; what statfs(2) shows depends on the binding.
    case Sys::truncate:
    case Sys::statfs:
    case Sys::symlink:
    case Sys::symlinkat:
    case Sys::acct:
    case Sys::swapon:
    case Sys::swapoff:
    case Sys::quotactl:
    case Sys::uselib:
    case Sys::mknod:
    case Sys::mknodat:
    case Sys::creat:
      return FastKind::none;
    default:
      return FastKind::generic;
  }
}

FastCall fast_call(const SyscallRow& row) {
  FastCall call = kTracers;
  if (row.sys == Sys::getcwd) {
    call.kind = FastKind::directory;
    return call;
  }
  if (row.special != Special::none || row.when != When::always) return call;
  for (std::size_t place = 0; place < row.args.size(); ++place) {
    const ArgKind kind = row.args[place];
    const auto i = static_cast<std::uint8_t>(place);
    if (is_foreign(kind)) return kTracers;
    if (kind == ArgKind::dirfd) call.dirfd = i;
    if (kind == ArgKind::open_flags || kind == ArgKind::at_flags) call.flags = i;
    if (!is_one_path(kind)) continue;
    if (call.path != gate::kNoArgument) return kTracers;
    call.path = i;
    call.kind = kind_of(row);
    if (call.kind == FastKind::generic && kind != ArgKind::path) call.kind = FastKind::keep;
    call.writes = row.change == Change::object || row.change == Change::by_access_mode ||
                  kind == ArgKind::new_entry;
  }
  return call.path == gate::kNoArgument ? kTracers : call;
}

/// Calls whose rows say enough, and which are the same in any world but for owners and refusals.
constexpr Sys kSharedCalls[] = {
    Sys::stat,       Sys::lstat,  Sys::newfstatat, Sys::statx,      Sys::open,
    Sys::openat,     Sys::access, Sys::faccessat,  Sys::faccessat2, Sys::readlink,
    Sys::readlinkat, Sys::mkdir,  Sys::chmod,      Sys::fchmodat,   Sys::fchmodat2,
    Sys::utimensat,  Sys::utimes, Sys::mkdirat,    Sys::utime,      Sys::futimesat,
};

/// Calls that mean more than their rows say, which the handler knows.
struct OtherCall {
  Sys sys;
  FastCall call;
  bool in_world_only;  ///< else it does not even stop
};
constexpr std::uint8_t kNone = gate::kNoArgument;

constexpr FastCall of_descriptor(FastKind kind, std::uint8_t writes = 0) {
  return {kind, kNone, kNone, kNone, writes, 0};
}
constexpr FastCall of_path(FastKind kind, std::uint8_t writes = 0, std::uint8_t keeps = 0) {
  return {kind, 0, kNone, kNone, writes, keeps};
}
constexpr OtherCall kOtherCalls[] = {
    {Sys::clone, of_descriptor(FastKind::thread), false},
    {Sys::clone3, of_descriptor(FastKind::thread), false},
    {Sys::fchmod, of_descriptor(FastKind::descriptor_mode, 1), false},
    {Sys::unlink, of_path(FastKind::remove, 1), false},
    {Sys::unlinkat, {FastKind::remove, 1, 0, 2, 1, 0}, false},
    {Sys::fstat, of_descriptor(FastKind::descriptor_status), true},
    {Sys::getdents, of_descriptor(FastKind::listing), true},
    {Sys::getdents64, of_descriptor(FastKind::listing), true},
    {Sys::getuid, of_descriptor(FastKind::user), true},
    {Sys::geteuid, of_descriptor(FastKind::user), true},
    {Sys::getgid, of_descriptor(FastKind::group), true},
    {Sys::getegid, of_descriptor(FastKind::group), true},
    {Sys::getxattr, of_path(FastKind::attribute), true},
    {Sys::lgetxattr, of_path(FastKind::attribute, 0, 1), true},
    {Sys::fgetxattr, of_descriptor(FastKind::attribute), true},
    {Sys::listxattr, of_path(FastKind::attribute), true},
    {Sys::llistxattr, of_path(FastKind::attribute, 0, 1), true},
    {Sys::flistxattr, of_descriptor(FastKind::attribute), true},
    {Sys::chown, of_path(FastKind::owner, 1), true},
    {Sys::lchown, of_path(FastKind::owner, 1, 1), true},
    {Sys::fchown, of_descriptor(FastKind::owner, 1), true},
    {Sys::fchownat, {FastKind::owner, 1, 0, 4, 1, 0}, true},
};

void add_other_calls(const Abi& abi, const SysSet& wanted, bool has_world, FastCalls& calls) {
  for (const OtherCall& other : kOtherCalls) {
    const std::int32_t number = number_of(abi, other.sys);
    if (number < 0 || static_cast<std::size_t>(number) >= calls.size()) continue;
    if (wanted.test(static_cast<std::size_t>(other.sys))) continue;
    if (has_world || !other.in_world_only) calls[static_cast<std::size_t>(number)] = other.call;
  }
}

}  // namespace

SysSet calls_of_world() {
  SysSet calls;
  for (const OtherCall& other : kOtherCalls)
    calls.set(static_cast<std::size_t>(other.sys));
  for (const Sys sys : kSharedCalls)
    calls.set(static_cast<std::size_t>(sys));
  return calls;
}

FastCalls fast_calls(const Abi& abi, const SysSet& wanted, bool has_world) {
  FastCalls calls;
  calls.fill(kTracers);
  for (const SyscallRow& row : syscall_table()) {
    const std::int32_t number = number_of(abi, row.sys);
    if (number < 0 || static_cast<std::size_t>(number) >= calls.size()) continue;
    if (wanted.test(static_cast<std::size_t>(row.sys))) continue;
    calls[static_cast<std::size_t>(number)] = fast_call(row);
  }
  add_other_calls(abi, wanted, has_world, calls);
  return calls;
}

}  // namespace nestp
