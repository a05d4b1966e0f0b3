// Runs a program where user namespaces, or ptrace(2), or both are refused with EPERM, as by a
// container's profile.
//
//   forbid [namespaces] [ptrace] -- PROGRAM [ARG...]
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <vector>

#include "arch/abi.h"

namespace {

using nestp::Sys;

std::vector<sock_filter> filter;

void add(unsigned code, unsigned value, unsigned char if_true = 0, unsigned char if_false = 0) {
  filter.push_back({static_cast<unsigned short>(code), if_true, if_false, value});
}

void refuse(const nestp::Abi& abi, Sys sys, unsigned error) {
  add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(nestp::number_of(abi, sys)), 0, 1);
  add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error);
}

/// A call whose first argument has the flag of new user namespaces.
void refuse_flag(const nestp::Abi& abi, Sys sys) {
  add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(nestp::number_of(abi, sys)), 0, 4);
  add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args));
  add(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1);
  add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
}

}  // namespace

int main(int argc, char** argv) {
  const nestp::Abi& abi = *nestp::host_abis().front();
  add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
  add(BPF_JMP | BPF_JEQ | BPF_K, abi.audit_arch, 1, 0);
  add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
  int next = 1;
  for (; next < argc && std::strcmp(argv[next], "--") != 0; ++next) {
    if (std::strcmp(argv[next], "namespaces") == 0) {
      refuse(abi, Sys::clone3, ENOSYS);  // a filter cannot see its flags
      refuse_flag(abi, Sys::clone);
      refuse_flag(abi, Sys::unshare);
    } else if (std::strcmp(argv[next], "ptrace") == 0) {
      refuse(abi, Sys::ptrace, EPERM);
    }
  }
  add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  if (next + 1 >= argc) {
    std::fprintf(stderr, "usage: forbid [namespaces] [ptrace] -- PROGRAM [ARG...]\n");
    return 125;
  }
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) {
    std::perror("forbid: filter");
    return 125;
  }
  ::execvp(argv[next + 1], argv + next + 1);
  std::perror(argv[next + 1]);
  return 127;
}
