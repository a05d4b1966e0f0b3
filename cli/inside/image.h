// The program for guests as bytes: nestp carries it, so that a user needs no compiler.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "arch/result.h"

namespace nestp::inside {

/// A static executable; empty if there was no static C library to build it with.
std::span<const std::byte> image();
/// As a new file.
Result<> write_image_to(const std::string& path);

}  // namespace nestp::inside
