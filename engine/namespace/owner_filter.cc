#include "engine/namespace/owner_filter.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <linux/seccomp.h>
#include <span>
#include <string_view>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/abi.h"

namespace nestp {
namespace {

// By name, as the 32-bit machines have two of most.
constexpr std::array<std::string_view, 26> kPretended = {
    "capset",    "chown",       "chown32",   "fchown",      "fchown32", "fchownat",
    "lchown",    "lchown32",    "setgroups", "setgroups32", "setuid",   "setuid32",
    "setgid",    "setgid32",    "setreuid",  "setreuid32",  "setregid", "setregid32",
    "setresuid", "setresuid32", "setresgid", "setresgid32", "setfsuid", "setfsuid32",
    "setfsgid",  "setfsgid32"};

sock_filter statement(unsigned code, unsigned value) {
  return {static_cast<unsigned short>(code), 0, 0, value};
}

sock_filter jump(unsigned code, unsigned value, unsigned char yes, unsigned char no) {
  return {static_cast<unsigned short>(code), yes, no, value};
}

constexpr unsigned kLoad = BPF_LD | BPF_W | BPF_ABS;
constexpr unsigned kEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr unsigned kReturn = BPF_RET | BPF_K;

void add_devices(std::vector<sock_filter>& code, std::int32_t number, unsigned mode_argument) {
  if (number < 0) return;
  // The low half of the argument, which comes first on all machines nestp knows.
  const auto mode =
      static_cast<unsigned>(offsetof(seccomp_data, args) + std::size_t{8} * mode_argument);
  code.push_back(jump(kEqual, static_cast<unsigned>(number), 0, 6));
  code.push_back(statement(kLoad, mode));
  code.push_back(statement(BPF_ALU | BPF_AND | BPF_K, S_IFMT));
  code.push_back(jump(kEqual, S_IFCHR, 1, 0));
  code.push_back(jump(kEqual, S_IFBLK, 0, 1));
  code.push_back(statement(kReturn, SECCOMP_RET_ERRNO));
  code.push_back(statement(kReturn, SECCOMP_RET_ALLOW));
}

}  // namespace

std::vector<sock_filter> owner_filter(Pretended what) {
  std::vector<sock_filter> code;
  for (const Abi* const abi : host_abis()) {
    std::vector<sock_filter> part{statement(kLoad, offsetof(seccomp_data, nr))};
    for (int index = 0; index < static_cast<int>(kSysCount); ++index) {
      const Sys sys = static_cast<Sys>(index);
      const std::int32_t number = number_of(*abi, sys);
      const bool is_pretended = what == Pretended::owners_and_devices &&
                                std::ranges::find(kPretended, name_of(sys)) != kPretended.end();
      if (number < 0 || !is_pretended) continue;
      part.push_back(jump(kEqual, static_cast<unsigned>(number), 0, 1));
      part.push_back(statement(kReturn, SECCOMP_RET_ERRNO));
    }
    add_devices(part, number_of(*abi, Sys::mknod), 1);
    add_devices(part, number_of(*abi, Sys::mknodat), 2);
    part.push_back(statement(kReturn, SECCOMP_RET_ALLOW));
    code.push_back(statement(kLoad, offsetof(seccomp_data, arch)));
    code.push_back(jump(kEqual, abi->audit_arch, 1, 0));
    code.push_back(statement(BPF_JMP | BPF_JA, static_cast<unsigned>(part.size())));
    code.insert(code.end(), part.begin(), part.end());
  }
  code.push_back(statement(kReturn, SECCOMP_RET_ALLOW));
  return code;
}

namespace {
int install(std::span<sock_filter> code) {
  sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) return errno;
  return 0;
}
}  // namespace

int pretend_owners(Pretended what) {
  auto code = owner_filter(what);
  return install(code);
}

int install_filter_from(int descriptor) {
  std::vector<sock_filter> code(BPF_MAXINSNS);
  std::size_t size = 0;
  const std::size_t room = code.size() * sizeof(sock_filter);
  while (size < room) {
    const ssize_t got =
        ::read(descriptor, reinterpret_cast<char*>(code.data()) + size, room - size);
    if (got < 0) return errno;
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size == 0 || size % sizeof(sock_filter) != 0) return EINVAL;
  code.resize(size / sizeof(sock_filter));
  return install(code);
}

}  // namespace nestp
