#include "extensions/ports.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/log.h"

namespace nestp {
namespace {

constexpr int kMostAttempts = 16;            // free ports that were taken in the meantime
constexpr std::size_t kMostMessages = 1024;  // UIO_MAXIOV

template <typename T>
T read_number(Call& call, std::uint64_t at, std::size_t size = sizeof(T)) {
  T value{};
  const auto bytes = std::as_writable_bytes(std::span(&value, 1)).first(size);
  return call.memory.read(GuestAddress{at}, bytes) ? value : T{};
}

bool write_number(Call& call, std::uint64_t at, std::uint64_t value, std::size_t size) {
  return call.memory.write(GuestAddress{at}, std::as_bytes(std::span(&value, 1)).first(size)).ok();
}

}  // namespace

Ports::Ports(const std::vector<PortPair>& pairs, Finder find_free)
    : find_free_(std::move(find_free)) {
  for (const PortPair& pair : pairs)
    add(pair);
}

void Ports::add(PortPair pair) {
  to_host_[pair.guest] = pair.host;
  to_guest_[pair.host] = pair.guest;
}

SysSet Ports::entries() const {
  SysSet set;
  for (const Sys sys :
       {Sys::bind, Sys::connect, Sys::sendto, Sys::sendmsg, Sys::sendmmsg, Sys::accept,
        Sys::accept4, Sys::getsockname, Sys::getpeername, Sys::recvfrom, Sys::recvmsg,
        Sys::recvmmsg, Sys::recvmmsg_time64, Sys::socketcall}) {
    set.set(static_cast<std::size_t>(sys));
  }
  return set;
}

Entry Ports::on_entry(Call& call) {
  if (call.sys == Sys::socketcall && !make_direct(call)) return Entry::proceed;
  if (call.sys == Sys::bind) {
    bind(call);
    return Entry::proceed;
  }
  under_way_.erase(call.thread);
  switch (call.sys) {  // NOLINT: those of entries()
    case Sys::connect:
      pass(call, 1);
      break;
    case Sys::sendto:
      pass(call, 4);
      break;
    case Sys::sendmsg:
      send_message(call);
      break;
    case Sys::sendmmsg:
      send_messages(call);
      break;
    case Sys::recvfrom:
      take(call, 4);
      break;
    case Sys::recvmsg:
      take_messages(call, 1);
      break;
    case Sys::recvmmsg:
    case Sys::recvmmsg_time64:
      take_messages(call,
                    std::min<std::size_t>(static_cast<std::uint32_t>(call.args[2]), kMostMessages));
      break;
    default:
      take(call, 1);
  }
  return Entry::proceed;
}

std::string Ports::read_address(Call& call, std::uint64_t at, std::uint64_t size) const {
  if (at == 0 || static_cast<std::uint32_t>(size) > kLongestAddress) return {};
  std::string address(static_cast<std::uint32_t>(size), '\0');
  if (!call.memory.read(GuestAddress{at}, std::as_writable_bytes(std::span(address)))) return {};
  return address;
}

// ---- what the guest passes ---------------------------------------------------------

std::uint64_t Ports::replacement(Call& call, std::uint64_t at, std::uint64_t size) {
  std::string address = read_address(call, at, size);
  const auto port = port_of(address);
  const auto found = port ? to_host_.find(*port) : to_host_.end();
  if (found == to_host_.end() || !local_.contains(address)) return 0;
  set_port(address, found->second);
  return call.memory.place(address);
}

void Ports::pass(Call& call, std::size_t index) {
  const std::uint64_t placed = replacement(call, call.args[index], call.args[index + 1]);
  if (placed != 0) call.args[index] = placed;
}

void Ports::bind(Call& call) {
  std::string address = read_address(call, call.args[1], call.args[2]);
  const auto port = port_of(address);
  UnderWay state = std::exchange(under_way_[call.thread], UnderWay{});
  if (!port || *port == 0) return;
  const auto found = to_host_.find(*port);
  const bool is_known = found != to_host_.end();
  const bool goes_on = state.sys == Sys::bind && state.bound == *port && state.attempts != 0;
  if (!goes_on) state = UnderWay{.sys = Sys::bind, .bound = *port, .tried = *port};
  if (is_known) state.tried = found->second;
  if (state.tried != *port) {
    set_port(address, state.tried);
    const std::uint64_t placed = call.memory.place(address);
    if (placed != 0) call.args[1] = placed;
  }
  if (is_known || !find_free_) return;
  call.wants_exit = true;
  under_way_[call.thread] = std::move(state);
}

void Ports::send_message(Call& call) {
  const MessageLayout& layout = message_layout(call);
  std::string header(layout.size, '\0');
  const GuestAddress at{call.args[1]};
  if (!call.memory.read(at, std::as_writable_bytes(std::span(header)))) return;
  const auto name = read_number<std::uint64_t>(call, call.args[1], layout.word);
  const auto length = read_number<std::uint32_t>(call, call.args[1] + layout.name_length);
  const std::uint64_t placed = replacement(call, name, length);
  if (placed == 0) return;
  std::memcpy(header.data(), &placed, layout.word);
  const std::uint64_t copy = call.memory.place(header);
  if (copy != 0) call.args[1] = copy;
}

/// The vector itself is what the kernel writes into: its names are replaced until the end.
void Ports::send_messages(Call& call) {
  const MessageLayout& layout = message_layout(call);
  const auto count = std::min<std::size_t>(static_cast<std::uint32_t>(call.args[2]), kMostMessages);
  UnderWay state{.sys = call.sys};
  std::string last;
  std::uint64_t last_placed = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t at = call.args[1] + i * layout.stride;
    const auto name = read_number<std::uint64_t>(call, at, layout.word);
    const auto length = read_number<std::uint32_t>(call, at + layout.name_length);
    const std::string address = read_address(call, name, length);
    if (last_placed == 0 || address != last) {
      last = address;
      last_placed = replacement(call, name, length);
    }
    if (last_placed == 0) continue;
    if (write_number(call, at, last_placed, layout.word)) state.changed.emplace_back(at, name);
  }
  if (state.changed.empty()) return;
  call.wants_exit = true;
  under_way_[call.thread] = std::move(state);
}

// ---- what the kernel tells ---------------------------------------------------------

void Ports::take(Call& call, std::size_t index) {
  if (call.args[index] == 0) return;
  UnderWay state{.sys = call.sys};
  state.taken.push_back({.at = call.args[index],
                         .length = call.args[index + 1],
                         .room = read_number<std::int32_t>(call, call.args[index + 1])});
  call.wants_exit = true;
  under_way_[call.thread] = std::move(state);
}

void Ports::take_messages(Call& call, std::size_t count) {
  const MessageLayout& layout = message_layout(call);
  UnderWay state{.sys = call.sys};
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t at = call.args[1] + i * layout.stride;
    state.taken.push_back({.at = read_number<std::uint64_t>(call, at, layout.word),
                           .length = at + layout.name_length,
                           .room = read_number<std::int32_t>(call, at + layout.name_length)});
    call.wants_exit = call.wants_exit || state.taken.back().at != 0;
  }
  if (call.wants_exit) under_way_[call.thread] = std::move(state);
}

void Ports::show_guest_port(Call& call, const Name& name, bool is_own) const {
  const auto size = read_number<std::int32_t>(call, name.length);
  const std::int32_t shown = std::min(size, name.room);
  if (name.at == 0 || shown <= 0) return;
  std::string address = read_address(call, name.at, static_cast<std::uint64_t>(shown));
  const auto port = port_of(address);
  const auto found = port ? to_guest_.find(*port) : to_guest_.end();
  if (found == to_guest_.end() || (!is_own && !local_.contains(address))) return;
  set_port(address, found->second);
  (void)call.memory.write(GuestAddress{name.at}, std::as_bytes(std::span(address)));
}

void Ports::after_bind(Call& call, UnderWay& state) {
  if (call.result == 0) {
    add({.guest = state.bound, .host = state.tried});
    if (state.tried != state.bound) {
      LOG(info) << call.thread << " port " << state.bound << " of the guest is " << state.tried
                << " of this machine";
    }
    return;
  }
  const bool is_refused = call.result == -EADDRINUSE || call.result == -EACCES;
  if (!is_refused || state.attempts >= kMostAttempts) return;
  state.tried = find_free_();
  if (state.tried == 0) return;
  ++state.attempts;
  call.repeats = true;
  under_way_[call.thread] = std::move(state);
}

void Ports::on_exit(Call& call) {
  auto node = under_way_.extract(call.thread);
  if (node.empty()) return;
  UnderWay& state = node.mapped();
  const std::size_t word = message_layout(call).word;
  for (const auto& [at, before] : state.changed)
    (void)write_number(call, at, before, word);
  if (state.sys == Sys::bind) return after_bind(call, state);
  if (call.result < 0) return;
  const bool is_vector = state.sys == Sys::recvmmsg || state.sys == Sys::recvmmsg_time64;
  const std::size_t count = is_vector ? static_cast<std::size_t>(call.result) : state.taken.size();
  for (std::size_t i = 0; i < std::min(count, state.taken.size()); ++i)
    show_guest_port(call, state.taken[i], state.sys == Sys::getsockname);
}

}  // namespace nestp
