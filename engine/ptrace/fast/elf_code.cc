#include "engine/ptrace/fast/elf_code.h"

#include <algorithm>
#include <array>

namespace nestp {
namespace {

/// The binary search table of .eh_frame_hdr (Linux Standard Base, "Exception Frames").
void add_functions(std::span<const std::byte> file, const Elf64_Phdr& table, ElfCode& code) {
  struct Head {
    std::uint8_t version, frame_encoding, count_encoding, table_encoding;
    std::int32_t frame;
    std::uint32_t count;
  };
  constexpr std::uint8_t kCount32 = 0x03;          // DW_EH_PE_udata4
  constexpr std::uint8_t kRelativeToTable = 0x3b;  // DW_EH_PE_datarel | DW_EH_PE_sdata4
  const auto head = read_at<Head>(file, table.p_offset);
  if (!head || head->count_encoding != kCount32 || head->table_encoding != kRelativeToTable) return;
  for (std::uint32_t i = 0; i < head->count; ++i) {
    const auto start = read_at<std::int32_t>(file, table.p_offset + sizeof(Head) + i * 8ULL);
    if (!start) return;
    const std::uint64_t address = table.p_vaddr + static_cast<std::uint64_t>(std::int64_t{*start});
    if (address < code.address || address >= code.address + code.size) continue;
    code.functions.push_back(address - code.address + code.offset);
  }
  std::sort(code.functions.begin(), code.functions.end());
}

/// The same from .eh_frame itself: static programs have no table.
void add_functions_of_frames(std::span<const std::byte> file, const Elf64_Shdr& frames,
                             ElfCode& code) {
  constexpr std::uint64_t kStart = 8;  // of an FDE: length, distance of its CIE, pc_begin
  for (std::uint64_t at = frames.sh_offset, end = at + frames.sh_size; at + kStart < end;) {
    const auto length = read_at<std::uint32_t>(file, at);
    const auto common = read_at<std::uint32_t>(file, at + 4);
    if (!length || !common || *length == 0 || *length >= 0xfffffff0) return;
    // DW_EH_PE_pcrel | DW_EH_PE_sdata4, which every compiler writes; another encoding gives
    // addresses that lie elsewhere.
    const auto distance = read_at<std::int32_t>(file, at + kStart);
    if (*common != 0 && distance) {
      const std::uint64_t field = frames.sh_addr + (at + kStart - frames.sh_offset);
      const std::uint64_t address = field + static_cast<std::uint64_t>(std::int64_t{*distance});
      if (address >= code.address && address < code.address + code.size) {
        code.functions.push_back(address - code.address + code.offset);
      }
    }
    at += *length + 4ULL;
  }
}

void add_functions_of_sections(std::span<const std::byte> file, ElfCode& code) {
  const auto head = read_at<Elf64_Ehdr>(file, 0);
  if (!head || head->e_shentsize != sizeof(Elf64_Shdr)) return;
  const auto names =
      read_at<Elf64_Shdr>(file, head->e_shoff + head->e_shstrndx * sizeof(Elf64_Shdr));
  if (!names) return;
  for (std::uint64_t i = 0; i < head->e_shnum; ++i) {
    const auto section = read_at<Elf64_Shdr>(file, head->e_shoff + i * sizeof(Elf64_Shdr));
    if (!section) return;
    constexpr char kName[] = ".eh_frame";
    const auto name =
        read_at<std::array<char, sizeof kName>>(file, names->sh_offset + section->sh_name);
    if (!name || std::memcmp(name->data(), kName, sizeof kName) != 0) continue;
    if (section->sh_offset > file.size() || section->sh_size > file.size()) continue;
    add_functions_of_frames(file, *section, code);
  }
  std::sort(code.functions.begin(), code.functions.end());
}

}  // namespace

std::vector<Elf64_Phdr> program_headers(std::span<const std::byte> file) {
  std::vector<Elf64_Phdr> headers;
  const auto head = read_at<Elf64_Ehdr>(file, 0);
  if (!head || std::memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
      head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_phentsize != sizeof(Elf64_Phdr)) {
    return headers;
  }
  for (std::uint64_t i = 0; i < head->e_phnum; ++i) {
    const auto header = read_at<Elf64_Phdr>(file, head->e_phoff + i * sizeof(Elf64_Phdr));
    if (!header) return {};
    headers.push_back(*header);
  }
  return headers;
}

std::optional<ElfCode> find_code(std::span<const std::byte> file) {
  const auto headers = program_headers(file);
  std::optional<ElfCode> code;
  for (const Elf64_Phdr& header : headers) {
    if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
    if (code) return std::nullopt;  // two of them: nobody links so
    if (header.p_offset > file.size() || header.p_filesz > file.size() - header.p_offset) {
      return std::nullopt;
    }
    code = ElfCode{.offset = header.p_offset,
                   .size = header.p_filesz,
                   .address = header.p_vaddr,
                   .functions = {}};
  }
  if (!code) return std::nullopt;
  const std::uint64_t end = code->offset + code->size;
  code->room_end = (end + kCodePage - 1) & ~(kCodePage - 1);
  for (const Elf64_Phdr& header : headers) {
    if (header.p_type == PT_GNU_EH_FRAME) add_functions(file, header, *code);
    if (header.p_type != PT_LOAD || header.p_offset == code->offset) continue;
    if (header.p_offset < code->room_end && header.p_offset + header.p_filesz > end) {
      code->room_end = std::max(end, std::min(code->room_end, header.p_offset));
    }
  }
  code->room_end = std::min<std::uint64_t>(code->room_end, file.size());
  if (code->functions.empty()) add_functions_of_sections(file, *code);
  if (code->functions.empty()) code->functions.push_back(code->offset);
  return code;
}

}  // namespace nestp
