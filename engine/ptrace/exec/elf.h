// What an ELF file asks of execve(2), read as the kernel reads it.
//
// Pure: bytes in, facts out, for any bytes at all.  Which machines can run here,
// opening the interpreter and mapping anything are the caller's.  Follows
// load_elf_binary and load_elf_interp of the kernel's fs/binfmt_elf.c: what it
// does not look at (e_ident past the magic, e_version, PT_PHDR) is not looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arch/result.h"

namespace nestp {

/// A file to read from; a span of bytes in tests and fuzzers.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills as much of `into` as there is: fewer bytes only at the end of the file.
  virtual SysResult<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) = 0;
};

/// A PT_LOAD.  `address` is as the file says it, before any load bias.
struct ElfSegment {
  std::uint64_t address = 0;
  std::uint64_t file_offset = 0;
  std::uint64_t file_size = 0;
  std::uint64_t memory_size = 0;
  int protection = 0;  ///< PROT_*
};

enum class ElfStack : std::uint8_t { unspecified, plain, executable };  ///< PT_GNU_STACK

struct ElfImage {
  bool is_64 = false;
  std::uint16_t machine = 0;  ///< EM_*
  std::uint16_t type = 0;     ///< ET_EXEC or ET_DYN
  std::uint64_t entry = 0;
  /// AT_PHDR before the load bias: where the last segment that holds e_phoff puts
  /// it; 0 if none does.
  std::uint64_t phdr_address = 0;
  std::uint64_t phdr_count = 0;
  std::uint64_t phdr_size = 0;  ///< bytes of one
  std::vector<ElfSegment> segments;
  std::string interpreter;  ///< as the guest must resolve it; empty: the image has none
  ElfStack stack = ElfStack::unspecified;
  std::uint64_t alignment = 0;  ///< largest p_align that is a power of two, at least a page
  std::uint64_t low = 0;        ///< span of the segments, rounded out to pages
  std::uint64_t high = 0;       ///< one past the end; 0 with `sound` false if it overflows
  /// False if the kernel would find out only after the old program is gone, and
  /// so kills the process by SIGSEGV: no segment, a segment larger in the file
  /// than in memory or past the end of 64 bits, an interpreter of another type.
  bool sound = true;
};

inline constexpr std::uint64_t kElfPageSize = 4096;

/// Errors: ENOEXEC unless it is an ELF program with plausible headers; EIO if
/// the interpreter's name lies past the end of the file; EACCES if that name is
/// empty; what `file` gives.
SysResult<ElfImage> parse_elf(ByteSource& file, std::uint64_t page_size = kElfPageSize);

/// The same for what PT_INTERP names; a PT_INTERP of its own is ignored.
/// Errors: EIO if the file is shorter than a header; ELIBBAD if it is not ELF or
/// its program headers are implausible; what `file` gives.
SysResult<ElfImage> parse_elf_interpreter(ByteSource& file, std::uint64_t page_size = kElfPageSize);

/// Whose program it is, honouring the file's own byte order: for telling a
/// person about a foreign architecture.
struct ElfIdentity {
  std::uint16_t machine = 0;
  bool is_64 = false;
  bool is_big_endian = false;
};

/// None if `start`, the first 20 bytes of a file or more, is not ELF.
std::optional<ElfIdentity> identify_elf(std::span<const std::byte> start);

}  // namespace nestp
