// The registers of a stopped guest thread, as its ABI names them.
//
// Only bytes and a description of them: ptrace fills and writes them back
// (engine/ptrace/ptrace_call.h).  A 32-bit ABI's arguments come zero-extended
// and its result sign-extended, so that callers need not know the width.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "arch/abi.h"

namespace nestp {

class Registers {
 public:
  /// All zero, for a call in `abi`.
  explicit Registers(const Abi& abi) : abi_(&abi) {}

  const Abi& abi() const { return *abi_; }

  /// The same bytes as another ABI of the same register set reads them:
  /// kAbiX86OnX64 for a call by `int $0x80` from 64-bit code.
  /// False, and nothing changes, if the register sets differ in size.
  bool reinterpret_as(const Abi& abi);

  /// What PTRACE_SETREGSET(NT_PRSTATUS) takes.
  std::span<const std::byte> bytes() const {
    return std::span(bytes_).first(abi_->register_set_size);
  }

  /// Room for PTRACE_GETREGSET(NT_PRSTATUS) of a thread of any ABI, whatever
  /// this one's is; loaded() says afterwards how much the kernel filled.
  std::span<std::byte> room() { return bytes_; }
  /// The size tells the ABI of the process.  False, and the ABI stays, if none has this size.
  bool loaded(std::size_t size);

  /// True if the call was certainly made by the ABI's own syscall instruction; false:
  /// only the kernel can tell.
  bool is_own_call() const;

  /// Number of the call at a syscall stop; negative: none, or skipped.
  std::int32_t number() const;
  /// -1: the kernel skips the call.  In bytes() only where the ABI's NumberWrite is in_registers;
  /// elsewhere ptrace has a request of its own besides, for separate_number().
  void set_number(std::int32_t number);
  /// What set_number() set, if bytes() do not have it.
  std::optional<std::int32_t> separate_number() const { return separate_number_; }

  /// The thread makes call `number` next, at its instruction pointer; arguments are set besides.
  void prepare_call(std::int32_t number);
  /// Of a thread behind its call's instruction: back to it, to make call `number`.
  void repeat_call(std::int32_t number);

  /// Precondition: index < 6.
  std::uint64_t arg(std::size_t index) const;
  void set_arg(std::size_t index, std::uint64_t value);
  std::array<std::uint64_t, 6> args() const;
  /// All six, whole: 64-bit code that makes a 32-bit call has more in them than the call sees.
  void set_args_of(const Registers& from);

  /// -kMaxErrno to -1 are an errno.
  std::int64_t result() const;
  void set_result(std::int64_t value);

  std::uint64_t stack() const;
  void set_stack(std::uint64_t address);

  std::uint64_t instruction() const;
  void set_instruction(std::uint64_t address);

  friend bool operator==(const Registers& a, const Registers& b);

 private:
  bool is_in_registers() const { return abi_->number_write == NumberWrite::in_registers; }
  std::uint64_t get(std::size_t offset, std::size_t width) const;
  void put(std::size_t offset, std::uint64_t value);

  const Abi* abi_;
  std::optional<std::int32_t> separate_number_;
  alignas(8) std::array<std::byte, kMaxRegisterSetSize> bytes_{};
};

}  // namespace nestp
