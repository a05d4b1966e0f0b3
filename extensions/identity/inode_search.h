// Which inodes have a name below a directory.
#pragma once

#include <string>
#include <sys/types.h>
#include <unordered_set>

#include "arch/result.h"

namespace nestp::identity {

/// Those of `wanted` that something below `root` has, on any device.  Reads every directory there.
/// Errors of opendir(3): then nothing is known of the others.
SysResult<std::unordered_set<ino_t>> find_inodes(const std::string& root,
                                                 const std::unordered_set<ino_t>& wanted);

}  // namespace nestp::identity
