// Manual pages of the programs that have a help text of their own, made from it.
#pragma once

#include <string>

#include "cli/programs.h"

namespace nestp {

/// "junest", "nestp-boot".
std::string manual_name(const Program& program);

/// The page in roff, macros of man(7).  Precondition: it has a help text.
std::string manual_page(const Program& program);

}  // namespace nestp
