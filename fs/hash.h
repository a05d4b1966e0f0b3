// Numbers that change with the bytes of a text: for tables, and for telling whether a file is
// whole.
#pragma once

#include <cstdint>
#include <string_view>

namespace nestp {

/// XXH3 of the bytes; not for use against an enemy.
std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace nestp
