// One call on a socket, however it was made: by its own number, or through
// socketcall(2) of i386, whose arguments lie in memory.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "engine/ptrace/call_frame.h"

namespace nestp {

struct SocketCall {
  Sys sys = Sys::unknown;
  std::array<std::uint64_t, 6> args{};

  GuestAddress address(std::size_t index) const { return GuestAddress{args[index]}; }
  int descriptor() const { return static_cast<int>(args[0]); }
};

/// None: a socketcall(2) without an address, or one that the kernel will refuse.
std::optional<SocketCall> socket_call_of(CallFrame& frame);

/// Makes the frame's call the one that `call` describes, in its direct form.
void apply(CallFrame& frame, const SocketCall& call);

/// bind(2) and its kin: the address is in the registers, not in a msghdr.
void translate_plain_socket_call(CallFrame& frame, SocketCall call);
/// sendmsg(2) and its kin.
void translate_message_call(CallFrame& frame, SocketCall call);

/// True if the call's socket can have no path in its addresses.
bool has_no_paths(CallFrame& frame, const SocketCall& call);

}  // namespace nestp
