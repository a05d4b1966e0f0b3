#include "arch/stat_layout.h"

namespace nestp {
namespace {

// arch/x86/include/uapi/asm/stat.h, 64 bits.
constexpr StatLayout kX64{.size = 144,
                          .device = {0, 8},
                          .inode = {8, 8},
                          .mode = {24, 4},
                          .links = {16, 8},
                          .user = {28, 4},
                          .group = {32, 4},
                          .node = {40, 8},
                          .length = {48, 8},
                          .block_size = {56, 8},
                          .blocks = {64, 8},
                          .accessed = {72, 8},
                          .accessed_part = {80, 8},
                          .modified = {88, 8},
                          .modified_part = {96, 8},
                          .changed = {104, 8},
                          .changed_part = {112, 8}};

// include/uapi/asm-generic/stat.h: arm64, riscv64.
constexpr StatLayout kGeneric{.size = 128,
                              .device = {0, 8},
                              .inode = {8, 8},
                              .mode = {16, 4},
                              .links = {20, 4},
                              .user = {24, 4},
                              .group = {28, 4},
                              .node = {32, 8},
                              .length = {48, 8},
                              .block_size = {56, 4},
                              .blocks = {64, 8},
                              .accessed = {72, 8},
                              .accessed_part = {80, 8},
                              .modified = {88, 8},
                              .modified_part = {96, 8},
                              .changed = {104, 8},
                              .changed_part = {112, 8}};

// struct stat of i386 and arm.
constexpr StatLayout kShort{.size = 64,
                            .device = {0, 4},
                            .inode = {4, 4},
                            .mode = {8, 2},
                            .links = {10, 2},
                            .user = {12, 2},
                            .group = {14, 2},
                            .node = {16, 4},
                            .length = {20, 4},
                            .block_size = {24, 4},
                            .blocks = {28, 4},
                            .accessed = {32, 4},
                            .accessed_part = {36, 4},
                            .modified = {40, 4},
                            .modified_part = {44, 4},
                            .changed = {48, 4},
                            .changed_part = {52, 4}};

// struct __old_kernel_stat of i386.
constexpr StatLayout kOld{.size = 32,
                          .device = {0, 2},
                          .inode = {2, 2},
                          .mode = {4, 2},
                          .links = {6, 2},
                          .user = {8, 2},
                          .group = {10, 2},
                          .node = {12, 2},
                          .length = {16, 4},
                          .block_size = {},
                          .blocks = {},
                          .accessed = {20, 4},
                          .accessed_part = {},
                          .modified = {24, 4},
                          .modified_part = {},
                          .changed = {28, 4},
                          .changed_part = {}};

// struct stat64 of i386: packed to 4 bytes.
constexpr StatLayout kLargeX86{.size = 96,
                               .device = {0, 8},
                               .inode = {88, 8},
                               .mode = {16, 4},
                               .links = {20, 4},
                               .user = {24, 4},
                               .group = {28, 4},
                               .node = {32, 8},
                               .length = {44, 8},
                               .block_size = {52, 4},
                               .blocks = {56, 8},
                               .accessed = {64, 4},
                               .accessed_part = {68, 4},
                               .modified = {72, 4},
                               .modified_part = {76, 4},
                               .changed = {80, 4},
                               .changed_part = {84, 4},
                               .short_inode = {12, 4}};

// struct stat64 of arm: aligned to 8 bytes.
constexpr StatLayout kLargeArm{.size = 104,
                               .device = {0, 8},
                               .inode = {96, 8},
                               .mode = {16, 4},
                               .links = {20, 4},
                               .user = {24, 4},
                               .group = {28, 4},
                               .node = {32, 8},
                               .length = {48, 8},
                               .block_size = {56, 4},
                               .blocks = {64, 8},
                               .accessed = {72, 4},
                               .accessed_part = {76, 4},
                               .modified = {80, 4},
                               .modified_part = {84, 4},
                               .changed = {88, 4},
                               .changed_part = {92, 4},
                               .short_inode = {12, 4}};

const StatLayout& plain_layout(const Abi& abi) {
  if (abi.word_size == 4) return kShort;
  return &abi == &kAbiX64 ? kX64 : kGeneric;
}

}  // namespace

const StatLayout* stat_layout(const Abi& abi, Sys sys) {
  switch (sys) {  // NOLINT: no other call fills such a struct
    case Sys::stat:
    case Sys::lstat:
    case Sys::fstat:
    case Sys::newfstatat:
      return &plain_layout(abi);
    case Sys::stat64:
    case Sys::lstat64:
    case Sys::fstat64:
    case Sys::fstatat64:
      return abi.elf_machine == kAbiArm.elf_machine ? &kLargeArm : &kLargeX86;
    case Sys::oldstat:
    case Sys::oldlstat:
    case Sys::oldfstat:
      return &kOld;
    default:
      return nullptr;
  }
}

}  // namespace nestp
