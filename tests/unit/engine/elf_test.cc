#include "engine/ptrace/exec/elf.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace nestp {
namespace {

using namespace std::string_literals;

constexpr std::uint16_t kHostMachine =
#if defined(__aarch64__)
    EM_AARCH64;
#else
    EM_X86_64;
#endif

class Bytes : public ByteSource {
 public:
  explicit Bytes(std::string bytes) : bytes_(std::move(bytes)) {}
  SysResult<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) override {
    if (offset >= bytes_.size()) return std::size_t{0};
    const std::size_t count = std::min(into.size(), bytes_.size() - offset);
    std::memcpy(into.data(), bytes_.data() + offset, count);
    return count;
  }

 private:
  std::string bytes_;
};

class Unreadable : public ByteSource {
 public:
  SysResult<std::size_t> read_at(std::uint64_t, std::span<std::byte>) override {
    return Errno(EISDIR);
  }
};

/// A file in the making: headers as they will be written, then `tail`.
template <typename Ehdr, typename Phdr>
struct Draft {
  Ehdr header{};
  std::vector<Phdr> list;
  std::string tail{};

  explicit Draft(std::uint16_t machine, std::uint16_t type = ET_EXEC) {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = sizeof(Ehdr) == sizeof(Elf64_Ehdr) ? ELFCLASS64 : ELFCLASS32;
    header.e_type = type;
    header.e_machine = machine;
    header.e_entry = 0x401000;
    header.e_phoff = sizeof(Ehdr);
    header.e_phentsize = sizeof(Phdr);
  }
  Phdr& add(std::uint32_t type) {
    Phdr phdr{};
    phdr.p_type = type;
    header.e_phnum = static_cast<std::uint16_t>(header.e_phnum + 1);
    return list.emplace_back(phdr);
  }
  /// A PT_INTERP that names `bytes` exactly, behind the headers; the last thing to add.
  Phdr& add_interpreter(const std::string& bytes) {
    Phdr& phdr = add(PT_INTERP);
    phdr.p_offset = sizeof(Ehdr) + list.size() * sizeof(Phdr);
    phdr.p_filesz = bytes.size();
    tail = bytes;
    return phdr;
  }
  std::string text() const {
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
    if (!list.empty()) {
      bytes.append(reinterpret_cast<const char*>(list.data()), list.size() * sizeof(Phdr));
    }
    return bytes + tail;
  }
};

using Draft64 = Draft<Elf64_Ehdr, Elf64_Phdr>;
using Draft32 = Draft<Elf32_Ehdr, Elf32_Phdr>;

template <typename Phdr>
void place(Phdr& phdr, std::uint64_t offset, std::uint64_t address, std::uint64_t file_size,
           std::uint64_t memory_size, std::uint32_t flags = PF_R) {
  phdr.p_offset = static_cast<decltype(phdr.p_offset)>(offset);
  phdr.p_vaddr = static_cast<decltype(phdr.p_vaddr)>(address);
  phdr.p_filesz = static_cast<decltype(phdr.p_filesz)>(file_size);
  phdr.p_memsz = static_cast<decltype(phdr.p_memsz)>(memory_size);
  phdr.p_flags = flags;
}

SysResult<ElfImage> parsed(const std::string& text) {
  Bytes bytes(text);
  return parse_elf(bytes);
}
SysResult<ElfImage> parsed_as_interpreter(const std::string& text) {
  Bytes bytes(text);
  return parse_elf_interpreter(bytes);
}
int error_of(const SysResult<ElfImage>& result) { return result ? 0 : result.error().code(); }

/// What execve(2) of a file with these bytes fails with here.
int native_error(const std::string& text) {
  char path[] = "/tmp/elf_test_XXXXXX";
  const int file = mkostemp(path, O_CLOEXEC);
  REQUIRE(file >= 0);
  REQUIRE(write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  REQUIRE(fchmod(file, 0755) == 0);
  close(file);
  const pid_t child = fork();
  if (child == 0) {
    char* const none[] = {path, nullptr};
    execve(path, none, none + 1);
    _exit(errno);
  }
  REQUIRE(child > 0);
  int status = 0;
  waitpid(child, &status, 0);
  unlink(path);
  REQUIRE(WIFEXITED(status));  // else the kernel took it, and killed the process for it
  return WEXITSTATUS(status);
}

TEST_CASE("a static 64-bit program", "[elf]") {
  Draft64 draft(EM_X86_64);
  place(draft.add(PT_LOAD), 0, 0x400000, 0x1234, 0x1234, PF_R | PF_X);
  draft.list.back().p_align = 0x1000;
  place(draft.add(PT_LOAD), 0x2010, 0x403010, 0x100, 0x5000, PF_R | PF_W);
  draft.list.back().p_align = 0x200000;
  draft.add(PT_GNU_STACK).p_flags = PF_R | PF_W;
  const auto image = parsed(draft.text());
  REQUIRE(image.ok());
  CHECK(image->is_64);
  CHECK(image->machine == EM_X86_64);
  CHECK(image->type == ET_EXEC);
  CHECK(image->entry == 0x401000);
  CHECK(image->phdr_address == 0x400040);
  CHECK(image->phdr_count == 3);
  CHECK(image->phdr_size == 56);
  REQUIRE(image->segments.size() == 2);
  CHECK(image->segments[0].protection == (PROT_READ | PROT_EXEC));
  CHECK(image->segments[1].protection == (PROT_READ | PROT_WRITE));
  CHECK(image->segments[1].file_offset == 0x2010);
  CHECK(image->segments[1].memory_size == 0x5000);
  CHECK(image->interpreter.empty());
  CHECK(image->stack == ElfStack::plain);
  CHECK(image->alignment == 0x200000);
  CHECK(image->low == 0x400000);
  CHECK(image->high == 0x409000);
  CHECK(image->sound);
}

TEST_CASE("a dynamic 32-bit program", "[elf]") {
  Draft32 draft(EM_386, ET_DYN);
  place(draft.add(PT_LOAD), 0, 0, 0x100, 0x100);
  draft.add(PT_GNU_STACK).p_flags = PF_R | PF_W | PF_X;
  draft.add_interpreter("/lib/ld-linux.so.2\0rest\0"s.substr(0, 24));
  const auto image = parsed(draft.text());
  REQUIRE(image.ok());
  CHECK_FALSE(image->is_64);
  CHECK(image->type == ET_DYN);
  CHECK(image->phdr_address == 52);
  CHECK(image->phdr_size == 32);
  CHECK(image->interpreter == "/lib/ld-linux.so.2");
  CHECK(image->stack == ElfStack::executable);
  CHECK(image->alignment == 4096);
  CHECK(image->high == 0x1000);
}

TEST_CASE("the word size is the machine's, whatever the class byte says", "[elf]") {
  Draft64 large(EM_X86_64);
  large.header.e_ident[EI_CLASS] = ELFCLASS32;
  large.add(PT_LOAD);
  REQUIRE(parsed(large.text()).ok());
  CHECK(parsed(large.text())->is_64);
  Draft32 x32(EM_X86_64);
  x32.add(PT_LOAD);
  REQUIRE(parsed(x32.text()).ok());
  CHECK_FALSE(parsed(x32.text())->is_64);
}

TEST_CASE("AT_PHDR is in the last segment that holds the headers", "[elf]") {
  Draft64 draft(EM_X86_64);
  place(draft.add(PT_PHDR), 64, 0x777040, 56, 56);
  place(draft.add(PT_LOAD), 0, 0x400000, 0x200, 0x200);
  place(draft.add(PT_LOAD), 0, 0x500000, 0x200, 0x200);
  CHECK(parsed(draft.text())->phdr_address == 0x500040);
  draft.list[1].p_filesz = draft.list[2].p_filesz = 64;
  CHECK(parsed(draft.text())->phdr_address == 0);
}

TEST_CASE("files the kernel refuses with the same errno", "[elf]") {
  Draft64 good(kHostMachine);
  place(good.add(PT_LOAD), 0, 0x400000, 0x100, 0x100, PF_R | PF_X);
  const auto refused = [&](const char* what, const Draft64& draft) {
    INFO(what);
    const int error = error_of(parsed(draft.text()));
    CHECK(error != 0);
    CHECK(error == native_error(draft.text()));
  };
  Draft64 draft = good;
  draft.header.e_ident[1] = 'F';
  refused("magic", draft);
  draft = good;
  draft.header.e_type = ET_REL;
  refused("type", draft);
  draft = good;
  draft.header.e_phentsize = 57;
  refused("phentsize", draft);
  draft = good;
  draft.header.e_phnum = 0;
  refused("no program headers", draft);
  draft = good;
  draft.header.e_phnum = 65536 / 56 + 1;
  draft.tail.assign(70000, '\0');
  refused("too many program headers", draft);
  draft = good;
  draft.header.e_phoff = 100000;
  refused("program headers behind the end", draft);
  draft.header.e_phoff = UINT64_MAX - 10;
  refused("program headers at a negative offset", draft);
  for (const std::string& interpreter :
       {""s, "\0"s, "/lib/ld.so"s, "\0\0"s, std::string(PATH_MAX + 1, '\0')}) {
    draft = good;
    draft.add_interpreter(interpreter);
    refused(interpreter.c_str(), draft);
  }
  draft = good;
  draft.add_interpreter("/lib/ld.so\0"s).p_offset += 1;
  refused("interpreter's name past the end", draft);
  draft.list.back().p_offset = UINT64_MAX;
  refused("interpreter's name at a negative offset", draft);
}

TEST_CASE("short and unreadable files", "[elf]") {
  CHECK(error_of(parsed("")) == ENOEXEC);
  CHECK(error_of(parsed("\x7f"
                        "ELF")) == ENOEXEC);
  Unreadable directory;
  CHECK(error_of(parse_elf(directory)) == EISDIR);
  CHECK(error_of(parse_elf_interpreter(directory)) == EISDIR);
}

TEST_CASE("only the first PT_INTERP counts", "[elf]") {
  Draft64 draft(EM_X86_64);
  draft.add(PT_LOAD);
  draft.add_interpreter("/a\0/b\0"s).p_filesz = 3;
  draft.add(PT_INTERP);
  draft.list[1].p_offset += sizeof(Elf64_Phdr);
  CHECK(parsed(draft.text())->interpreter == "/a");
}

TEST_CASE("what the kernel finds out too late is not sound", "[elf]") {
  Draft64 draft(EM_X86_64);
  draft.add(PT_NULL);
  CHECK_FALSE(parsed(draft.text())->sound);
  Elf64_Phdr& load = draft.add(PT_LOAD);
  place(load, 0, 0x400000, 0x100, 0x100);
  CHECK(parsed(draft.text())->sound);
  place(load, 0, 0x400000, 0x101, 0x100);
  CHECK_FALSE(parsed(draft.text())->sound);
  place(load, 0, UINT64_MAX - 0x1000, 0x100, 0x1001);
  CHECK_FALSE(parsed(draft.text())->sound);
  place(load, 0, 0x400000, 0x100, UINT64_MAX);
  CHECK_FALSE(parsed(draft.text())->sound);
}

TEST_CASE("alignments that are no power of two are skipped", "[elf]") {
  Draft64 draft(EM_X86_64);
  draft.add(PT_LOAD).p_align = 0x12000;
  draft.add(PT_LOAD).p_align = 16;
  CHECK(parsed(draft.text())->alignment == 4096);
  Bytes bytes(draft.text());
  CHECK(parse_elf(bytes, 65536)->alignment == 65536);
}

TEST_CASE("interpreters are ELIBBAD where programs are ENOEXEC", "[elf]") {
  Draft64 draft(EM_X86_64, ET_DYN);
  place(draft.add(PT_LOAD), 0, 0, 0x100, 0x100);
  draft.add_interpreter("not looked at");
  REQUIRE(parsed_as_interpreter(draft.text()).ok());
  CHECK(parsed_as_interpreter(draft.text())->interpreter.empty());
  CHECK(parsed_as_interpreter(draft.text())->sound);
  CHECK(error_of(parsed_as_interpreter(draft.text().substr(0, 63))) == EIO);
  CHECK(error_of(parsed_as_interpreter(std::string(64, 'x'))) == ELIBBAD);
  CHECK(error_of(parsed_as_interpreter(draft.text().substr(0, 70))) == ELIBBAD);
  Draft64 odd = draft;
  odd.header.e_phentsize = 1;
  CHECK(error_of(parsed_as_interpreter(odd.text())) == ELIBBAD);
  odd = draft;
  odd.header.e_type = ET_CORE;
  REQUIRE(parsed_as_interpreter(odd.text()).ok());
  CHECK_FALSE(parsed_as_interpreter(odd.text())->sound);
}

TEST_CASE("a foreign program is identified in its own byte order", "[elf]") {
  std::string start =
      "\x7f"
      "ELF\x01\x02\x01"s +
      std::string(9, '\0') + "\0\x02\0\x08"s;
  const auto identity = identify_elf(std::as_bytes(std::span(start)));
  REQUIRE(identity);
  CHECK(identity->machine == EM_MIPS);
  CHECK(identity->is_big_endian);
  CHECK_FALSE(identity->is_64);
  CHECK_FALSE(identify_elf(std::as_bytes(std::span(start)).first(19)));
  start[0] = 'x';
  CHECK_FALSE(identify_elf(std::as_bytes(std::span(start))));
}

}  // namespace
}  // namespace nestp
