// The lines of /proc/PID/status that tell of ids and capabilities.
#pragma once

#include <string>

#include "extensions/identity/credentials.h"

namespace nestp::identity {

/// Puts `who` into the kernel's text (fs/proc/array.c, task_state and task_cap).
void show_credentials(std::string& text, const Credentials& who);

}  // namespace nestp::identity
