// JSON as nestp writes it, for --json.
#pragma once

#include <string>
#include <string_view>

namespace nestp {

/// `text` in double quotes.
std::string json_string(std::string_view text);

}  // namespace nestp
