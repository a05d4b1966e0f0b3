#include "cli/detach.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/run.h"
#include "engine/namespace/watch.h"
#include "fs/fd.h"

namespace nestp {
namespace {

volatile pid_t tracer_process = 0;

void pass_on(int signal) {
  if (tracer_process > 0) ::kill(tracer_process, signal);
}

/// Waits in the foreground for the first process's status, and ends with it.
[[noreturn]] void end_with_first_process(pid_t tracer, int report) {
  tracer_process = tracer;
  // The terminal sends these to the guest too, which may well survive them.
  for (const int signal : {SIGINT, SIGQUIT})
    std::signal(signal, SIG_IGN);
  for (const int signal : {SIGHUP, SIGTERM, SIGUSR1, SIGUSR2})
    std::signal(signal, pass_on);
  int status = 0;
  ssize_t count = 0;
  do {
    count = ::read(report, &status, sizeof status);
  } while (count < 0 && errno == EINTR);
  if (count == sizeof status) ::_exit(exit_code_of_status(status));
  // No report: the guest never started, and the tracer's own status says why.
  while (::waitpid(tracer, &status, 0) < 0 && errno == EINTR)
    continue;
  ::_exit(exit_code_of_status(status));
}

/// Whoever waits for the end of nestp's output must not wait for the daemons' tracer.
void close_standard_streams() {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (null) ::dup2(null.get(), descriptor);
  }
}

}  // namespace

int exit_code_of_status(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

Outcome<ExitStatus, StartError> run_detached(PreparedGuest& prepared, Backend& backend) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return StartError{.error = {std::string("pipe for --on-exit=detach: ") + std::strerror(errno)}};
  }
  const UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);
  const pid_t tracer = ::fork();
  if (tracer < 0) {
    return StartError{.error = {std::string("fork for --on-exit=detach: ") + std::strerror(errno)}};
  }
  if (tracer > 0) {
    ::close(ends[1]);
    for (const int descriptor : handed_descriptors(prepared.guest.isolation))
      ::close(descriptor);
    end_with_first_process(tracer, ends[0]);
  }
  prepared.session->take_over();
  prepared.guest.on_first_end = [report = ends[1]](int status) {
    close_standard_streams();
    // If the process in front is gone, nobody asks for the status any more.
    std::signal(SIGPIPE, SIG_IGN);
    (void)!::write(report, &status, sizeof status);
  };
  return backend.run(prepared.guest, prepared.extensions);
}

}  // namespace nestp
