#include "engine/ptrace/exec/elf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <climits>
#include <cstring>
#include <elf.h>
#include <sys/mman.h>

namespace nestp {
namespace {

constexpr std::size_t kHeaderSize = 64;            // Elf64_Ehdr, the larger one
constexpr std::size_t kMaxProgramHeaders = 65536;  // bytes, load_elf_phdrs
constexpr std::uint64_t kMaxOffset = INT64_MAX;    // loff_t

static_assert(sizeof(Elf64_Ehdr) == kHeaderSize);

using HeaderBytes = std::array<std::byte, kHeaderSize>;

/// The fields of both header sizes that the kernel reads.
struct Header {
  bool is_64;
  std::uint16_t type;
  std::uint16_t machine;
  std::uint64_t entry;
  std::uint64_t phdr_offset;
  std::uint16_t phdr_size;
  std::uint16_t phdr_count;
};

struct ProgramHeader {
  std::uint32_t type;
  std::uint32_t flags;
  std::uint64_t offset;
  std::uint64_t address;
  std::uint64_t file_size;
  std::uint64_t memory_size;
  std::uint64_t alignment;
};

template <typename Raw>
Raw raw_at(std::span<const std::byte> bytes, std::size_t offset) {
  Raw raw;
  std::memcpy(&raw, bytes.data() + offset, sizeof raw);
  return raw;
}

template <typename Raw>
Header to_header(const HeaderBytes& bytes, bool is_64) {
  const auto raw = raw_at<Raw>(bytes, 0);
  return {is_64, raw.e_type, raw.e_machine, raw.e_entry, raw.e_phoff, raw.e_phentsize, raw.e_phnum};
}

template <typename Raw>
ProgramHeader to_program_header(std::span<const std::byte> bytes, std::size_t offset) {
  const auto raw = raw_at<Raw>(bytes, offset);
  return {raw.p_type,   raw.p_flags, raw.p_offset, raw.p_vaddr,
          raw.p_filesz, raw.p_memsz, raw.p_align};
}

bool has_magic(std::span<const std::byte> bytes) {
  return bytes.size() >= SELFMAG && std::memcmp(bytes.data(), ELFMAG, SELFMAG) == 0;
}

// The kernel has one loader a word size and each asks only for its machine, so
// the class byte of a known machine may hold anything.  x86_64 with the small
// program headers is x32.
bool header_is_64(const HeaderBytes& bytes) {
  const auto large = raw_at<Elf64_Ehdr>(bytes, 0);
  switch (large.e_machine) {
    case EM_X86_64:
      return large.e_phentsize == sizeof(Elf64_Phdr) ||
             raw_at<Elf32_Ehdr>(bytes, 0).e_phentsize != sizeof(Elf32_Phdr);
    case EM_AARCH64:
      return true;
    case EM_386:
    case EM_ARM:
      return false;
    default:
      return large.e_ident[EI_CLASS] != ELFCLASS32;
  }
}

/// As elf_read of fs/binfmt_elf.c: everything or EIO.
SysResult<> read_all(ByteSource& file, std::uint64_t offset, std::span<std::byte> into) {
  if (offset > kMaxOffset) return Errno(EINVAL);
  const auto count = file.read_at(offset, into);
  if (!count) return count.error();
  if (*count != into.size()) return Errno(EIO);
  return Done{};
}

SysResult<std::vector<ProgramHeader>> read_program_headers(ByteSource& file, const Header& header) {
  const std::size_t each = header.is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
  const std::size_t size = each * header.phdr_count;
  if (header.phdr_size != each || size == 0 || size > kMaxProgramHeaders) return Errno(ENOEXEC);
  std::vector<std::byte> bytes(size);
  // Whatever goes wrong here, the kernel's callers see only that there are none.
  if (!read_all(file, header.phdr_offset, bytes)) return Errno(ENOEXEC);
  std::vector<ProgramHeader> list;
  list.reserve(header.phdr_count);
  for (std::size_t offset = 0; offset < size; offset += each) {
    list.push_back(header.is_64 ? to_program_header<Elf64_Phdr>(bytes, offset)
                                : to_program_header<Elf32_Phdr>(bytes, offset));
  }
  return list;
}

/// The first PT_INTERP's name; empty if there is none.
SysResult<std::string> read_interpreter(ByteSource& file, std::span<const ProgramHeader> list) {
  const auto found = std::find_if(list.begin(), list.end(),
                                  [](const auto& header) { return header.type == PT_INTERP; });
  if (found == list.end()) return std::string();
  if (found->file_size > PATH_MAX || found->file_size < 2) return Errno(ENOEXEC);
  std::vector<std::byte> bytes(found->file_size);
  if (const auto read = read_all(file, found->offset, bytes); !read) return read.error();
  if (bytes.back() != std::byte{0}) return Errno(ENOEXEC);
  std::string name;
  for (const std::byte byte : bytes) {
    if (byte == std::byte{0}) break;
    name += static_cast<char>(byte);
  }
  // The kernel opens "", which is the current directory, and cannot execute it.
  if (name.empty()) return Errno(EACCES);
  return name;
}

int to_protection(std::uint32_t flags) {
  return ((flags & PF_R) != 0 ? PROT_READ : 0) | ((flags & PF_W) != 0 ? PROT_WRITE : 0) |
         ((flags & PF_X) != 0 ? PROT_EXEC : 0);
}

void add_segment(ElfImage& image, const Header& header, const ProgramHeader& load) {
  image.segments.push_back({.address = load.address,
                            .file_offset = load.offset,
                            .file_size = load.file_size,
                            .memory_size = load.memory_size,
                            .protection = to_protection(load.flags)});
  if (std::has_single_bit(load.alignment)) {
    image.alignment = std::max(image.alignment, load.alignment);
  }
  if (load.offset <= header.phdr_offset && header.phdr_offset - load.offset < load.file_size) {
    image.phdr_address = header.phdr_offset - load.offset + load.address;
  }
}

/// Sets low, high and sound from the segments.
void measure(ElfImage& image, std::uint64_t page_size) {
  const std::uint64_t limit = image.is_64 ? UINT64_MAX : UINT32_MAX;
  const std::uint64_t page_mask = page_size - 1;
  image.sound = !image.segments.empty();
  if (!image.sound) return;
  image.low = UINT64_MAX;
  for (const ElfSegment& segment : image.segments) {
    const bool fits = segment.memory_size <= limit - segment.address &&
                      segment.address + segment.memory_size <= limit - page_mask;
    if (!fits || segment.file_size > segment.memory_size) image.sound = false;
    if (!fits) continue;
    image.low = std::min(image.low, segment.address & ~page_mask);
    image.high =
        std::max(image.high, (segment.address + segment.memory_size + page_mask) & ~page_mask);
  }
  if (!image.sound) image.low = image.high = 0;
}

ElfImage to_image(const Header& header, std::span<const ProgramHeader> list,
                  std::uint64_t page_size) {
  ElfImage image{.is_64 = header.is_64,
                 .machine = header.machine,
                 .type = header.type,
                 .entry = header.entry,
                 .phdr_count = header.phdr_count,
                 .phdr_size = header.phdr_size,
                 .alignment = page_size};
  for (const ProgramHeader& each : list) {
    if (each.type == PT_LOAD) add_segment(image, header, each);
    if (each.type == PT_GNU_STACK) {
      image.stack = (each.flags & PF_X) != 0 ? ElfStack::executable : ElfStack::plain;
    }
  }
  measure(image, page_size);
  return image;
}

Header parse_header(const HeaderBytes& bytes) {
  return header_is_64(bytes) ? to_header<Elf64_Ehdr>(bytes, true)
                             : to_header<Elf32_Ehdr>(bytes, false);
}

bool is_program(std::uint16_t type) { return type == ET_EXEC || type == ET_DYN; }

}  // namespace

SysResult<ElfImage> parse_elf(ByteSource& file, std::uint64_t page_size) {
  // Zeroes stand for what a short file lacks, as in bprm->buf.
  HeaderBytes bytes{};
  if (const auto count = file.read_at(0, bytes); !count) return count.error();
  if (!has_magic(bytes)) return Errno(ENOEXEC);
  const Header header = parse_header(bytes);
  if (!is_program(header.type)) return Errno(ENOEXEC);
  const auto list = read_program_headers(file, header);
  if (!list) return list.error();
  auto interpreter = read_interpreter(file, *list);
  if (!interpreter) return interpreter.error();
  ElfImage image = to_image(header, *list, page_size);
  image.interpreter = std::move(*interpreter);
  return image;
}

SysResult<ElfImage> parse_elf_interpreter(ByteSource& file, std::uint64_t page_size) {
  HeaderBytes bytes{};
  const auto count = file.read_at(0, bytes);
  if (!count) return count.error();
  // A 32-bit program's loader asks for no more than its own header.
  if (*count < (header_is_64(bytes) ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr))) return Errno(EIO);
  if (!has_magic(bytes)) return Errno(ELIBBAD);
  const Header header = parse_header(bytes);
  const auto list = read_program_headers(file, header);
  if (!list) return Errno(ELIBBAD);
  ElfImage image = to_image(header, *list, page_size);
  if (!is_program(header.type)) image.sound = false;
  return image;
}

std::optional<ElfIdentity> identify_elf(std::span<const std::byte> start) {
  constexpr std::size_t kMachineOffset = offsetof(Elf64_Ehdr, e_machine);
  if (!has_magic(start) || start.size() < kMachineOffset + 2) return std::nullopt;
  ElfIdentity identity{.is_64 = start[EI_CLASS] == std::byte{ELFCLASS64},
                       .is_big_endian = start[EI_DATA] == std::byte{ELFDATA2MSB}};
  auto low = std::to_integer<unsigned>(start[kMachineOffset]);
  auto high = std::to_integer<unsigned>(start[kMachineOffset + 1]);
  if (identity.is_big_endian) std::swap(low, high);
  identity.machine = static_cast<std::uint16_t>(high << 8 | low);
  return identity;
}

}  // namespace nestp
