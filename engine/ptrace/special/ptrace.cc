// ptrace(2) of a guest on a guest.
#include <cerrno>
#include <csignal>
#include <sys/ptrace.h>

#include "engine/log.h"
#include "engine/ptrace/emulate/requests.h"
#include "engine/ptrace/special/special.h"
#include "engine/ptrace/tracer.h"

namespace nestp {
namespace {

constexpr std::uint64_t kMostSignal = 64;

void finish(CallFrame& frame, const SysResult<>& done) {
  if (!done) return frame.fail(done.error());
  frame.answer(0);
}

void begin_tracing(CallFrame& frame, bool seize) {
  GuestTracing& tracing = frame.tracer().tracing;
  const std::uint64_t options = seize ? frame.arg(3) : 0;
  if (seize && (frame.arg(2) != 0 || (options & ~kKnownOptions) != 0))
    return frame.fail(Errno(EIO));
  finish(frame, tracing.attach(frame.thread(), static_cast<pid_t>(frame.arg(1)), seize, options));
}

/// Resumes the thread; EIO for what is no signal.
void go_on(CallFrame& frame, Thread& ptracee, Motion motion) {
  if (frame.arg(3) > kMostSignal) return frame.fail(Errno(EIO));
  frame.tracer().tracing.forget_report(ptracee);
  frame.tracer().tracing.go_on(ptracee, motion, static_cast<int>(frame.arg(3)));
  frame.answer(0);
}

void detach(CallFrame& frame, Thread& ptracee) {
  if (frame.arg(3) > kMostSignal) return frame.fail(Errno(EIO));
  frame.tracer().tracing.detach(ptracee, static_cast<int>(frame.arg(3)));
  frame.answer(0);
}

void set_options(CallFrame& frame, Thread& ptracee) {
  if (frame.arg(3) & ~kKnownOptions) return frame.fail(Errno(EINVAL));
  frame.tracer().tracing.set_options(ptracee, frame.arg(3));
  frame.answer(0);
}

void at_stop(CallFrame& frame, Thread& ptracee) {
  switch (static_cast<int>(frame.arg(0))) {
    case PTRACE_CONT:
      return go_on(frame, ptracee, Motion::on);
    case PTRACE_SYSCALL:
      return go_on(frame, ptracee, Motion::to_call);
    case PTRACE_SINGLESTEP:
      return go_on(frame, ptracee, Motion::one_step);
    case PTRACE_DETACH:
      return detach(frame, ptracee);
    case PTRACE_LISTEN: {
      const auto done = frame.tracer().tracing.listen(ptracee);
      if (done) frame.tracer().tracing.forget_report(ptracee);
      return finish(frame, done);
    }
    case PTRACE_SETOPTIONS:
      return set_options(frame, ptracee);
    default: {
      const auto result = do_ptrace_request(frame, ptracee);
      if (!result) return frame.fail(result.error());
      return frame.answer(*result);
    }
  }
}

}  // namespace

void special_ptrace(CallFrame& frame) {
  Tracer& tracer = frame.tracer();
  const int request = static_cast<int>(frame.arg(0));
  LOG(trace) << frame.thread().id << " asks for ptrace request " << request << " of "
             << static_cast<pid_t>(frame.arg(1));
  if (request == PTRACE_TRACEME) return finish(frame, tracer.tracing.trace_me(frame.thread()));
  if (request == PTRACE_ATTACH) return begin_tracing(frame, false);
  if (request == PTRACE_SEIZE) return begin_tracing(frame, true);

  Thread* ptracee = tracer.threads.find(static_cast<pid_t>(frame.arg(1)));
  const bool traces = ptracee != nullptr && ptracee->ptracee != nullptr &&
                      ptracee->ptracee->tracer == frame.thread().id;
  if (!traces) return frame.fail(Errno(ESRCH));
  if (request == PTRACE_INTERRUPT) return finish(frame, tracer.tracing.interrupt(*ptracee));
  if (request == PTRACE_KILL) {
    kill(ptracee->process->id, SIGKILL);
    return frame.answer(0);
  }
  if (!ptracee->ptracee->stop) return frame.fail(Errno(ESRCH));
  at_stop(frame, *ptracee);
}

}  // namespace nestp
