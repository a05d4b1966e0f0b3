#include "engine/ptrace/call_frame.h"

#include <cerrno>

#include "engine/check.h"
#include "engine/ptrace/gate_entry.h"
#include "engine/ptrace/ptrace_call.h"
#include "engine/ptrace/tracer.h"

namespace nestp {
namespace {

// Below the stack pointer there is no room but what the ABI reserves; used only
// by threads that got no slot (more than kSlotCount in one program).
constexpr std::uint64_t kStackScratch = 0x3000;

constexpr std::size_t kScratchRoom = gate::kSlotSize - gate::kSlotScratch;

/// A thread that was killed in the meantime cannot be resumed: waitpid tells the rest.
void ignore_gone(const SysResult<>& done) { (void)done; }

}  // namespace

CallFrame::CallFrame(Tracer& tracer, Thread& thread, const Registers& registers)
    : tracer_(tracer),
      thread_(thread),
      registers_(registers),
      memory_(thread.id),
      sys_(sys_of(registers.abi(), registers.number())),
      row_(find_row(sys_)),
      args_(registers.args()),
      result_(registers.result()) {}

CallFrame CallFrame::at_end(Tracer& tracer, Thread& thread, const Registers& registers) {
  CallFrame frame(tracer, thread, registers);
  frame.sys_ = thread.made_sys;
  frame.row_ = find_row(frame.sys_);
  frame.args_ = thread.made_args;
  return frame;
}

SysResult<std::string> CallFrame::text(int index) {
  if (text_address_ != 0 && text_address_ == arg(index)) return text_;
  auto read = memory_.read_string(address(index));
  if (read) {
    text_address_ = arg(index);
    text_ = *read;
  }
  return read;
}

void CallFrame::set_arg(int index, std::uint64_t value) {
  args_[static_cast<std::size_t>(index)] = value;
  changed_ = true;
}

void CallFrame::set_sys(Sys sys) {
  sys_ = sys;
  changed_ = true;
}

void CallFrame::become(Sys sys) {
  set_sys(sys);
  row_ = find_row(sys);
}

std::uint64_t CallFrame::scratch_base() {
  if (scratch_base_ != 0) return scratch_base_;
  if (thread_.slot < 0 && thread_.space->has_gate) thread_.slot = thread_.space->slots.acquire();
  if (thread_.slot >= 0) {
    scratch_base_ = slot_address(thread_.slot) + gate::kSlotScratch;
  } else {
    scratch_base_ = (registers_.stack() - abi().red_zone - kStackScratch) & ~15ULL;
  }
  return scratch_base_;
}

std::size_t CallFrame::room() const { return kScratchRoom - scratch_.size(); }

std::uint64_t CallFrame::place(std::string_view bytes, std::size_t alignment) {
  const std::size_t padding = (alignment - scratch_.size() % alignment) % alignment;
  if (padding + bytes.size() > room()) return 0;
  scratch_.append(padding, '\0');
  const std::uint64_t address = scratch_base() + scratch_.size();
  scratch_.append(bytes);
  return address;
}

bool CallFrame::replace(int index, std::string_view bytes) {
  const std::uint64_t address = place(bytes);
  if (address == 0) return false;
  set_arg(index, address);
  return true;
}

bool CallFrame::replace_string(int index, const std::string& text) {
  return replace(index, std::string_view(text.c_str(), text.size() + 1));
}

void CallFrame::answer(std::int64_t result) {
  answered_ = true;
  result_ = result;
}

void CallFrame::finish() {
  if (answered_) return give_answer();
  if (exit_handler_ != nullptr) return go_to_exit();
  if (!changed_) return leave();
  if (may_use_gate()) return go_through_gate();
  go_to_exit();
}

bool CallFrame::may_use_gate() const {
  // A guest that traces this one must see where the thread really is.
  return thread_.ptracee == nullptr && thread_.slot >= 0 && gate_takes(abi(), *thread_.space);
}

void CallFrame::leave() {
  thread_.step = Thread::Step::running;
  tracer_.tracing.resume(thread_);
}

void CallFrame::give_answer() {
  Registers registers = registers_;
  registers.set_number(-1);
  registers.set_result(result_);
  thread_.step = Thread::Step::running;
  if (tracer_.tracing.shows_call_ends(thread_)) {
    thread_.step = Thread::Step::answered;
    thread_.call_registers = registers_;
    thread_.made_sys = sys_;
    thread_.made_args = args_;
  }
  ignore_gone(ptrace_call::set_registers(thread_.id, registers));
  tracer_.tracing.resume(thread_);
}

bool CallFrame::write_scratch() {
  if (scratch_.empty()) return true;
  return memory_
      .write(GuestAddress{scratch_base()},
             std::as_bytes(std::span(scratch_.data(), scratch_.size())))
      .ok();
}

void CallFrame::go_through_gate() {
  // One write for the head and the strings behind it.
  std::string slot = slot_head(registers_, thread_.slot);
  slot.resize(gate::kSlotScratch);
  slot += scratch_;
  const auto written = memory_.write(GuestAddress{slot_address(thread_.slot)},
                                     std::as_bytes(std::span(slot.data(), slot.size())));
  // The guest unmapped the gate: it can still be served by a stop at the exit,
  // with the strings on its stack.
  if (!written) {
    fail(Errno(EFAULT));
    return give_answer();
  }
  Registers registers = registers_;
  for (std::size_t i = 0; i < args_.size(); ++i)
    registers.set_arg(i, args_[i]);
  enter_gate(registers, number_of(abi(), sys_), thread_.slot);
  thread_.call_registers = registers_;
  thread_.step = Thread::Step::in_gate;
  ignore_gone(ptrace_call::set_registers(thread_.id, registers));
  ignore_gone(ptrace_call::resume(thread_.id));
}

void CallFrame::go_to_exit() {
  if (!write_scratch()) {
    fail(Errno(EFAULT));
    return give_answer();
  }
  if (changed_) {
    Registers registers = registers_;
    for (std::size_t i = 0; i < args_.size(); ++i)
      registers.set_arg(i, args_[i]);
    registers.set_number(number_of(abi(), sys_));
    ignore_gone(ptrace_call::set_registers(thread_.id, registers));
  }
  thread_.call_registers = registers_;
  thread_.made_sys = sys_;
  thread_.made_args = args_;
  thread_.step = Thread::Step::to_exit;
  thread_.at_exit = std::move(exit_handler_);
  tracer_.tracing.resume_to_exit(thread_);
}

void CallFrame::finish_exit() {
  // The kernel may be about to restart the call (a negative result of the
  // -ERESTART family): then the number has to stay what the guest asked for.
  Registers registers = registers_;
  const Registers& guest = thread_.call_registers;
  registers.set_args_of(guest);
  if (repeated_) {
    registers.repeat_call(guest.number());
  } else {
    registers.set_number(guest.number());
    registers.set_result(result_);
  }
  thread_.step = Thread::Step::running;
  ignore_gone(ptrace_call::set_registers(thread_.id, registers));
  tracer_.tracing.call_ended(thread_);
}

}  // namespace nestp
