// Sessions inside the image: ns, proot, groot, root.
#pragma once

#include <string>
#include <vector>

#include "cli/junest/command_line.h"
#include "cli/junest/place.h"

namespace nestp::junest {

/// What JuNest would start for a session: words and changes of the environment.
struct BackendCall {
  std::vector<std::string> words;        ///< after the backend's own name
  std::vector<std::string> environment;  ///< "NAME=value"
};

/// `existing`: whether a host path is there; `emulator`: empty, or the one for the image.
BackendCall backend_call(const Place& place, const CommandLine& line, const std::string& emulator,
                         bool (*exists)(const std::string& path));

/// Checks, refreshes, runs, and refreshes the wrappers; gives the exit status.
int enter(const Place& place, const CommandLine& line);

}  // namespace nestp::junest
