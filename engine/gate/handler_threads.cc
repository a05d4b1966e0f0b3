// New threads of the guest's process.
//
// The tracer has to know each thread before it runs.  If its maker stopped for that, it would wait
// twice, behind the threads it has just made; so only the new one stops, as CLONE_PTRACE has it,
// where it finds out by a Birth whose it is and how to go on.
#include "engine/gate/handler.h"

namespace nestp::gate {
namespace {

constexpr uint64_t kCallClone3 = 435, kCallGetTid = 186;

// CLONE_* of <linux/sched.h>.
constexpr uint64_t kMemory = 0x100, kFiles = 0x200 | 0x400, kHandlers = 0x800, kThread = 0x10000;
constexpr uint64_t kTraced = 0x2000;
constexpr uint64_t kNeeded = kMemory | kFiles | kHandlers | kThread;
/// SYSVSEM, SETTLS, PARENT_SETTID, CHILD_CLEARTID, DETACHED and CHILD_SETTID change nothing here.
constexpr uint64_t kOthers = 0x40000 | 0x80000 | 0x100000 | 0x200000 | 0x400000 | 0x1000000;

// Words of struct clone_args.
constexpr uint32_t kFlags = 0, kExitSignal = 4, kStack = 5, kThreadIds = 8, kWords = 11;
constexpr uint64_t kFewestBytes = 64;

bool is_usual(uint64_t flags) {
  return (flags & kNeeded) == kNeeded && (flags & ~(kNeeded | kOthers)) == 0;
}

// Who is cut short at any instruction here leaves a record that says so: by its lock, or by
// FastSlot::birth (unwind.cc).

uint32_t own_lock(const Work& work) {
  const uint64_t index = (reinterpret_cast<uint64_t>(work.slot) - kFastSlots) / kFastSlotSize;
  return static_cast<uint32_t>(index + 1);
}

void set_lock(Birth* birth, uint32_t lock) {
  __atomic_store_n(&birth->lock, lock, __ATOMIC_SEQ_CST);
}

void set_birth(Work& work, Birth* birth) {
  __atomic_store_n(&work.slot->birth, reinterpret_cast<uint64_t>(birth), __ATOMIC_SEQ_CST);
}

Birth* claim_birth(Work& work) {
  for (uint64_t i = 0; i < kBirthCount; ++i) {
    auto* birth = reinterpret_cast<Birth*>(kBirths + i * sizeof(Birth));
    uint32_t free = 0;
    if (__atomic_compare_exchange_n(&birth->lock, &free, own_lock(work), false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_RELAXED)) {
      return birth;
    }
  }
  return nullptr;
}

/// No thread was made.
void take_back(Work& work, Birth* birth) {
  set_lock(birth, own_lock(work));
  set_birth(work, nullptr);
  set_lock(birth, 0);
}

/// The call's arguments, checked where nobody else can change them.
bool take_arguments(Work& work, Birth* birth) {
  if (work.frame->rax != kCallClone3) {
    if (!is_usual(work.args[0]) || work.args[1] == 0) return false;
    work.args[0] |= kTraced;
    return true;
  }
  const uint64_t size = work.args[1];
  if (size < kFewestBytes || size > sizeof birth->arguments) return false;
  for (uint32_t i = 0; i < kWords; ++i)
    birth->arguments[i] = 0;
  copy_bytes(reinterpret_cast<char*>(birth->arguments), reinterpret_cast<const char*>(work.args[0]),
             static_cast<uint32_t>(size));
  const uint64_t* given = birth->arguments;
  if (!is_usual(given[kFlags]) || given[kStack] == 0) return false;
  if (given[kExitSignal] != 0 || given[kThreadIds] != 0) return false;
  birth->arguments[kFlags] |= kTraced;
  work.args[0] = reinterpret_cast<uint64_t>(birth->arguments);
  return true;
}

}  // namespace

int64_t make_thread(Work& work) {
  Birth* birth = claim_birth(work);
  if (birth == nullptr) return kAskTracer;
  if (!take_arguments(work, birth)) {
    set_lock(birth, 0);
    return kAskTracer;
  }
  const uint64_t nothing[6] = {};
  birth->maker = static_cast<int32_t>(issue_look(work, kCallGetTid, nothing));
  birth->registers = *work.frame;
  // Neither call has a sixth argument: there the new thread's own register tells of the record.
  work.args[5] = reinterpret_cast<uint64_t>(birth);
  set_birth(work, birth);
  set_lock(birth, kBorn);
  const int64_t result = issue_final(work, work.frame->rax);
  if (result < 0) {
    take_back(work, birth);
  } else {
    set_birth(work, nullptr);  // the new thread's, which may have been served already
  }
  return result;
}

}  // namespace nestp::gate
