// stat(2) and its kin, answered at the entry of the call: nestp looks at the file
// itself and lays out the struct as the guest's ABI has it.
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "arch/stat_layout.h"
#include "extensions/identity/world.h"

namespace nestp::identity {
namespace {

using Bytes = std::array<std::byte, 160>;

void put(Bytes& bytes, const StatField& field, std::uint64_t value) {
  std::memcpy(bytes.data() + field.offset, &value, field.size);
}

bool fits(const StatField& field, std::uint64_t value) {
  return field.size == 8 || value >> (8 * field.size) == 0;
}

/// A user or group id, as a field of 16 bits shows it.
std::uint64_t shown_id(const StatField& field, Id id) { return fits(field, id) ? id : 65534; }

/// None: a number is too large for the struct.
std::optional<Bytes> lay_out(const StatLayout& layout, const OwnedFile& file) {
  const struct stat& status = file.status();
  const auto length = static_cast<std::uint64_t>(status.st_size);
  const bool is_narrow = layout.length.size < 8;
  constexpr auto kMostNarrow = std::numeric_limits<std::int32_t>::max();
  if (is_narrow && length > kMostNarrow) return std::nullopt;
  if (is_narrow && (!fits(layout.inode, status.st_ino) || !fits(layout.links, status.st_nlink))) {
    return std::nullopt;
  }
  Bytes bytes{};
  put(bytes, layout.device, status.st_dev);
  put(bytes, layout.inode, status.st_ino);
  put(bytes, layout.short_inode, status.st_ino);
  put(bytes, layout.mode, file.record.mode);
  put(bytes, layout.links, status.st_nlink);
  put(bytes, layout.user, shown_id(layout.user, file.record.user));
  put(bytes, layout.group, shown_id(layout.group, file.record.group));
  put(bytes, layout.node, file.record.device);
  put(bytes, layout.length, length);
  put(bytes, layout.block_size, static_cast<std::uint64_t>(status.st_blksize));
  put(bytes, layout.blocks, static_cast<std::uint64_t>(status.st_blocks));
  put(bytes, layout.accessed, static_cast<std::uint64_t>(status.st_atim.tv_sec));
  put(bytes, layout.accessed_part, static_cast<std::uint64_t>(status.st_atim.tv_nsec));
  put(bytes, layout.modified, static_cast<std::uint64_t>(status.st_mtim.tv_sec));
  put(bytes, layout.modified_part, static_cast<std::uint64_t>(status.st_mtim.tv_nsec));
  put(bytes, layout.changed, static_cast<std::uint64_t>(status.st_ctim.tv_sec));
  put(bytes, layout.changed_part, static_cast<std::uint64_t>(status.st_ctim.tv_nsec));
  return bytes;
}

/// The inode that a descriptor of the file will have: programs that copy a device compare the two.
/// Of several names each must be known as the same file, and as no other.  `links`: its names.
template <typename Show>
void show_opened_inode(const OwnedFile& file, std::uint64_t links, Show show) {
  if (links != 1) return;
  const char* const node = host_node(file);
  struct stat status {};
  if (node != nullptr && ::stat(node, &status) == 0) show(status);
}

Entry give(World& world, Call& call, const CallObject& object, GuestAddress to) {
  auto file = world.look(call, object);
  if (!file) return fail(call, file.error().code());
  show_opened_inode(*file, file->status().st_nlink, [&file](const struct stat& status) {
    file->ref.status.st_dev = status.st_dev;
    file->ref.status.st_ino = status.st_ino;
  });
  const StatLayout& layout = *stat_layout(*call.abi, call.sys);
  const auto bytes = lay_out(layout, *file);
  if (!bytes) return fail(call, EOVERFLOW);
  return finish(call, call.memory.write(to, std::span(*bytes).first(layout.size)));
}

Entry stat_path(World& world, Call& call) {
  if (const auto error = refusal_on_way(world, call, call.objects[0])) {
    return fail(call, error->code());
  }
  return give(world, call, call.objects[0], address(call, 1));
}

Entry stat_at(World& world, Call& call) {
  constexpr std::uint32_t kFlags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;
  if (static_cast<std::uint32_t>(call.args[3]) & ~kFlags) return fail(call, EINVAL);
  if (const auto error = refusal_on_way(world, call, call.objects[0])) {
    return fail(call, error->code());
  }
  return give(world, call, call.objects[0], address(call, 2));
}

Entry stat_descriptor(World& world, Call& call) {
  return give(world, call, descriptor_object(call, call.args[0]), address(call, 1));
}

void show_owner(struct statx& status, const OwnedFile& file) {
  status.stx_uid = file.record.user;
  status.stx_gid = file.record.group;
  status.stx_mode = static_cast<std::uint16_t>(file.record.mode);
  status.stx_rdev_major = major(file.record.device);
  status.stx_rdev_minor = minor(file.record.device);
}

/// As stat(2) would tell it.
struct stat plain_status(const struct statx& status) {
  struct stat plain {};
  plain.st_dev = makedev(status.stx_dev_major, status.stx_dev_minor);
  plain.st_ino = status.stx_ino;
  plain.st_mode = status.stx_mode;
  plain.st_uid = status.stx_uid;
  plain.st_gid = status.stx_gid;
  plain.st_rdev = makedev(status.stx_rdev_major, status.stx_rdev_minor);
  plain.st_ctim = {.tv_sec = status.stx_ctime.tv_sec, .tv_nsec = status.stx_ctime.tv_nsec};
  return plain;
}

Entry extended_stat(World& world, Call& call) {
  constexpr std::uint32_t kKnown =
      AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;
  const auto flags = static_cast<std::uint32_t>(call.args[2]);
  const auto mask = static_cast<std::uint32_t>(call.args[3]);
  const bool both = (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE;
  if ((mask & STATX__RESERVED) || (flags & ~kKnown) || both) return fail(call, EINVAL);
  const CallObject& object = call.objects[0];
  if (const auto error = refusal_on_way(world, call, object)) return fail(call, error->code());
  const auto asked = static_cast<int>(flags & (AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE)) |
                     (object.follow ? 0 : AT_SYMLINK_NOFOLLOW);
  struct statx status {};
  if (statx(AT_FDCWD, object.host.c_str(), asked, mask | STATX_BASIC_STATS, &status) != 0) {
    // Errors, and what can be done about them, are those of stat(2).
    const auto file = world.look(call, object);
    if (!file) return fail(call, file.error().code());
    if (statx(AT_FDCWD, object.host.c_str(), asked, mask | STATX_BASIC_STATS, &status) != 0) {
      return fail(call, errno);
    }
  }
  FileRef ref{.host = object.host, .follow = object.follow, .status = plain_status(status)};
  OwnedFile file = world.files.judge(std::move(ref));
  world.find_owner(call.thread, file);
  show_owner(status, file);
  show_opened_inode(file, status.stx_nlink, [&status](const struct stat& opened) {
    status.stx_dev_major = major(opened.st_dev);
    status.stx_dev_minor = minor(opened.st_dev);
    status.stx_ino = opened.st_ino;
  });
  return finish(call, write_object(call, address(call, 4), status));
}

constexpr Route kRoutes[] = {
    {Sys::stat, nullptr, stat_path},     {Sys::lstat, nullptr, stat_path},
    {Sys::stat64, nullptr, stat_path},   {Sys::lstat64, nullptr, stat_path},
    {Sys::oldstat, nullptr, stat_path},  {Sys::oldlstat, nullptr, stat_path},
    {Sys::newfstatat, nullptr, stat_at}, {Sys::fstatat64, nullptr, stat_at},
    {Sys::fstat, stat_descriptor},       {Sys::fstat64, stat_descriptor},
    {Sys::oldfstat, stat_descriptor},    {Sys::statx, nullptr, extended_stat},
};

}  // namespace

std::span<const Route> stat_routes() { return kRoutes; }

}  // namespace nestp::identity
