// Machine code of guests, decoded.  The one file pair that knows the decoder.
//
// Decodes where it is told to start and goes on in a line: whether that start is
// an instruction's boundary is the caller's knowledge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "arch/abi.h"

namespace nestp {

/// One decoded instruction; its views die with the visitor's call.
struct Instruction {
  std::uint64_t address;  ///< in the guest
  std::span<const std::uint8_t> bytes;
  std::string_view mnemonic;
  std::string_view operands;
  bool enters_kernel;     ///< a syscall instruction of this ABI
  bool leaves_line;       ///< jump, call or return: the next one in line may not come next
  bool uses_instruction;  ///< reads the instruction pointer, so it cannot be moved as it is
};

/// Called for each instruction in order; false ends it.
using InstructionVisitor = std::function<bool(const Instruction&)>;

/// Decodes `bytes`, which lie at `address` in the guest.  An odd address means
/// Thumb code to arm.  Gives the number of bytes decoded: less than all if the
/// visitor ended it, or if some byte does not decode (the last instruction may be
/// cut off), or 0 if the decoder lacks the ABI.
std::size_t for_each_instruction(const Abi& abi, std::span<const std::uint8_t> bytes,
                                 std::uint64_t address, const InstructionVisitor& visitor);

/// True if `bytes` begin with an instruction that enters the kernel, by any of
/// the ways of this ABI: `sysenter` too in i386.
bool is_syscall_instruction(const Abi& abi, std::span<const std::uint8_t> bytes);

/// One line an instruction, for logs; what does not decode is shown as bytes.
std::string text_of(const Abi& abi, std::span<const std::uint8_t> bytes, std::uint64_t address);

}  // namespace nestp
