// Where a file's code makes calls that the handler may answer, and the copy of
// that file in which these places lead to the handler.
//
// Pure: bytes in, bytes out.  Only whole instructions in front of a syscall
// instruction are replaced, never that instruction itself: whoever gets to it,
// by a branch, a restart or the handler's own refusal, makes the call as before.
// Code is decoded from the starts of functions (.eh_frame_hdr), never from
// bytes that merely look like an instruction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "arch/abi.h"
#include "engine/ptrace/fast/calls.h"

namespace nestp {

/// Instructions that a jump replaces; the syscall instruction follows them.
struct PatchSite {
  std::uint32_t offset = 0;  ///< in the file, bytes
  std::uint32_t size = 0;    ///< of the replaced instructions, 5 bytes or more
  bool operator==(const PatchSite&) const = default;
};

/// Those of an ELF file of `abi`, by offset; none if it is not one, or holds none.
std::vector<PatchSite> find_sites(const Abi& abi, std::span<const std::byte> file,
                                  const FastCalls& calls);

/// What to write where in a copy of the file.
struct Patch {
  std::uint64_t offset;
  std::vector<std::byte> bytes;
};

/// Jumps at the sites, and what they jump to in the room behind the file's code, as far as
/// there is room up to the page's end.  Empty: nothing can be patched.
std::vector<Patch> make_patches(std::span<const std::byte> file, std::span<const PatchSite> sites);

}  // namespace nestp
