// How files of /proc write names that hold blanks: "\040" is a space.
#pragma once

#include <string>
#include <string_view>

namespace nestp {

/// What mounts, mountinfo and mountstats escape (fs/proc_namespace.c, mangle).
inline constexpr std::string_view kMountEscapes = " \t\n\\#";
/// What numa_maps escapes (fs/proc/task_mmu.c).
inline constexpr std::string_view kMapEscapes = "\n\t= ";

/// `text` with each of `characters` as a backslash and three octal digits.
std::string escape_name(std::string_view text, std::string_view characters);
std::string unescape_name(std::string_view text);

}  // namespace nestp
