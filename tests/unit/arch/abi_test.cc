#include "arch/abi.h"

#include <algorithm>
#include <set>

#include <catch2/catch.hpp>

namespace nestp {
namespace {

TEST_CASE("number to call and back, in every ABI", "[arch][abi]") {
  for (const Abi* abi : all_abis()) {
    int known = 0;
    for (std::size_t i = 0; i < kSysCount; ++i) {
      const auto sys = static_cast<Sys>(i);
      const std::int32_t number = number_of(*abi, sys);
      if (number < 0) continue;
      INFO(abi->name << ' ' << name_of(sys));
      CHECK(sys_of(*abi, number) == sys);
      ++known;
    }
    INFO(abi->name);
    CHECK(known > 300);
    CHECK(abi->highest_number == 470);
  }
}

TEST_CASE("numbers that are no call", "[arch][abi]") {
  for (const Abi* abi : all_abis()) {
    INFO(abi->name);
    CHECK(sys_of(*abi, -1) == Sys::unknown);
    CHECK(sys_of(*abi, INT64_MIN) == Sys::unknown);
    CHECK(sys_of(*abi, abi->highest_number + 1) == Sys::unknown);
    CHECK(sys_of(*abi, 511) == Sys::unknown);
    CHECK(sys_of(*abi, 512) == Sys::unknown);
    CHECK(sys_of(*abi, kPrivateNumbers) == Sys::unknown);
    CHECK(sys_of(*abi, kPrivateNumbers + 16) == Sys::unknown);
    CHECK(sys_of(*abi, INT64_MAX) == Sys::unknown);
    CHECK(number_of(*abi, Sys::unknown) == -1);
  }
  CHECK(sys_of(kAbiX64, kX32Bit | 257) == Sys::unknown);
  CHECK(sys_of(kAbiX64, 1 + (std::int64_t{1} << 32)) == Sys::unknown);
}

TEST_CASE("the call decides its ABI, not the process alone", "[arch][abi]") {
  CHECK(abi_of_call(0xc000003e, 216) == &kAbiX64);
  CHECK(abi_of_call(0x40000003, 68) == &kAbiX86);
  CHECK(abi_of_call(0x40000003, 216) == &kAbiX86OnX64);
  CHECK(abi_of_call(0xc00000b7, 272) == &kAbiArm64);
  CHECK(abi_of_call(0x40000028, 72) == &kAbiArm);
  CHECK(abi_of_call(0xc00000f3, 256) == &kAbiRiscv64);
  CHECK(abi_of_call(0xc000003e, 68) == nullptr);
  CHECK(abi_of_call(0, 216) == nullptr);
}

TEST_CASE("each kind of process has a register set of its own size", "[arch][abi]") {
  std::set<std::size_t> sizes;
  for (const Abi* abi : all_abis()) {
    CHECK(sizes.insert(abi->register_set_size).second);
    CHECK(abi->register_set_size <= kMaxRegisterSetSize);
    CHECK(abi_of_register_set(abi->register_set_size) == abi);
    CHECK(abi_of_audit_arch(abi->audit_arch) == abi);
    CHECK(abi_of_elf(abi->elf_machine, abi->elf_class) == abi);
  }
  CHECK(abi_of_register_set(0) == nullptr);
  CHECK(abi_of_elf(62, 1) == nullptr);  // x32
}

TEST_CASE("the host's own ABI comes first", "[arch][abi]") {
  REQUIRE_FALSE(host_abis().empty());
  CHECK(host_abis()[0]->word_size == sizeof(void*));
  for (const Abi* abi : host_abis())
    CHECK(std::ranges::count(all_abis(), abi) == 1);
}

TEST_CASE("arm numbers some O_ bits its own way", "[arch][abi]") {
  CHECK(kAbiX64.open_flags.no_follow == 0400000);
  CHECK(kAbiArm64.open_flags.no_follow == 0100000);
  CHECK(kAbiArm.open_flags.directory == 040000);
  CHECK(kAbiRiscv64.open_flags.directory == 0200000);
  CHECK(kAbiArm64.open_flags.create == kAbiX64.open_flags.create);
}

}  // namespace
}  // namespace nestp
