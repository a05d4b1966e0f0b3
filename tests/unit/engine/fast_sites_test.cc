#include <cstring>
#include <elf.h>

#include <catch2/catch.hpp>

#include "arch/instruction.h"
#include "engine/gate/memo.h"
#include "engine/ptrace/fast/sites.h"

using namespace nestp;

namespace {

constexpr std::uint64_t kCode = 0x1000;  // file offset and address

/// An ELF file with one executable segment, and a second one behind it.
std::vector<std::byte> elf_with(const std::vector<std::uint8_t>& code,
                                std::uint64_t next_segment = 0x2000) {
  std::vector<std::byte> file(0x3000);
  Elf64_Ehdr head{};
  std::memcpy(head.e_ident, ELFMAG, SELFMAG);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_phoff = sizeof head;
  head.e_phnum = 2;
  head.e_phentsize = sizeof(Elf64_Phdr);
  Elf64_Phdr text{};
  text.p_type = PT_LOAD;
  text.p_flags = PF_R | PF_X;
  text.p_offset = text.p_vaddr = kCode;
  text.p_filesz = text.p_memsz = code.size();
  Elf64_Phdr data = text;
  data.p_flags = PF_R | PF_W;
  data.p_offset = data.p_vaddr = next_segment;
  data.p_filesz = data.p_memsz = 0x100;
  std::memcpy(file.data(), &head, sizeof head);
  std::memcpy(file.data() + sizeof head, &text, sizeof text);
  std::memcpy(file.data() + sizeof head + sizeof text, &data, sizeof data);
  std::memcpy(file.data() + kCode, code.data(), code.size());
  return file;
}

std::vector<PatchSite> sites_of(const std::vector<std::uint8_t>& code) {
  return find_sites(kAbiX64, elf_with(code), fast_calls(kAbiX64, {}));
}

const std::vector<std::uint8_t> kStatAt = {0xb8, 0x06, 0x01, 0, 0, 0x0f, 0x05, 0xc3};

}  // namespace

TEST_CASE("a call of known number in front of which an instruction has room is a site") {
  const auto sites = sites_of(kStatAt);
  REQUIRE(sites.size() == 1);
  CHECK(sites[0] == PatchSite{.offset = kCode, .size = 5});
}

TEST_CASE("calls that the handler does not answer are left alone") {
  CHECK(sites_of({0xb8, 0x27, 0, 0, 0, 0x0f, 0x05, 0xc3}).empty());              // getpid
  CHECK(sites_of({0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05, 0xc3}).empty());  // rt_sigreturn
  CHECK(sites_of({0xb8, 0x52, 0, 0, 0, 0x0f, 0x05, 0xc3}).empty());              // rename
}

TEST_CASE("bytes inside another instruction are no call") {
  CHECK(sites_of({0xb8, 0x0f, 0x05, 0, 0, 0xc3}).empty());
}

TEST_CASE("several instructions make room, unless somebody jumps between them") {
  // mov rdi, rbx; mov rsi, rcx; syscall
  CHECK(sites_of({0x48, 0x89, 0xdf, 0x48, 0x89, 0xce, 0x0f, 0x05, 0xc3}).size() == 1);
  // The same behind: je to the second mov.
  CHECK(sites_of({0x74, 0x03, 0x48, 0x89, 0xdf, 0x48, 0x89, 0xce, 0x0f, 0x05, 0xc3}).empty());
}

TEST_CASE("what cannot move is not moved") {
  // lea rdi, [rip + 0]; syscall
  CHECK(sites_of({0x48, 0x8d, 0x3d, 0, 0, 0, 0, 0x0f, 0x05, 0xc3}).empty());
  // call; syscall
  CHECK(sites_of({0xe8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3}).empty());
}

TEST_CASE("files that are no program, or a damaged one, have no sites") {
  const auto calls = fast_calls(kAbiX64, {});
  CHECK(find_sites(kAbiX64, {}, calls).empty());
  auto file = elf_with(kStatAt);
  for (std::size_t size = 0; size < 200; size += 7)
    CHECK(find_sites(kAbiX64, std::span(file).first(size), calls).empty());
  const std::uint64_t far = ~0ULL;
  std::memcpy(file.data() + sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_filesz), &far, sizeof far);
  CHECK(find_sites(kAbiX64, file, calls).empty());
}

TEST_CASE("a patched site leads to the handler and back") {
  const auto file = elf_with(kStatAt);
  const auto sites = find_sites(kAbiX64, file, fast_calls(kAbiX64, {}));
  const auto patches = make_patches(file, sites);
  REQUIRE(patches.size() == 2);
  const Patch& stub = patches[0];
  const Patch& jump = patches[1];
  CHECK(stub.offset == kCode + 16);
  CHECK(jump.offset == kCode);
  REQUIRE(jump.bytes.size() == 5);
  CHECK(jump.bytes[0] == std::byte{0xe9});
  std::int32_t distance = 0;
  std::memcpy(&distance, jump.bytes.data() + 1, sizeof distance);
  CHECK(kCode + 5 + static_cast<std::uint64_t>(distance) == stub.offset);
  // The replaced instruction, the address behind the call, the handler.
  CHECK(std::equal(stub.bytes.begin(), stub.bytes.begin() + 5, file.begin() + kCode));
  std::memcpy(&distance, stub.bytes.data() + 8, sizeof distance);
  CHECK(stub.offset + 12 + static_cast<std::uint64_t>(std::int64_t{distance}) == kCode + 7);
  std::uint32_t pointer = 0;
  std::memcpy(&pointer, stub.bytes.data() + 15, sizeof pointer);
  CHECK(pointer == gate::kFastPointer);
}

TEST_CASE("where another segment follows in the same page there is no room") {
  const auto file = elf_with(kStatAt, kCode + 0x20);
  const auto sites = find_sites(kAbiX64, file, fast_calls(kAbiX64, {}));
  REQUIRE(sites.size() == 1);
  CHECK(make_patches(file, sites).empty());
}

TEST_CASE("sites that do not lie in the code are ignored") {
  const PatchSite wild[] = {
      {.offset = 0, .size = 5}, {.offset = kCode + 6, .size = 5}, {.offset = kCode, .size = 3}};
  CHECK(make_patches(elf_with(kStatAt), wild).empty());
}
