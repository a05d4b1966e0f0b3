// Ids that sockets tell of their other end: SO_PEERCRED and SCM_CREDENTIALS.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <vector>

#include "extensions/identity/world.h"

namespace nestp::identity {
namespace {

constexpr std::int32_t kSocket = 1;            // SOL_SOCKET
constexpr std::int32_t kPeerCredentials = 17;  // SO_PEERCRED
constexpr std::int32_t kCredentials = 2;       // SCM_CREDENTIALS
constexpr std::size_t kMostControl = 65536;    // bytes looked at

/// struct ucred.
struct Ids {
  std::int32_t process = 0;
  Id user = 0, group = 0;
};

/// What the guest knows a process by; its own ids where it is no guest.
Ids shown(const World& world, Ids ids, bool effective) {
  const auto found = world.threads.find(ids.process);
  if (found != world.threads.end()) {
    const Credentials& who = found->second.credentials;
    ids.user = effective ? who.user.effective : who.user.real;
    ids.group = effective ? who.group.effective : who.group.real;
    return ids;
  }
  const auto gone = world.ended.find(ids.process);
  if (gone != world.ended.end()) {
    ids.user = gone->second.user;
    ids.group = gone->second.group;
  } else if (ids.user == world.files.real_user()) {
    ids.user = world.first_user;
    ids.group = ids.group == world.files.real_group() ? world.first_group : ids.group;
  }
  return ids;
}

Entry get_option(World& world, Call& call) {
  const bool is_peer = static_cast<std::int32_t>(call.args[1]) == kSocket &&
                       static_cast<std::int32_t>(call.args[2]) == kPeerCredentials;
  if (!is_peer) return Entry::proceed;
  return at_exit(world, call, [&world](Call& ended) {
    if (ended.result != 0) return;
    const auto size = read_object<std::uint32_t>(ended, address(ended, 4));
    const auto ids = read_object<Ids>(ended, address(ended, 3));
    if (!size || *size < sizeof(Ids) || !ids || ids->process == 0) return;
    (void)write_object(ended, address(ended, 3), shown(world, *ids, true));
  });
}

/// Where the control data of a msghdr lie (include/linux/socket.h, user_msghdr).
struct Control {
  GuestAddress at{0};
  std::size_t size = 0;
};

Control read_control(Call& call, GuestAddress message) {
  const std::uint64_t word = call.abi->word_size;
  const auto read = [&](std::uint64_t index) {
    std::uint64_t value = 0;
    const GuestAddress at{static_cast<std::uint64_t>(message) + index * word};
    const auto bytes = std::as_writable_bytes(std::span(&value, 1)).first(word);
    return call.memory.read(at, bytes) ? value : 0;
  };
  return {GuestAddress{read(4)}, std::min<std::size_t>(read(5), kMostControl)};
}

/// Calls `change` with each SCM_CREDENTIALS in `control`; true if it changed one.
template <typename Change>
bool for_each_credentials(const Abi& abi, std::vector<std::byte>& control, Change change) {
  const std::size_t word = abi.word_size;
  const std::size_t head = word + 8;
  bool changed = false;
  for (std::size_t at = 0; at + head <= control.size();) {
    std::uint64_t size = 0;
    std::int32_t kind[2];
    std::memcpy(&size, control.data() + at, word);
    std::memcpy(kind, control.data() + at + word, sizeof kind);
    if (size < head || size > control.size() - at) break;
    if (kind[0] == kSocket && kind[1] == kCredentials && size >= head + sizeof(Ids)) {
      Ids ids;
      std::memcpy(&ids, control.data() + at + head, sizeof ids);
      ids = change(ids);
      std::memcpy(control.data() + at + head, &ids, sizeof ids);
      changed = true;
    }
    at += (size + word - 1) / word * word;
  }
  return changed;
}

std::vector<std::byte> read_bytes(Call& call, const Control& control) {
  std::vector<std::byte> bytes(control.size);
  if (bytes.empty() || !call.memory.read(control.at, bytes)) bytes.clear();
  return bytes;
}

void show_received(World& world, Call& ended, GuestAddress message) {
  const Control control = read_control(ended, message);
  std::vector<std::byte> bytes = read_bytes(ended, control);
  const bool changed = for_each_credentials(*ended.abi, bytes,
                                            [&world](Ids ids) { return shown(world, ids, false); });
  if (changed) (void)ended.memory.write(control.at, bytes);
}

Entry receive(World& world, Call& call) {
  const GuestAddress message = address(call, 1);
  if (read_control(call, message).size == 0) return Entry::proceed;
  return at_exit(world, call, [&world, message](Call& ended) {
    if (ended.result >= 0) show_received(world, ended, message);
  });
}

/// Ids that the kernel would refuse are sent as those that it accepts.
Entry send(World& world, Call& call) {
  const Control control = read_control(call, address(call, 1));
  if (control.size == 0) return Entry::proceed;
  const std::vector<std::byte> before = read_bytes(call, control);
  std::vector<std::byte> bytes = before;
  const Credentials& who = world.credentials(call);
  bool allowed = true;
  const bool changed = for_each_credentials(*call.abi, bytes, [&](Ids ids) {
    allowed = allowed && (who.user.contains(ids.user) || who.has(Capability::set_user)) &&
              (who.group.contains(ids.group) || who.has(Capability::set_group));
    ids.user = world.files.real_user();
    ids.group = world.files.real_group();
    return ids;
  });
  if (!changed) return Entry::proceed;
  if (!allowed) return fail(call, EPERM);
  if (!call.memory.write(control.at, bytes)) return Entry::proceed;
  return at_exit(world, call, [control, before](Call& ended) {
    (void)ended.memory.write(control.at, before);  // the guest's own buffer
  });
}

/// The kernel's audit service takes no word from an ordinary user.  As on a kernel that has none,
/// which programs of root are prepared for.
Entry open_socket(World& world, Call& call) {
  constexpr std::int32_t kAudit = 9;  // NETLINK_AUDIT
  const bool is_audit = static_cast<std::int32_t>(call.args[0]) == AF_NETLINK &&
                        static_cast<std::int32_t>(call.args[2]) == kAudit;
  if (!is_audit || !world.credentials(call).has(Capability::write_audit)) return Entry::proceed;
  return fail(call, EPROTONOSUPPORT);
}

constexpr Route kRoutes[] = {
    {Sys::socket, open_socket},
    {Sys::getsockopt, get_option},
    {Sys::recvmsg, receive},
    {Sys::sendmsg, send},
};

}  // namespace

std::span<const Route> socket_routes() { return kRoutes; }

}  // namespace nestp::identity
