// Ids that sockets tell of their other end: SO_PEERCRED, SO_PEERGROUPS and SCM_CREDENTIALS.
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include "extensions/identity/world.h"
#include "fs/fd.h"

namespace nestp::identity {
namespace {

constexpr std::int32_t kSocket = 1;            // SOL_SOCKET
constexpr std::int32_t kPeerCredentials = 17;  // SO_PEERCRED
constexpr std::int32_t kPeerGroups = 59;       // SO_PEERGROUPS
constexpr std::int32_t kCredentials = 2;       // SCM_CREDENTIALS
constexpr std::size_t kMostMessages = 1024;    // UIO_MAXIOV
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

/// Who `process` was when it made the other end of the caller's socket; null: who it is.
const Sender* former_peer(World& world, const Call& call, std::int32_t process) {
  if (!world.peers.knows(process)) return nullptr;
  const auto socket = stat_of(descriptor_object(call, call.args[0]).host);
  return socket ? world.peers.find(process, socket->st_ino) : nullptr;
}

/// Groups of a process of the host, as its status has them.
std::vector<Id> host_groups(std::int32_t process) {
  std::vector<Id> groups;
  const auto text = read_file("/proc/" + std::to_string(process) + "/status");
  constexpr std::string_view kStart = "\nGroups:";
  const std::size_t at = text ? text->find(kStart) : std::string::npos;
  if (at == std::string::npos) return groups;
  for (const char* next = text->c_str() + at + kStart.size(); *next == ' ' || *next == '\t';) {
    char* end = nullptr;
    const unsigned long group = std::strtoul(next + 1, &end, 10);
    if (end == next + 1) break;
    groups.push_back(static_cast<Id>(group));
    next = end;
  }
  return groups;
}

std::vector<Id> groups_of(const World& world, std::int32_t process) {
  const auto found = world.threads.find(process);
  if (found != world.threads.end()) return found->second.credentials.groups;
  const auto gone = world.ended.find(process);
  return gone != world.ended.end() ? gone->second.groups : host_groups(process);
}

/// net/core/sock.c, SO_PEERGROUPS: ERANGE tells the size that is needed.
SysResult<> show_groups(World& world, Call& ended, const Ids& peer, GuestAddress into,
                        GuestAddress size_at) {
  const auto room = read_object<std::int32_t>(ended, size_at);
  if (!room) return room.error();
  if (*room < 0) return Errno(EINVAL);
  if (peer.process == 0) return Errno(ENODATA);
  const Sender* const former = former_peer(world, ended, peer.process);
  const std::vector<Id> groups =
      former != nullptr ? former->groups : groups_of(world, peer.process);
  const std::size_t size = groups.size() * sizeof(Id);
  const bool fits = static_cast<std::size_t>(*room) >= size;
  if (fits && size != 0) {
    if (const auto done = ended.memory.write(into, std::as_bytes(std::span(groups))); !done)
      return done.error();
  }
  if (const auto done = write_object(ended, size_at, static_cast<std::int32_t>(size)); !done)
    return done.error();
  if (!fits) return Errno(ERANGE);
  return Done{};
}

/// Groups of the other end.  The kernel is asked who that is in place of what its groups are.
Entry get_groups(World& world, Call& call) {
  const auto place = [&call](const auto& object) {
    std::string bytes(sizeof object, '\0');
    std::memcpy(bytes.data(), &object, sizeof object);
    return call.memory.place(bytes);
  };
  const GuestAddress into = address(call, 3), size_at = address(call, 4);
  const std::uint64_t peer_at = place(Ids{});
  const std::uint64_t length_at = place(static_cast<std::uint32_t>(sizeof(Ids)));
  if (peer_at == 0 || length_at == 0) return Entry::proceed;
  call.args[2] = static_cast<std::uint32_t>(kPeerCredentials);
  call.args[3] = peer_at;
  call.args[4] = length_at;
  return at_exit(world, call, [&world, into, size_at, peer_at](Call& ended) {
    if (ended.result != 0) return;
    const auto peer = read_object<Ids>(ended, GuestAddress{peer_at});
    const auto done = show_groups(world, ended, peer ? *peer : Ids{}, into, size_at);
    if (!done) ended.result = -done.error().code();
  });
}

Entry get_option(World& world, Call& call) {
  if (static_cast<std::int32_t>(call.args[1]) != kSocket) return Entry::proceed;
  const auto option = static_cast<std::int32_t>(call.args[2]);
  if (option == kPeerGroups) return get_groups(world, call);
  if (option != kPeerCredentials) return Entry::proceed;
  return at_exit(world, call, [&world](Call& ended) {
    if (ended.result != 0) return;
    const auto size = read_object<std::uint32_t>(ended, address(ended, 4));
    const auto ids = read_object<Ids>(ended, address(ended, 3));
    if (!size || *size < sizeof(Ids) || !ids || ids->process == 0) return;
    Ids told = shown(world, *ids, true);
    if (const Sender* const former = former_peer(world, ended, ids->process)) {
      told.user = former->user;
      told.group = former->group;
    }
    (void)write_object(ended, address(ended, 3), told);
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

/// Where message `index` of a struct mmsghdr[] is.
GuestAddress message_of(const Abi& abi, GuestAddress first, std::size_t index) {
  const std::size_t stride = 8 * std::size_t{abi.word_size};  // a user_msghdr and a word
  return GuestAddress{static_cast<std::uint64_t>(first) + index * stride};
}

Entry receive_many(World& world, Call& call) {
  const GuestAddress first = address(call, 1);
  return at_exit(world, call, [&world, first](Call& ended) {
    for (std::int64_t i = 0; i < ended.result; ++i)
      show_received(world, ended, message_of(*ended.abi, first, static_cast<std::size_t>(i)));
  });
}

/// A buffer of the guest's and what it held.
struct Former {
  GuestAddress at;
  std::vector<std::byte> bytes;
};

/// Ids that the kernel would refuse are sent as those that it accepts.  EPERM: the thread may not
/// send them.
SysResult<> disguise(World& world, Call& call, GuestAddress message, std::vector<Former>& formers) {
  const Control control = read_control(call, message);
  if (control.size == 0) return Done{};
  std::vector<std::byte> before = read_bytes(call, control);
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
  if (!allowed) return Errno(EPERM);
  if (changed && call.memory.write(control.at, bytes))
    formers.push_back({control.at, std::move(before)});
  return Done{};
}

/// The messages stay the guest's own: they get back what they held.
Entry restore_at_exit(World& world, Call& call, std::vector<Former> formers) {
  if (formers.empty()) return Entry::proceed;
  return at_exit(world, call, [formers = std::move(formers)](Call& ended) {
    for (const Former& former : formers)
      (void)ended.memory.write(former.at, former.bytes);
  });
}

Entry send(World& world, Call& call) {
  std::vector<Former> formers;
  const auto done = disguise(world, call, address(call, 1), formers);
  return done ? restore_at_exit(world, call, std::move(formers)) : fail(call, done.error().code());
}

Entry send_many(World& world, Call& call) {
  const auto count = std::min<std::size_t>(static_cast<std::uint32_t>(call.args[2]), kMostMessages);
  std::vector<Former> formers;
  for (std::size_t i = 0; i < count; ++i) {
    const auto done = disguise(world, call, message_of(*call.abi, address(call, 1), i), formers);
    if (done) continue;
    if (i == 0) return fail(call, done.error().code());
    call.args[2] = i;  // those before it are sent, and the next call meets it first
    break;
  }
  return restore_at_exit(world, call, std::move(formers));
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

/// Calls of socketcall(2) (include/uapi/linux/net.h).
struct Multiplexed {
  std::uint32_t number;
  std::uint8_t words;
  Sys sys;
  Handler handler;
};
constexpr Multiplexed kMultiplexed[] = {
    {1, 3, Sys::socket, open_socket},     {15, 5, Sys::getsockopt, get_option},
    {16, 3, Sys::sendmsg, send},          {17, 3, Sys::recvmsg, receive},
    {19, 5, Sys::recvmmsg, receive_many}, {20, 4, Sys::sendmmsg, send_many},
};

/// i386: it becomes the direct call only if there is something to change.
Entry multiplexed(World& world, Call& call) {
  const auto number = static_cast<std::uint32_t>(call.args[0]);
  const auto* const row =
      std::find_if(std::begin(kMultiplexed), std::end(kMultiplexed),
                   [number](const auto& each) { return each.number == number; });
  if (row == std::end(kMultiplexed)) return Entry::proceed;
  std::array<std::uint32_t, 6> words{};
  const auto bytes = std::as_writable_bytes(std::span(words)).first(row->words * sizeof words[0]);
  if (!call.memory.read(address(call, 1), bytes)) return Entry::proceed;
  const auto args = call.args;
  call.sys = row->sys;
  std::copy(words.begin(), words.end(), call.args.begin());
  const Entry decision = row->handler(world, call);
  if (decision == Entry::proceed && !call.wants_exit) {
    call.sys = Sys::socketcall;
    call.args = args;
  }
  return decision;
}

/// The name in an address: bind(2) makes it, all others reach the socket that has it, for which
/// they must be allowed to write (net/unix/af_unix.c, unix_find_bsd).
Entry use_name(World& world, Call& call) {
  if (call.objects[0].is_entry) return make_entry(world, call);
  const Entry decision = reach(world, call, kWrite);
  const bool is_message = call.sys == Sys::sendmsg || call.sys == Sys::sendmmsg;
  if (decision != Entry::answered || !is_message) return decision;
  // A refused call has no exit to which send() could leave anything.
  if (const auto handler = std::exchange(world.of(call).at_exit, nullptr)) handler(call);
  return decision;
}

constexpr Route kRoutes[] = {
    {Sys::socket, open_socket},
    {Sys::getsockopt, get_option},
    {Sys::recvmsg, receive},
    {Sys::recvmmsg, receive_many},
    {Sys::recvmmsg_time64, receive_many},
    {Sys::bind, nullptr, use_name},
    {Sys::connect, nullptr, use_name},
    {Sys::sendto, nullptr, use_name},
    {Sys::sendmsg, send, use_name},
    {Sys::sendmmsg, send_many, use_name},
    {Sys::socketcall, multiplexed, use_name},
};

}  // namespace

std::span<const Route> socket_routes() { return kRoutes; }

}  // namespace nestp::identity
