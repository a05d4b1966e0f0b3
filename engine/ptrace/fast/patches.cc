#include "engine/ptrace/fast/patches.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <optional>

#include "engine/gate/memo.h"
#include "engine/ptrace/fast/elf_code.h"

namespace nestp {
namespace {

constexpr std::uint64_t kStubSize = 14;  // without the replaced instructions
constexpr std::uint64_t kFarthest = std::uint64_t{INT32_MAX} - kCodePage;  // that rel32 reaches

/// Where stubs go: file offsets, and what makes addresses of them.
struct Room {
  std::uint64_t next = 0, end = 0;
  std::uint64_t bias = 0;
};

std::uint64_t page_up(std::uint64_t value) { return (value + kCodePage - 1) & ~(kCodePage - 1); }

void put(std::vector<std::byte>& bytes, std::initializer_list<std::uint8_t> values) {
  for (const std::uint8_t value : values)
    bytes.push_back(std::byte{value});
}
void put_word(std::vector<std::byte>& bytes, std::uint64_t value) {
  for (int shift = 0; shift < 32; shift += 8)
    bytes.push_back(static_cast<std::byte>(value >> shift & 0xff));
}

/// The replaced instructions, then on to the handler; at `address`, for the call that ends at
/// `after`.
std::vector<std::byte> make_stub(std::span<const std::byte> replaced, std::uint64_t address,
                                 std::uint64_t after) {
  std::vector<std::byte> bytes(replaced.begin(), replaced.end());
  put(bytes, {0x48, 0x8d, 0x0d});  // lea rcx, [rip + to `after`]
  put_word(bytes, after - (address + bytes.size() + 4));
  put(bytes, {0xff, 0x24, 0x25});  // jmp [kFastPointer]
  put_word(bytes, gate::kFastPointer);
  return bytes;
}

std::vector<std::byte> make_jump(const PatchSite& site, std::uint64_t from, std::uint64_t to) {
  constexpr std::byte kNothing{0x90};
  std::vector<std::byte> bytes;
  put(bytes, {0xe9});
  put_word(bytes, to - (from + kJumpSize));
  bytes.resize(site.size, kNothing);
  return bytes;
}

bool lies_in(const PatchSite& site, const ElfCode& code) {
  return site.size >= kJumpSize && site.offset >= code.offset &&
         site.offset + site.size + 2ULL <= code.offset + code.size;
}

bool reaches(std::uint64_t from, std::uint64_t to) {
  return (from > to ? from - to : to - from) < kFarthest;
}

/// The segment for stubs that need `size` bytes; none if the code does not reach it.
std::optional<StubSegment> place_stubs(std::span<const std::byte> file, const ElfCode& code,
                                       std::uint64_t size) {
  const auto head = read_at<Elf64_Ehdr>(file, 0);
  StubSegment stubs{.offset = page_up(file.size()), .size = page_up(size), .address = 0};
  const bool can_move = head->e_type == ET_DYN;
  if (!can_move) stubs.address = gate::kFastStubs;
  if (!can_move && stubs.size > gate::kFastStubsSize) return std::nullopt;
  for (const Elf64_Phdr& header : program_headers(file)) {
    if (header.p_type != PT_LOAD) continue;
    const std::uint64_t end = page_up(header.p_vaddr + header.p_memsz);
    if (can_move) stubs.address = std::max(stubs.address, end);
    const bool is_in_way =
        header.p_vaddr < stubs.address + stubs.size && end > stubs.address && !can_move;
    if (is_in_way) return std::nullopt;
  }
  const bool is_near = reaches(code.address, stubs.address + stubs.size) &&
                       reaches(code.address + code.size, stubs.address);
  return is_near ? std::optional(stubs) : std::nullopt;
}

/// The program headers with the stubs' among them, in the place of one that no ld.so asks of a
/// library (elf/dl-load.c of glibc: what a program's own headers or notes tell as well); none if
/// there is no such one.
std::optional<Patch> tell_linker(std::span<const std::byte> file, const StubSegment& stubs) {
  constexpr std::array<Elf64_Word, 3> kSpared = {PT_INTERP, PT_GNU_PROPERTY, PT_NOTE};
  std::vector<Elf64_Phdr> headers = program_headers(file);
  auto spared = headers.end();
  for (const Elf64_Word type : kSpared) {
    const auto is_it = [&](const Elf64_Phdr& header) { return header.p_type == type; };
    if (spared == headers.end()) spared = std::find_if(headers.begin(), headers.end(), is_it);
  }
  if (spared == headers.end()) return std::nullopt;
  headers.erase(spared);
  const auto is_loaded = [](const Elf64_Phdr& header) { return header.p_type == PT_LOAD; };
  const auto behind = std::find_if(headers.rbegin(), headers.rend(), is_loaded).base();
  Elf64_Phdr segment{};
  segment.p_type = PT_LOAD;
  segment.p_flags = PF_R | PF_X;
  segment.p_offset = stubs.offset;
  segment.p_vaddr = segment.p_paddr = stubs.address;
  segment.p_filesz = segment.p_memsz = stubs.size;
  segment.p_align = kCodePage;
  headers.insert(behind, segment);
  const auto bytes = std::as_bytes(std::span(headers));
  return Patch{.offset = read_at<Elf64_Ehdr>(file, 0)->e_phoff,
               .bytes = {bytes.begin(), bytes.end()}};
}

/// For stubs of `size` bytes, in the code's last page or in `patches.stubs`; too small a one where
/// no segment can be added.
Room find_room(std::span<const std::byte> file, const ElfCode& code, std::uint64_t size,
               Mapper mapper, Patches& patches) {
  constexpr std::uint64_t kAlignment = 16;
  const Room rest{.next = (code.offset + code.size + kAlignment - 1) & ~(kAlignment - 1),
                  .end = code.room_end,
                  .bias = code.address - code.offset};
  if (rest.next + size <= rest.end) return rest;
  const auto stubs = place_stubs(file, code, size);
  if (!stubs) return rest;
  if (mapper == Mapper::linker) {
    auto table = tell_linker(file, *stubs);
    if (!table) return rest;
    patches.list.push_back(std::move(*table));
  }
  patches.stubs = *stubs;
  return {.next = stubs->offset,
          .end = stubs->offset + stubs->size,
          .bias = stubs->address - stubs->offset};
}

}  // namespace

Patches make_patches(std::span<const std::byte> file, std::span<const PatchSite> sites,
                     Mapper mapper) {
  Patches patches;
  const auto code = find_code(file);
  if (!code) return patches;
  std::vector<PatchSite> chosen;
  std::copy_if(sites.begin(), sites.end(), std::back_inserter(chosen),
               [&](const PatchSite& site) { return lies_in(site, *code); });
  if (chosen.empty()) return patches;
  std::uint64_t size = 0;
  for (const PatchSite& site : chosen)
    size += site.size + kStubSize;
  Room room = find_room(file, *code, size, mapper, patches);
  for (const PatchSite& site : chosen) {
    if (room.next + site.size + kStubSize > room.end) break;
    const std::uint64_t from = site.offset + code->address - code->offset;
    const std::uint64_t to = room.next + room.bias;
    auto stub = make_stub(file.subspan(site.offset, site.size), to, from + site.size + 2);
    patches.list.push_back({.offset = room.next, .bytes = std::move(stub)});
    patches.list.push_back({.offset = site.offset, .bytes = make_jump(site, from, to)});
    room.next += site.size + kStubSize;
    ++patches.calls;
  }
  return patches;
}

}  // namespace nestp
