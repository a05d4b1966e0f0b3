#include "arch/instruction.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace nestp {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST_CASE("instructions that enter the kernel", "[arch][instruction]") {
  for (const Abi* abi : all_abis()) {
    INFO(abi->name);
    CHECK(is_syscall_instruction(*abi, abi->syscall_instruction));
    CHECK_FALSE(is_syscall_instruction(*abi, {}));
    CHECK_FALSE(is_syscall_instruction(*abi, abi->syscall_instruction.first(1)));
  }
  CHECK(is_syscall_instruction(kAbiX64, Bytes{0xcd, 0x80}));        // int $0x80 works in both
  CHECK(is_syscall_instruction(kAbiX86, Bytes{0x0f, 0x34}));        // sysenter
  CHECK_FALSE(is_syscall_instruction(kAbiX64, Bytes{0x0f, 0x34}));  // no way back
  CHECK_FALSE(is_syscall_instruction(kAbiX64, Bytes{0xcd, 0x03}));  // int $3
  CHECK_FALSE(is_syscall_instruction(kAbiX64, Bytes{0x90, 0x0f, 0x05}));
  CHECK(is_syscall_instruction(kAbiArm64, Bytes{0x21, 0x00, 0x00, 0xd4}));  // svc #1
  CHECK_FALSE(is_syscall_instruction(kAbiArm64, Bytes{0x1f, 0x20, 0x03, 0xd5}));
}

TEST_CASE("a line of code is decoded in order", "[arch][instruction]") {
  // mov $0x101,%eax; lea 0x10(%rip),%rsi; syscall; je +2; ret
  const Bytes code = {0xb8, 0x01, 0x01, 0x00, 0x00, 0x48, 0x8d, 0x35, 0x10,
                      0x00, 0x00, 0x00, 0x0f, 0x05, 0x74, 0x02, 0xc3};
  std::string seen;
  const std::size_t decoded =
      for_each_instruction(kAbiX64, code, 0x1000, [&](const Instruction& instruction) {
        seen +=
            std::string(instruction.mnemonic) + '@' + std::to_string(instruction.address - 0x1000);
        if (instruction.enters_kernel) seen += 'k';
        if (instruction.leaves_line) seen += 'l';
        if (instruction.uses_instruction) seen += 'i';
        seen += ' ';
        return true;
      });
  CHECK(decoded == code.size());
  CHECK(seen == "mov@0 lea@5i syscall@12k je@14li ret@16l ");
}

TEST_CASE("the visitor ends the line, and so does what does not decode", "[arch][instruction]") {
  const Bytes code = {0x90, 0x90, 0x06, 0x90};  // 06 is no instruction of 64-bit code
  int calls = 0;
  CHECK(for_each_instruction(kAbiX64, code, 0, [&](const Instruction&) {
          ++calls;
          return false;
        }) == 1);
  CHECK(calls == 1);
  CHECK(for_each_instruction(kAbiX64, code, 0, [](const Instruction&) { return true; }) == 2);
}

TEST_CASE("an odd address is Thumb code", "[arch][instruction]") {
  const Bytes code = {0x00, 0xdf};  // svc #0
  bool enters = false;
  for_each_instruction(kAbiArm, code, 0x1001, [&](const Instruction& instruction) {
    CHECK(instruction.address == 0x1000);
    enters = instruction.enters_kernel;
    return true;
  });
  CHECK(enters);
}

TEST_CASE("text for logs, with what is left as bytes", "[arch][instruction]") {
  CHECK(text_of(kAbiX64, Bytes{0x0f, 0x05, 0xc3}, 0x1000) == "0x1000: syscall\n0x1002: ret\n");
  CHECK(text_of(kAbiX64, Bytes{0x90, 0x06, 0xff}, 0x1000) == "0x1000: nop\n0x1001: bytes 06 ff\n");
  CHECK(text_of(kAbiRiscv64, Bytes{0x73}, 0x10).find("73") != std::string::npos);
}

}  // namespace
}  // namespace nestp
