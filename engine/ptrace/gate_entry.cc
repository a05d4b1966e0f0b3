#include "engine/ptrace/gate_entry.h"

#include <cstring>

namespace nestp {
namespace {

// r15 is the first word of user_regs_struct (<sys/user.h>).
constexpr std::size_t kR15 = 0;

void store(Registers& registers, std::size_t offset, std::uint64_t value) {
  std::memcpy(registers.room().data() + offset, &value, sizeof value);
}
std::uint64_t load(const Registers& registers, std::size_t offset) {
  std::uint64_t value = 0;
  std::memcpy(&value, registers.bytes().data() + offset, sizeof value);
  return value;
}

template <typename Slot>
std::string bytes_of(const Slot& slot) {
  return {reinterpret_cast<const char*>(&slot), sizeof slot};
}

bool is_64(const Registers& registers) { return registers.abi().word_size == 8; }

}  // namespace

bool gate_takes(const Abi& call, const AddressSpace& space) {
  return space.has_gate && space.abi == &call && call.jumps_through_memory;
}

std::string slot_head(const Registers& guest, int slot) {
  if (is_64(guest)) {
    return bytes_of(gate::Slot64{guest.arg(0), guest.arg(1), guest.arg(2), guest.arg(3),
                                 guest.arg(4), guest.arg(5), guest.instruction(),
                                 load(guest, kR15)});
  }
  const auto low = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
  return bytes_of(gate::Slot32{
      low(guest.arg(0)), low(guest.arg(1)), low(guest.arg(2)), low(guest.arg(3)), low(guest.arg(4)),
      low(guest.arg(5)), low(gate::kStubs + gate::kStubSize * static_cast<std::uint64_t>(slot)),
      low(guest.stack()), low(guest.instruction())});
}

void enter_gate(Registers& registers, std::int32_t number, int slot) {
  registers.set_instruction(gate::kCall);
  registers.set_number(-1);  // skip the call the thread stands at
  registers.set_result(number);
  if (is_64(registers)) {
    store(registers, kR15, slot_address(slot));
  } else {
    registers.set_stack(slot_address(slot));
  }
}

bool in_gate(const Registers& registers) {
  const std::uint64_t at = registers.instruction();
  if (at >= gate::kCall && at < gate::kCallEnd) return true;
  return !is_64(registers) && at >= gate::kStubs &&
         at < gate::kStubs + gate::kStubSize * gate::kSlotCount;
}

Registers leave_gate(const Registers& now, const Registers& at_call) {
  Registers guest = at_call;
  if (now.instruction() == gate::kCall) {
    // Not begun: the guest's own instruction makes the call again.
    guest.set_instruction(at_call.instruction() - at_call.abi().syscall_instruction.size());
    guest.set_result(at_call.number());
    guest.set_number(-1);
    return guest;
  }
  // Begun or done.  With a number (a signal interrupted the call at its end) the
  // kernel goes on to restart it or to fail it with EINTR, at the guest's own
  // instruction; without one the result is final.
  const bool ending = now.instruction() == gate::kCallReturn;
  guest.set_result(now.result());
  guest.set_number(ending ? now.number() : -1);
  return guest;
}

}  // namespace nestp
