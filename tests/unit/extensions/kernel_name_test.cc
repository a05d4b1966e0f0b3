#include "extensions/kernel_name.h"

#include <cerrno>
#include <elf.h>
#include <sched.h>

#include <catch2/catch.hpp>

#include "extensions/vdso_note.h"
#include "tests/unit/extensions/fake_memory.h"

namespace nestp {
namespace {

constexpr std::size_t kField = 65;

/// What uname(2) shows where the kernel says this.
FakeMemory shown(KernelName& extension, pid_t thread = 1, const Abi& abi = kAbiX64,
                 Sys sys = Sys::uname) {
  FakeMemory memory(6 * kField);
  const std::size_t size = sys == Sys::oldolduname ? 9 : kField;
  const char* const real[] = {"Linux", "host", "6.1.0", "#1 SMP", "x86_64", "(none)"};
  for (std::size_t i = 0; i < (sys == Sys::uname ? 6 : 5); ++i)
    memory.put(i * size, real[i]);
  Call call = make_call(sys, memory, {FakeMemory::kStart}, thread, abi);
  extension.on_exit(call);
  return memory;
}

std::int64_t set_name(KernelName& extension, Sys sys, const std::string& text, pid_t thread = 1) {
  FakeMemory memory(128);
  Call call = make_call(sys, memory, {memory.put(0, text), text.size()}, thread);
  return extension.on_entry(call) == Entry::answered ? call.result : 1;
}

TEST_CASE("a release alone changes the release alone", "[extensions][kernel]") {
  KernelName extension(*parse_kernel_fields("3.10.0-x"), true);
  const FakeMemory memory = shown(extension);
  CHECK(memory.text(0) == "Linux");
  CHECK(memory.text(kField) == "host");
  CHECK(memory.text(2 * kField) == "3.10.0-x");
  CHECK(memory.text(4 * kField) == "x86_64");
}

TEST_CASE("PRoot's long form, with fields left empty", "[extensions][kernel]") {
  const auto fields = parse_kernel_fields("\\Sys\\\\4.4\\#9\\mach\\dom\\ff\\");
  REQUIRE(fields);
  CHECK(fields->system == "Sys");
  CHECK_FALSE(fields->node);
  CHECK(fields->release == "4.4");
  CHECK(fields->version == "#9");
  CHECK(fields->machine == "mach");
  CHECK(fields->domain == "dom");
  CHECK(fields->capabilities == 0xff);
  CHECK_FALSE(parse_kernel_fields("\\a\\b\\c\\d\\e\\f\\-1\\")->capabilities);
  CHECK_FALSE(parse_kernel_fields(""));
  CHECK_FALSE(parse_kernel_fields("\\a\\b\\c\\d\\e\\f\\nothex\\"));
  CHECK_FALSE(parse_kernel_fields("\\a\\b\\c\\d\\e\\f\\0\\more\\"));
  CHECK_FALSE(parse_kernel_fields("\\" + std::string(65, 'x')));
}

TEST_CASE("32-bit programs see i686, in each of the three structs", "[extensions][kernel]") {
  KernelName extension({}, false);
  CHECK(shown(extension, 1, kAbiX86).text(4 * kField) == "i686");
  CHECK(shown(extension, 1, kAbiX86, Sys::olduname).text(4 * kField) == "i686");
  CHECK(shown(extension, 1, kAbiX86, Sys::oldolduname).text(4UL * 9) == "i686");
  CHECK(shown(extension, 1, kAbiX86OnX64).text(4 * kField) == "x86_64");
}

TEST_CASE("a long release is cut to its field", "[extensions][kernel]") {
  KernelName extension(*parse_kernel_fields("3.10.0-long-long"), true);
  CHECK(shown(extension, 1, kAbiX86, Sys::oldolduname).text(2UL * 9) == "3.10.0-l");
}

TEST_CASE("a host name is kept by whoever may set it", "[extensions][kernel]") {
  KernelName extension({}, false);
  extension.on_thread_start(1, 0);
  CHECK(set_name(extension, Sys::sethostname, "other") == 1);  // the kernel decides
  extension.on_thread_start(2, 1);
  extension.on_namespaces(2, CLONE_NEWUTS);
  CHECK(set_name(extension, Sys::sethostname, "inner", 2) == 0);
  CHECK(set_name(extension, Sys::setdomainname, "domain", 2) == 0);
  extension.on_thread_start(3, 2);
  CHECK(shown(extension, 3).text(kField) == "inner");
  CHECK(shown(extension, 3).text(5 * kField) == "domain");
  CHECK(shown(extension, 1).text(kField) == "host");
  CHECK(set_name(extension, Sys::sethostname, std::string(65, 'x'), 2) == -EINVAL);
  extension.on_thread_renamed(3, 4);
  CHECK(shown(extension, 4).text(kField) == "inner");
  std::optional<std::string> text = "host\n";
  CHECK(extension.on_text(4, "/proc/sys/kernel/hostname", text));
  CHECK(text == "inner\n");
}

TEST_CASE("whoever knows of privileges decides, but not over a namespace of one's own",
          "[extensions][kernel]") {
  KernelName extension({}, false);
  extension.set_privilege([](pid_t thread) { return std::optional(thread == 1); });
  extension.on_thread_start(1, 0);
  extension.on_thread_start(2, 1);
  CHECK(set_name(extension, Sys::sethostname, "name", 2) == -EPERM);
  CHECK(set_name(extension, Sys::sethostname, "name", 1) == 0);
  CHECK(shown(extension, 2).text(kField) == "name");
  extension.on_namespaces(2, CLONE_NEWUTS);
  CHECK(set_name(extension, Sys::sethostname, "own", 2) == 0);
}

TEST_CASE("files of /proc say the same", "[extensions][kernel]") {
  KernelName extension(*parse_kernel_fields("3.10.7"), true);
  std::optional<std::string> text = "6.1.0\n";
  CHECK(extension.on_text(1, "/proc/sys/kernel/osrelease", text));
  CHECK(text == "3.10.7\n");
  text = "Linux\n";
  CHECK_FALSE(extension.on_text(1, "/proc/sys/kernel/ostype", text));
  CHECK_FALSE(extension.on_text(1, "/proc/1/version", text));
}

TEST_CASE("the code of a release", "[extensions][kernel]") {
  CHECK(version_code("3.10.5-rc1") == 0x030a05);
  CHECK(version_code("6.1") == 0x060100);
  CHECK(version_code("4.19.300") == 0x0413ff);
  CHECK_FALSE(version_code("new"));
}

TEST_CASE("newer calls are missing only if that was asked for", "[extensions][kernel]") {
  const auto is_refused = [](bool is_strict, Sys sys) {
    return KernelName(*parse_kernel_fields("3.17"), true, is_strict)
        .refused()
        .test(static_cast<std::size_t>(sys));
  };
  CHECK(is_refused(true, Sys::statx));
  CHECK(is_refused(true, Sys::execveat));
  CHECK_FALSE(is_refused(true, Sys::getrandom));
  CHECK_FALSE(is_refused(true, Sys::openat));
  CHECK_FALSE(is_refused(false, Sys::statx));
}

TEST_CASE("the note of a vDSO is rewritten", "[extensions][kernel]") {
  FakeMemory memory(512);
  Elf64_Ehdr header{};
  header.e_phoff = 64;
  header.e_phnum = 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_NOTE;
  segment.p_offset = 200;
  segment.p_filesz = 2 * (sizeof(Elf64_Nhdr) + 8 + 4);
  std::memcpy(memory.bytes.data(), &header, sizeof header);
  std::memcpy(memory.bytes.data() + 64, &segment, sizeof segment);
  const Elf64_Nhdr other{6, 4, 3}, note{6, 4, 0};
  std::memcpy(memory.bytes.data() + 200, &other, sizeof other);
  memory.put(212, "Linux");
  std::memcpy(memory.bytes.data() + 224, &note, sizeof note);
  memory.put(236, "Linux");
  CHECK(set_vdso_version(memory, FakeMemory::kStart, ELFCLASS64, 0x030a05));
  std::uint32_t code = 0;
  std::memcpy(&code, memory.bytes.data() + 244, sizeof code);
  CHECK(code == 0x030a05);
  std::memcpy(&code, memory.bytes.data() + 220, sizeof code);
  CHECK(code == 0);
  CHECK_FALSE(set_vdso_version(memory, 0, ELFCLASS64, 1));
}

TEST_CASE("AT_HWCAP and a vDSO without use", "[extensions][kernel]") {
  KernelName extension(*parse_kernel_fields("\\\\\\3.10\\\\\\\\ff\\"), true);
  FakeMemory memory(8);
  const GuestPath path = GuestPath::root();
  std::vector<AuxiliaryEntry> entries = {{16, 1}, {33, 0x10}, {6, 4096}};
  ProgramStart start{.thread = 1,
                     .abi = &kAbiX64,
                     .file = -1,
                     .executable = path,
                     .machine = 0,
                     .auxiliary = entries,
                     .memory = memory};
  extension.on_program_start(start);
  CHECK(entries == std::vector<AuxiliaryEntry>{{16, 0xff}, {1, 0}, {6, 4096}});
}

}  // namespace
}  // namespace nestp
