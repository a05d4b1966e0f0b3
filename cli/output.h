// What nestp itself says: whole texts on the standard streams.
#pragma once

#include <string>
#include <string_view>

namespace nestp {

/// All of `text` on the standard output.
void print(std::string_view text);
/// All of `text` on the standard error.
void print_error(std::string_view text);

/// True if `descriptor` is a terminal that may get colours: NO_COLOR is unset.
bool takes_colours(int descriptor);

}  // namespace nestp
