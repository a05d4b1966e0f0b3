// What an extension can change of a guest's calls.
//
// Owned by the engine, implemented in extensions/: the engine calls extensions
// and includes none.  Extensions run in the order of the command line on entry,
// in reverse order on exit, all on the tracer's one thread.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <sys/types.h>

#include "arch/abi.h"
#include "arch/result.h"
#include "fs/path.h"

namespace nestp {

/// An address in the guest's memory; never dereferenced here.
enum class GuestAddress : std::uint64_t {};

/// The guest's memory; a fake in unit tests.
class GuestMemory {
 public:
  virtual ~GuestMemory() = default;
  /// EFAULT unless all of `into` was filled.
  virtual SysResult<> read(GuestAddress from, std::span<std::byte> into) = 0;
  virtual SysResult<> write(GuestAddress to, std::span<const std::byte> bytes) = 0;
};

/// One syscall of one stopped thread.
struct Call {
  Sys sys;
  const Abi* abi;  ///< never null
  pid_t thread;
  std::array<std::uint64_t, 6>
      args;                 ///< as the guest passed them; on entry, changes reach the kernel
  std::int64_t result = 0;  ///< on exit only: kernel convention, -4095..-1 is an errno
  GuestMemory& memory;
};

enum class Entry : std::uint8_t {
  proceed,   ///< on to the next extension, then to nestp's own handling
  answered,  ///< Call::result is the answer; the kernel is not asked
};

using SysSet = std::bitset<kSysCount + 1>;

class Extension {
 public:
  virtual ~Extension() = default;

  /// As given on the command line; also the prefix of its log lines.
  virtual std::string_view name() const = 0;

  /// Calls it must see on entry; they join the seccomp filter.  Asked once.
  virtual SysSet entries() const { return {}; }
  /// Likewise for exit.
  virtual SysSet exits() const { return {}; }

  virtual Entry on_entry(Call&) { return Entry::proceed; }
  virtual void on_exit(Call&) {}

  /// A guest path was resolved to `host` for `call`; may be replaced.
  virtual SysResult<std::string> on_path(const Call&, const GuestPath&, std::string host) {
    return host;
  }

  /// A thread started, as a copy of `parent` (0 for the first), or ended.
  virtual void on_thread_start(pid_t, pid_t /*parent*/) {}
  virtual void on_thread_end(pid_t) {}
};

}  // namespace nestp
