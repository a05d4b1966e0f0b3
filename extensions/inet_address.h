// Addresses of AF_INET and AF_INET6 as a guest passes them, and socket calls as i386 makes them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/extension.h"

namespace nestp {

/// Bytes of a struct sockaddr_storage.
inline constexpr std::size_t kLongestAddress = 128;

/// The port in a sockaddr; none: it is of another family, or cut off before the port.
std::optional<std::uint16_t> port_of(std::string_view address);
void set_port(std::string& address, std::uint16_t port);

/// Which addresses lead to this machine: loopback, "any", and those of its interfaces.
class LocalAddresses {
 public:
  /// False for a sockaddr that is cut off.
  bool contains(std::string_view address);

 private:
  void read_interfaces();

  std::vector<std::string> interfaces_;  ///< of 4 or 16 bytes
  std::chrono::steady_clock::time_point read_at_{};
};

/// A port that nobody uses at this moment; 0: none was found.
std::uint16_t find_free_port();

/// Makes a socketcall(2) that passes or takes an address the direct call that it stands for.
/// False: it is none of these, or its words cannot be read.
bool make_direct(Call& call);

/// struct msghdr: offsets and sizes in bytes.
struct MessageLayout {
  std::size_t word;         ///< the name's address is at 0
  std::size_t name_length;  ///< an int
  std::size_t size;
  std::size_t stride;  ///< of the elements of sendmmsg(2)'s vector
};
const MessageLayout& message_layout(const Call& call);

}  // namespace nestp
