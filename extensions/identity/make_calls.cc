// Calls that make files (open, mkdir, mknod, symlink, bind), and open(2) as a whole:
// what is made belongs to who makes it, and devices are placeholders.
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "extensions/identity/world.h"
#include "fs/fd.h"

namespace nestp::identity {
namespace {

/// A directory that is only open still: nothing can be made there, says the kernel.
bool is_removed(const OwnedFile& directory) { return directory.status().st_nlink == 0; }

/// The errno of a call that makes, removes or renames the entry.
std::optional<int> refusal_of_entry(World& world, Call& call, const CallObject& object,
                                    OwnerRecord& directory) {
  if (const auto error = refusal_on_way(world, call, object)) return error->code();
  if (ends_in_dots(object.host)) return std::nullopt;  // EEXIST, says the kernel
  const CallObject parent = holder_of(object);
  const auto found = world.look(call, parent);
  if (!found) return std::nullopt;                        // the kernel knows the errno
  if (!S_ISDIR(found->record.mode)) return std::nullopt;  // ENOTDIR, says the kernel
  directory = found->record;
  const Credentials& who = world.credentials(call);
  if (!may_access(who, *found, kWrite | kExecute)) {
    // What is there already is told first (fs/namei.c, filename_create).
    // So is what cannot be a name there.
    const auto entry = lstat_of(without_slashes(object.host));
    const bool is_missing = !entry && entry.error() == Errno(ENOENT);
    const bool is_directory = call.sys == Sys::mkdir || call.sys == Sys::mkdirat;
    const bool must_be_directory = object.host.ends_with('/') && !is_directory;
    if (!is_missing || must_be_directory || is_removed(*found)) return std::nullopt;
    return EACCES;
  }
  const bool is_closed = (found->status().st_mode & 0300) != 0300;
  if (is_closed) world.files.open_up(parent.host);
  return std::nullopt;
}

/// False: what the thread makes in `directory` needs no record.
bool must_claim(World& world, const Call& call, const OwnerRecord& directory) {
  const Credentials& who = world.credentials(call);
  if (who.user.file_system != world.first_user) return true;
  if (directory.mode & S_ISGID) return true;
  return who.group.file_system != world.first_group;
}

/// One whose mode keeps even its owner out, which root does not feel.
bool makes_closed_directory(const Call& call) {
  constexpr mode_t kOwners = 0700;
  if (call.sys != Sys::mkdir && call.sys != Sys::mkdirat) return false;
  return (call.args[call.sys == Sys::mkdir ? 1 : 2] & kOwners) != kOwners;
}

/// Argument that holds the mode; the device comes behind it.
std::size_t mode_index(const Call& call) { return call.sys == Sys::mknod ? 1 : 2; }

Entry make_device(World& world, Call& call, const CallObject& object,
                  const OwnerRecord& directory) {
  const std::size_t index = mode_index(call);
  const auto mode = static_cast<mode_t>(call.args[index]);
  if (!world.credentials(call).has(Capability::make_nodes)) {
    const auto holder = world.look(call, holder_of(object));
    const bool could_be_made = S_ISDIR(directory.mode) && !ends_in_dots(object.host) &&
                               !object.host.ends_with('/') && !lstat_of(object.host).ok() &&
                               holder && !is_removed(*holder);
    if (could_be_made) return fail(call, EPERM);  // else the kernel knows the errno
  }
  // include/linux/kdev_t.h, new_decode_dev.
  const auto number = static_cast<std::uint32_t>(call.args[index + 1]);
  const dev_t device =
      makedev((number & 0xfff00) >> 8, (number & 0xff) | ((number >> 12) & 0xfff00));
  call.args[index] = S_IFREG | (mode & 07777);
  call.args[index + 1] = 0;
  const mode_t type = mode & S_IFMT;
  return at_exit(world, call, [&world, host = object.host, directory, type, device](Call& ended) {
    if (ended.result != 0) return;
    claim(world, ended, host, false, directory);
    const auto file = world.files.look(host, false);
    if (!file) return;
    OwnerRecord record = file->record;
    record.mode = type | (record.mode & 07777);
    record.device = device;
    (void)world.files.set(*file, record);  // without a record it stays an empty file
  });
}

Entry make_node(World& world, Call& call) {
  const auto mode = static_cast<mode_t>(call.args[mode_index(call)]);
  if (!S_ISBLK(mode) && !S_ISCHR(mode)) return make_entry(world, call);
  const CallObject& object = call.objects[0];
  OwnerRecord directory;
  if (const auto error = refusal_of_entry(world, call, object, directory)) {
    return fail(call, *error);
  }
  return make_device(world, call, object, directory);
}

// ---- open(2) ----------------------------------------------------------------------

struct Opening {
  std::uint64_t flags = 0;
};

SysResult<Opening> read_opening(Call& call) {
  const OpenFlags& flag = call.abi->open_flags;
  switch (call.sys) {  // NOLINT: no other call opens
    case Sys::creat:
      return Opening{flag.create | flag.truncate | O_WRONLY};
    case Sys::open:
      return Opening{call.args[1]};
    case Sys::openat:
      return Opening{call.args[2]};
    default: {
      const auto flags = read_object<std::uint64_t>(call, address(call, 2));
      if (!flags) return flags.error();
      return Opening{*flags};
    }
  }
}

unsigned wish_of(const OpenFlags& flag, std::uint64_t flags) {
  constexpr std::array<unsigned, 4> kWishes = {kRead, kWrite, kRead | kWrite, kRead | kWrite};
  unsigned wish = kWishes[flags & flag.access_mode];
  if (flags & flag.truncate) wish |= kWrite;
  return wish;
}

/// The host's own node of a device that harms nobody; null: there is none.
const char* node_of_device(dev_t device) {
  struct Node {
    unsigned major, minor;
    const char* path;
  };
  constexpr Node kNodes[] = {{1, 3, "/dev/null"},   {1, 5, "/dev/zero"},    {1, 7, "/dev/full"},
                             {1, 8, "/dev/random"}, {1, 9, "/dev/urandom"}, {5, 0, "/dev/tty"}};
  for (const Node& node : kNodes) {
    if (makedev(node.major, node.minor) == device) return node.path;
  }
  return nullptr;
}

bool is_empty_device(const OwnedFile& file) {
  const bool is_device = S_ISCHR(file.record.mode) || S_ISBLK(file.record.mode);
  return is_device && S_ISREG(file.status().st_mode);
}

Entry open_existing(World& world, Call& call, const OwnedFile& file, std::uint64_t flags) {
  const OpenFlags& flag = call.abi->open_flags;
  if (flags & flag.path) return Entry::proceed;
  CallObject& object = call.objects[0];
  if (!object.follow && S_ISLNK(file.record.mode)) return Entry::proceed;  // ELOOP
  const Credentials& who = world.credentials(call);
  const unsigned wish = wish_of(flag, flags);
  // What it is comes before whose it is (fs/namei.c, do_open and may_open).
  const bool is_directory = S_ISDIR(file.record.mode);
  const bool creates = (flags & flag.create) != 0;
  if (is_directory && ((wish & kWrite) || creates)) return Entry::proceed;  // EISDIR
  if (!is_directory && (flags & flag.directory)) return Entry::proceed;     // ENOTDIR
  const bool may = may_access(who, file, wish) || is_own_descriptors(call.thread, file.ref.host);
  if (!may) return fail(call, EACCES);
  if (is_empty_device(file)) {
    const char* const node = host_node(file);
    if (node == nullptr) return fail(call, ENXIO);
    object.host = node;
    return Entry::proceed;
  }
  const bool writes = (wish & kWrite) != 0;
  if (writes) drop_set_ids(world, call, file);
  const mode_t needed = S_ISDIR(file.status().st_mode) ? 0700 : 0600;
  if ((file.status().st_mode & needed) != needed) world.files.open_up(object.host);
  return Entry::proceed;
}

/// Takes the set-ID bits from the mode of what open(2) makes: the host is to have none.
mode_t take_set_ids(Call& call) {
  constexpr std::uint64_t kBits = S_ISUID | S_ISGID;
  if (call.sys == Sys::openat2) return 0;  // its mode is in memory
  std::uint64_t& mode = call.args[call.sys == Sys::openat ? 3 : call.sys == Sys::open ? 2 : 1];
  const auto taken = static_cast<mode_t>(mode & kBits);
  mode &= ~kBits;
  return taken;
}

Entry open_new(World& world, Call& call, const CallObject& object) {
  OwnerRecord directory;
  if (const auto error = refusal_of_entry(world, call, object, directory)) {
    return fail(call, *error);
  }
  const mode_t set_ids = take_set_ids(call);
  if (!must_claim(world, call, directory) && set_ids == 0) return Entry::proceed;
  return at_exit(world, call, [&world, directory, set_ids](Call& ended) {
    if (ended.result < 0) return;
    const auto opened = descriptor_object(ended, static_cast<std::uint64_t>(ended.result));
    claim(world, ended, opened.host, true, directory, set_ids);
  });
}

Entry open_path(World& world, Call& call) {
  const auto opening = read_opening(call);
  if (!opening) return Entry::proceed;  // the kernel cannot read it either
  const OpenFlags& flag = call.abi->open_flags;
  const std::uint64_t flags = opening->flags;
  const CallObject& object = call.objects[0];
  if (const auto error = refusal_on_way(world, call, object)) return fail(call, error->code());
  const auto file = world.look(call, object);
  const bool creates = (flags & flag.create) != 0;
  if (!file) {
    const bool makes = creates && file.error() == Errno(ENOENT);
    return makes ? open_new(world, call, object) : Entry::proceed;
  }
  if (flags & flag.temporary) {
    const CallObject inside{.host = object.host + "/unnamed", .outside = object.outside};
    return open_new(world, call, inside);
  }
  if (creates && (flags & flag.exclusive)) return Entry::proceed;  // EEXIST
  return open_existing(world, call, *file, flags);
}

constexpr Route kRoutes[] = {
    {Sys::open, nullptr, open_path},     {Sys::openat, nullptr, open_path},
    {Sys::openat2, nullptr, open_path},  {Sys::creat, nullptr, open_path},
    {Sys::mkdir, nullptr, make_entry},   {Sys::mkdirat, nullptr, make_entry},
    {Sys::symlink, nullptr, make_entry}, {Sys::symlinkat, nullptr, make_entry},
    {Sys::mknod, nullptr, make_node},    {Sys::mknodat, nullptr, make_node},
};

}  // namespace

const char* host_node(const OwnedFile& file) {
  const bool is_ours = is_empty_device(file) && S_ISCHR(file.record.mode);
  return is_ours ? node_of_device(file.record.device) : nullptr;
}

Entry make_entry(World& world, Call& call) {
  // link(2) and symlink(2) name what they make last.
  const CallObject& object = call.objects.back();
  OwnerRecord directory;
  if (const auto error = refusal_of_entry(world, call, object, directory)) {
    return fail(call, *error);
  }
  const bool claims = must_claim(world, call, directory);
  const bool closes = makes_closed_directory(call);
  if (!claims && !closes) return Entry::proceed;
  return at_exit(world, call, [&world, host = object.host, directory, claims, closes](Call& ended) {
    if (ended.result != 0) return;
    if (claims) claim(world, ended, host, false, directory);
    if (closes) world.files.open_up(without_slashes(host));
  });
}

std::span<const Route> make_routes() { return kRoutes; }

}  // namespace nestp::identity
