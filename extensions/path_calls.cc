#include "extensions/path_calls.h"

#include <algorithm>

#include "arch/syscall_table.h"

namespace nestp {

SysSet path_calls() {
  SysSet set;
  for (const SyscallRow& row : syscall_table()) {
    const bool names_a_file = std::any_of(row.args.begin(), row.args.end(), [](ArgKind kind) {
      return detail::is_path(kind) || kind == ArgKind::address || kind == ArgKind::message;
    });
    if (names_a_file) set.set(static_cast<std::size_t>(row.sys));
  }
  return set;
}

}  // namespace nestp
