#include "arch/sysno.h"

#include <fstream>
#include <regex>
#include <string>

#include <catch2/catch.hpp>

#include "arch/abi.h"

namespace nestp {
namespace {

/// Each __NR_ of a header of the host must be in the table, unless it is newer.
/// Gives how many were compared.
int compare_with(const std::string& header, const Abi& abi) {
  std::ifstream file(header);
  const std::regex definition(R"re(^#define __NR_(\w+) (\d+)$)re");
  int compared = 0;
  for (std::string line; std::getline(file, line);) {
    std::smatch match;
    if (!std::regex_search(line, match, definition)) continue;
    const int number = std::stoi(match[2]);
    if (number > abi.highest_number) continue;
    INFO(header << ": " << line);
    CHECK(name_of(sys_of(abi, number)) == match[1].str());
    ++compared;
  }
  return compared;
}

TEST_CASE("no call of the host's headers is missing", "[arch][sysno]") {
  const std::string folder = "/usr/include/x86_64-linux-gnu/asm/";
  if (!std::ifstream(folder + "unistd_64.h")) return;  // another host, or another distribution
  CHECK(compare_with(folder + "unistd_64.h", kAbiX64) > 300);
  CHECK(compare_with(folder + "unistd_32.h", kAbiX86) > 400);
}

TEST_CASE("names are the kernel's", "[arch][sysno]") {
  CHECK(name_of(Sys::openat2) == "openat2");
  CHECK(name_of(Sys::_llseek) == "_llseek");
  CHECK(name_of(Sys::old_break) == "break");
  CHECK(name_of(Sys::unknown) == "unknown");
}

TEST_CASE("a call is found by its name", "[arch][sysno]") {
  for (std::size_t i = 0; i < kSysCount; ++i) {
    const auto sys = static_cast<Sys>(i);
    if (sys == Sys::old_break) continue;  // nobody asks for a call that never was
    CHECK(sys_named(name_of(sys)) == sys);
  }
  CHECK(sys_named("openat3") == Sys::unknown);
  CHECK(sys_named("") == Sys::unknown);
  CHECK(sys_named("zzz") == Sys::unknown);
}

struct Sample {
  Sys sys;
  int x64, x86, arm64, arm, riscv64;
};

TEST_CASE("numbers of each ABI", "[arch][sysno]") {
  const Sample samples[] = {
      {Sys::read, 0, 3, 63, 3, 63},
      {Sys::openat, 257, 295, 56, 322, 56},
      {Sys::open, 2, 5, -1, 5, -1},
      {Sys::renameat, 264, 302, 38, 329, -1},
      {Sys::newfstatat, 262, -1, 79, -1, 79},
      {Sys::fstatat64, -1, 300, -1, 327, -1},
      {Sys::stat, 4, 106, -1, 106, -1},
      {Sys::oldstat, -1, 18, -1, -1, -1},
      {Sys::chown32, -1, 212, -1, 212, -1},
      {Sys::socketcall, -1, 102, -1, -1, -1},
      {Sys::send, -1, -1, -1, 289, -1},
      {Sys::execve, 59, 11, 221, 11, 221},
      {Sys::statx, 332, 383, 291, 397, 291},
      {Sys::utimensat_time64, -1, 412, -1, 412, -1},
      {Sys::clone3, 435, 435, 435, 435, 435},
      {Sys::memfd_secret, 447, 447, 447, -1, 447},
      {Sys::fchmodat2, 452, 452, 452, 452, 452},
      {Sys::mseal, 462, 462, 462, 462, 462},
      {Sys::file_setattr, 469, 469, 469, 469, 469},
      {Sys::uretprobe, 335, -1, -1, -1, -1},
      {Sys::cacheflush, -1, -1, -1, 0x0f0002, -1},
      {Sys::riscv_flush_icache, -1, -1, -1, -1, 259},
  };
  for (const Sample& sample : samples) {
    INFO(name_of(sample.sys));
    CHECK(number_of(kAbiX64, sample.sys) == sample.x64);
    CHECK(number_of(kAbiX86, sample.sys) == sample.x86);
    CHECK(number_of(kAbiX86OnX64, sample.sys) == sample.x86);
    CHECK(number_of(kAbiArm64, sample.sys) == sample.arm64);
    CHECK(number_of(kAbiArm, sample.sys) == sample.arm);
    CHECK(number_of(kAbiRiscv64, sample.sys) == sample.riscv64);
  }
}

}  // namespace
}  // namespace nestp
