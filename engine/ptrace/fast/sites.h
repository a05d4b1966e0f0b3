// Where a file's code makes calls that the handler may answer (patches.h: what becomes of them).
//
// Pure: bytes in, facts out.  Code is decoded from the starts of functions (.eh_frame_hdr), never
// from bytes that merely look like an instruction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "arch/abi.h"
#include "engine/ptrace/fast/calls.h"

namespace nestp {

inline constexpr std::uint64_t kJumpSize = 5;  ///< bytes of jmp rel32

/// Instructions that a jump replaces; the syscall instruction follows them.
struct PatchSite {
  std::uint32_t offset = 0;  ///< in the file, bytes
  std::uint32_t size = 0;    ///< of the replaced instructions, kJumpSize or more
  bool operator==(const PatchSite&) const = default;
};

/// Those of an ELF file of `abi`, by offset; none if it is not one, or holds none.
std::vector<PatchSite> find_sites(const Abi& abi, std::span<const std::byte> file,
                                  const FastCalls& calls);

}  // namespace nestp
