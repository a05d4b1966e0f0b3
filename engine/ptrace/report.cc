#include "engine/ptrace/report.h"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

#include "engine/log.h"
#include "engine/ptrace/backtrace.h"
#include "engine/ptrace/ptrace_call.h"
#include "engine/ptrace/tracer.h"

namespace nestp {
namespace {

/// True if the thread's process neither handles nor ignores the signal (SigIgn,
/// SigCgt of proc_pid_status(5)).
bool is_fatal(pid_t thread, int signal) {
  switch (signal) {
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGABRT:
    case SIGSYS:
    case SIGTRAP:
    case SIGQUIT:
      break;
    default:
      return false;
  }
  const auto status = read_file("/proc/" + std::to_string(thread) + "/status");
  if (!status) return false;
  for (const char* field : {"SigIgn:", "SigCgt:"}) {
    const std::size_t at = status->find(field);
    if (at == status->npos) continue;
    const unsigned long long mask =
        std::strtoull(status->c_str() + at + std::strlen(field), nullptr, 16);
    if (mask & (1ULL << (signal - 1))) return false;
  }
  return true;
}

void log_call_chain(const Tracer& tracer, const Thread& thread) {
  const View& view = tracer.view(thread);
  const ShowPath show = [&view](std::string_view host) {
    const auto path = HostPath::parse(host);
    if (!path) return std::string(host);
    const auto guest = view.to_guest(*path);
    return guest ? guest->text() : std::string(host);
  };
  for (const std::string& line : backtrace(thread.id, show))
    LOG(error) << line;
}

}  // namespace

void report_fatal_signal(const Tracer& tracer, const Thread& thread, int signal) {
  if (!is_fatal(thread.id, signal)) return;
  LOG(error) << thread.id << " (" << thread.space->executable.text() << ") ends by "
             << strsignal(signal);
  log_call_chain(tracer, thread);
}

void stop_process(const Tracer& tracer, const Thread& thread, std::string_view what) {
  LOG(error) << "thread " << thread.id << " is in a state that nestp does not know (" << what
             << "); its process is killed, please report this";
  Registers registers(kAbiX64);
  if (ptrace_call::get_registers(thread.id, registers)) LOG(error) << registers_text(registers);
  log_call_chain(tracer, thread);
  kill(thread.process->id, SIGKILL);
}

}  // namespace nestp
