// getuid(2), setuid(2) and their many kin.
#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "extensions/identity/world.h"

namespace nestp::identity {
namespace {

constexpr Id kOverflow = 65534;  // what a 16-bit id cannot hold (DEFAULT_OVERFLOWUID)

std::uint16_t to_short(Id id) { return static_cast<std::uint16_t>(id > 0xffff ? kOverflow : id); }

Entry give(Call& call, Id id) { return answer(call, has_short_ids(call) ? to_short(id) : id); }

SysResult<> write_id(Call& call, GuestAddress to, Id id) {
  return has_short_ids(call) ? write_object(call, to, to_short(id)) : write_object(call, to, id);
}

Entry give_three(Call& call, const IdSet& ids) {
  const std::array<Id, 3> values = {ids.real, ids.effective, ids.saved};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto done = write_id(call, address(call, i), values[i]);
    if (!done) return finish(call, done);
  }
  return answer(call, 0);
}

Entry get_user(World& world, Call& call) { return give(call, world.credentials(call).user.real); }
Entry get_effective_user(World& world, Call& call) {
  return give(call, world.credentials(call).user.effective);
}
Entry get_group(World& world, Call& call) { return give(call, world.credentials(call).group.real); }
Entry get_effective_group(World& world, Call& call) {
  return give(call, world.credentials(call).group.effective);
}
Entry get_all_users(World& world, Call& call) {
  return give_three(call, world.credentials(call).user);
}
Entry get_all_groups(World& world, Call& call) {
  return give_three(call, world.credentials(call).group);
}

Entry set_user(World& world, Call& call) {
  return finish(call, world.credentials(call).set_user(id_argument(call, 0)));
}
Entry set_real_user(World& world, Call& call) {
  const Id real = id_argument(call, 0);
  return finish(call, world.credentials(call).set_real_user(real, id_argument(call, 1)));
}
Entry set_all_users(World& world, Call& call) {
  Credentials& who = world.credentials(call);
  const Id real = id_argument(call, 0);
  const Id effective = id_argument(call, 1);
  return finish(call, who.set_all_users(real, effective, id_argument(call, 2)));
}
Entry set_file_system_user(World& world, Call& call) {
  return give(call, world.credentials(call).set_file_system_user(id_argument(call, 0)));
}
Entry set_group(World& world, Call& call) {
  return finish(call, world.credentials(call).set_group(id_argument(call, 0)));
}
Entry set_real_group(World& world, Call& call) {
  const Id real = id_argument(call, 0);
  return finish(call, world.credentials(call).set_real_group(real, id_argument(call, 1)));
}
Entry set_all_groups(World& world, Call& call) {
  Credentials& who = world.credentials(call);
  const Id real = id_argument(call, 0);
  const Id effective = id_argument(call, 1);
  return finish(call, who.set_all_groups(real, effective, id_argument(call, 2)));
}
Entry set_file_system_group(World& world, Call& call) {
  return give(call, world.credentials(call).set_file_system_group(id_argument(call, 0)));
}

Entry get_groups(World& world, Call& call) {
  const std::vector<Id>& groups = world.credentials(call).groups;
  const auto size = static_cast<std::int32_t>(call.args[0]);
  const auto count = static_cast<std::int32_t>(groups.size());
  if (size < 0) return fail(call, EINVAL);
  if (size == 0) return answer(call, count);
  if (size < count) return fail(call, EINVAL);
  SysResult<> done = Done{};
  if (has_short_ids(call)) {
    std::vector<std::uint16_t> ids(groups.size());
    std::transform(groups.begin(), groups.end(), ids.begin(), to_short);
    done = call.memory.write(address(call, 1), std::as_bytes(std::span(ids)));
  } else if (!groups.empty()) {
    done = call.memory.write(address(call, 1), std::as_bytes(std::span(groups)));
  }
  return done ? answer(call, count) : finish(call, done);
}

template <typename Number>
SysResult<std::vector<Id>> read_groups(Call& call, std::size_t count) {
  std::vector<Number> ids(count);
  if (count != 0) {
    const auto done = call.memory.read(address(call, 1), std::as_writable_bytes(std::span(ids)));
    if (!done) return done.error();
  }
  return std::vector<Id>(ids.begin(), ids.end());
}

Entry set_groups(World& world, Call& call) {
  constexpr std::uint32_t kMost = 65536;  // NGROUPS_MAX
  Credentials& who = world.credentials(call);
  const auto count = static_cast<std::uint32_t>(call.args[0]);
  if (!who.has(Capability::set_group)) return fail(call, EPERM);
  if (count > kMost) return fail(call, EINVAL);
  auto ids =
      has_short_ids(call) ? read_groups<std::uint16_t>(call, count) : read_groups<Id>(call, count);
  if (!ids) return fail(call, ids.error().code());
  return finish(call, who.set_groups(*std::move(ids)));
}

/// A change of ids; sockets that the process has go on telling the former ones, and it cannot be
/// dumped any more.
template <Handler change>
Entry noted(World& world, Call& call) {
  const Credentials before = world.credentials(call);
  const Entry decision = change(world, call);
  const Credentials& now = world.credentials(call);
  if (sender_of(now) != sender_of(before)) world.peers.note(call.process, sender_of(before));
  if (ends_dumps(before, now)) world.of(call).is_dumpable = world.is_set_id_dumpable();
  return decision;
}

constexpr Route kRoutes[] = {
    {Sys::getuid, get_user},
    {Sys::getuid32, get_user},
    {Sys::geteuid, get_effective_user},
    {Sys::geteuid32, get_effective_user},
    {Sys::getgid, get_group},
    {Sys::getgid32, get_group},
    {Sys::getegid, get_effective_group},
    {Sys::getegid32, get_effective_group},
    {Sys::getresuid, get_all_users},
    {Sys::getresuid32, get_all_users},
    {Sys::getresgid, get_all_groups},
    {Sys::getresgid32, get_all_groups},
    {Sys::setuid, noted<set_user>},
    {Sys::setuid32, noted<set_user>},
    {Sys::setreuid, noted<set_real_user>},
    {Sys::setreuid32, noted<set_real_user>},
    {Sys::setresuid, noted<set_all_users>},
    {Sys::setresuid32, noted<set_all_users>},
    {Sys::setfsuid, noted<set_file_system_user>},
    {Sys::setfsuid32, noted<set_file_system_user>},
    {Sys::setgid, noted<set_group>},
    {Sys::setgid32, noted<set_group>},
    {Sys::setregid, noted<set_real_group>},
    {Sys::setregid32, noted<set_real_group>},
    {Sys::setresgid, noted<set_all_groups>},
    {Sys::setresgid32, noted<set_all_groups>},
    {Sys::setfsgid, noted<set_file_system_group>},
    {Sys::setfsgid32, noted<set_file_system_group>},
    {Sys::getgroups, get_groups},
    {Sys::getgroups32, get_groups},
    {Sys::setgroups, noted<set_groups>},
    {Sys::setgroups32, noted<set_groups>},
};

}  // namespace

std::span<const Route> id_routes() { return kRoutes; }

}  // namespace nestp::identity
