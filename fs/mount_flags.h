// What a mount forbids all files on it.
#pragma once

#include <string>

#include "arch/result.h"

namespace nestp {

/// Whether the kernel refuses to run programs from the mount that the file is on.
SysResult<bool> on_noexec_mount(const std::string& path);
SysResult<bool> on_noexec_mount(int descriptor);

}  // namespace nestp
