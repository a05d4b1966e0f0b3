// The columns of sysno.def as arrays, and their reverses, made at compile time.
//
// For the abi_*.cc files alone; everybody else asks abi.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "arch/abi.h"
#include "arch/sysno.h"

namespace nestp::detail {

using NumberColumn = std::array<std::int32_t, kSysCount>;

#define SYSCALL(name, x64, x86, arm64, arm, riscv64) x64,
inline constexpr NumberColumn kNumbersX64 = {
#include "arch/sysno.def"
};
#undef SYSCALL
#define SYSCALL(name, x64, x86, arm64, arm, riscv64) x86,
inline constexpr NumberColumn kNumbersX86 = {
#include "arch/sysno.def"
};
#undef SYSCALL
#define SYSCALL(name, x64, x86, arm64, arm, riscv64) arm64,
inline constexpr NumberColumn kNumbersArm64 = {
#include "arch/sysno.def"
};
#undef SYSCALL
#define SYSCALL(name, x64, x86, arm64, arm, riscv64) arm,
inline constexpr NumberColumn kNumbersArm = {
#include "arch/sysno.def"
};
#undef SYSCALL
#define SYSCALL(name, x64, x86, arm64, arm, riscv64) riscv64,
inline constexpr NumberColumn kNumbersRiscv64 = {
#include "arch/sysno.def"
};
#undef SYSCALL

constexpr std::int32_t highest_of(const NumberColumn& column, std::int32_t below) {
  std::int32_t highest = -1;
  for (const std::int32_t number : column) {
    if (number < below && number > highest) highest = number;
  }
  return highest;
}

/// Never defined: a call of it is no constant, so it stops the compiler.
void number_used_twice();

/// The calls numbered `first` to `first + Size - 1`.
template <std::size_t Size>
consteval std::array<Sys, Size> reverse_of(const NumberColumn& column, std::int32_t first) {
  std::array<Sys, Size> reverse{};
  reverse.fill(Sys::unknown);
  for (std::size_t i = 0; i < column.size(); ++i) {
    const std::int32_t index = column[i] - first;
    if (column[i] < 0 || index < 0 || index >= static_cast<std::int32_t>(Size)) continue;
    Sys& place = reverse[static_cast<std::size_t>(index)];
    if (place != Sys::unknown) number_used_twice();
    place = static_cast<Sys>(i);
  }
  return reverse;
}

inline constexpr std::size_t kReverseSize = 512;  ///< above every number that is not private

}  // namespace nestp::detail
