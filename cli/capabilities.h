// Names of capabilities, as capabilities(7) has them.
#pragma once

#include <cstdint>
#include <string_view>

#include "arch/result.h"

namespace nestp {

/// The bit of a name, with or without "CAP_", in any case; all bits for "ALL".
Result<std::uint64_t> capability_bits(std::string_view name);

}  // namespace nestp
