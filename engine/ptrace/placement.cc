#include "engine/ptrace/placement.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nestp {
namespace {

// Found by measuring.  Low enough that a program of a few dozen stops gains, high
// enough that threads running in parallel do not get there by chance.
constexpr int kEnough = 12;
constexpr int kMost = 24;
constexpr int kTurnCosts = 3;  // a turn to another thread outweighs three stops of one

constexpr std::chrono::milliseconds kTick(4);
constexpr int kBusyStops = 40;  // in a tick; with fewer, placement is not what costs

int tick_signal() { return SIGRTMIN; }

bool cpus_of(pid_t thread, cpu_set_t& cpus) {
  return sched_getaffinity(thread, sizeof cpus, &cpus) == 0;
}

bool set_cpus(pid_t thread, const cpu_set_t& cpus) {
  return sched_setaffinity(thread, sizeof cpus, &cpus) == 0;
}

/// struct sched_attr of linux/sched/types.h, whose other structs are the C library's, too.
struct SchedulingAttributes {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime;
  std::uint64_t deadline;
  std::uint64_t period;
};

/// The tracer's own time on a CPU between others, in nanoseconds: the least that the kernel takes.
constexpr std::uint64_t kSlice = 100'000;

/// Asks that the tracer, when it is woken, runs before what runs there already.  With a slice as
/// long as the guest's, it waits for the end of that one's, a millisecond or more, while the guest
/// that it is to serve waits for it (sched(7); sched_setattr(2), since Linux 6.12; before it
/// nothing changes).  Children are ordinary again.
void ask_to_run_soon() {
  SchedulingAttributes attributes{};
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.policy != SCHED_NORMAL && attributes.policy != SCHED_BATCH) return;
  attributes.policy = SCHED_NORMAL;
  attributes.flags = SCHED_FLAG_RESET_ON_FORK;
  attributes.runtime = kSlice;
  (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace

Placement* Placement::instance_ = nullptr;

class Placement::Busy {
 public:
  explicit Busy(Placement& placement) : placement_(placement) { placement_.busy_ = 1; }
  ~Busy() { placement_.busy_ = 0; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  Placement& placement_;
};

Placement::Placement() : timer_(tick_signal(), on_tick) {
  useful_ = cpus_of(0, own_) && CPU_COUNT(&own_) > 1;
  ask_to_run_soon();
  instance_ = this;
}

Placement::~Placement() {
  release();
  instance_ = nullptr;
}

void Placement::on_tick(int) {
  const int error = errno;
  if (instance_ != nullptr && instance_->busy_ == 0) {
    if (instance_->stops_ < kBusyStops) instance_->give_back();
    instance_->stops_ = 0;
  }
  errno = error;
}

Placement::Kept* Placement::find(pid_t thread) {
  for (std::size_t i = 0; i < count_; ++i) {
    if (kept_[i].thread == thread) return &kept_[i];
  }
  return nullptr;
}

void Placement::stopped(pid_t thread) {
  if (!useful_) return;
  const Busy busy(*this);
  stops_ = stops_ + 1;
  if (thread == last_) {
    if (score_ < kMost) ++score_;
  } else {
    last_ = thread;
    score_ -= kTurnCosts;
    if (score_ <= 0) give_back();
  }
  if (score_ >= kEnough || together_) keep(thread);
}

bool Placement::begin(const cpu_set_t& wanted) {
  if (!cpus_of(0, own_)) return false;
  int cpu = sched_getcpu();
  if (cpu < 0 || cpu >= CPU_SETSIZE) return false;
  for (int i = 0; i < CPU_SETSIZE && !CPU_ISSET(cpu, &wanted); ++i) {
    if (CPU_ISSET(i, &wanted) && CPU_ISSET(i, &own_)) cpu = i;
  }
  CPU_ZERO(&one_);
  CPU_SET(cpu, &one_);
  if (!CPU_ISSET(cpu, &wanted) || !timer_.set(kTick, kTick)) return false;
  stops_ = kBusyStops;  // the first tick may come too early to judge
  together_ = ever_ = true;
  (void)set_cpus(0, one_);
  return true;
}

void Placement::keep(pid_t thread) {
  if (count_ == kept_.size() || find(thread) != nullptr) return;
  Kept kept{.thread = thread, .before = {}};
  if (!cpus_of(thread, kept.before)) return;
  if (!together_ && !begin(kept.before)) {
    useful_ = false;
    return;
  }
  // A thread that may not run here is noted too, so that it is not asked again.
  if (CPU_COUNT(&kept.before) > 1) {
    cpu_set_t both;
    CPU_AND(&both, &kept.before, &one_);
    if (CPU_COUNT(&both) == 1) (void)set_cpus(thread, one_);
  }
  kept_[count_++] = kept;
}

void Placement::born(pid_t thread, pid_t parent, Birth birth) {
  if (!ever_) return;
  const Busy busy(*this);
  cpu_set_t of_parent;
  cpu_set_t of_child;
  // The parent was given back its CPUs after the child had been made.
  if (cpus_of(parent, of_parent) && cpus_of(thread, of_child) &&
      !CPU_EQUAL(&of_parent, &of_child)) {
    (void)set_cpus(thread, of_parent);
  }
  const Kept* kept = find(parent);
  if (kept == nullptr) return;
  if (count_ == kept_.size()) return give_back();
  kept_[count_++] = Kept{.thread = thread, .before = kept->before};
  if (birth == Birth::thread_of_process) give_back();
}

void Placement::renamed(pid_t former, pid_t process) {
  if (!together_ || former == process) return;
  ended(process);
  const Busy busy(*this);
  if (Kept* kept = find(former)) kept->thread = process;
}

void Placement::ended(pid_t thread) {
  if (!together_) return;
  const Busy busy(*this);
  if (Kept* kept = find(thread)) *kept = kept_[--count_];
}

void Placement::release() {
  const Busy busy(*this);
  give_back();
}

void Placement::give_back() {
  score_ = 0;
  if (!together_) return;
  together_ = false;
  (void)timer_.set({});
  for (std::size_t i = 0; i < count_; ++i) {
    cpu_set_t now;
    // Anything but the one CPU is a wish of somebody else, which stands.
    if (cpus_of(kept_[i].thread, now) && CPU_EQUAL(&now, &one_)) {
      (void)set_cpus(kept_[i].thread, kept_[i].before);
    }
  }
  count_ = 0;
  (void)set_cpus(0, own_);
}

}  // namespace nestp
