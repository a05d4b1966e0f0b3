// One run of nestp, from a parsed command line to its exit status.
#pragma once

#include <string>

#include "cli/options.h"

namespace nestp {

/// nestp's own exit codes, as env(1) and chroot(1) have them.
enum ExitCode : int {
  exit_not_started = 125,
  exit_not_executable = 126,
  exit_not_found = 127,
};

/// Prints "nestp: MESSAGE" on the standard error; gives `code`.
int fail(const std::string& message, int code);

/// Does what `request` asks; gives the exit status.
int run_request(Request request, Grammar grammar);

}  // namespace nestp
