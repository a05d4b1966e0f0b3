#include "engine/namespace/backend.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/namespace/first_process.h"
#include "engine/namespace/id_map.h"
#include "engine/namespace/probe.h"
#include "engine/namespace/watch.h"
#include "fs/fd.h"

namespace nestp {
namespace {

volatile pid_t inner_process = 0;

/// What somebody sent to nestp alone goes on; what the terminal sent has reached the guest.
void forward(int signal, siginfo_t* info, void*) {
  if (info->si_code != SI_KERNEL && inner_process > 0) ::kill(inner_process, signal);
}

void take_signals(pid_t inner) {
  inner_process = inner;
  struct sigaction action {};
  action.sa_sigaction = forward;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  for (const int signal : {SIGHUP, SIGTERM, SIGUSR1, SIGUSR2})
    ::sigaction(signal, &action, nullptr);
  // The guest decides what they mean; it gets them from the terminal itself.
  for (const int signal : {SIGINT, SIGQUIT, SIGPIPE})
    std::signal(signal, SIG_IGN);
}

bool joins(const Guest& guest) { return guest.isolation.join.user >= 0; }

bool needs_user_namespace(const Guest& guest) {
  return guest.isolation.user || (::geteuid() != 0 && !joins(guest));
}

int clone_flags_of(const Guest& guest) {
  const Isolation& isolation = guest.isolation;
  int flags = CLONE_NEWNS;
  if (needs_user_namespace(guest)) flags |= CLONE_NEWUSER;
  if (isolation.pid) flags |= CLONE_NEWPID;
  if (isolation.ipc) flags |= CLONE_NEWIPC;
  if (isolation.uts) flags |= CLONE_NEWUTS;
  if (isolation.net) flags |= CLONE_NEWNET;
  if (isolation.cgroup) flags |= CLONE_NEWCGROUP;
  return flags;
}

void add_tracer_promises(const Guest& guest, std::vector<std::string>& refusals) {
  if (!guest.trace_file.empty()) refusals.emplace_back("--trace needs --backend=ptrace");
  if (!guest.stats.empty()) refusals.emplace_back("--stats needs --backend=ptrace");
  if (guest.backtrace) refusals.emplace_back("--backtrace needs --backend=ptrace");
}

/// The sentence about a mount point whose directory would no longer take new files.
std::string missing_place(const Guest& guest) {
  for (const Binding& binding : guest.view->bindings()) {
    if (!binding.unlisted) continue;
    const GuestPath above = binding.guest.parent();
    const HostPath host = guest.view->to_host(above);
    if (::access(host.text().c_str(), W_OK) != 0) continue;
    return "the root file system lacks the mount point " + binding.guest.text() + ", and " +
           above.text() + " would be read-only; make it, or use --backend=ptrace";
  }
  return {};
}

StartError error_of(const std::string& text) { return StartError{.error = Error{text}}; }

StartError os_error(const std::string& what) {
  return error_of(what + ": " + std::strerror(errno));
}

struct Pipe {
  UniqueFd read, write;
};

bool make_pipe(Pipe& made) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  made.read.reset(ends[0]);
  made.write.reset(ends[1]);
  return true;
}

bool read_report(const UniqueFd& pipe, InnerReport& report) {
  ssize_t size = 0;
  do {
    size = ::read(pipe.get(), &report, sizeof report);
  } while (size < 0 && errno == EINTR);
  return size == sizeof report;
}

ExitStatus to_exit_status(int status) {
  if (WIFSIGNALED(status)) return {.by_signal = true, .code = WTERMSIG(status)};
  return {.by_signal = false, .code = WEXITSTATUS(status)};
}

int wait_for(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR)
    continue;
  return status;
}

/// Runs the guest in a process made with `clone_flags`.
Outcome<ExitStatus, StartError> run_apart(const Guest& guest, int clone_flags, bool mounts) {
  Pipe go, reports;
  if (!make_pipe(go) || !make_pipe(reports)) return os_error("pipe");
  if (guest.die_with_parent) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const bool with_ids = (clone_flags & CLONE_NEWUSER) != 0;
  const Isolation& isolation = guest.isolation;
  keep_from_programs(isolation);
  if (const auto joined = join_namespaces(isolation.join); !joined) {
    return StartError{.error = joined.error()};
  }
  const long inner =
      ::syscall(SYS_clone, clone_flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (inner < 0) {
    const NamespaceTrial trial{.failed = NamespaceStep::clone, .error = errno};
    return error_of(diagnose_namespaces(namespace_facts(trial)).value_or("clone failed"));
  }
  if (inner == 0) {
    go.write.reset();
    reports.read.reset();
    run_inner({.guest = guest,
               .user_namespace = with_ids || joins(guest),
               .mounts = mounts,
               .go = std::move(go.read),
               .report = std::move(reports.write)});
  }
  reports.write.reset();
  go.read.reset();
  const auto process = static_cast<pid_t>(inner);
  Watch watch = isolation.watch;
  if (with_ids && watch.block_ids < 0) {
    if (const auto mapped = write_id_maps(process, guest.isolation); !mapped) {
      go.write.reset();  // it ends by itself
      (void)wait_for(process);
      return StartError{.error = mapped.error()};
    }
  }
  tell_start(watch, process);
  wait_for_byte(watch.block_ids);
  if (guest.on_start) guest.on_start(process);
  take_signals(process);
  (void)!::write(go.write.get(), "", 1);
  InnerReport report;
  if (!read_report(reports.read, report)) {
    const int status = wait_for(process);  // the first program was its process number 1
    tell_end(watch, status);
    return to_exit_status(status);
  }
  if (report.kind == InnerReport::Kind::failed) {
    (void)wait_for(process);
    return StartError{.error = Error{report.text},
                      .failure = static_cast<StartFailure>(report.value)};
  }
  tell_end(watch, report.value);
  if (guest.on_first_end) guest.on_first_end(report.value);
  (void)wait_for(process);
  return to_exit_status(report.value);
}

class NamespaceBackend final : public Backend {
 public:
  std::string_view name() const override { return "namespace"; }

  std::vector<std::string> refusals(const Guest& guest) const override {
    std::vector<std::string> refusals;
    add_tracer_promises(guest, refusals);
    if (guest.exact && needs_user_namespace(guest)) {
      refusals.emplace_back(
          "files of other owners would seem to be nobody's; ask for it with --backend=namespace");
    }
    if (guest.exact) {
      if (const std::string text = missing_place(guest); !text.empty()) refusals.push_back(text);
    }
    if (!refusals.empty() || joins(guest)) return refusals;
    if (const auto cause =
            diagnose_namespaces(namespace_facts(try_namespaces(clone_flags_of(guest))))) {
      refusals.push_back(*cause);
    }
    return refusals;
  }

  Outcome<ExitStatus, StartError> run(const Guest& guest,
                                      std::span<const std::unique_ptr<Extension>>) override {
    return run_apart(guest, clone_flags_of(guest), true);
  }
};

class ChrootBackend final : public Backend {
 public:
  std::string_view name() const override { return "chroot"; }

  std::vector<std::string> refusals(const Guest& guest) const override {
    std::vector<std::string> refusals;
    add_tracer_promises(guest, refusals);
    if (::geteuid() != 0) refusals.emplace_back("only root can use chroot(2)");
    if (guest.view->bindings().size() > 1) {
      refusals.emplace_back("it has no bindings; use --backend=namespace, or leave them out");
    }
    Isolation plain;
    plain.become = guest.isolation.become;
    if (!(guest.isolation == plain)) refusals.emplace_back("it isolates nothing");
    if (refusals.empty() && guest.exact) {
      refusals.emplace_back("a guest as root gets out of it; ask for it with --backend=chroot");
    }
    return refusals;
  }

  Outcome<ExitStatus, StartError> run(const Guest& guest,
                                      std::span<const std::unique_ptr<Extension>>) override {
    return run_apart(guest, 0, false);
  }
};

}  // namespace

std::unique_ptr<Backend> make_namespace_backend() { return std::make_unique<NamespaceBackend>(); }

std::unique_ptr<Backend> make_chroot_backend() { return std::make_unique<ChrootBackend>(); }

}  // namespace nestp
