#include "arch/registers.h"

#include <algorithm>
#include <vector>

#include <catch2/catch.hpp>

namespace nestp {
namespace {

std::vector<const Abi*> abis_and_mixed() {
  std::vector<const Abi*> abis(all_abis().begin(), all_abis().end());
  abis.push_back(&kAbiX86OnX64);
  return abis;
}

TEST_CASE("what is set is read back, in every ABI", "[arch][registers]") {
  for (const Abi* abi : abis_and_mixed()) {
    INFO(abi->name);
    Registers registers(*abi);
    for (std::size_t i = 0; i < 6; ++i)
      registers.set_arg(i, 0x80001000 + i);
    registers.set_stack(0x7ffff000);
    registers.set_instruction(0x401000);
    registers.set_number(257);
    for (std::size_t i = 0; i < 6; ++i)
      CHECK(registers.arg(i) == 0x80001000 + i);
    CHECK(registers.args()[5] == 0x80001005);
    CHECK(registers.stack() == 0x7ffff000);
    CHECK(registers.instruction() == 0x401000);
    CHECK(registers.number() == 257);
    registers.set_result(-2);
    CHECK(registers.result() == -2);
    CHECK(registers.bytes().size() == abi->register_set_size);
  }
}

TEST_CASE("a skipped call has a negative number", "[arch][registers]") {
  for (const Abi* abi : abis_and_mixed()) {
    Registers registers(*abi);
    registers.set_number(-1);
    CHECK(registers.number() == -1);
  }
}

TEST_CASE("32-bit arguments are cut, 32-bit results are extended", "[arch][registers]") {
  for (const Abi* abi : {&kAbiX86, &kAbiX86OnX64, &kAbiArm}) {
    INFO(abi->name);
    Registers registers(*abi);
    registers.set_arg(1, 0xffffffff'80000000);
    CHECK(registers.arg(1) == 0x80000000);
    registers.set_result(-4095);
    CHECK(registers.result() == -4095);
    registers.set_result(0xf7fc0000);  // an address, which is no errno
    CHECK(registers.result() < -kMaxErrno);
  }
  Registers wide(kAbiX64);
  wide.set_arg(1, 0xffffffff'80000000);
  CHECK(wide.arg(1) == 0xffffffff'80000000);
}

TEST_CASE("int 0x80 from 64-bit code has its arguments elsewhere", "[arch][registers]") {
  Registers registers(kAbiX64);
  registers.set_arg(0, 0x1234567890);  // rdi
  registers.set_stack(0x7fffffffe000);
  REQUIRE(registers.reinterpret_as(kAbiX86OnX64));
  CHECK(registers.arg(4) == 0x34567890);       // edi
  CHECK(registers.stack() == 0x7fffffffe000);  // the process is a 64-bit one
  registers.set_arg(0, 7);                     // ebx
  REQUIRE(registers.reinterpret_as(kAbiX64));
  CHECK(registers.arg(0) == 0x1234567890);
  CHECK_FALSE(registers.reinterpret_as(kAbiX86));
  CHECK(&registers.abi() == &kAbiX64);
}

TEST_CASE("the size of what ptrace filled tells the ABI", "[arch][registers]") {
  Registers registers(kAbiX64);
  std::ranges::fill(registers.room(), std::byte{0});
  REQUIRE(registers.loaded(68));
  CHECK(&registers.abi() == &kAbiX86);
  REQUIRE(registers.loaded(216));
  CHECK(&registers.abi() == &kAbiX64);
  CHECK_FALSE(registers.loaded(208));
  CHECK(&registers.abi() == &kAbiX64);
}

TEST_CASE("a call by the ABI's own instruction is known by its return address",
          "[arch][registers]") {
  Registers x64(kAbiX64);
  x64.set_instruction(0x401002);
  CHECK_FALSE(x64.is_own_call());
  x64.reinterpret_as(kAbiX86OnX64);
  x64.set_arg(1, 0x401002);  // rcx, where `syscall` leaves what it returns to
  x64.reinterpret_as(kAbiX64);
  CHECK(x64.is_own_call());
  CHECK(Registers(kAbiX86).is_own_call());
  CHECK(Registers(kAbiArm64).is_own_call());
}

TEST_CASE("a call is repeated at its instruction, with its number where code puts it",
          "[arch][registers]") {
  for (const Abi* abi : abis_and_mixed()) {
    INFO(abi->name);
    Registers registers(*abi);
    for (std::size_t i = 0; i < 6; ++i)
      registers.set_arg(i, 7 + i);
    registers.set_instruction(0x401000);
    registers.repeat_call(5);
    CHECK(registers.instruction() == 0x401000 - abi->syscall_instruction.size());
    if (abi != &kAbiRiscv64) CHECK(registers.number() == -1);  // one place for both numbers
    CHECK(registers.arg(0) == 7);
    CHECK(registers.bytes()[abi->registers.given_number] == std::byte{5});
    const bool is_separate = abi->number_write != NumberWrite::in_registers;
    CHECK(registers.separate_number().has_value() == is_separate);
  }
}

TEST_CASE("an arm64 call that is skipped keeps the register of its number", "[arch][registers]") {
  Registers registers(kAbiArm64);
  std::ranges::fill(registers.room(), std::byte{0});
  registers.prepare_call(221);
  registers.set_number(-1);
  CHECK(registers.bytes()[kAbiArm64.registers.number] == std::byte{221});
  REQUIRE(registers.loaded(kAbiArm64.register_set_size));
  CHECK_FALSE(registers.separate_number().has_value());
  CHECK(registers.number() == 221);
}

TEST_CASE("registers are equal if ABI and bytes are", "[arch][registers]") {
  Registers a(kAbiX64);
  Registers b(kAbiX64);
  CHECK(a == b);
  b.set_result(1);
  CHECK_FALSE(a == b);
  CHECK_FALSE(Registers(kAbiX64) == Registers(kAbiX86OnX64));
}

}  // namespace
}  // namespace nestp
