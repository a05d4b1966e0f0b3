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

/// Calls that stop only where an identity is believed, and so have no row that says enough.
struct WorldCall {
  Sys sys;
  FastKind kind;
  bool by_path = false, keeps = false;
};
constexpr WorldCall kWorldCalls[] = {
    {Sys::fstat, FastKind::descriptor_status},
    {Sys::getuid, FastKind::user},
    {Sys::geteuid, FastKind::user},
    {Sys::getgid, FastKind::group},
    {Sys::getegid, FastKind::group},
    {Sys::getxattr, FastKind::attribute, true},
    {Sys::lgetxattr, FastKind::attribute, true, true},
    {Sys::fgetxattr, FastKind::attribute},
    {Sys::listxattr, FastKind::attribute, true},
    {Sys::llistxattr, FastKind::attribute, true, true},
    {Sys::flistxattr, FastKind::attribute},
};

/// Those that are the same in any world but for owners and refusals.
constexpr Sys kSharedCalls[] = {
    Sys::stat,   Sys::lstat,     Sys::newfstatat, Sys::statx,    Sys::open,       Sys::openat,
    Sys::access, Sys::faccessat, Sys::faccessat2, Sys::readlink, Sys::readlinkat,
};

void add_world_calls(const Abi& abi, FastCalls& calls) {
  for (const WorldCall& call : kWorldCalls) {
    const std::int32_t number = number_of(abi, call.sys);
    if (number < 0 || static_cast<std::size_t>(number) >= calls.size()) continue;
    FastCall& fast = calls[static_cast<std::size_t>(number)];
    fast = kTracers;
    fast.kind = call.kind;
    fast.path = call.by_path ? 0 : gate::kNoArgument;
    fast.keeps = call.keeps;
  }
}

/// Calls that mean more than their rows say, which the handler knows.
struct OtherCall {
  Sys sys;
  FastCall call;
};
constexpr std::uint8_t kNone = gate::kNoArgument;
constexpr OtherCall kOtherCalls[] = {
    {Sys::fchmod, {FastKind::descriptor_mode, kNone, kNone, kNone, 1, 0}},
    {Sys::unlink, {FastKind::remove, 0, kNone, kNone, 1, 0}},
    {Sys::unlinkat, {FastKind::remove, 1, 0, 2, 1, 0}},
};

void add_other_calls(const Abi& abi, const SysSet& wanted, FastCalls& calls) {
  for (const OtherCall& other : kOtherCalls) {
    const std::int32_t number = number_of(abi, other.sys);
    if (number < 0 || static_cast<std::size_t>(number) >= calls.size()) continue;
    if (wanted.test(static_cast<std::size_t>(other.sys))) continue;
    calls[static_cast<std::size_t>(number)] = other.call;
  }
}

}  // namespace

SysSet calls_of_world() {
  SysSet calls;
  for (const WorldCall& call : kWorldCalls)
    calls.set(static_cast<std::size_t>(call.sys));
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
  if (has_world) add_world_calls(abi, calls);
  if (!has_world) add_other_calls(abi, wanted, calls);
  return calls;
}

}  // namespace nestp
