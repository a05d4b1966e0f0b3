// Which calls stop for the tracer: a seccomp program made from sets of calls.
//
// Making it is a pure function, tested by interpreting the result.  The program
// looks at the architecture, then at the number, and only for calls that may
// stop at anything else: the kernel (5.11 and later) finds out that all others
// are allowed whatever their arguments and answers them from a bitmap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <linux/filter.h>
#include <span>
#include <vector>

#include "arch/abi.h"
#include "engine/extension.h"

namespace nestp {

/// A condition on one argument register.  The kernel ignores the upper half of
/// an int argument, and so must a test of one: those are the `_int` kinds.
/// 32-bit ABIs have upper halves of zero.
struct ArgumentTest {
  enum class Kind : std::uint8_t {
    equals,          ///< all 64 bits
    equals_int,      ///< lower 32 bits
    differs_int,     ///< lower 32 bits
    not_zero,        ///< all 64 bits: a pointer is given
    masked_nonzero,  ///< some bit of `value` is set
    masked_zero,     ///< no bit of `value` is set
  };
  std::uint8_t index = 0;  ///< 0-based argument
  Kind kind = Kind::equals;
  std::uint64_t value = 0;
};

/// Stops only if one of the tests holds.
struct FilterRule {
  Sys sys = Sys::unknown;
  std::vector<ArgumentTest> any_of;
};

struct FilterRequest {
  std::span<const Abi* const> abis;  ///< calls of other architectures are ENOSYS
  SysSet trace;                      ///< stop always; outranks `conditional`
  SysSet refuse;                     ///< ENOSYS without a stop; outranks `trace`
  std::vector<FilterRule> conditional;
  /// Calls from here never stop: addresses behind the gate's syscall
  /// instructions, as seccomp_data::instruction_pointer holds them.
  std::vector<std::uint64_t> gate_addresses;
  bool trace_everything = false;
  /// Calls newer than sysno.def stop, so that the tracer can say so and answer ENOSYS.
  bool refuse_unknown = false;
};

/// Data of a stop that nestp's own filter made, as PTRACE_GETEVENTMSG gives it.  A filter that
/// the guest installed later and that wants a stop of its own outranks it with other data.
inline constexpr std::uint32_t kOwnTrace = 0x6e73;

/// At most BPF_MAXINSNS instructions.  Calls of x32 are ENOSYS.
std::vector<sock_filter> make_filter(const FilterRequest& request);

/// Sets no_new_privs, then installs `filter` on the calling thread, without the
/// speculation limits that would slow the guest down if the kernel allows that.
/// Returns 0 or an errno.  Async-signal-safe: for a child between fork and exec.
int install_filter(std::span<const sock_filter> filter);

}  // namespace nestp
