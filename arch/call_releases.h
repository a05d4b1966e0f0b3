// With which release of the kernel a system call came, for calls since 2.6.16.
//
// Of a 32-bit ABI's variants, the release that brought the call to x86.  A call that
// is not listed is older.
#pragma once

#include <cstdint>
#include <span>

#include "arch/sysno.h"

namespace nestp {

/// As LINUX_VERSION_CODE counts.
constexpr std::uint32_t release(std::uint32_t major, std::uint32_t minor, std::uint32_t patch) {
  return (major << 16) + (minor << 8) + patch;
}

struct CallRelease {
  Sys sys;
  std::uint32_t release;
};

/// Sorted by name.
std::span<const CallRelease> call_releases();

}  // namespace nestp
