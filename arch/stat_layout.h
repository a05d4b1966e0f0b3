// How each ABI lays out the structs that stat(2) and its kin fill.
//
// Data only, as include/uapi/asm*/stat.h of each machine has it.  statx(2) needs
// nothing here: its struct is the same everywhere.
#pragma once

#include <cstdint>

#include "arch/abi.h"

namespace nestp {

/// Where a number lies in a struct; of size 0: it has no such field.
struct StatField {
  std::uint8_t offset = 0, size = 0;  ///< bytes
};

struct StatLayout {
  std::uint8_t size = 0;  ///< bytes
  StatField device, inode, mode, links, user, group, node, length, block_size, blocks;
  StatField accessed, accessed_part, modified, modified_part, changed, changed_part;
  StatField short_inode{};  ///< the inode once more, cut to 32 bits
};

/// What a call of the stat family fills for a guest of this ABI; null: it is none.
const StatLayout* stat_layout(const Abi& abi, Sys sys);

}  // namespace nestp
