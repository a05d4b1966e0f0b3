#include "engine/ptrace/placement.h"

#include <cerrno>
#include <chrono>

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

void Placement::born(pid_t thread, pid_t parent) {
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
