#include "extensions/sysv_ipc/semaphores.h"

#include <algorithm>

namespace nestp::sysv_ipc {
namespace {

// The kernel's usual limits (include/uapi/linux/sem.h).
constexpr std::size_t kMostSemaphores = 32000, kMostOperations = 500;
constexpr std::int32_t kLargestValue = 32767;

}  // namespace

std::int64_t Semaphores::get(Call& call) {
  const auto key = static_cast<key_t>(call.args[0]);
  const auto count = static_cast<std::int32_t>(call.args[1]);
  const int flags = static_cast<int>(call.args[2]);
  if (count < 0 || static_cast<std::size_t>(count) > kMostSemaphores) return -EINVAL;
  const auto make = [&]() -> SysResult<Set> {
    if (count == 0) return Errno(EINVAL);
    return Set{.permission = make_permission(key, flags, owner_),
               .semaphores = std::vector<Semaphore>(static_cast<std::size_t>(count)),
               .changed = time(nullptr)};
  };
  return sets_.get(key, flags, make, [count](const Set& set) {
    return static_cast<std::size_t>(count) > set.semaphores.size() ? EINVAL : 0;
  });
}

int Semaphores::count_waiting(std::uint64_t id, std::uint64_t index, bool for_zero) const {
  return static_cast<int>(std::count_if(waiting_.begin(), waiting_.end(), [&](const auto& entry) {
    const Waiting& waiting = entry.second;
    return waiting.id == id && waiting.index == index && waiting.for_zero == for_zero;
  }));
}

void Semaphores::forget_undo(std::uint64_t id, std::optional<std::uint16_t> index) {
  for (auto& [process, changes] : undo_) {
    std::erase_if(changes, [&](const auto& change) {
      return change.first.first == id && (!index || change.first.second == *index);
    });
  }
}

std::int64_t Semaphores::control(Call& call) {
  Set* const set = sets_.find(call.args[0]);
  if (set == nullptr) return -EINVAL;
  const int command = command_of(call.args[2]);
  switch (command) {
    case IPC_STAT: {
      semid_ds status{};
      status.sem_perm = set->permission;
      status.sem_otime = set->used;
      status.sem_ctime = set->changed;
      status.sem_nsems = set->semaphores.size();
      return give(call, call.args[3], status);
    }
    case IPC_SET: {
      const auto wanted = read_object<semid_ds>(call, call.args[3]);
      if (!wanted) return -EFAULT;
      change_permission(set->permission, wanted->sem_perm);
      set->changed = time(nullptr);
      return 0;
    }
    case IPC_RMID:
      forget_undo(call.args[0], std::nullopt);
      sets_.remove(call.args[0]);
      return 0;
    case GETALL:
    case SETALL:
      return control_all(call, *set, command);
    default:
      return control_one(call, *set, command);
  }
}

std::int64_t Semaphores::control_all(Call& call, Set& set, int command) {
  std::vector<std::uint16_t> values(set.semaphores.size());
  const GuestAddress at{call.args[3]};
  if (command == GETALL) {
    std::transform(set.semaphores.begin(), set.semaphores.end(), values.begin(),
                   [](const Semaphore& each) { return static_cast<std::uint16_t>(each.value); });
    return call.memory.write(at, std::as_bytes(std::span(values))) ? 0 : -EFAULT;
  }
  if (!call.memory.read(at, std::as_writable_bytes(std::span(values)))) return -EFAULT;
  if (std::any_of(values.begin(), values.end(), [](auto value) { return value > kLargestValue; })) {
    return -ERANGE;
  }
  for (std::size_t i = 0; i < values.size(); ++i)
    set.semaphores[i] = {.value = values[i], .process = call.process};
  forget_undo(call.args[0], std::nullopt);
  set.changed = time(nullptr);
  return 0;
}

std::int64_t Semaphores::control_one(Call& call, Set& set, int command) {
  const auto index = static_cast<std::uint32_t>(call.args[1]);
  if (index >= set.semaphores.size()) return -EINVAL;
  Semaphore& semaphore = set.semaphores[index];
  switch (command) {
    case GETVAL:
      return semaphore.value;
    case GETPID:
      return semaphore.process;
    case GETNCNT:
      return count_waiting(call.args[0], index, false);
    case GETZCNT:
      return count_waiting(call.args[0], index, true);
    case SETVAL: {
      const auto value = static_cast<std::int32_t>(call.args[3]);
      if (value < 0 || value > kLargestValue) return -ERANGE;
      semaphore = {.value = value, .process = call.process};
      forget_undo(call.args[0], static_cast<std::uint16_t>(index));
      set.changed = time(nullptr);
      return 0;
    }
    default:
      return -EINVAL;
  }
}

std::optional<std::int64_t> Semaphores::operate(Call& call) {
  const bool has_waited = waiting_.erase(call.thread) != 0;
  const std::size_t count = static_cast<std::uint32_t>(call.args[2]);
  if (count == 0) return -EINVAL;
  if (count > kMostOperations) return -E2BIG;
  std::vector<sembuf> operations(count);
  const auto read =
      call.memory.read(GuestAddress{call.args[1]}, std::as_writable_bytes(std::span(operations)));
  if (!read) return -EFAULT;
  Set* const set = sets_.find(call.args[0]);
  if (set == nullptr) return has_waited ? -EIDRM : -EINVAL;
  std::vector<Semaphore> after = set->semaphores;
  for (const sembuf& operation : operations) {
    if (operation.sem_num >= after.size()) return -EFBIG;
  }
  for (const sembuf& operation : operations) {
    Semaphore& semaphore = after[operation.sem_num];
    const bool for_zero = operation.sem_op == 0;
    const bool blocks = for_zero ? semaphore.value != 0 : semaphore.value + operation.sem_op < 0;
    if (blocks && (operation.sem_flg & IPC_NOWAIT)) return -EAGAIN;
    if (blocks) {
      waiting_[call.thread] = {call.args[0], operation.sem_num, for_zero};
      return std::nullopt;
    }
    if (semaphore.value + operation.sem_op > kLargestValue) return -ERANGE;
    semaphore.value += operation.sem_op;
    semaphore.process = call.process;
  }
  set->semaphores = std::move(after);
  set->used = time(nullptr);
  for (const sembuf& operation : operations) {
    if (!(operation.sem_flg & SEM_UNDO) || operation.sem_op == 0) continue;
    undo_[call.process][{call.args[0], operation.sem_num}] -= operation.sem_op;
  }
  return 0;
}

void Semaphores::on_process_end(pid_t process) {
  const auto changes = undo_.extract(process);
  if (changes.empty()) return;
  for (const auto& [place, change] : changes.mapped()) {
    Set* const set = sets_.find(place.first);
    if (set == nullptr || place.second >= set->semaphores.size()) continue;
    Semaphore& semaphore = set->semaphores[place.second];
    // As exit_sem (ipc/sem.c) limits it.
    semaphore.value = std::clamp(semaphore.value + change, 0, kLargestValue);
    semaphore.process = process;
    set->used = time(nullptr);
  }
}

}  // namespace nestp::sysv_ipc
