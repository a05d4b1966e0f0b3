#include "engine/namespace/owner_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <catch2/catch.hpp>

#include "tests/support/bpf.h"

namespace nestp {
namespace {

std::uint32_t verdict(std::uint32_t arch, int number, std::uint64_t second = 0,
                      std::uint64_t third = 0) {
  seccomp_data data{
      .nr = number, .arch = arch, .instruction_pointer = 0, .args = {0, second, third}};
  return run_filter(owner_filter(), data).action;
}

TEST_CASE("calls that give files away succeed and do nothing", "[engine][owner_filter]") {
  CHECK(verdict(AUDIT_ARCH_X86_64, 92) == SECCOMP_RET_ERRNO);   // chown
  CHECK(verdict(AUDIT_ARCH_X86_64, 260) == SECCOMP_RET_ERRNO);  // fchownat
  CHECK(verdict(AUDIT_ARCH_X86_64, 116) == SECCOMP_RET_ERRNO);  // setgroups
  CHECK(verdict(AUDIT_ARCH_I386, 212) == SECCOMP_RET_ERRNO);    // chown32
  CHECK(verdict(AUDIT_ARCH_X86_64, 257) == SECCOMP_RET_ALLOW);  // openat
  CHECK(verdict(AUDIT_ARCH_I386, 5) == SECCOMP_RET_ALLOW);      // open
  CHECK(verdict(AUDIT_ARCH_AARCH64, 54) == SECCOMP_RET_ALLOW);  // of no use here
}

TEST_CASE("only devices of mknod are pretended", "[engine][owner_filter]") {
  CHECK(verdict(AUDIT_ARCH_X86_64, 133, S_IFCHR | 0600) == SECCOMP_RET_ERRNO);
  CHECK(verdict(AUDIT_ARCH_X86_64, 133, S_IFBLK | 0600) == SECCOMP_RET_ERRNO);
  CHECK(verdict(AUDIT_ARCH_X86_64, 133, S_IFIFO | 0600) == SECCOMP_RET_ALLOW);
  CHECK(verdict(AUDIT_ARCH_X86_64, 259, 0, S_IFCHR) == SECCOMP_RET_ERRNO);
  CHECK(verdict(AUDIT_ARCH_X86_64, 259, 0, S_IFREG) == SECCOMP_RET_ALLOW);
}

}  // namespace
}  // namespace nestp
