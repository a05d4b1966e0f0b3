// Calls that name files, as the table of system calls knows them.
#pragma once

#include "engine/extension.h"

namespace nestp {

/// All whose objects an extension may see: those with a path, also in a socket's address.
SysSet path_calls();

}  // namespace nestp
