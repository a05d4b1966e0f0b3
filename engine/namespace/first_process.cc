#include "engine/namespace/first_process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include "engine/log.h"
#include "engine/namespace/owner_filter.h"
#include "engine/namespace/reaper.h"
#include "engine/namespace/tree.h"
#include "engine/namespace/watch.h"
#include "engine/words.h"

namespace nestp {
namespace {

constexpr int kNewTime = 0x80;  // CLONE_NEWTIME, missing in older headers

void send(const UniqueFd& pipe, const InnerReport& report) {
  (void)!::write(pipe.get(), &report, sizeof report);  // nobody is left to be told of a failure
}

[[noreturn]] void give_up(const UniqueFd& pipe, const std::string& message,
                          StartFailure failure = StartFailure::general) {
  InnerReport report{.kind = InnerReport::Kind::failed, .value = static_cast<int>(failure)};
  message.copy(report.text, sizeof report.text - 1);
  send(pipe, report);
  ::_exit(125);
}

std::string with_reason(const std::string& what) { return what + ": " + std::strerror(errno); }

void bring_loopback_up(const UniqueFd& pipe) {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  if (!socket || ::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) {
    give_up(pipe, with_reason("loopback interface"));
  }
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) {
    give_up(pipe, with_reason("loopback interface"));
  }
}

/// Each mount that is held is a descriptor; a big directory has more than the usual limit.
void raise_descriptor_limit(rlimit& before) {
  (void)::getrlimit(RLIMIT_NOFILE, &before);
  rlimit raised = before;
  raised.rlim_cur = raised.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &raised);
}

/// Takes on ids and groups.  In a user namespace with its one id there is nothing to change.
void become(const InnerPlan& plan) {
  const Become& wanted = plan.guest.isolation.become;
  const auto fail = [&](const char* what) { give_up(plan.report, with_reason(what)); };
  if (wanted.groups && ::setgroups(wanted.groups->size(), wanted.groups->data()) != 0 &&
      !plan.user_namespace) {
    fail("set the groups");
  }
  if (wanted.gid && (::getegid() != *wanted.gid || ::getgid() != *wanted.gid) &&
      ::setresgid(*wanted.gid, *wanted.gid, *wanted.gid) != 0) {
    fail("change the group id");
  }
  if (wanted.uid && (::geteuid() != *wanted.uid || ::getuid() != *wanted.uid) &&
      ::setresuid(*wanted.uid, *wanted.uid, *wanted.uid) != 0) {
    fail("change the user id");
  }
}

void limit_capabilities(const UniqueFd& pipe, std::uint64_t wanted) {
  int last = 0;
  while (::prctl(PR_CAPBSET_READ, last, 0, 0, 0) >= 0) {
    if ((wanted >> last & 1) == 0) (void)::prctl(PR_CAPBSET_DROP, last, 0, 0, 0);
    ++last;
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2] = {};
  // What is not there cannot be asked for.
  if (::syscall(SYS_capget, &header, data) != 0) give_up(pipe, with_reason("read capabilities"));
  for (int word = 0; word < 2; ++word) {
    const auto bits = static_cast<std::uint32_t>(wanted >> (32 * word)) & data[word].permitted;
    data[word] = {.effective = bits, .permitted = bits, .inheritable = bits};
  }
  if (::syscall(SYS_capset, &header, data) != 0) give_up(pipe, with_reason("set capabilities"));
  for (int bit = 0; bit < last; ++bit) {
    if ((wanted >> bit & 1) != 0) (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, bit, 0, 0);
  }
}

[[noreturn]] void execute(const InnerPlan& plan) {
  const Guest& guest = plan.guest;
  const Isolation& isolation = guest.isolation;
  if (isolation.new_session && ::setsid() < 0 && errno != EPERM) {
    give_up(plan.report, with_reason("start a session"));
  }
  if (isolation.take_terminal && ::ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0) {
    give_up(plan.report, with_reason("take the terminal"));
  }
  if (isolation.join.user_later >= 0 && ::setns(isolation.join.user_later, CLONE_NEWUSER) != 0) {
    give_up(plan.report, with_reason("join the second user namespace"));
  }
  // Its reaper cannot see from the host's /proc whom it would have to kill.
  if (isolation.join.pid >= 0) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  become(plan);
  if (isolation.capabilities) limit_capabilities(plan.report, *isolation.capabilities);
  if ((plan.user_namespace || isolation.no_new_privileges) &&
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    give_up(plan.report, with_reason("forbid new privileges"));
  }
  if (::chdir(guest.directory.text().c_str()) != 0) {
    give_up(plan.report, with_reason("enter the working directory " + guest.directory.text()));
  }
  std::vector<std::string> words = guest.command;
  std::vector<std::string> environment = guest.environment;
  const std::vector<char*> argv = pointers(words);
  const std::vector<char*> envp = pointers(environment);
  for (const int signal : {SIGINT, SIGQUIT, SIGPIPE, SIGHUP, SIGTERM, SIGUSR1, SIGUSR2})
    std::signal(signal, SIG_DFL);
  if (isolation.pretend_owners) {
    const auto what = plan.has_many_ids ? Pretended::devices : Pretended::owners_and_devices;
    if (const int error = pretend_owners(what); error != 0) {
      errno = error;
      give_up(plan.report, with_reason("install the filter of owner calls"));
    }
  }
  for (const int descriptor : isolation.seccomp_descriptors) {
    if (const int error = install_filter_from(descriptor); error != 0) {
      errno = error;
      give_up(plan.report, with_reason("install the seccomp filter"));
    }
  }
  ::execve(guest.program.c_str(), argv.data(), envp.data());
  give_up(plan.report, "cannot execute " + quoted(guest.program) + ": " + std::strerror(errno),
          errno == ENOENT ? StartFailure::not_found : StartFailure::not_executable);
}

void set_up(const InnerPlan& plan) {
  const Isolation& isolation = plan.guest.isolation;
  if (!plan.mounts) {
    const std::string& root = plan.guest.view->bindings().front().host.text();
    if (::chroot(root.c_str()) != 0 || ::chdir("/") != 0) {
      give_up(plan.report, with_reason("change the root to " + root));
    }
    return;
  }
  rlimit limit{};
  raise_descriptor_limit(limit);
  {
    GuestTree tree(plan.guest, plan.user_namespace);
    if (const auto built = tree.build(); !built) give_up(plan.report, built.error().message);
    if (const auto entered = tree.enter(); !entered) {
      give_up(plan.report, entered.error().message);
    }
  }
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
  if (isolation.net) bring_loopback_up(plan.report);
  if (!isolation.hostname.empty() &&
      ::sethostname(isolation.hostname.data(), isolation.hostname.size()) != 0) {
    give_up(plan.report, with_reason("set the host name"));
  }
  if (isolation.time && ::unshare(kNewTime) != 0) {
    give_up(plan.report, with_reason("time namespace"));
  }
}

/// What the guest may not do, and whom it waits for; the last before its first program.
void hold_back(const InnerPlan& plan, const UniqueFd& proc) {
  const Isolation& isolation = plan.guest.isolation;
  if (isolation.forbid_user_namespaces) {
    if (const auto done = forbid_user_namespaces(proc); !done) {
      give_up(plan.report, done.error().message);
    }
  }
  if (isolation.wants_none_possible && can_make_user_namespace()) {
    give_up(plan.report,
            "--assert-userns-disabled: the guest could make user namespaces; "
            "add --unshare-user --disable-userns");
  }
  wait_for_byte(isolation.watch.block);
}

/// Whether this user namespace has more than one id of users.
bool has_many_ids(const UniqueFd& proc) {
  const auto file = open_at(proc.get(), "self/uid_map", O_RDONLY);
  char text[200] = {};
  if (!file || ::read(file->get(), text, sizeof text - 1) <= 0) return false;
  unsigned inside = 0, outside = 0, count = 0;
  return std::sscanf(text, "%u %u %u", &inside, &outside, &count) == 3 &&
         (count > 1 || std::string_view(text).find('\n') + 1 < std::strlen(text));
}

/// Whoever waits for the end of the guest's output must not wait for this process.
void let_go_of_descriptors(std::vector<int> kept) {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd = 0; fd < 3; ++fd) {
    if (null) {
      ::dup2(null.get(), fd);
    } else {
      ::close(fd);
    }
  }
  std::ranges::sort(kept);
  unsigned from = 3;
  for (const int fd : kept) {
    const auto number = static_cast<unsigned>(fd);
    if (fd < 3) continue;
    if (from < number) (void)::syscall(SYS_close_range, from, number - 1, 0);
    from = number + 1;
  }
  (void)::syscall(SYS_close_range, from, ~0U, 0);
}

}  // namespace

void run_inner(InnerPlan plan) {
  const Isolation& isolation = plan.guest.isolation;
  const pid_t nestp = ::getppid();
  // In a process namespace that is others', too, the host's numbers mean nothing.
  const bool own_processes = isolation.pid || isolation.join.pid >= 0;
  let_go_of_reports(isolation.watch);
  become_reaper(own_processes, nestp);
  char byte = 0;
  if (::read(plan.go.get(), &byte, 1) != 1) ::_exit(125);
  plan.go.reset();
  UniqueFd proc(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  plan.has_many_ids = has_many_ids(proc);
  set_up(plan);
  hold_back(plan, proc);
  const auto locks = take_locks(isolation.watch);
  if (!locks) give_up(plan.report, locks.error().message);
  if (isolation.pid && isolation.first_is_init) execute(plan);
  const pid_t first = ::fork();
  if (first < 0) give_up(plan.report, with_reason("fork"));
  if (first == 0) execute(plan);
  // Above all that a caller may have handed on.
  const UniqueFd report(::fcntl(plan.report.get(), F_DUPFD_CLOEXEC, 3));
  std::vector<int> kept{report.get(), proc.get(), isolation.watch.sync};
  for (const UniqueFd& lock : *locks)
    kept.push_back(lock.get());
  let_go_of_descriptors(std::move(kept));
  reap(first, plan.guest.on_exit, own_processes, proc,
       [&](int status) { send(report, {.kind = InnerReport::Kind::ended, .value = status}); });
  ::_exit(0);
}

}  // namespace nestp
