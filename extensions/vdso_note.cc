#include "extensions/vdso_note.h"

#include <cstring>
#include <elf.h>
#include <vector>

namespace nestp {
namespace {

template <typename T>
bool read_object(GuestMemory& memory, std::uint64_t address, T& object) {
  return memory.read(GuestAddress{address}, std::as_writable_bytes(std::span(&object, 1))).ok();
}

constexpr std::uint64_t padded(std::uint64_t size) { return (size + 3) & ~3ULL; }

/// Looks through the notes from `at` to `end`.
bool set_in_notes(GuestMemory& memory, std::uint64_t at, std::uint64_t end, std::uint32_t code) {
  constexpr char kOwner[] = "Linux";
  while (at + sizeof(Elf64_Nhdr) <= end) {
    Elf64_Nhdr note{};  // the same in both classes
    if (!read_object(memory, at, note)) return false;
    const std::uint64_t name = at + sizeof note;
    const std::uint64_t value = name + padded(note.n_namesz);
    char owner[sizeof kOwner] = {};
    const bool is_named = note.n_namesz == sizeof kOwner && read_object(memory, name, owner);
    if (is_named && std::memcmp(owner, kOwner, sizeof kOwner) == 0 && note.n_type == 0 &&
        note.n_descsz == sizeof code) {
      return memory.write_code(GuestAddress{value}, std::as_bytes(std::span(&code, 1))).ok();
    }
    at = value + padded(note.n_descsz);
  }
  return true;
}

template <typename Header, typename Segment>
bool set_in_image(GuestMemory& memory, std::uint64_t base, std::uint32_t code) {
  constexpr std::size_t kMost = 32;  // segments; the kernel's has five
  Header header{};
  if (!read_object(memory, base, header) || header.e_phnum > kMost) return false;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Segment segment{};
    if (!read_object(memory, base + header.e_phoff + i * sizeof segment, segment)) return false;
    if (segment.p_type != PT_NOTE) continue;
    // The image is linked at 0 or, on old kernels, somewhere else: file offsets hold for both.
    const std::uint64_t start = base + segment.p_offset;
    if (!set_in_notes(memory, start, start + segment.p_filesz, code)) return false;
  }
  return true;
}

}  // namespace

bool set_vdso_version(GuestMemory& memory, std::uint64_t base, std::uint8_t elf_class,
                      std::uint32_t code) {
  return elf_class == ELFCLASS64 ? set_in_image<Elf64_Ehdr, Elf64_Phdr>(memory, base, code)
                                 : set_in_image<Elf32_Ehdr, Elf32_Phdr>(memory, base, code);
}

}  // namespace nestp
