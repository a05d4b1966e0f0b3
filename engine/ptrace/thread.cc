#include "engine/ptrace/thread.h"

#include "engine/check.h"
#include "engine/ptrace/exec/plan.h"

namespace nestp {

Thread::Thread() = default;
Thread::~Thread() = default;

int SlotPool::acquire() {
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    if (taken_[i]) continue;
    taken_[i] = true;
    return static_cast<int>(i);
  }
  return -1;
}

void SlotPool::release(int slot) {
  if (slot >= 0) taken_[static_cast<std::size_t>(slot)] = false;
}

Thread* ThreadTable::find(pid_t id) {
  Thread* const found = find_any(id);
  return found != nullptr && found->announced ? found : nullptr;
}

Thread* ThreadTable::find_any(pid_t id) {
  const auto found = threads_.find(id);
  return found == threads_.end() ? nullptr : found->second.get();
}

std::vector<pid_t> ThreadTable::ids() const {
  std::vector<pid_t> all;
  for (const auto& [id, thread] : threads_)
    all.push_back(id);
  return all;
}

Thread& ThreadTable::add(pid_t id) {
  auto& place = threads_[id];
  CHECK(place == nullptr) << "thread " << id << " was announced twice";
  place = std::make_unique<Thread>();
  place->id = id;
  return *place;
}

void ThreadTable::remove(pid_t id) {
  const auto found = threads_.find(id);
  if (found == threads_.end()) return;
  Thread& thread = *found->second;
  if (thread.space != nullptr) thread.space->slots.release(thread.slot);
  if (thread.process != nullptr) --thread.process->thread_count;
  threads_.erase(found);
}

void ThreadTable::collapse(pid_t process, pid_t former) {
  std::vector<pid_t> others;
  for (const auto& [id, thread] : threads_) {
    if (id != former && thread->process != nullptr && thread->process->id == process) {
      others.push_back(id);
    }
  }
  for (const pid_t id : others)
    remove(id);
  if (former == process) return;
  auto node = threads_.extract(former);
  if (node.empty()) return;
  node.key() = process;
  node.mapped()->id = process;
  threads_.insert(std::move(node));
}

}  // namespace nestp
