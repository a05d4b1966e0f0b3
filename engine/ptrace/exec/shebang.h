// The first line of a script, read as the kernel reads it.
//
// Pure.  Follows load_script of the kernel's fs/binfmt_script.c (5.1 and later).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "arch/result.h"

namespace nestp {

inline constexpr std::size_t kShebangBytes = 256;  ///< BINPRM_BUF_SIZE: all the kernel looks at

struct Shebang {
  std::string interpreter;
  std::optional<std::string> argument;  ///< at most one, blanks inside kept; may be empty
};

/// `start`: the first kShebangBytes of a file, or all of a shorter one; more is ignored.
/// No value inside: not a script, it does not begin with "#!".
/// Errors: ENOEXEC if it names no interpreter, or one that may be cut off; EACCES
/// where the name is empty because a NUL or the file's end follows.
SysResult<std::optional<Shebang>> parse_shebang(std::string_view start);

}  // namespace nestp
