#include "engine/ptrace/backend.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <iterator>
#include <sys/prctl.h>
#include <unistd.h>

#include "engine/log.h"
#include "engine/ptrace/exec/start.h"
#include "engine/ptrace/filter_request.h"
#include "engine/ptrace/loop.h"
#include "engine/ptrace/spawn.h"

namespace nestp {
namespace {

/// Whom signals sent to nestp itself are meant for.
volatile pid_t first_process = 0;

/// A signal that somebody sent to nestp alone goes on to the guest; one of the
/// terminal's (SI_KERNEL) has reached it already, as it is in the same group.
void forward(int signal, siginfo_t* info, void*) {
  if (info->si_code != SI_KERNEL && first_process != 0) kill(first_process, signal);
}

void take_signals(pid_t first) {
  first_process = first;
  struct sigaction action {};
  action.sa_sigaction = forward;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2}) {
    sigaction(signal, &action, nullptr);
  }
  // waitpid(2) wakes up at a stop anyway; without this each stop sends a signal as well.
  struct sigaction children {};
  children.sa_handler = SIG_DFL;
  children.sa_flags = SA_NOCLDSTOP;
  sigaction(SIGCHLD, &children, nullptr);
  // Stopping the tracer would leave guests half stopped; Loop::group stops it in time.  A limit of
  // file sizes is meant for guests, too: nestp does without what it cannot write.
  for (const int signal : {SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE, SIGXFSZ})
    std::signal(signal, SIG_IGN);
}

StartError start_error(const ExecError& error) {
  StartError start;
  start.failure = error.error == Errno(ENOENT) && error.blame == ExecBlame::program
                      ? StartFailure::not_found
                      : StartFailure::not_executable;
  std::string what;
  if (error.blame == ExecBlame::script_interpreter) what = "its script interpreter ";
  if (error.blame == ExecBlame::elf_interpreter) what = "its ELF interpreter ";
  start.error.message =
      "cannot execute " + what + quoted(error.name) + ": " + std::strerror(error.error.code());
  return start;
}

void print_stats(Tracer& tracer) {
  const std::string& form = tracer.guest.stats;
  if (form.empty()) return;
  tracer.stats.cache_hits = tracer.cache.hits();
  tracer.stats.cache_misses = tracer.cache.misses();
  if (tracer.fast) tracer.fast->count(tracer.stats);
  const std::string text = form == "json" ? tracer.stats.json() : tracer.stats.text();
  (void)!write(STDERR_FILENO, text.data(), text.size());
}

class PtraceBackend final : public Backend {
 public:
  std::string_view name() const override { return "ptrace"; }

  bool serves_extensions() const override { return true; }

  std::vector<std::string> refusals(const Guest& guest) const override {
    if (guest.isolation.is_empty()) return {};
    return {"namespaces and mounts of the guest's own need --backend=namespace"};
  }

  Outcome<ExitStatus, StartError> run(
      const Guest& guest, std::span<const std::unique_ptr<Extension>> extensions) override {
    auto images = LoaderImages::make(guest.loader_directory);
    if (!images) return StartError{images.error()};
    Tracer tracer(guest, extensions, *images);
    if (!guest.trace_file.empty()) {
      auto trace = TraceFile::open(guest.trace_file);
      if (!trace) return StartError{trace.error()};
      tracer.trace = std::move(*trace);
    }

    tracer.fast = FastPath::make(tracer);

    const ResolveFrom from{.view = *guest.view,
                           .root = GuestPath::root(),
                           .base = guest.directory,
                           .base_host = guest.view->to_host(guest.directory).text(),
                           .process = getpid(),
                           .thread = getpid(),
                           .processes = &tracer};
    const ExecOpener open = [&](const std::string& text) {
      return open_executable(tracer, from, text);
    };
    const EmulatorFinder emulator = [&](ProgramFile program, const GuestPath& path) {
      if (program.argument.empty()) program.argument = guest.command.front();
      std::copy_if(guest.environment.begin(), guest.environment.end(),
                   std::back_inserter(program.variables), is_loader_variable);
      return find_emulator(tracer, program, path);
    };
    auto plan = make_exec_plan(guest.program, open, emulator);
    if (!plan) return start_error(plan.error());
    if (guest.die_with_parent) prctl(PR_SET_PDEATHSIG, SIGKILL);
    const auto filter = make_filter(filter_request(guest, extensions));
    auto spawned = spawn(guest, *plan, *images, from.base_host, filter);
    if (!spawned) return StartError{spawned.error()};
    take_signals(spawned->id);
    Loop loop(tracer, spawned->id, std::move(*plan));
    const auto start = std::chrono::steady_clock::now();
    const ExitStatus status = loop.run();
    tracer.stats.run_nanoseconds = static_cast<std::uint64_t>(
        std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count());
    print_stats(tracer);
    if (tracer.stats.executions == 0) {
      const std::string text = failure_text(spawned->report);
      if (!text.empty()) return StartError{Error{text}};
      if (status.by_signal && status.code == SIGKILL) {
        return StartError{
            Error{"the program cannot be placed in memory: nestp does not run inside "
                  "nestp; run it once, with all bindings"}};
      }
    }
    return status;
  }
};

}  // namespace

std::unique_ptr<Backend> make_ptrace_backend() { return std::make_unique<PtraceBackend>(); }

}  // namespace nestp
