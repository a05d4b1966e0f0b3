// Calls on processes whose permission depends on ids: kill(2), setpriority(2), limits.
#include <cerrno>
#include <csignal>
#include <unistd.h>

#include "extensions/identity/world.h"

namespace nestp::identity {
namespace {

/// kernel/signal.c, check_kill_permission and kill_ok_by_cred.
bool may_signal(const Credentials& who, const Credentials& target) {
  if (who.has(Capability::send_signals)) return true;
  const auto is_target = [&target](Id id) {
    return id == target.user.saved || id == target.user.real;
  };
  return is_target(who.user.effective) || is_target(who.user.real);
}

Entry signal_one(World& world, Call& call, std::uint64_t target, std::uint64_t signal) {
  const auto id = static_cast<pid_t>(target);
  const auto found = world.threads.find(id);
  if (id <= 0 || found == world.threads.end()) return Entry::proceed;
  if (may_signal(world.credentials(call), found->second.credentials)) return Entry::proceed;
  if (static_cast<int>(signal) == SIGCONT && getsid(id) == getsid(call.thread)) {
    return Entry::proceed;
  }
  const bool is_valid = static_cast<std::uint32_t>(signal) <= 64;
  return is_valid ? fail(call, EPERM) : Entry::proceed;
}

Entry signal_process(World& world, Call& call) {
  return signal_one(world, call, call.args[0], call.args[1]);
}
Entry signal_thread(World& world, Call& call) {
  return signal_one(world, call, call.args[1], call.args[2]);
}

/// Root may, whatever the kernel says: the call succeeds without effect.
Entry believe(World& world, Call& call, Capability needed) {
  if (!world.credentials(call).has(needed)) return Entry::proceed;
  return at_exit(world, call, [](Call& ended) {
    if (ended.result == -EPERM || ended.result == -EACCES) ended.result = 0;
  });
}

Entry believe_priority(World& world, Call& call) {
  return believe(world, call, Capability::set_priority);
}

Entry believe_limit(World& world, Call& call) {
  const bool changes = call.sys == Sys::setrlimit || call.args[2] != 0;
  return changes ? believe(world, call, Capability::exceed_limits) : Entry::proceed;
}

constexpr Route kRoutes[] = {
    {Sys::kill, signal_process},
    {Sys::tkill, signal_process},
    {Sys::tgkill, signal_thread},
    {Sys::rt_sigqueueinfo, signal_process},
    {Sys::rt_tgsigqueueinfo, signal_thread},
    {Sys::nice, believe_priority},
    {Sys::setpriority, believe_priority},
    {Sys::sched_setscheduler, believe_priority},
    {Sys::sched_setparam, believe_priority},
    {Sys::sched_setattr, believe_priority},
    {Sys::ioprio_set, believe_priority},
    {Sys::setrlimit, believe_limit},
    {Sys::prlimit64, believe_limit},
};

}  // namespace

std::span<const Route> process_routes() { return kRoutes; }

}  // namespace nestp::identity
