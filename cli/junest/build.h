// junest build: an image of the distribution at hand, by its own tools, as an ordinary user.
#pragma once

#include <string>
#include <string_view>

#include "cli/junest/command_line.h"
#include "cli/junest/place.h"

namespace nestp::junest {

/// The tool that builds here: "pacman" on Arch, else "mmdebstrap" or "debootstrap"; empty if there
/// is none.  `system`: the text of os-release(5).  `exists`: whether a program is in PATH.
std::string choose_builder(std::string_view system, bool (*exists)(const std::string& program));

/// Settings of pacman for a mirror.
std::string pacman_settings(const std::string& mirror);

/// Makes junest-ARCH.tar.gz in the working directory; gives the exit status.
int build(const Place& place, const CommandLine& line);

}  // namespace nestp::junest
