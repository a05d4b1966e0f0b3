// AF_UNIX addresses between a guest and the kernel.
//
// Only a path is translated; unnamed and abstract addresses and those of other
// families pass as they are, and so does whatever the kernel will refuse
// (net/unix/af_unix.c, unix_validate_addr).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/ptrace/call_frame.h"

namespace nestp {

/// Bytes of a struct sockaddr_storage: the most that any address has.
inline constexpr std::size_t kAddressRoom = 128;

enum class AddressUse : std::uint8_t {
  bind,   ///< the entry is made, and the text becomes the socket's name
  reach,  ///< a socket is meant: connect(2), sendto(2)
};

/// The address to pass in place of the guest's `size` bytes at `at`; none: the guest's own
/// stands.  Errors that no path could make the kernel give are what the guest must see.
SysResult<std::optional<std::string>> address_to_kernel(CallFrame& frame, GuestAddress at,
                                                        std::uint64_t size, AddressUse use);

/// An address as the kernel gave it, whole, with the guest's name in it.
std::string address_to_guest(CallFrame& frame, const std::string& address);

}  // namespace nestp
