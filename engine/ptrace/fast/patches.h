// The copy of a file in which the calls that the handler may answer lead to it.
//
// Pure: bytes in, bytes out.  Only whole instructions in front of a syscall instruction are
// replaced, by a jump to a stub, never that instruction itself: whoever gets to it, by a branch, a
// restart or the handler's own refusal, makes the call as before.  Stubs go where the code's last
// page has room; for those that have none there the copy gets a segment more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/ptrace/fast/sites.h"

namespace nestp {

/// Who maps the segments of a copy.
enum class Mapper : std::uint8_t {
  loader,  ///< nestp's own, as its Plan tells
  linker,  ///< a guest's ld.so, as the copy's program headers tell
};

/// What to write where in a copy of the file.
struct Patch {
  std::uint64_t offset;
  std::vector<std::byte> bytes;
};

/// Code behind the file's own bytes, to be mapped besides its segments; whole pages.
struct StubSegment {
  std::uint64_t offset = 0, size = 0;  ///< in the copy, bytes; size 0: none
  std::uint64_t address = 0;           ///< as linked; of a file that cannot move, gate::kFastStubs
};

struct Patches {
  std::vector<Patch> list;  ///< empty: nothing can be patched
  StubSegment stubs;        ///< which patches of the list fill
  std::size_t calls = 0;    ///< that lead to the handler
};

/// Jumps at the sites, and what they jump to.  Sites that have no room for a stub, because a
/// linker maps the file and no program header can be spared, are left out.
Patches make_patches(std::span<const std::byte> file, std::span<const PatchSite> sites,
                     Mapper mapper);

}  // namespace nestp
