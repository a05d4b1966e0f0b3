// The measuring program (loops.cc) as bytes: nestp carries it, so that a user needs no compiler.
#pragma once

#include <cstddef>
#include <span>

namespace nestp::bench {

/// A static executable; empty if there was no static C library to build it with.
std::span<const std::byte> loops_image();

}  // namespace nestp::bench
