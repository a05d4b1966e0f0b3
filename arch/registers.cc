#include "arch/registers.h"

#include <algorithm>
#include <cstring>

namespace nestp {

// Every ABI of sysno.def is little-endian, and so are the hosts.

std::uint64_t Registers::get(std::size_t offset, std::size_t width) const {
  std::uint64_t value = 0;
  std::memcpy(&value, &bytes_[offset], width);
  return value;
}

void Registers::put(std::size_t offset, std::uint64_t value) {
  std::memcpy(&bytes_[offset], &value, abi_->register_size);
}

bool Registers::reinterpret_as(const Abi& abi) {
  if (abi.register_set_size != abi_->register_set_size) return false;
  abi_ = &abi;
  return true;
}

bool Registers::is_own_call() const {
  // A 32-bit register set leaves no choice: 64-bit code has another one.
  if (abi_->word_size == 4) return true;
  const std::uint16_t copy = abi_->registers.return_copy;
  return copy == 0 || get(copy, abi_->register_size) == instruction();
}

bool Registers::loaded(std::size_t size) {
  const Abi* abi = abi_of_register_set(size);
  if (abi == nullptr) return false;
  abi_ = abi;
  separate_number_.reset();
  return true;
}

std::int32_t Registers::number() const {
  if (separate_number_) return *separate_number_;
  // An int to the kernel in every ABI, whatever the width of its register.
  return static_cast<std::int32_t>(get(abi_->registers.number, 4));
}

void Registers::set_number(std::int32_t number) {
  if (!is_in_registers()) {
    separate_number_ = number;
    return;
  }
  put(abi_->registers.number, static_cast<std::uint64_t>(std::int64_t{number}));
}

void Registers::prepare_call(std::int32_t number) {
  put(abi_->registers.given_number, static_cast<std::uint64_t>(std::int64_t{number}));
  // Else the kernel would take the call that the thread comes from for one to be restarted.
  // One place for both (riscv64) leaves that to its result.
  if (abi_->registers.given_number != abi_->registers.number || !is_in_registers()) set_number(-1);
}

void Registers::repeat_call(std::int32_t number) {
  set_instruction(instruction() - abi_->syscall_instruction.size());
  prepare_call(number);
}

std::uint64_t Registers::arg(std::size_t index) const {
  return get(abi_->registers.args[index], abi_->word_size);
}

void Registers::set_arg(std::size_t index, std::uint64_t value) {
  if (abi_->word_size == 4) value = static_cast<std::uint32_t>(value);
  put(abi_->registers.args[index], value);
}

void Registers::set_args_of(const Registers& from) {
  for (const std::uint16_t place : abi_->registers.args)
    put(place, from.get(place, abi_->register_size));
}

std::array<std::uint64_t, 6> Registers::args() const {
  std::array<std::uint64_t, 6> args;
  for (std::size_t i = 0; i < args.size(); ++i)
    args[i] = arg(i);
  return args;
}

std::int64_t Registers::result() const {
  const std::uint64_t value = get(abi_->registers.result, abi_->word_size);
  if (abi_->word_size == 8) return static_cast<std::int64_t>(value);
  return static_cast<std::int32_t>(value);
}

void Registers::set_result(std::int64_t value) {
  put(abi_->registers.result, static_cast<std::uint64_t>(value));
}

std::uint64_t Registers::stack() const { return get(abi_->registers.stack, abi_->register_size); }

void Registers::set_stack(std::uint64_t address) { put(abi_->registers.stack, address); }

std::uint64_t Registers::instruction() const {
  return get(abi_->registers.instruction, abi_->register_size);
}

void Registers::set_instruction(std::uint64_t address) {
  put(abi_->registers.instruction, address);
}

bool operator==(const Registers& a, const Registers& b) {
  return a.abi_ == b.abi_ && std::ranges::equal(a.bytes(), b.bytes());
}

}  // namespace nestp
