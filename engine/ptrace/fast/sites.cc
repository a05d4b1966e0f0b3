#include "engine/ptrace/fast/sites.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <elf.h>
#include <optional>
#include <string_view>

#include "arch/instruction.h"
#include "engine/gate/memo.h"

namespace nestp {
namespace {

constexpr std::size_t kJumpSize = 5;  // jmp rel32
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kMostFunction = 1 << 20;  // bytes

template <typename T>
std::optional<T> read_at(std::span<const std::byte> file, std::uint64_t offset) {
  T value;
  if (offset > file.size() || file.size() - offset < sizeof value) return std::nullopt;
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

/// The one executable segment of a file, and where its functions start.
struct Code {
  std::uint64_t offset = 0, size = 0, address = 0;
  std::vector<std::uint64_t> functions;  ///< file offsets, sorted
  std::uint64_t room_end = 0;            ///< file offset up to which the page's rest is unused
};

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

/// The binary search table of .eh_frame_hdr (Linux Standard Base, "Exception Frames").
void add_functions(std::span<const std::byte> file, const Elf64_Phdr& table, Code& code) {
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
                             Code& code) {
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

void add_functions_of_sections(std::span<const std::byte> file, Code& code) {
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

std::optional<Code> find_code(std::span<const std::byte> file) {
  const auto headers = program_headers(file);
  std::optional<Code> code;
  for (const Elf64_Phdr& header : headers) {
    if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
    if (code) return std::nullopt;  // two of them: nobody links so
    if (header.p_offset > file.size() || header.p_filesz > file.size() - header.p_offset) {
      return std::nullopt;
    }
    code = Code{.offset = header.p_offset,
                .size = header.p_filesz,
                .address = header.p_vaddr,
                .functions = {}};
  }
  if (!code) return std::nullopt;
  const std::uint64_t end = code->offset + code->size;
  code->room_end = (end + kPage - 1) & ~(kPage - 1);
  for (const Elf64_Phdr& header : headers) {
    if (header.p_type == PT_GNU_EH_FRAME) add_functions(file, header, *code);
    if (header.p_type != PT_LOAD || header.p_offset == code->offset) continue;
    if (header.p_offset < code->room_end && header.p_offset + header.p_filesz > end) {
      code->room_end = std::max(end, std::min(code->room_end, header.p_offset));
    }
  }
  if (code->functions.empty()) add_functions_of_sections(file, *code);
  if (code->functions.empty()) code->functions.push_back(code->offset);
  return code;
}

/// An instruction, as far as patching cares.
struct Line {
  std::uint64_t offset;  ///< in the file
  std::uint8_t size;
  bool may_move, is_call;               ///< is_call: `syscall` itself
  std::optional<std::uint64_t> number;  ///< `mov eax, N` and `mov rax, N`
};

std::optional<std::uint64_t> parse_number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x")) {
    text.remove_prefix(2);
    base = 16;
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A decoded function.
struct Function {
  std::vector<Line> lines;
  std::vector<std::uint64_t> targets;  ///< of its branches, file offsets
  bool has_table = false;              ///< jumps to where a register or memory says
  bool is_whole = false;               ///< else what jumps into a site may be still to come
};

Function decode(const Abi& abi, std::span<const std::byte> file, const Code& code,
                std::uint64_t start, std::uint64_t end) {
  Function function;
  const std::uint64_t bias = code.address - code.offset;
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(file.data()) + start, end - start);
  for_each_instruction(abi, bytes, start + bias, [&](const Instruction& instruction) {
    Line line{.offset = instruction.address - bias,
              .size = static_cast<std::uint8_t>(instruction.bytes.size()),
              .may_move = !instruction.leaves_line && !instruction.uses_instruction &&
                          !instruction.enters_kernel,
              .is_call = instruction.enters_kernel && instruction.bytes.size() == 2 &&
                         instruction.bytes[0] == 0x0f && instruction.bytes[1] == 0x05,
              .number = {}};
    // "eax, 0x101" or "rax, 0xf"; nobody wants more of the other forms.
    if (instruction.mnemonic == "mov" && instruction.operands.substr(1).starts_with("ax, ")) {
      line.number = parse_number(instruction.operands.substr(5));
    }
    if (instruction.leaves_line) {
      if (const auto target = parse_number(instruction.operands)) {
        function.targets.push_back(*target - bias);
      } else if (instruction.mnemonic.starts_with("jmp") || instruction.mnemonic == "notrack jmp") {
        function.has_table = true;
      }
    }
    function.lines.push_back(line);
    return true;
  });
  return function;
}

/// The site in front of the call at `index`, if it can be patched.  One of several instructions
/// asks for the whole function: somebody may jump between them.
std::optional<PatchSite> site_before(const Function& function, std::size_t index,
                                     const FastCalls& calls, bool& wants_whole) {
  const std::uint64_t call = function.lines[index].offset;
  std::size_t first = index;
  std::optional<std::uint64_t> number;
  while (call - function.lines[first].offset < kJumpSize) {
    if (first == 0) return std::nullopt;
    --first;
    if (!function.lines[first].may_move) return std::nullopt;
    if (function.lines[first].number) number = function.lines[first].number;
  }
  // A number set a little earlier tells as well what call it is.
  for (std::size_t i = first; !number && i-- > 0 && index - i < 8 && function.lines[i].may_move;) {
    number = function.lines[i].number;
  }
  if (number && (*number >= calls.size() || calls[*number].kind == gate::FastKind::none)) {
    return std::nullopt;
  }
  const std::uint64_t start = function.lines[first].offset;
  if (index - first > 1) {
    if (!function.is_whole) wants_whole = true;
    if (function.has_table) return std::nullopt;
    for (const std::uint64_t target : function.targets) {
      if (target > start && target < call) return std::nullopt;
    }
  }
  return PatchSite{.offset = static_cast<std::uint32_t>(start),
                   .size = static_cast<std::uint32_t>(call - start)};
}

/// Whether the bytes in front of a `syscall` set, as far as bytes tell, the number of a call that
/// the handler does not answer.  Spares the decoder nine functions of ten.
bool looks_like_another_call(std::span<const std::byte> file, std::uint64_t call,
                             std::uint64_t start, const FastCalls& calls) {
  constexpr std::uint64_t kFar = 24;             // bytes that are looked at
  constexpr std::byte kMoveToAccumulator{0xb8};  // mov eax, imm32
  constexpr std::uint64_t kMoveSize = 5;
  for (std::uint64_t back = kMoveSize; back <= kFar && call - back >= start; ++back) {
    if (file[call - back] != kMoveToAccumulator) continue;
    const auto number = read_at<std::uint32_t>(file, call - back + 1);
    if (!number || *number >= calls.size()) continue;
    return calls[*number].kind == gate::FastKind::none;
  }
  return false;
}

/// The bytes of a file that may be decoded from one boundary on.
struct Stretch {
  std::uint64_t start = 0;      ///< the function's, a file offset
  std::uint64_t last_call = 0;  ///< what looks like its last `syscall`
  std::uint64_t end = 0;
};

std::vector<PatchSite> sites_in(const Abi& abi, std::span<const std::byte> file, const Code& code,
                                const Stretch& stretch, const FastCalls& calls) {
  std::vector<PatchSite> sites;
  bool wants_whole = false;
  const auto look = [&](std::uint64_t end, bool is_whole) {
    Function function = decode(abi, file, code, stretch.start, end);
    function.is_whole = is_whole;
    for (std::size_t i = 0; i < function.lines.size(); ++i) {
      if (!function.lines[i].is_call) continue;
      if (const auto site = site_before(function, i, calls, wants_whole)) sites.push_back(*site);
    }
  };
  look(stretch.last_call + 2, false);
  if (!wants_whole) return sites;
  sites.clear();
  look(stretch.end, true);
  return sites;
}

/// Whether who decodes from `from` on comes to an instruction at `to`.
bool arrives(const Abi& abi, std::span<const std::byte> file, const Code& code, std::uint64_t from,
             std::uint64_t to) {
  const std::uint64_t bias = code.address - code.offset;
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(file.data()) + from, to - from);
  return for_each_instruction(abi, bytes, from + bias, [](const Instruction&) { return true; }) ==
         bytes.size();
}

void put(std::vector<std::byte>& bytes, std::initializer_list<std::uint8_t> values) {
  for (const std::uint8_t value : values)
    bytes.push_back(std::byte{value});
}
void put_word(std::vector<std::byte>& bytes, std::int64_t value) {
  for (int shift = 0; shift < 32; shift += 8)
    bytes.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> shift & 0xff));
}

}  // namespace

std::vector<PatchSite> find_sites(const Abi& abi, std::span<const std::byte> file,
                                  const FastCalls& calls) {
  std::vector<PatchSite> sites;
  const auto code = find_code(file);
  if (!code || file.size() > UINT32_MAX) return sites;
  const std::uint64_t end = code->offset + code->size;
  constexpr std::byte kFirst{0x0f}, kSecond{0x05};
  std::uint64_t decoded_to = code->offset;
  for (std::uint64_t at = code->offset; at + 1 < end; ++at) {
    if (file[at] != kFirst || file[at + 1] != kSecond || at < decoded_to) continue;
    const auto next = std::upper_bound(code->functions.begin(), code->functions.end(), at);
    if (next == code->functions.begin()) continue;
    const auto own = std::prev(next);
    if (looks_like_another_call(file, at, *own, calls)) continue;
    const std::uint64_t function_end =
        std::min({next == code->functions.end() ? end : *next, end, at + kMostFunction});
    Stretch stretch{.start = *own, .last_call = at, .end = function_end};
    for (std::uint64_t i = at; i + 1 < function_end; ++i) {
      if (file[i] == kFirst && file[i + 1] == kSecond) stretch.last_call = i;
    }
    auto found = sites_in(abi, file, *code, stretch, calls);
    // A table may name a start that is none: signal trampolines begin a byte early, so that
    // unwinders find them.  Who comes from the function before must see the same.
    if (own != code->functions.begin() && !found.empty() &&
        !arrives(abi, file, *code, *std::prev(own), *own)) {
      stretch.start = *std::prev(own);
      const auto others = sites_in(abi, file, *code, stretch, calls);
      std::erase_if(found, [&](const PatchSite& site) {
        return std::find(others.begin(), others.end(), site) == others.end();
      });
    }
    sites.insert(sites.end(), found.begin(), found.end());
    decoded_to = function_end;
  }
  return sites;
}

std::vector<Patch> make_patches(std::span<const std::byte> file, std::span<const PatchSite> sites) {
  std::vector<Patch> patches;
  const auto code = find_code(file);
  if (!code) return patches;
  std::uint64_t room = (code->offset + code->size + 15) & ~15ULL;
  for (const PatchSite& site : sites) {
    if (site.size < kJumpSize || site.offset < code->offset ||
        site.offset + site.size + 2ULL > code->offset + code->size) {
      continue;
    }
    const std::uint64_t after = site.offset + site.size + 2ULL;
    Patch stub{.offset = room, .bytes = {}};
    const auto replaced = file.subspan(site.offset, site.size);
    stub.bytes.assign(replaced.begin(), replaced.end());
    put(stub.bytes, {0x48, 0x8d, 0x0d});  // lea rcx, [rip + to `after`]
    put_word(stub.bytes, static_cast<std::int64_t>(after - (room + stub.bytes.size() + 4)));
    put(stub.bytes, {0xff, 0x24, 0x25});  // jmp [kFastPointer]
    put_word(stub.bytes, static_cast<std::int64_t>(gate::kFastPointer));
    if (room + stub.bytes.size() > code->room_end) break;
    Patch jump{.offset = site.offset, .bytes = {}};
    put(jump.bytes, {0xe9});
    put_word(jump.bytes, static_cast<std::int64_t>(room - (site.offset + kJumpSize)));
    jump.bytes.resize(site.size, std::byte{0x90});
    room += stub.bytes.size();
    patches.push_back(std::move(stub));
    patches.push_back(std::move(jump));
  }
  return patches;
}

}  // namespace nestp
