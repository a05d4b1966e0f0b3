// Sending a stopped thread through the gate, and getting it out of there.
#pragma once

#include <cstdint>
#include <string>

#include "arch/registers.h"
#include "engine/ptrace/thread.h"

namespace nestp {

/// Where slot `index` begins in every guest.
constexpr std::uint64_t slot_address(int index) {
  return gate::kSlots + gate::kSlotSize * static_cast<std::uint64_t>(index);
}

/// True if a call of this ABI can go through the gate of a program of this ABI.
bool gate_takes(const Abi& call, const AddressSpace& space);

/// The head of the slot for a thread whose registers at the stop are `guest`.
std::string slot_head(const Registers& guest, int slot);

/// Makes `registers` those of a thread about to run the gate's instruction.
/// Precondition: number and arguments are set.
void enter_gate(Registers& registers, std::int32_t number, int slot);

/// True while a thread's instruction pointer is in the gate.
bool in_gate(const Registers& registers);

/// The guest's own registers for a thread found at `now` in the gate, as if the
/// call had been made at the guest's own syscall instruction: not yet begun
/// (it will be made again), interrupted (the kernel restarts or fails it), or done.
Registers leave_gate(const Registers& now, const Registers& at_call);

}  // namespace nestp
