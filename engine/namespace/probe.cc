#include "engine/namespace/probe.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/namespace/id_map.h"
#include "engine/namespace/mount_call.h"
#include "fs/fd.h"

namespace nestp {
namespace {

/// In the child: mounts and pivots, and tells by its exit code what failed and by the pipe why.
[[noreturn]] void try_inside(int go, int report) {
  char byte = 0;
  NamespaceTrial trial;
  if (::read(go, &byte, 1) != 1) ::_exit(1);
  const char* const place = ::access("/tmp", F_OK) == 0 ? "/tmp" : "/proc";
  if (!mount_call::receive_only() ||
      ::mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, nullptr) != 0) {
    trial = {.failed = NamespaceStep::mount, .error = errno};
  } else if (::chdir(place) != 0 || !mount_call::pivot_here()) {
    trial = {.failed = NamespaceStep::pivot, .error = errno};
  }
  (void)!::write(report, &trial, sizeof trial);
  ::_exit(0);
}

bool make_pipe(UniqueFd& read, UniqueFd& write) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  read.reset(ends[0]);
  write.reset(ends[1]);
  return true;
}

std::string shown(const NamespaceFacts& facts) {
  static constexpr const char* kNames[] = {"", "clone(2)", "writing id maps", "mount(2)",
                                           "pivot_root(2)"};
  return std::string(kNames[static_cast<int>(facts.trial.failed)]) + ": " +
         std::strerror(facts.trial.error);
}

}  // namespace

std::string first_line_of(const std::string& path) {
  const auto text = read_file(path);
  return text ? text->substr(0, text->find('\n')) : std::string();
}

NamespaceTrial try_namespaces(int clone_flags) {
  UniqueFd go_read, go_write, report_read, report_write;
  if (!make_pipe(go_read, go_write) || !make_pipe(report_read, report_write)) {
    return {.failed = NamespaceStep::clone, .error = errno};
  }
  const long child =
      ::syscall(SYS_clone, clone_flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child < 0) return {.failed = NamespaceStep::clone, .error = errno};
  if (child == 0) {
    go_write.reset();
    try_inside(go_read.get(), report_write.get());
  }
  report_write.reset();
  NamespaceTrial trial;
  errno = 0;
  if ((clone_flags & CLONE_NEWUSER) != 0 && !write_id_maps(static_cast<pid_t>(child), {})) {
    trial = {.failed = NamespaceStep::map, .error = errno};
    go_write.reset();
  } else {
    (void)!::write(go_write.get(), "", 1);
    if (::read(report_read.get(), &trial, sizeof trial) != sizeof trial) {
      trial = {.failed = NamespaceStep::mount, .error = ECHILD};
    }
  }
  while (::waitpid(static_cast<pid_t>(child), nullptr, 0) < 0 && errno == EINTR)
    continue;
  return trial;
}

NamespaceFacts namespace_facts(NamespaceTrial trial) {
  NamespaceFacts facts{.trial = trial, .is_root = ::geteuid() == 0};
  const std::string kernel = "/proc/sys/kernel/";
  facts.unprivileged_clone = first_line_of(kernel + "unprivileged_userns_clone");
  facts.most_namespaces = first_line_of("/proc/sys/user/max_user_namespaces");
  facts.apparmor_restricts = first_line_of(kernel + "apparmor_restrict_unprivileged_userns");
  facts.in_container = ::access("/.dockerenv", F_OK) == 0 ||
                       ::access("/run/.containerenv", F_OK) == 0 ||
                       ::getenv("container") != nullptr;
  facts.has_user_namespaces = ::access("/proc/self/ns/user", F_OK) == 0;
  const auto status = read_file("/proc/self/status");
  facts.is_filtered = status && status->find("Seccomp:\t2") != std::string::npos;
  return facts;
}

std::optional<std::string> diagnose_namespaces(const NamespaceFacts& facts) {
  if (facts.trial.failed == NamespaceStep::none) return std::nullopt;
  const std::string what = shown(facts) + ": ";
  if (!facts.has_user_namespaces && !facts.is_root) {
    return what + "the kernel is built without user namespaces; use --backend=ptrace";
  }
  if (facts.unprivileged_clone == "0" && !facts.is_root) {
    return what +
           "user namespaces are for root only here; root can change that: "
           "sysctl kernel.unprivileged_userns_clone=1";
  }
  if (facts.most_namespaces == "0") {
    return what +
           "no user namespace is allowed here; root can change that: "
           "sysctl user.max_user_namespaces=10000";
  }
  if (facts.apparmor_restricts == "1" && !facts.is_root) {
    return what +
           "AppArmor restricts user namespaces to programs with a profile; root can load one for "
           "nestp, or sysctl kernel.apparmor_restrict_unprivileged_userns=0";
  }
  if (facts.trial.error == ENOSPC) {
    return what + "all of user.max_user_namespaces are in use or nested too deep";
  }
  if (facts.is_filtered) {
    return what + std::string(facts.in_container ? "the container's" : "a") +
           " seccomp filter forbids it; start the container with "
           "--security-opt seccomp=unconfined, or use --backend=ptrace";
  }
  if (facts.in_container) {
    return what + "the container lacks the right; give it CAP_SYS_ADMIN, or use --backend=ptrace";
  }
  return what + (facts.is_root ? "root lacks CAP_SYS_ADMIN here" : "the kernel refuses") +
         "; use --backend=ptrace";
}

}  // namespace nestp
