#include "cli/boot/network.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <optional>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/accounts.h"
#include "cli/child.h"
#include "cli/output.h"
#include "fs/fd.h"

namespace nestp::boot {
namespace {

Error failure(const std::string& what, int error) { return {what + ": " + std::strerror(error)}; }

/// A request of rtnetlink(7) as it grows.
class Message {
 public:
  template <typename Body>
  Message(int type, int flags, const Body& body) {
    nlmsghdr header{};
    header.nlmsg_type = static_cast<std::uint16_t>(type);
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    add_bytes(&header, sizeof header);
    add_bytes(&body, sizeof body);
  }

  void add(int type, const void* data, std::size_t size) {
    rtattr attribute{};
    attribute.rta_type = static_cast<std::uint16_t>(type);
    attribute.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
    add_bytes(&attribute, sizeof attribute);
    add_bytes(data, size);
  }
  void add(int type, const std::string& text) { add(type, text.c_str(), text.size() + 1); }
  void add(int type, std::uint32_t number) { add(type, &number, sizeof number); }

  /// What is added between begin and end is inside an attribute.
  std::size_t begin(int type) {
    const std::size_t at = bytes_.size();
    add(type, nullptr, 0);
    return at;
  }
  template <typename Body>
  void add_body(const Body& body) {
    add_bytes(&body, sizeof body);
  }
  void end(std::size_t at) {
    const auto size = static_cast<std::uint16_t>(bytes_.size() - at);
    std::memcpy(bytes_.data() + at, &size, sizeof size);
  }

  std::string& finish() {
    const auto size = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &size, sizeof size);
    return bytes_;
  }

 private:
  void add_bytes(const void* data, std::size_t size) {
    if (size > 0) bytes_.append(static_cast<const char*>(data), size);
    bytes_.append((4 - bytes_.size() % 4) % 4, '\0');
  }
  std::string bytes_;
};

/// Sends a request in the present network namespace; the kernel's answer.
SysResult<> ask(Message& message) {
  const UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) return Errno(errno);
  const std::string& bytes = message.finish();
  if (::send(socket.get(), bytes.data(), bytes.size(), 0) < 0) return Errno(errno);
  std::array<char, 8192> answer;
  const ssize_t size = ::recv(socket.get(), answer.data(), answer.size(), 0);
  if (size < static_cast<ssize_t>(sizeof(nlmsghdr) + sizeof(nlmsgerr))) return Errno(EPROTO);
  nlmsgerr error{};
  std::memcpy(&error, answer.data() + sizeof(nlmsghdr), sizeof error);
  if (error.error != 0) return Errno(-error.error);
  return Done{};
}

SysResult<> make_pair(const std::string& host_name, unsigned bridge, pid_t process) {
  ifinfomsg link{};
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link);
  message.add(IFLA_IFNAME, host_name);
  message.add(IFLA_MASTER, bridge);
  const std::size_t info = message.begin(IFLA_LINKINFO);
  message.add(IFLA_INFO_KIND, std::string("veth"));
  const std::size_t data = message.begin(IFLA_INFO_DATA);
  const std::size_t peer = message.begin(VETH_INFO_PEER);
  message.add_body(ifinfomsg{});
  message.add(IFLA_IFNAME, std::string("eth0"));
  message.add(IFLA_NET_NS_PID, static_cast<std::uint32_t>(process));
  message.end(peer);
  message.end(data);
  message.end(info);
  return ask(message);
}

SysResult<> bring_up(unsigned index) {
  ifinfomsg link{};
  link.ifi_index = static_cast<int>(index);
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  Message message(RTM_NEWLINK, 0, link);
  return ask(message);
}

SysResult<> add_address(unsigned index, const Address& address) {
  ifaddrmsg body{};
  body.ifa_family = static_cast<std::uint8_t>(address.family);
  body.ifa_prefixlen = static_cast<std::uint8_t>(address.prefix);
  body.ifa_index = index;
  if (address.family == AF_INET6) body.ifa_flags = IFA_F_NODAD;
  Message message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, body);
  message.add(IFA_LOCAL, address.bytes.data(), address.bytes.size());
  message.add(IFA_ADDRESS, address.bytes.data(), address.bytes.size());
  return ask(message);
}

SysResult<> add_default_route(unsigned index, const Address& gateway) {
  rtmsg body{};
  body.rtm_family = static_cast<std::uint8_t>(gateway.family);
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_STATIC;
  body.rtm_scope = RT_SCOPE_UNIVERSE;
  body.rtm_type = RTN_UNICAST;
  body.rtm_flags = RTNH_F_ONLINK;  // the gateway need not be in the address's own network
  Message message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, body);
  message.add(RTA_GATEWAY, gateway.bytes.data(), gateway.bytes.size());
  message.add(RTA_OIF, index);
  return ask(message);
}

/// In the guest's network namespace.
Result<> set_up_inside(const NetworkRequest& request) {
  const unsigned index = ::if_nametoindex("eth0");
  if (index == 0) return failure("eth0", errno);
  if (const auto done = bring_up(index); !done) return failure("eth0", done.error().code());
  for (const std::string& text : request.addresses) {
    const auto address = parse_address(text);
    if (!address) return address.error();
    if (const auto done = add_address(index, *address); !done) {
      return failure("address " + text, done.error().code());
    }
  }
  for (const std::string& text : request.gateways) {
    const auto gateway = parse_address(text);
    if (!gateway) return gateway.error();
    if (const auto done = add_default_route(index, *gateway); !done) {
      return failure("route by " + text, done.error().code());
    }
  }
  return Done{};
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string host(text.substr(0, slash));
  Address address;
  address.family = host.find(':') == std::string::npos ? AF_INET : AF_INET6;
  address.bytes.resize(address.family == AF_INET ? 4 : 16);
  address.prefix = address.family == AF_INET ? 32 : 128;
  const unsigned most = address.prefix;
  const bool is_address = ::inet_pton(address.family, host.c_str(), address.bytes.data()) == 1;
  const auto prefix = slash == std::string_view::npos ? std::optional<std::uint32_t>(most)
                                                      : whole_number(text.substr(slash + 1));
  if (!is_address || !prefix || *prefix > most) {
    return Error{"'" + std::string(text) + "' is no address, such as 10.0.0.2/24 or fd00::2/64"};
  }
  address.prefix = *prefix;
  return address;
}

Result<> check_network(const NetworkRequest& request) {
  for (const auto* const list : {&request.addresses, &request.gateways}) {
    for (const std::string& text : *list) {
      if (const auto address = parse_address(text); !address) return address.error();
    }
  }
  const std::string path = "/sys/class/net/" + request.bridge + "/bridge";
  if (::access(path.c_str(), F_OK) == 0) return Done{};
  return Error{"there is no bridge '" + request.bridge +
               "'; make one: ip link add NAME type bridge && ip link set NAME up"};
}

Result<> make_network(const NetworkRequest& request, pid_t process) {
  const unsigned bridge = ::if_nametoindex(request.bridge.c_str());
  if (bridge == 0) return failure(request.bridge, errno);
  const std::string name = "ve" + std::to_string(process);
  if (const auto done = make_pair(name, bridge, process); !done) {
    return failure("interface " + name, done.error().code());
  }
  // setns(2) is for the whole process, so in one of its own.
  const int code = run_in_child([&] {
    const auto space = open_at(AT_FDCWD, "/proc/" + std::to_string(process) + "/ns/net", O_RDONLY);
    if (!space || ::setns(space->get(), CLONE_NEWNET) != 0) {
      print_error(std::string("nestp: network namespace: ") + std::strerror(errno) + "\n");
      return 1;
    }
    const auto done = set_up_inside(request);
    if (!done) print_error("nestp: " + done.error().message + "\n");
    return done ? 0 : 1;
  });
  return code == 0 ? Result<>(Done{}) : Error{"the guest's network cannot be set up"};
}

}  // namespace nestp::boot
