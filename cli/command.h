// What a command's words mean inside a view: its program, and why it cannot run.
#pragma once

#include <string>

#include "arch/result.h"
#include "cli/options.h"
#include "engine/backend.h"
#include "engine/guest.h"
#include "fs/path.h"
#include "fs/view.h"

namespace nestp {

/// The guest's directory `path` (absolute), canonical.  ENOENT, ENOTDIR, EACCES, ELOOP as chdir(2).
SysResult<GuestPath> find_directory(const View& view, const std::string& path);

/// The path to execute for `request`'s command, as execvp(3) would find it in the guest:
/// /bin/sh if there is no command.  `guest`: view, directory and environment are set.
Outcome<std::string, StartError> find_program(const Request& request, const Guest& guest,
                                              Emulator& emulator);

}  // namespace nestp
