#include "extensions/emulator.h"

#include <cstdlib>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/unit/fs/temp_tree.h"

namespace nestp {
namespace {

constexpr Machine kArm{40, 1, false}, kArm64{183, 2, false}, kHost{62, 2, false};

/// A file that passes for an emulator: a copy of this static or dynamic program's start.
void make_emulator(const TempTree& tree, const std::string& name) {
  const std::string path = tree.at("/" + name);
  std::ifstream from("/proc/self/exe", std::ios::binary);
  std::ofstream to(path, std::ios::binary);
  to << from.rdbuf();
  to.close();
  REQUIRE(chmod(path.c_str(), 0755) == 0);
}

ProgramFile foreign(const Machine& machine) {
  return {.machine = machine.elf_machine,
          .elf_class = machine.elf_class,
          .is_big_endian = machine.is_big_endian,
          .name = "/bin/ls",
          .argument = "ls",
          .variables = {"LD_PRELOAD=x.so", "LD_LIBRARY_PATH=a,b"}};
}

TEST_CASE("machines by QEMU's names", "[extensions][emulator]") {
  CHECK(emulated_name(kArm) == "arm");
  CHECK(emulated_name({8, 2, true}) == "mips64");
  CHECK(emulated_name({40, 2, false}).empty());
  CHECK(emulated_machine("/opt/qemu/qemu-aarch64-static-x86_64") == kArm64);
  CHECK(emulated_machine("qemu-arm") == kArm);
  CHECK_FALSE(emulated_machine("qemu-system"));
  CHECK_FALSE(emulated_machine("box64"));
  CHECK(missing_emulator(kArm).find("qemu-arm-static") != std::string::npos);
}

TEST_CASE("programs of this machine are the kernel's", "[extensions][emulator]") {
  Emulator extension({}, EmulatorSearch("", "/nowhere"));
  ProgramFile program = foreign(kHost);
  program.runs_here = true;
  CHECK_FALSE(extension.on_program_file(program));
  CHECK_FALSE(extension.on_program_file(foreign(kArm)));  // there is no emulator
}

TEST_CASE("the host's PATH first, then the image", "[extensions][emulator]") {
  const TempTree tree;
  tree.directory("/path");
  tree.directory("/root");
  tree.directory("/root/opt");
  tree.directory("/root/opt/qemu");
  make_emulator(tree, "root/opt/qemu/qemu-arm-static-x86_64");
  EmulatorSearch of_image(tree.at("/path"), tree.at("/root"));
  REQUIRE(of_image.find(kArm) != nullptr);
  CHECK(of_image.find(kArm)->host == tree.at("/root/opt/qemu/qemu-arm-static-x86_64"));
  CHECK(of_image.find(kArm64) == nullptr);
  make_emulator(tree, "path/qemu-arm");
  EmulatorSearch of_path("/nowhere:" + tree.at("/path"), tree.at("/root"));
  REQUIRE(of_path.find(kArm) != nullptr);
  CHECK(of_path.find(kArm)->host == tree.at("/path/qemu-arm"));
}

TEST_CASE("the words of a dynamic emulator named by -q", "[extensions][emulator]") {
  const TempTree tree;
  tree.directory("/path");
  make_emulator(tree, "path/qemu-arm");
  Emulator extension({.command = {"qemu-arm", "-cpu", "max"}},
                     EmulatorSearch(tree.at("/path"), "/nowhere"));
  REQUIRE(extension.named() != nullptr);
  const auto emulation = extension.on_program_file(foreign(kArm));
  REQUIRE(emulation);
  const std::vector<std::string>& words = emulation->words;
  if (!extension.named()->is_static()) {
    CHECK(emulation->hides_variables);
    REQUIRE(words.size() == 11);
    CHECK(words[1] == "--library-path");
    CHECK(words[2].starts_with("/host-rootfs/"));
    CHECK(words[3] == "/host-rootfs" + tree.at("/path/qemu-arm"));
    // The value with a comma cannot be passed.
    CHECK(std::vector<std::string>(words.begin() + 4, words.end()) ==
          std::vector<std::string>{"-cpu", "max", "-E", "LD_PRELOAD=x.so", "-0", "ls", "/bin/ls"});
  }
  CHECK_FALSE(extension.on_program_file(foreign(kArm64)));
}

TEST_CASE("/proc/cpuinfo follows the thread", "[extensions][emulator]") {
  Emulator extension({}, EmulatorSearch("", "/nowhere"));
  std::vector<AuxiliaryEntry> none;
  class Nothing final : public GuestMemory {
    SysResult<> read(GuestAddress, std::span<std::byte>) override { return Errno(14); }
    SysResult<> write(GuestAddress, std::span<const std::byte>) override { return Errno(14); }
  } memory;
  const GuestPath path = GuestPath::root();
  ProgramStart start{.thread = 1,
                     .abi = &kAbiX64,
                     .file = -1,
                     .executable = path,
                     .machine = 40,
                     .auxiliary = none,
                     .memory = memory};
  extension.on_program_start(start);
  extension.on_thread_start(2, 1);
  std::optional<std::string> text = "of the host";
  CHECK(extension.on_text(2, "/proc/cpuinfo", text));
  CHECK(text->find("ARMv7") != std::string::npos);
  CHECK_FALSE(extension.on_text(3, "/proc/cpuinfo", text));
  start.machine = 0;
  extension.on_program_start(start);
  CHECK_FALSE(extension.on_text(1, "/proc/cpuinfo", text));
}

}  // namespace
}  // namespace nestp
