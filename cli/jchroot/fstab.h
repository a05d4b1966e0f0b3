// A file in the form of fstab(5), as mounts of a guest's tree.
#pragma once

#include <string_view>
#include <vector>

#include "arch/result.h"
#include "engine/isolation.h"

namespace nestp {

/// Lines in their order; those with noauto are left out, swap too.  The error names the line.
Result<std::vector<MountAct>> parse_fstab(std::string_view text);

}  // namespace nestp
