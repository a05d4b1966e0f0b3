// What files of /proc/PID tell of ids and capabilities.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "extensions/identity/credentials.h"

namespace nestp::identity {

/// Puts `who` into the kernel's text (fs/proc/array.c, task_state and task_cap).
void show_credentials(std::string& text, const Credentials& who);

/// Text of uid_map, gid_map or setgroups: the fake world has every id, whatever the namespace that
/// nestp runs in has.  None: no such name.
std::optional<std::string> id_map_text(std::string_view name);

}  // namespace nestp::identity
