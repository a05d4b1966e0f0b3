#include "cli/capabilities.h"

#include <algorithm>
#include <array>

namespace nestp {
namespace {

// clang-format off
constexpr std::array<std::string_view, 41> kCapabilities = {
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
    "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
    "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
    "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
    "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
    "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE"};
// clang-format on

}  // namespace

Result<std::uint64_t> capability_bits(std::string_view name) {
  std::string upper(name);
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  });
  if (upper == "ALL") return ~std::uint64_t{0};
  if (upper.starts_with("CAP_")) upper.erase(0, 4);
  const auto found = std::ranges::find(kCapabilities, upper);
  if (found == kCapabilities.end()) {
    return Error{"there is no capability '" + std::string(name) + "'"};
  }
  return std::uint64_t{1} << (found - kCapabilities.begin());
}

}  // namespace nestp
