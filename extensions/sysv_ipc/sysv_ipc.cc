#include "extensions/sysv_ipc/sysv_ipc.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>

#include "fs/fd.h"

namespace nestp {
namespace {

constexpr std::chrono::microseconds kFirstPause{200}, kLongestPause{10'000};
/// A call that comes later than that is another one with the same arguments.
constexpr std::chrono::milliseconds kSoon{500};

/// The process that a new thread belongs to.
pid_t process_of_thread(pid_t thread) {
  constexpr std::string_view kField = "\nTgid:\t";
  const auto text = read_file("/proc/" + std::to_string(thread) + "/status");
  const std::size_t at = text ? text->find(kField) : std::string::npos;
  if (at == std::string::npos) return thread;
  return static_cast<pid_t>(std::strtol(text->c_str() + at + kField.size(), nullptr, 10));
}

/// The kernel makes the call once more unless a handler runs, and then says EINTR
/// (include/linux/errno.h, ERESTARTNOHAND).
bool is_interrupted(std::int64_t result) { return result <= -512 && result >= -516; }

}  // namespace

SysvIpc::SysvIpc(sysv_ipc::Owner owner, bool is_asked_for)
    : memory_(owner), semaphores_(owner), messages_(owner), is_asked_for_(is_asked_for) {}

bool SysvIpc::is_missing() {
  // Nothing has this id: elsewhere it is EINVAL.
  return ::syscall(SYS_shmctl, -1, IPC_STAT, nullptr) < 0 && errno == ENOSYS;
}

SysSet SysvIpc::entries() const {
  SysSet set;
  for (const Sys sys :
       {Sys::shmget, Sys::shmat, Sys::shmdt, Sys::shmctl, Sys::semget, Sys::semop, Sys::semtimedop,
        Sys::semctl, Sys::msgget, Sys::msgsnd, Sys::msgrcv, Sys::msgctl}) {
    set.set(static_cast<std::size_t>(sys));
  }
  return set;
}

/// None: it has to wait.
std::optional<std::int64_t> SysvIpc::answer_of(Call& call) {
  switch (call.sys) {  // NOLINT: those of entries()
    case Sys::shmget:
      return memory_.get(call);
    case Sys::shmctl:
      return memory_.control(call);
    case Sys::semget:
      return semaphores_.get(call);
    case Sys::semctl:
      return semaphores_.control(call);
    case Sys::semop:
    case Sys::semtimedop:
      return semaphores_.operate(call);
    case Sys::msgget:
      return messages_.get(call);
    case Sys::msgctl:
      return messages_.control(call);
    case Sys::msgsnd:
      return messages_.send(call);
    case Sys::msgrcv:
      return messages_.receive(call);
    default:
      return -ENOSYS;
  }
}

Entry SysvIpc::on_entry(Call& call) {
  constexpr std::uint8_t kWide = 8;
  if (call.abi->word_size != kWide) return Entry::proceed;
  const auto before = waiting_.find(call.thread);
  const bool goes_on = before != waiting_.end() && Clock::now() - before->second.resumed < kSoon &&
                       before->second.sys == call.sys && before->second.args == call.args;
  if (!goes_on) stop_waiting(call.thread);
  under_way_.erase(call.thread);
  if (call.sys == Sys::shmat || call.sys == Sys::shmdt) {
    const Sys asked = call.sys;
    const Entry decision = asked == Sys::shmat ? memory_.attach(call) : memory_.detach(call);
    if (decision == Entry::untranslated) under_way_[call.thread] = asked;
    return decision;
  }
  const auto answer = answer_of(call);
  if (!answer) return wait(call);
  stop_waiting(call.thread);
  call.result = *answer;
  return Entry::answered;
}

SysResult<SysvIpc::Clock::time_point> SysvIpc::deadline_of(Call& call) const {
  if (call.sys != Sys::semtimedop || call.args[3] == 0) return Clock::time_point::max();
  const auto time = sysv_ipc::read_object<timespec>(call, call.args[3]);
  constexpr std::int64_t kSecond = 1'000'000'000, kForever = 1'000'000'000;
  if (!time) return time.error();
  if (time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec >= kSecond) return Errno(EINVAL);
  if (time->tv_sec > kForever) return Clock::time_point::max();
  return Clock::now() + std::chrono::seconds(time->tv_sec) +
         std::chrono::nanoseconds(time->tv_nsec);
}

/// The thread sleeps for a while, and then makes its call once more.
Entry SysvIpc::wait(Call& call) {
  const auto fail = [&](int error) {
    stop_waiting(call.thread);
    call.result = -error;
    return Entry::answered;
  };
  auto found = waiting_.find(call.thread);
  if (found == waiting_.end()) {
    const auto deadline = deadline_of(call);
    if (!deadline) return fail(deadline.error().code());
    const Waiting first{
        .sys = call.sys, .args = call.args, .pause = kFirstPause, .deadline = *deadline};
    found = waiting_.emplace(call.thread, first).first;
  }
  Waiting& state = found->second;
  const auto now = Clock::now();
  if (now >= state.deadline) return fail(EAGAIN);
  const auto left = std::chrono::ceil<std::chrono::microseconds>(
      std::min<Clock::duration>(state.deadline - now, kLongestPause));
  const timespec pause{.tv_sec = 0, .tv_nsec = 1000L * std::min(state.pause, left).count()};
  state.pause = std::min(2 * state.pause, kLongestPause);
  const std::string bytes(static_cast<const char*>(static_cast<const void*>(&pause)), sizeof pause);
  call.sys = Sys::ppoll;
  call.args = {0, 0, call.memory.place(bytes), 0, 0, 0};
  call.wants_exit = true;
  return Entry::untranslated;
}

void SysvIpc::on_exit(Call& call) {
  const auto other = under_way_.extract(call.thread);
  if (!other.empty()) {
    return other.mapped() == Sys::shmat ? memory_.after_attach(call) : memory_.after_detach(call);
  }
  const auto found = waiting_.find(call.thread);
  if (found == waiting_.end()) return;
  found->second.resumed = Clock::now();
  if (is_interrupted(call.result)) return;
  call.repeats = call.result == 0;
  if (!call.repeats) stop_waiting(call.thread);
}

void SysvIpc::stop_waiting(pid_t thread) {
  waiting_.erase(thread);
  semaphores_.stop_waiting(thread);
  messages_.stop_waiting(thread);
}

// ---- processes ---------------------------------------------------------------------

void SysvIpc::on_program_start(ProgramStart& start) {
  const auto found = process_of_.find(start.thread);
  if (found != process_of_.end()) memory_.on_unmapped(found->second);
}

void SysvIpc::on_thread_start(pid_t thread, pid_t parent) {
  const pid_t process = process_of_thread(thread);
  process_of_[thread] = process;
  threads_of_[process].insert(thread);
  const auto found = process_of_.find(parent);
  if (found != process_of_.end() && found->second != process) {
    memory_.on_fork(found->second, process);
  }
}

void SysvIpc::on_thread_end(pid_t thread) {
  stop_waiting(thread);
  under_way_.erase(thread);
  memory_.on_thread_end(thread);
  const auto found = process_of_.extract(thread);
  if (found.empty()) return;
  const pid_t process = found.mapped();
  std::set<pid_t>& threads = threads_of_[process];
  threads.erase(thread);
  if (!threads.empty()) return;
  threads_of_.erase(process);
  memory_.on_unmapped(process);
  semaphores_.on_process_end(process);
}

void SysvIpc::on_thread_renamed(pid_t former, pid_t now) {
  stop_waiting(former);
  process_of_.erase(former);
  process_of_[now] = now;
  std::set<pid_t>& threads = threads_of_[now];
  threads.erase(former);
  threads.insert(now);
}

}  // namespace nestp
