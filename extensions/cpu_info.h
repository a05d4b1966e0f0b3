// /proc/cpuinfo of processors that an emulator stands for.
#pragma once

#include <cstdint>
#include <string>

namespace nestp {

/// Text for `count` processors of a machine (EM_*); empty if there is none for it here.
std::string cpu_info(std::uint16_t machine, unsigned count);

}  // namespace nestp
