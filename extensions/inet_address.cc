#include "extensions/inet_address.h"

#include <algorithm>
#include <cstring>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "fs/fd.h"

namespace nestp {
namespace {

constexpr std::size_t kPort = 2;  // offset in both families
constexpr std::size_t kNarrow = offsetof(sockaddr_in, sin_addr);
constexpr std::size_t kWide = offsetof(sockaddr_in6, sin6_addr);

sa_family_t family_of(std::string_view address) {
  sa_family_t family = AF_UNSPEC;
  if (address.size() >= sizeof family) std::memcpy(&family, address.data(), sizeof family);
  return family;
}

/// The address without its family and port; empty if it is cut off.
std::string_view host_part(std::string_view address) {
  const sa_family_t family = family_of(address);
  const std::size_t at = family == AF_INET ? kNarrow : kWide;
  const std::size_t size = family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr);
  if (family != AF_INET && family != AF_INET6) return {};
  return address.size() < at + size ? std::string_view() : address.substr(at, size);
}

/// An address of IPv4 that was mapped into one of IPv6 is what it was.
std::string_view unmapped(std::string_view host) {
  constexpr std::size_t kPrefix = 12;
  if (host.size() != sizeof(in6_addr)) return host;
  const bool is_mapped =
      host.substr(0, kPrefix) == std::string_view("\0\0\0\0\0\0\0\0\0\0\xff\xff", kPrefix);
  return is_mapped ? host.substr(kPrefix) : host;
}

bool is_loopback_or_any(std::string_view host) {
  if (host.size() == sizeof(in_addr) && host[0] == 127) return true;
  const bool has_last = host.size() == sizeof(in6_addr) && host.back() == 1;
  const std::string_view rest = host.substr(0, host.size() - (has_last ? 1 : 0));
  return std::all_of(rest.begin(), rest.end(), [](char byte) { return byte == 0; });
}

/// Calls of socketcall(2) that pass or take an address (include/uapi/linux/net.h).
struct Multiplexed {
  std::uint32_t number;
  Sys sys;
  std::uint8_t words;
};
constexpr Multiplexed kMultiplexed[] = {
    {2, Sys::bind, 3},        {3, Sys::connect, 3},     {5, Sys::accept4, 3},
    {6, Sys::getsockname, 3}, {7, Sys::getpeername, 3}, {11, Sys::sendto, 6},
    {12, Sys::recvfrom, 6},   {16, Sys::sendmsg, 3},    {17, Sys::recvmsg, 3},
    {18, Sys::accept4, 4},    {19, Sys::recvmmsg, 5},   {20, Sys::sendmmsg, 4},
};

}  // namespace

std::optional<std::uint16_t> port_of(std::string_view address) {
  const sa_family_t family = family_of(address);
  if ((family != AF_INET && family != AF_INET6) || address.size() < kPort + 2) return std::nullopt;
  std::uint16_t port = 0;
  std::memcpy(&port, address.data() + kPort, sizeof port);
  return ntohs(port);
}

void set_port(std::string& address, std::uint16_t port) {
  const std::uint16_t shown = htons(port);
  std::memcpy(address.data() + kPort, &shown, sizeof shown);
}

bool LocalAddresses::contains(std::string_view address) {
  const std::string_view host = unmapped(host_part(address));
  if (host.empty()) return false;
  if (is_loopback_or_any(host)) return true;
  read_interfaces();
  return std::find(interfaces_.begin(), interfaces_.end(), host) != interfaces_.end();
}

void LocalAddresses::read_interfaces() {
  constexpr std::chrono::seconds kStaleness{1};
  const auto now = std::chrono::steady_clock::now();
  if (!interfaces_.empty() && now - read_at_ < kStaleness) return;
  read_at_ = now;
  interfaces_.clear();
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return;
  for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    const sa_family_t family = each->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const std::size_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    const char* const bytes = static_cast<const char*>(static_cast<const void*>(each->ifa_addr));
    interfaces_.emplace_back(host_part({bytes, size}));
  }
  freeifaddrs(first);
}

std::uint16_t find_free_port() {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  socklen_t size = sizeof address;
  auto* const generic = static_cast<sockaddr*>(static_cast<void*>(&address));
  const bool found = socket && ::bind(socket.get(), generic, size) == 0 &&
                     ::getsockname(socket.get(), generic, &size) == 0;
  return found ? ntohs(address.sin_port) : std::uint16_t{0};
}

bool make_direct(Call& call) {
  const auto number = static_cast<std::uint32_t>(call.args[0]);
  const auto row =
      std::find_if(std::begin(kMultiplexed), std::end(kMultiplexed),
                   [number](const Multiplexed& entry) { return entry.number == number; });
  if (row == std::end(kMultiplexed)) return false;
  std::array<std::uint32_t, 6> words{};
  const auto bytes = std::as_writable_bytes(std::span(words)).first(row->words * sizeof words[0]);
  if (!call.memory.read(GuestAddress{call.args[1]}, bytes)) return false;
  call.sys = row->sys;
  std::copy(words.begin(), words.end(), call.args.begin());
  return true;
}

const MessageLayout& message_layout(const Call& call) {
  static constexpr MessageLayout kLayout64{.word = 8, .name_length = 8, .size = 56, .stride = 64};
  static constexpr MessageLayout kLayout32{.word = 4, .name_length = 4, .size = 28, .stride = 32};
  return call.abi->word_size == 8 ? kLayout64 : kLayout32;
}

}  // namespace nestp
