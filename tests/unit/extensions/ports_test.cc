#include "extensions/ports.h"

#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>

#include "tests/unit/extensions/fake_memory.h"

namespace nestp {
namespace {

std::string narrow(const char* host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, host, &address.sin_addr);
  return {reinterpret_cast<const char*>(&address), sizeof address};
}

std::string wide(const char* host, std::uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  inet_pton(AF_INET6, host, &address.sin6_addr);
  return {reinterpret_cast<const char*>(&address), sizeof address};
}

std::uint16_t port_at(const FakeMemory& memory, std::uint64_t at) {
  return *port_of(std::string_view(memory.bytes).substr(at - FakeMemory::kStart));
}

constexpr std::uint64_t kAddress = FakeMemory::kStart;
constexpr std::uint64_t kLength = FakeMemory::kStart + 200;

/// The port that `sys` reaches the kernel with.
std::uint16_t passed(Ports& ports, Sys sys, const std::string& address) {
  FakeMemory memory(256);
  memory.bytes.replace(0, address.size(), address);
  const bool is_sendto = sys == Sys::sendto;
  Call call = is_sendto ? make_call(sys, memory, {3, 0, 0, 0, kAddress, address.size()})
                        : make_call(sys, memory, {3, kAddress, address.size()});
  CHECK(ports.on_entry(call) == Entry::proceed);
  CHECK(*port_of(memory.bytes) == *port_of(address));  // the guest's own bytes
  return port_at(memory, call.args[is_sendto ? 4 : 1]);
}

/// The port that the guest is told where the kernel says `address`.
std::uint16_t told(Ports& ports, Sys sys, const std::string& address, std::uint32_t room = 128) {
  FakeMemory memory(256);
  std::memcpy(memory.bytes.data() + 200, &room, sizeof room);
  const std::array<std::uint64_t, 6> args =
      sys == Sys::recvfrom ? std::array<std::uint64_t, 6>{3, 0, 0, 0, kAddress, kLength}
                           : std::array<std::uint64_t, 6>{3, kAddress, kLength};
  Call call = make_call(sys, memory, args);
  CHECK(ports.on_entry(call) == Entry::proceed);
  CHECK(call.wants_exit);
  const auto size = static_cast<std::uint32_t>(address.size());
  memory.bytes.replace(0, std::min<std::size_t>(size, room), address, 0, room);
  std::memcpy(memory.bytes.data() + 200, &size, sizeof size);
  ports.on_exit(call);
  return port_at(memory, kAddress);
}

TEST_CASE("a port is another one on this machine", "[extensions][ports]") {
  Ports ports({{80, 8080}}, nullptr);
  for (const Sys sys : {Sys::bind, Sys::connect, Sys::sendto}) {
    CHECK(passed(ports, sys, narrow("127.0.0.1", 80)) == 8080);
    CHECK(passed(ports, sys, narrow("0.0.0.0", 80)) == 8080);
    CHECK(passed(ports, sys, wide("::1", 80)) == 8080);
    CHECK(passed(ports, sys, wide("::ffff:127.0.0.1", 80)) == 8080);
    CHECK(passed(ports, sys, narrow("127.0.0.1", 81)) == 81);
  }
}

TEST_CASE("ports of other machines stay", "[extensions][ports]") {
  Ports ports({{80, 8080}}, nullptr);
  CHECK(passed(ports, Sys::connect, narrow("192.0.2.1", 80)) == 80);
  CHECK(passed(ports, Sys::sendto, wide("2001:db8::1", 80)) == 80);
  CHECK(told(ports, Sys::getpeername, narrow("192.0.2.1", 8080)) == 8080);
  CHECK(told(ports, Sys::recvfrom, wide("2001:db8::1", 8080)) == 8080);
}

TEST_CASE("the guest is told its own port", "[extensions][ports]") {
  Ports ports({{80, 8080}}, nullptr);
  for (const Sys sys : {Sys::getsockname, Sys::getpeername, Sys::accept4, Sys::recvfrom}) {
    CHECK(told(ports, sys, narrow("127.0.0.1", 8080)) == 80);
    CHECK(told(ports, sys, wide("::1", 8080)) == 80);
    CHECK(told(ports, sys, narrow("127.0.0.1", 90)) == 90);
  }
  CHECK(told(ports, Sys::getsockname, narrow("192.0.2.1", 8080)) == 80);
  CHECK(told(ports, Sys::getsockname, narrow("127.0.0.1", 8080), 4) == 80);
  CHECK(told(ports, Sys::getpeername, narrow("127.0.0.1", 8080), 4) == 8080);
}

TEST_CASE("messages carry addresses, too", "[extensions][ports]") {
  Ports ports({{80, 8080}}, nullptr);
  FakeMemory memory(512);
  const std::string address = narrow("127.0.0.1", 80);
  memory.bytes.replace(300, address.size(), address);
  const std::uint64_t name = FakeMemory::kStart + 300, length = address.size();
  for (const std::size_t at : {0, 64}) {
    std::memcpy(memory.bytes.data() + at, &name, 8);
    std::memcpy(memory.bytes.data() + at + 8, &length, 8);
  }
  Call one = make_call(Sys::sendmsg, memory, {3, FakeMemory::kStart, 0});
  CHECK(ports.on_entry(one) == Entry::proceed);
  std::uint64_t placed = 0;
  std::memcpy(&placed, memory.bytes.data() + (one.args[1] - FakeMemory::kStart), 8);
  CHECK(port_at(memory, placed) == 8080);
  CHECK_FALSE(one.wants_exit);

  Call many = make_call(Sys::sendmmsg, memory, {3, FakeMemory::kStart, 2, 0});
  const auto name_of = [&](std::size_t index) {
    std::uint64_t value = 0;
    std::memcpy(&value, memory.bytes.data() + 64 * index, 8);
    return value;
  };
  CHECK(ports.on_entry(many) == Entry::proceed);
  CHECK(port_at(memory, name_of(0)) == 8080);
  CHECK(name_of(0) == name_of(1));
  many.result = 2;
  ports.on_exit(many);
  CHECK((name_of(0) == name && name_of(1) == name));
}

TEST_CASE("calls of i386 through socketcall", "[extensions][ports]") {
  Ports ports({{80, 8080}}, nullptr);
  FakeMemory memory(256);
  const std::string address = narrow("127.0.0.1", 80);
  memory.bytes.replace(0, address.size(), address);
  const std::uint32_t words[] = {3, FakeMemory::kStart, static_cast<std::uint32_t>(address.size())};
  std::memcpy(memory.bytes.data() + 100, words, sizeof words);
  Call call = make_call(Sys::socketcall, memory, {2, FakeMemory::kStart + 100}, 1, kAbiX86);
  CHECK(ports.on_entry(call) == Entry::proceed);
  CHECK(call.sys == Sys::bind);
  CHECK((call.args[0] == 3 && call.args[2] == address.size()));
  CHECK(port_at(memory, call.args[1]) == 8080);
  Call other = make_call(Sys::socketcall, memory, {1, FakeMemory::kStart + 100}, 1, kAbiX86);
  CHECK(ports.on_entry(other) == Entry::proceed);
  CHECK(other.sys == Sys::socketcall);
}

TEST_CASE("a refused port becomes a free one", "[extensions][ports]") {
  std::uint16_t next = 40000;
  Ports ports({}, [&next] { return next++; });
  FakeMemory memory(1024);
  const std::string address = narrow("0.0.0.0", 80);
  memory.bytes.replace(0, address.size(), address);
  const auto bind_once = [&](std::int64_t result, std::uint16_t expected) {
    Call call = make_call(Sys::bind, memory, {3, kAddress, address.size()});
    CHECK(ports.on_entry(call) == Entry::proceed);
    CHECK(port_at(memory, call.args[1]) == expected);
    call.result = result;
    if (call.wants_exit) ports.on_exit(call);
    return call.repeats;
  };
  CHECK(bind_once(-EACCES, 80));
  CHECK(bind_once(-EADDRINUSE, 40000));
  CHECK_FALSE(bind_once(0, 40001));
  CHECK(passed(ports, Sys::connect, narrow("127.0.0.1", 80)) == 40001);
  CHECK(told(ports, Sys::getsockname, narrow("0.0.0.0", 40001)) == 80);
  // A second one that wants it finds it taken, by the guest itself.
  CHECK_FALSE(bind_once(-EADDRINUSE, 40001));
}

TEST_CASE("other errors of bind are the guest's", "[extensions][ports]") {
  Ports ports({}, [] { return std::uint16_t{40000}; });
  FakeMemory memory(256);
  const std::string address = narrow("192.0.2.1", 80);
  memory.bytes.replace(0, address.size(), address);
  Call call = make_call(Sys::bind, memory, {3, kAddress, address.size()});
  (void)ports.on_entry(call);
  call.result = -EADDRNOTAVAIL;
  ports.on_exit(call);
  CHECK_FALSE(call.repeats);
}

TEST_CASE("what is no address of the internet is left alone", "[extensions][ports]") {
  Ports ports({{80, 8080}}, nullptr);
  FakeMemory memory(256);
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{3}, ~std::uint64_t{0}}) {
    Call call = make_call(Sys::connect, memory, {3, kAddress, size});
    CHECK(ports.on_entry(call) == Entry::proceed);
    CHECK(call.args[1] == kAddress);
  }
  memory.bytes[0] = AF_UNIX;
  Call call = make_call(Sys::connect, memory, {3, kAddress, 20});
  CHECK(ports.on_entry(call) == Entry::proceed);
  CHECK(call.args[1] == kAddress);
}

TEST_CASE("a free port is one", "[extensions][ports]") { CHECK(find_free_port() != 0); }

}  // namespace
}  // namespace nestp
