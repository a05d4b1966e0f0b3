// The code of an ELF file, as what patches calls in it sees it.
//
// Pure: bytes in, facts out, for any bytes at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <elf.h>
#include <optional>
#include <span>
#include <vector>

namespace nestp {

inline constexpr std::uint64_t kCodePage = 4096;  // bytes

/// None past the end of the file.
template <typename T>
std::optional<T> read_at(std::span<const std::byte> file, std::uint64_t offset) {
  T value;
  if (offset > file.size() || file.size() - offset < sizeof value) return std::nullopt;
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

/// The one executable segment of a file, and where its functions start.
struct ElfCode {
  std::uint64_t offset = 0, size = 0, address = 0;
  std::vector<std::uint64_t> functions;  ///< file offsets, sorted
  std::uint64_t room_end = 0;            ///< file offset up to which the page's rest is unused
};

/// None if the file has none, or several.
std::optional<ElfCode> find_code(std::span<const std::byte> file);

/// Of a file of 64 bits; empty if it is none, or the table is not whole.
std::vector<Elf64_Phdr> program_headers(std::span<const std::byte> file);

}  // namespace nestp
