// The gate's two images as bytes: what a guest really execs (see loader.cc).
#pragma once

#include <cstddef>
#include <span>

namespace nestp::gate {

std::span<const std::byte> image_64();
std::span<const std::byte> image_32();

}  // namespace nestp::gate
