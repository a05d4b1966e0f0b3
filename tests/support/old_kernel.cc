// Runs a program on an older kernel: calls that came with Linux 3.2 or later, and for which there
// is another way, answer ENOSYS for it and all its children.
//
//   old_kernel [--older | --profile] PROGRAM [ARG...]
//
// --older: and some older ones, private futexes, and those that a kernel may be built without
// (System V IPC), whose other way is nestp's to find.
// --profile: instead, those that profiles of container engines refused answer EPERM.
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <vector>

#include "arch/abi.h"

namespace {

using nestp::Sys;

constexpr Sys kNewer[] = {
    Sys::clone3,
    Sys::close_range,
    Sys::epoll_pwait2,
    Sys::faccessat2,
    Sys::fchmodat2,
    Sys::futex_waitv,
    Sys::landlock_create_ruleset,
    Sys::memfd_create,
    Sys::mount_setattr,
    Sys::move_mount,
    Sys::open_tree,
    Sys::openat2,
    Sys::pidfd_getfd,
    Sys::pidfd_open,
    Sys::pidfd_send_signal,
    Sys::process_vm_readv,
    Sys::process_vm_writev,
    Sys::statx,
    Sys::getxattrat,
    Sys::setxattrat,
    Sys::file_getattr,
    Sys::statmount,
};

constexpr Sys kOlder[] = {
    Sys::accept4,   Sys::copy_file_range, Sys::dup3,      Sys::epoll_create1,
    Sys::eventfd2,  Sys::inotify_init1,   Sys::preadv2,   Sys::pwritev2,
    Sys::renameat2, Sys::signalfd4,       Sys::getrandom,
};

/// A kernel may also be built without these.
constexpr Sys kOptional[] = {
    Sys::shmget,     Sys::shmat,  Sys::shmdt,  Sys::shmctl, Sys::semget, Sys::semop,
    Sys::semtimedop, Sys::semctl, Sys::msgget, Sys::msgsnd, Sys::msgrcv, Sys::msgctl,
};

/// Newer than the profile, or always refused by it.
constexpr Sys kRefused[] = {
    Sys::clone3,           Sys::faccessat2,        Sys::openat2,     Sys::close_range,
    Sys::process_vm_readv, Sys::process_vm_writev, Sys::pidfd_getfd, Sys::pidfd_open,
    Sys::inotify_init1,    Sys::memfd_create,      Sys::fchmodat2,   Sys::sched_setaffinity,
};

bool is_older = false, is_profile = false;

/// A stop for a tracer that is not there is ENOSYS, too; yet nestp's own stop comes first, as on a
/// kernel that lacks the call.
unsigned missing_result() {
  if (is_profile) return SECCOMP_RET_ERRNO | EPERM;
  return is_older ? SECCOMP_RET_TRACE : SECCOMP_RET_ERRNO | ENOSYS;
}

void add(std::vector<sock_filter>& filter, unsigned code, unsigned value, unsigned char if_true = 0,
         unsigned char if_false = 0) {
  filter.push_back({static_cast<unsigned short>(code), if_true, if_false, value});
}

/// The program for one ABI, skipped as a whole for calls of another.
void add_abi(std::vector<sock_filter>& filter, const nestp::Abi& abi) {
  std::vector<sock_filter> body;
  add(body, BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
  std::vector<Sys> missing(std::begin(kNewer), std::end(kNewer));
  if (is_profile) missing.assign(std::begin(kRefused), std::end(kRefused));
  if (is_older) {
    missing.insert(missing.end(), std::begin(kOlder), std::end(kOlder));
    missing.insert(missing.end(), std::begin(kOptional), std::end(kOptional));
  }
  for (const Sys sys : missing) {
    const int number = nestp::number_of(abi, sys);
    if (number < 0) continue;
    add(body, BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1);
    add(body, BPF_RET | BPF_K, missing_result());
  }
  if (is_older) {
    constexpr unsigned kPrivate = 128;  // FUTEX_PRIVATE_FLAG
    add(body, BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(nestp::number_of(abi, Sys::futex)),
        0, 3);
    add(body, BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[1]));
    add(body, BPF_JMP | BPF_JSET | BPF_K, kPrivate, 0, 1);
    add(body, BPF_RET | BPF_K, missing_result());
  }
  add(body, BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  add(filter, BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
  add(filter, BPF_JMP | BPF_JEQ | BPF_K, abi.audit_arch, 0,
      static_cast<unsigned char>(body.size()));
  filter.insert(filter.end(), body.begin(), body.end());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: old_kernel PROGRAM [ARG...]\n");
    return 125;
  }
  if (argc > 2 && std::strcmp(argv[1], "--older") == 0) {
    is_older = true;
    ++argv;
  } else if (argc > 2 && std::strcmp(argv[1], "--profile") == 0) {
    is_profile = true;
    ++argv;
  }
  std::vector<sock_filter> filter;
  for (const nestp::Abi* const abi : nestp::host_abis())
    add_abi(filter, *abi);
  add(filter, BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) {
    std::perror("old_kernel: seccomp");
    return 125;
  }
  ::execvp(argv[1], argv + 1);
  std::perror(argv[1]);
  return 127;
}
