// The gate's images as bytes: what a guest really execs (see loader.cc).
#pragma once

#include <cstddef>
#include <span>

namespace nestp::gate {

std::span<const std::byte> image_64();
/// Empty where the processor has no programs of 32 bits that nestp runs.
std::span<const std::byte> image_32();

}  // namespace nestp::gate
