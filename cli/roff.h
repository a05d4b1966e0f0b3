// Text for roff.
#pragma once

#include <string>
#include <string_view>

namespace nestp {

/// Backslashes and hyphens escaped, and no line that starts with a control mark.
std::string roff(std::string_view text);

}  // namespace nestp
