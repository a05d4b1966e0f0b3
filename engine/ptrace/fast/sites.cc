#include "engine/ptrace/fast/sites.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "arch/instruction.h"
#include "engine/gate/memo.h"
#include "engine/ptrace/fast/elf_code.h"

namespace nestp {
namespace {

constexpr std::uint64_t kMostFunction = 1 << 20;  // bytes

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

Function decode(const Abi& abi, std::span<const std::byte> file, const ElfCode& code,
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

std::vector<PatchSite> sites_in(const Abi& abi, std::span<const std::byte> file,
                                const ElfCode& code, const Stretch& stretch,
                                const FastCalls& calls) {
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
bool arrives(const Abi& abi, std::span<const std::byte> file, const ElfCode& code,
             std::uint64_t from, std::uint64_t to) {
  const std::uint64_t bias = code.address - code.offset;
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(file.data()) + from, to - from);
  return for_each_instruction(abi, bytes, from + bias, [](const Instruction&) { return true; }) ==
         bytes.size();
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

}  // namespace nestp
