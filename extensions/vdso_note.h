// The release that a program finds in its vDSO, where old C libraries look first.
#pragma once

#include <cstdint>

#include "engine/extension.h"

namespace nestp {

/// Writes `code`, a LINUX_VERSION_CODE, into the "Linux" note of the ELF image at `base`.
/// The page becomes the program's own.  True if the note was found and holds `code` now, or if
/// there is none to find.
bool set_vdso_version(GuestMemory& memory, std::uint64_t base, std::uint8_t elf_class,
                      std::uint32_t code);

}  // namespace nestp
