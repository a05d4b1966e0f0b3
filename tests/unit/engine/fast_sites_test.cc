#include <cstring>
#include <elf.h>

#include <catch2/catch.hpp>

#include "arch/instruction.h"
#include "engine/gate/memo.h"
#include "engine/ptrace/fast/elf_code.h"
#include "engine/ptrace/fast/patches.h"
#include "engine/ptrace/fast/sites.h"

using namespace nestp;

namespace {

constexpr std::uint64_t kCode = 0x1000;  // file offset and address

struct Form {
  std::uint64_t next_segment = 0x2000;  ///< file offset of what follows the code
  Elf64_Half type = ET_DYN;
  Elf64_Word first_type = PT_NULL;  ///< of a header before the segments'
  std::uint64_t address = 0;        ///< of the file's first byte
};

/// An ELF file with one executable segment, and a second one behind it.
std::vector<std::byte> elf_with(const std::vector<std::uint8_t>& code, const Form& form = {}) {
  std::vector<std::byte> file(0x3000);
  Elf64_Ehdr head{};
  std::memcpy(head.e_ident, ELFMAG, SELFMAG);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_type = form.type;
  head.e_phoff = sizeof head;
  head.e_phnum = 3;
  head.e_phentsize = sizeof(Elf64_Phdr);
  Elf64_Phdr first{};
  first.p_type = form.first_type;
  Elf64_Phdr text{};
  text.p_type = PT_LOAD;
  text.p_flags = PF_R | PF_X;
  text.p_offset = kCode;
  text.p_vaddr = form.address + kCode;
  text.p_filesz = text.p_memsz = code.size();
  Elf64_Phdr data = text;
  data.p_flags = PF_R | PF_W;
  data.p_offset = form.next_segment;
  data.p_vaddr = form.address + form.next_segment;
  data.p_filesz = data.p_memsz = 0x100;
  const Elf64_Phdr headers[] = {first, text, data};
  std::memcpy(file.data(), &head, sizeof head);
  std::memcpy(file.data() + sizeof head, headers, sizeof headers);
  std::memcpy(file.data() + kCode, code.data(), code.size());
  return file;
}

std::vector<PatchSite> sites_of(const std::vector<std::uint8_t>& code) {
  return find_sites(kAbiX64, elf_with(code), fast_calls(kAbiX64, {}));
}

const std::vector<std::uint8_t> kStatAt = {0xb8, 0x06, 0x01, 0, 0, 0x0f, 0x05, 0xc3};

std::uint64_t word_at(const std::vector<std::byte>& bytes, std::size_t offset) {
  std::int32_t word = 0;
  std::memcpy(&word, bytes.data() + offset, sizeof word);
  return static_cast<std::uint64_t>(std::int64_t{word});
}

/// Of a file with kStatAt, whose one stub is at `offset` and runs at `address`.
void check_jump(const std::vector<std::byte>& file, const Patches& patches, std::uint64_t offset,
                std::uint64_t address) {
  REQUIRE(patches.list.size() == 2);
  const Patch& stub = patches.list[0];
  const Patch& jump = patches.list[1];
  CHECK(stub.offset == offset);
  CHECK(jump.offset == kCode);
  REQUIRE(jump.bytes.size() == 5);
  CHECK(jump.bytes[0] == std::byte{0xe9});
  CHECK(kCode + 5 + word_at(jump.bytes, 1) == address);
  // The replaced instruction, the address behind the call, the handler.
  CHECK(std::equal(stub.bytes.begin(), stub.bytes.begin() + 5, file.begin() + kCode));
  CHECK(address + 12 + word_at(stub.bytes, 8) == kCode + 7);
  CHECK(word_at(stub.bytes, 15) == gate::kFastPointer);
}

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
  std::memcpy(
      file.data() + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_filesz), &far,
      sizeof far);
  CHECK(find_sites(kAbiX64, file, calls).empty());
}

TEST_CASE("a patched site leads to the handler and back") {
  const auto file = elf_with(kStatAt);
  const auto sites = find_sites(kAbiX64, file, fast_calls(kAbiX64, {}));
  const Patches patches = make_patches(file, sites, Mapper::loader);
  REQUIRE(patches.list.size() == 2);
  CHECK(patches.calls == 1);
  CHECK(patches.stubs.size == 0);
  check_jump(file, patches, kCode + 16, kCode + 16);
}

TEST_CASE("without room behind the code a file that can move has its stubs behind it") {
  const auto file = elf_with(kStatAt, {.next_segment = kCode + 0x20});
  const auto sites = find_sites(kAbiX64, file, fast_calls(kAbiX64, {}));
  REQUIRE(sites.size() == 1);
  const Patches patches = make_patches(file, sites, Mapper::loader);
  CHECK(patches.calls == 1);
  CHECK(patches.stubs.offset == 0x3000);
  CHECK(patches.stubs.size == kCodePage);
  CHECK(patches.stubs.address == 0x2000);  // the second segment's page ends there
  check_jump(file, patches, 0x3000, 0x2000);
}

TEST_CASE("without room behind the code a program that cannot move has its stubs by the image") {
  const auto file = elf_with(kStatAt, {.next_segment = kCode + 0x20, .type = ET_EXEC});
  const auto sites = find_sites(kAbiX64, file, fast_calls(kAbiX64, {}));
  const Patches patches = make_patches(file, sites, Mapper::loader);
  CHECK(patches.stubs.address == gate::kFastStubs);
  check_jump(file, patches, 0x3000, gate::kFastStubs);
}

TEST_CASE("a linker is told of the stubs in the place of a header that it can spare") {
  const auto plain = elf_with(kStatAt, {.next_segment = kCode + 0x20});
  const auto sites = find_sites(kAbiX64, plain, fast_calls(kAbiX64, {}));
  CHECK(make_patches(plain, sites, Mapper::linker).calls == 0);

  auto file = elf_with(kStatAt, {.next_segment = kCode + 0x20, .first_type = PT_INTERP});
  const Patches patches = make_patches(file, sites, Mapper::linker);
  CHECK(patches.calls == 1);
  for (const Patch& patch : patches.list) {
    if (patch.offset < file.size())
      std::copy(patch.bytes.begin(), patch.bytes.end(),
                file.begin() + static_cast<std::ptrdiff_t>(patch.offset));
  }
  const auto headers = program_headers(file);
  REQUIRE(headers.size() == 3);
  CHECK(headers[0].p_vaddr == kCode);
  CHECK(headers[1].p_vaddr == kCode + 0x20);
  CHECK(headers[2].p_type == PT_LOAD);  // the last, as addresses must ascend
  CHECK(headers[2].p_flags == (PF_R | PF_X));
  CHECK(headers[2].p_offset == patches.stubs.offset);
  CHECK(headers[2].p_vaddr == patches.stubs.address);
  CHECK(headers[2].p_memsz == patches.stubs.size);
}

TEST_CASE("nothing is written behind a file that ends with its code") {
  auto file = elf_with(kStatAt, {.next_segment = 0x100});
  file.resize(kCode + kStatAt.size());
  const auto sites = find_sites(kAbiX64, file, fast_calls(kAbiX64, {}));
  const Patches patches = make_patches(file, sites, Mapper::loader);
  CHECK(patches.calls == 1);
  for (const Patch& patch : patches.list)
    CHECK(patch.offset + patch.bytes.size() <=
          std::max<std::uint64_t>(file.size(), patches.stubs.offset + patches.stubs.size));
}

TEST_CASE("a program that lies where stubs would has none") {
  const auto file = elf_with(
      kStatAt,
      {.next_segment = kCode + 0x20, .type = ET_EXEC, .address = gate::kFastStubs - kCode - 0x100});
  const auto sites = find_sites(kAbiX64, file, fast_calls(kAbiX64, {}));
  CHECK(sites.size() == 1);
  CHECK(make_patches(file, sites, Mapper::loader).calls == 0);
}

TEST_CASE("stubs that jumps do not reach are not made") {
  const auto file = elf_with(kStatAt, {.next_segment = kCode + 0x20, .address = 1ULL << 32});
  auto fixed = file;
  const Elf64_Half type = ET_EXEC;
  std::memcpy(fixed.data() + offsetof(Elf64_Ehdr, e_type), &type, sizeof type);
  const auto sites = find_sites(kAbiX64, file, fast_calls(kAbiX64, {}));
  CHECK(make_patches(file, sites, Mapper::loader).calls == 1);
  CHECK(make_patches(fixed, sites, Mapper::loader).calls == 0);
}

TEST_CASE("sites that do not lie in the code are ignored") {
  const PatchSite wild[] = {
      {.offset = 0, .size = 5}, {.offset = kCode + 6, .size = 5}, {.offset = kCode, .size = 3}};
  CHECK(make_patches(elf_with(kStatAt), wild, Mapper::loader).list.empty());
}
