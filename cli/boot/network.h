// A guest's network: a pair of virtual interfaces, one end at a bridge of the host.
#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "arch/result.h"

namespace nestp::boot {

struct NetworkRequest {
  std::string bridge{};
  std::vector<std::string> addresses{};  ///< ADDRESS/PREFIX, of IPv4 or IPv6
  std::vector<std::string> gateways{};
};

/// An address as text and its bits.
struct Address {
  int family = 0;
  std::string bytes{};  ///< 4 or 16
  unsigned prefix = 0;  ///< 32 or 128 if the text has none
};
Result<Address> parse_address(std::string_view text);

/// Checks addresses and that the bridge is there; makes nothing.
Result<> check_network(const NetworkRequest& request);

/// Makes the pair, gives its end `eth0` to the network namespace of `process`, and sets it up
/// there.  The pair goes with the namespace.
Result<> make_network(const NetworkRequest& request, pid_t process);

}  // namespace nestp::boot
