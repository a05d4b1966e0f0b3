#include "engine/ptrace/fast/unwind.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>

#include "engine/gate/memo.h"

namespace nestp {
namespace {

using gate::FastFrame;
using gate::FastSlot;

// Places in fast_x86_64.S.
constexpr std::uint64_t kClaims = gate::kFastEntry + 0x80;
constexpr std::uint64_t kOwns = gate::kFastEntry + 0x480;
constexpr std::uint64_t kCommon = gate::kFastEntry + 0x880;
constexpr std::uint64_t kSaved = gate::kFastEntry + 0x8c0;
constexpr std::uint64_t kRelease = gate::kFastEntry + 0x900;
constexpr std::uint64_t kTables = gate::kFastEntry + 0xa00;
constexpr std::uint64_t kBlock = 32;     // bytes of one slot's claim, and of its own
constexpr std::uint64_t kClaimed = 14;   // behind the exchange
constexpr std::uint64_t kSwitched = 13;  // behind the change of rsp
constexpr std::uint64_t kReleased = 7;   // behind the store that frees the slot

/// The register set of x86_64, user_regs_struct of its <sys/user.h>.
struct UserRegisters {
  std::uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
  std::uint64_t orig_rax, rip, cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};
static_assert(sizeof(UserRegisters) <= kMaxRegisterSetSize);

UserRegisters load(const Registers& registers) {
  UserRegisters user{};
  std::memcpy(&user, registers.bytes().data(), sizeof user);
  return user;
}
void store(Registers& registers, const UserRegisters& user) {
  std::memcpy(registers.room().data(), &user, sizeof user);
}

std::uint64_t slot_at(std::uint64_t index) {
  return gate::kFastSlots + gate::kFastSlotSize * index;
}

static_assert(offsetof(FastSlot, lock) == 0 && offsetof(gate::Birth, lock) == 0);

/// Of a slot or a birth's record.
void free_lock(ThreadMemory& memory, std::uint64_t lock) {
  (void)memory.write_object<std::uint32_t>(GuestAddress{lock}, 0);
}

/// The call is not made: the guest's instruction makes it.
void make_again(UserRegisters& user, std::uint64_t after) {
  user.rip = after - 2;
  user.rcx = after;
  user.orig_rax = ~0ULL;
}

void restore(UserRegisters& user, const FastFrame& frame) {
  user.rbx = frame.rbx;
  user.rbp = frame.rbp;
  user.r12 = frame.r12;
  user.r13 = frame.r13;
  user.r14 = frame.r14;
  user.r15 = frame.r15;
  user.rdi = frame.rdi;
  user.rsi = frame.rsi;
  user.rdx = frame.rdx;
  user.r10 = frame.r10;
  user.r8 = frame.r8;
  user.r9 = frame.r9;
  user.eflags = frame.flags;
}

/// The result of the call that was under way, if it is the guest's.
struct Final {
  bool is_known = false;
  std::int64_t result = 0;
};

Final final_result(const UserRegisters& user, const FastSlot& slot) {
  if (slot.is_final == 0) return {};
  std::int64_t result = slot.result;
  if (user.rip >= gate::kFastCallReturn && user.rip < gate::kFastCallStored) {
    result = static_cast<std::int64_t>(user.rax);
  } else if (slot.has_result == 0) {
    return {};
  }
  if (slot.redo != 0 && result == slot.redo) return {};
  if (slot.is_final == gate::kFinalIfGood && result < 0) return {};
  const bool is_denied = result == -EACCES || result == -EPERM;
  if (slot.is_final == gate::kFinalUnlessDenied && is_denied) return {};
  return {true, result};
}

/// All of an address space.
using Births = std::array<gate::Birth, gate::kBirthCount>;

/// Those whose lock is, by `is_over`, of what no thread will come of.
template <typename Predicate>
void free_births(ThreadMemory& memory, Predicate is_over) {
  const auto births = memory.read_object<Births>(GuestAddress{gate::kBirths});
  if (!births) return;
  for (std::size_t i = 0; i < births->size(); ++i) {
    if (is_over((*births)[i].lock)) free_lock(memory, gate::kBirths + i * sizeof(gate::Birth));
  }
}

/// From the frame on the slot's stack, which is whole.
bool leave_by_frame(UserRegisters& user, ThreadMemory& memory) {
  if (user.rsp < gate::kFastSlots) return false;
  const std::uint64_t index = (user.rsp - 1 - gate::kFastSlots) / gate::kFastSlotSize;
  if (index >= gate::kFastSlotCount) return false;
  const std::uint64_t at = slot_at(index);
  const auto slot = memory.read_object<FastSlot>(GuestAddress{at});
  const auto frame =
      memory.read_object<FastFrame>(GuestAddress{at + gate::kFastStack - sizeof(FastFrame)});
  if (!slot || !frame) return false;
  const bool is_begun = frame->target != 0;
  const Final final = is_begun ? final_result(user, *slot) : Final{};
  const bool is_done = is_begun && slot->done != 0;
  const bool at_call = user.rip == gate::kFastCallReturn;
  const std::uint64_t number = user.orig_rax;
  restore(user, *frame);
  user.rsp = slot->stack;
  // The tracer frees that of a thread that was made.
  if (final.result <= 0) {
    if (slot->birth != 0) free_lock(memory, slot->birth);
    free_births(memory, [&](std::uint32_t lock) { return lock == index + 1; });
  }
  if (is_done || final.is_known) {
    // With a number the kernel goes on to restart the call, or to fail it with EINTR.
    user.rip = frame->after;
    user.rcx = frame->after;
    user.orig_rax = at_call && static_cast<std::int64_t>(number) >= 0 ? frame->rax : ~0ULL;
    user.rax = final.is_known ? static_cast<std::uint64_t>(final.result) : frame->rax;
    if (is_done) {
      user.orig_rax = ~0ULL;
      user.rax = static_cast<std::uint64_t>(slot->result);
    }
  } else {
    user.rax = frame->rax;
    make_again(user, frame->after);
  }
  free_lock(memory, at);
  return true;
}

/// While a slot is claimed: nothing was saved yet.
void leave_claim(UserRegisters& user, ThreadMemory& memory) {
  const std::uint64_t index = (user.rip - kClaims) / kBlock;
  const bool is_claimed = (user.rip - kClaims) % kBlock == kClaimed && user.r11 == 0;
  if (is_claimed) free_lock(memory, slot_at(index));
  make_again(user, user.rcx);
}

void leave_own(UserRegisters& user, ThreadMemory& memory, std::uint64_t index, bool is_switched) {
  if (is_switched) {
    const auto stack =
        memory.read_object<std::uint64_t>(GuestAddress{slot_at(index) + offsetof(FastSlot, stack)});
    if (stack) user.rsp = *stack;
  }
  free_lock(memory, slot_at(index));
  make_again(user, user.rcx);
}

/// Address of the record of a thread that stands where the handler's call has made it; 0: it is
/// none.
std::uint64_t birth_of(const UserRegisters& user) {
  constexpr std::uint64_t kClone = 56, kClone3 = 435;
  if (user.rip != gate::kFastCallReturn || user.rax != 0) return 0;
  if (user.orig_rax != kClone && user.orig_rax != kClone3) return 0;
  const std::uint64_t offset = user.r9 - gate::kBirths;
  const bool is_one = user.r9 >= gate::kBirths && offset % sizeof(gate::Birth) == 0 &&
                      offset / sizeof(gate::Birth) < gate::kBirthCount;
  return is_one ? user.r9 : 0;
}

}  // namespace

std::optional<pid_t> maker_of(const Registers& registers, ThreadMemory& memory) {
  if (registers.abi().word_size != 8) return std::nullopt;
  const std::uint64_t at = birth_of(load(registers));
  if (at == 0) return std::nullopt;
  const auto birth = memory.read_object<gate::Birth>(GuestAddress{at});
  if (!birth || birth->lock != gate::kBorn) return std::nullopt;
  return birth->maker;
}

void begin_behind_call(Registers& registers, ThreadMemory& memory) {
  UserRegisters user = load(registers);
  const std::uint64_t at = birth_of(user);
  const auto birth = memory.read_object<gate::Birth>(GuestAddress{at});
  if (at == 0 || !birth) return;
  restore(user, birth->registers);
  user.rip = user.rcx = birth->registers.after;
  user.r11 = user.eflags;
  user.orig_rax = ~0ULL;
  store(registers, user);
  free_lock(memory, at);
}

bool in_handler(const Registers& registers) {
  if (registers.abi().word_size != 8) return false;
  const std::uint64_t at = registers.instruction();
  return (at >= gate::kFastCall && at <= gate::kFastCallStored) ||
         (at >= gate::kFastEntry && at < gate::kHandlerEnd);
}

bool leave_handler(Registers& registers, ThreadMemory& memory) {
  UserRegisters user = load(registers);
  const std::uint64_t at = user.rip;
  bool left = true;
  if (at >= kClaims && at < kOwns) {
    leave_claim(user, memory);
  } else if (at >= kOwns && at < kCommon) {
    leave_own(user, memory, (at - kOwns) / kBlock, (at - kOwns) % kBlock >= kSwitched);
  } else if (at >= kCommon && at < kSaved) {
    leave_own(user, memory, (user.rsp - 1 - gate::kFastSlots) / gate::kFastSlotSize, true);
  } else if (at >= gate::kFastEntry && at < kClaims) {
    make_again(user, user.rcx);
  } else if (at >= kRelease && at < kTables) {
    // All is restored; rcx is where it goes.
    if (at < kRelease + kReleased) free_lock(memory, user.r11);
    user.rip = user.rcx;
    user.orig_rax = ~0ULL;
  } else {
    left = leave_by_frame(user, memory);
  }
  if (left) store(registers, user);
  return left;
}

void free_records(ThreadMemory& memory) {
  free_births(memory, [](std::uint32_t lock) { return lock != 0; });
  for (std::uint64_t i = 0; i < gate::kFastSlotCount; ++i) {
    const auto lock = memory.read_object<std::uint32_t>(GuestAddress{slot_at(i)});
    if (lock && *lock != 0) free_lock(memory, slot_at(i));
  }
}

}  // namespace nestp
