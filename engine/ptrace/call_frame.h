// One call of one stopped thread, and how it is to go on.
//
// A special or the translation looks at the arguments, replaces some, and says
// how the call ends: untouched, answered without the kernel, through the gate
// with replaced arguments (one stop), or with a second stop at its exit.
// finish() then does that with the fewest ptrace requests.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "arch/registers.h"
#include "arch/syscall_table.h"
#include "engine/ptrace/memory.h"
#include "engine/ptrace/thread.h"

namespace nestp {

class Tracer;

class CallFrame {
 public:
  /// At a seccomp stop: `registers` as read there.
  CallFrame(Tracer& tracer, Thread& thread, const Registers& registers);
  /// At the exit stop of a call that finish() resumed up to there.
  static CallFrame at_end(Tracer& tracer, Thread& thread, const Registers& registers);

  Tracer& tracer() const { return tracer_; }
  Thread& thread() const { return thread_; }
  const Abi& abi() const { return registers_.abi(); }
  Sys sys() const { return sys_; }
  const SyscallRow* row() const { return row_; }
  ThreadMemory& memory() { return memory_; }
  const Registers& registers() const { return registers_; }

  /// Arguments as they will reach the kernel; at first the guest's own.
  std::uint64_t arg(int index) const { return args_[static_cast<std::size_t>(index)]; }
  const std::array<std::uint64_t, 6>& args() const { return args_; }
  GuestAddress address(int index) const { return GuestAddress{arg(index)}; }
  int descriptor(int index) const { return static_cast<int>(arg(index)); }

  /// The string an argument points to, read once.
  SysResult<std::string> text(int index);

  void set_arg(int index, std::uint64_t value);
  /// Another call in this one's place; argument meanings are the caller's matter.
  void set_sys(Sys sys);
  /// The same for one that is to be treated as if the guest had made it.
  void become(Sys sys);
  /// Puts bytes into the thread's scratch room and their address into an argument.
  /// False if the room is full.
  bool replace(int index, std::string_view bytes);
  /// The same with a NUL behind.
  bool replace_string(int index, const std::string& text);
  /// Puts bytes into the scratch room; 0 if it is full.  `alignment`: bytes, a power of two.
  std::uint64_t place(std::string_view bytes, std::size_t alignment = 8);
  /// Bytes still free in the scratch room.
  std::size_t room() const;

  /// The call ends here, with this result; the kernel is not asked.
  void answer(std::int64_t result);
  void fail(Errno error) { answer(-error.code()); }
  /// The answer was that to a part of the call.
  void take_back_answer() { answered_ = false; }
  bool is_answered() const { return answered_; }
  /// A second stop at the end of the call.  There result() and set_result() work.
  void at_exit(std::function<void(CallFrame&)> handler) { exit_handler_ = std::move(handler); }

  /// At the exit stop: the guest makes the same call once more.
  void repeat() { repeated_ = true; }

  bool has_exit_handler() const { return exit_handler_ != nullptr; }

  /// At the exit stop only.
  std::int64_t result() const { return result_; }
  void set_result(std::int64_t result) { result_ = result; }

  /// Resumes the thread as decided.  Called once, by the loop.
  void finish();
  /// At the exit stop: the guest's registers and the result go back; resumes.
  void finish_exit();

 private:
  bool may_use_gate() const;
  void leave();
  void give_answer();
  void go_through_gate();
  void go_to_exit();
  bool write_scratch();
  std::uint64_t scratch_base();

  Tracer& tracer_;
  Thread& thread_;
  Registers registers_;
  ThreadMemory memory_;
  Sys sys_;
  const SyscallRow* row_;
  std::array<std::uint64_t, 6> args_{};
  std::uint64_t text_address_ = 0;  ///< of text_; 0: none was read
  std::string text_;
  bool changed_ = false;
  bool answered_ = false;
  bool repeated_ = false;
  std::int64_t result_ = 0;
  std::string scratch_;
  std::uint64_t scratch_base_ = 0;
  std::function<void(CallFrame&)> exit_handler_;
};

}  // namespace nestp
