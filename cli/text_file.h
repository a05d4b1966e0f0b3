// Small files written at once.
#pragma once

#include <cstdint>
#include <string>

#include "arch/result.h"

namespace nestp {

enum class IfThere : std::uint8_t { replace, refuse };

/// A file of `text`; the error names `path`.
Result<> write_text_file(const std::string& path, const std::string& text,
                         IfThere if_there = IfThere::replace);

}  // namespace nestp
