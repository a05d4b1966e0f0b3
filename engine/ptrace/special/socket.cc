// Calls whose arguments are a sockaddr and its length, and the way into all
// socket calls.
//
// An address that the kernel is to fill goes into the scratch room first: there
// it is whole however little room the guest gave, and what lies behind the name
// in the guest's own buffer stays as it was.
#include <algorithm>
#include <cerrno>

#include "engine/ptrace/special/socket_address.h"
#include "engine/ptrace/special/socket_call.h"
#include "engine/ptrace/special/special.h"
#include "engine/ptrace/tracer.h"

namespace nestp {
namespace {

/// Calls of socketcall(2) by their numbers (include/uapi/linux/net.h), and how many
/// words each takes.  Those without an address are unknown here.
struct Multiplexed {
  Sys sys = Sys::unknown;
  std::uint8_t words = 0;
};
constexpr Multiplexed kMultiplexed[] = {
    {},
    {},  // socket
    {Sys::bind, 3},
    {Sys::connect, 3},
    {},                 // listen
    {Sys::accept4, 3},  // accept: the flags stay 0
    {Sys::getsockname, 3},
    {Sys::getpeername, 3},
    {},  // socketpair
    {},  // send
    {},  // recv
    {Sys::sendto, 6},
    {Sys::recvfrom, 6},
    {},  // shutdown
    {},  // setsockopt
    {},  // getsockopt
    {Sys::sendmsg, 3},
    {Sys::recvmsg, 3},
    {Sys::accept4, 4},
    {Sys::recvmmsg, 5},
    {Sys::sendmmsg, 4},
};

void pass_address(CallFrame& frame, SocketCall call, std::size_t index) {
  const auto use = call.sys == Sys::bind ? AddressUse::bind : AddressUse::reach;
  const auto address = address_to_kernel(frame, call.address(index), call.args[index + 1], use);
  if (!address) return frame.fail(address.error());
  if (!*address) return;
  call.args[index] = frame.place(**address);
  call.args[index + 1] = (*address)->size();
  apply(frame, call);
}

/// Where the kernel puts an address, and where the guest wants it.
struct AddressRoute {
  GuestAddress scratch, scratch_length;
  GuestAddress buffer, length;
};

/// As move_addr_to_user (net/socket.c) does it.
SysResult<> deliver(CallFrame& frame, const AddressRoute& route) {
  const auto size = frame.memory().read_object<std::int32_t>(route.scratch_length);
  const auto room = frame.memory().read_object<std::int32_t>(route.length);
  if (!size || !room) return Errno(EFAULT);
  if (*room < 0) return Errno(EINVAL);
  std::string address(std::min(static_cast<std::size_t>(std::max(*size, 0)), kAddressRoom), '\0');
  const auto read = frame.memory().read(route.scratch, std::as_writable_bytes(std::span(address)));
  if (!read) return read.error();
  address = address_to_guest(frame, address);
  const std::size_t shown = std::min(address.size(), static_cast<std::size_t>(*room));
  if (shown != 0) {
    const auto written =
        frame.memory().write(route.buffer, std::as_bytes(std::span(address.data(), shown)));
    if (!written) return written.error();
  }
  return frame.memory().write_object(route.length, static_cast<std::int32_t>(address.size()));
}

void take_address(CallFrame& frame, SocketCall call, std::size_t index) {
  if (call.args[index] == 0 || has_no_paths(frame, call)) return;
  AddressRoute route{};
  route.buffer = call.address(index);
  route.length = call.address(index + 1);
  // What cannot be read is the kernel's EFAULT or EINVAL: accept(2) must not make a
  // descriptor that nobody learns of.
  const auto room = frame.memory().read_object<std::int32_t>(route.length);
  if (!room || *room < 0) return;
  if (*room > 0 && !frame.memory().read_object<char>(route.buffer)) return;
  const std::int32_t size = kAddressRoom;
  call.args[index] = frame.place(std::string(kAddressRoom, '\0'));
  call.args[index + 1] =
      frame.place(std::string_view(reinterpret_cast<const char*>(&size), sizeof size));
  route.scratch = call.address(index);
  route.scratch_length = call.address(index + 1);
  apply(frame, call);
  frame.at_exit([route](CallFrame& exit) {
    if (exit.result() < 0) return;
    const auto done = deliver(exit, route);
    if (!done) exit.set_result(-done.error().code());
  });
}

}  // namespace

std::optional<SocketCall> socket_call_of(CallFrame& frame) {
  if (frame.sys() != Sys::socketcall) return SocketCall{frame.sys(), frame.args()};
  const auto number = static_cast<std::uint32_t>(frame.arg(0));
  if (number >= std::size(kMultiplexed) || kMultiplexed[number].words == 0) return std::nullopt;
  const Multiplexed& entry = kMultiplexed[number];
  std::array<std::uint32_t, 6> words{};
  const auto read = frame.memory().read(
      frame.address(1), std::as_writable_bytes(std::span(words.data(), entry.words)));
  if (!read) return std::nullopt;
  SocketCall call{.sys = entry.sys};
  std::copy(words.begin(), words.end(), call.args.begin());
  return call;
}

void apply(CallFrame& frame, const SocketCall& call) {
  if (frame.sys() != call.sys) frame.set_sys(call.sys);
  for (std::size_t i = 0; i < call.args.size(); ++i) {
    const int index = static_cast<int>(i);
    if (frame.arg(index) != call.args[i]) frame.set_arg(index, call.args[i]);
  }
}

bool has_no_paths(CallFrame& frame, const SocketCall& call) {
  const Thread& thread = frame.thread();
  return frame.tracer().sockets.families.is_other(thread.id, thread.process->id, call.descriptor());
}

void translate_plain_socket_call(CallFrame& frame, SocketCall call) {
  switch (call.sys) {  // NOLINT: only rows with an address come here
    case Sys::bind:
    case Sys::connect:
      return pass_address(frame, call, 1);
    case Sys::sendto:
      return pass_address(frame, call, 4);
    case Sys::accept:
    case Sys::accept4:
    case Sys::getsockname:
    case Sys::getpeername:
      return take_address(frame, call, 1);
    case Sys::recvfrom:
      return take_address(frame, call, 4);
    default:
      return translate_message_call(frame, call);
  }
}

void special_socket(CallFrame& frame) {
  if (const auto call = socket_call_of(frame)) translate_plain_socket_call(frame, *call);
}

}  // namespace nestp
