#include "cli/image/tree_writer.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <optional>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <utility>

#include "fs/resolve.h"
#include "fs/session_directory.h"

namespace nestp {
namespace {

using Kind = ArchiveEntry::Kind;

Error failure(const std::string& name, int error) {
  const bool is_full = error == ENOSPC || error == EDQUOT;
  return {name + ": " + std::strerror(error) +
          (is_full ? " (make room there, or choose a place on another file system)" : "")};
}

timespec time_of(const ArchiveEntry& entry) {
  return {.tv_sec = entry.seconds, .tv_nsec = entry.nanoseconds};
}

Result<> write_at(int fd, std::string_view bytes, std::uint64_t offset, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(name, errno);
    bytes.remove_prefix(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return Done{};
}

}  // namespace

Result<std::string> clean_name(std::string_view name) {
  std::string clean;
  const std::string shown(name);
  while (!name.empty()) {
    const std::string_view part = name.substr(0, name.find('/'));
    name.remove_prefix(std::min(part.size() + 1, name.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..")
      return Error{"the archive's entry '" + shown + "' tries to leave its directory"};
    if (!clean.empty()) clean += '/';
    clean += part;
  }
  return clean;
}

SysResult<UniqueFd> TreeWriter::find(const std::string& path, int flags) const {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const std::string relative = path.empty() ? "." : path;
  const long fd = ::syscall(SYS_openat2, root_.get(), relative.c_str(), &how, sizeof how);
  if (fd >= 0) return UniqueFd(static_cast<int>(fd));
  if (errno != ENOSYS && errno != EPERM) return Errno(errno);
  // An older kernel: the same walk by hand.  Nobody else changes the tree meanwhile.
  const auto base = read_link("/proc/self/fd/" + std::to_string(root_.get()));
  if (!base) return base.error();
  const auto host = HostPath::parse(*base);
  if (!host) return host.error();
  const auto view = View::make({Binding{.host = *host, .guest = GuestPath::root()}});
  PathCache cache;
  const ResolveFrom from{.view = *view, .root = GuestPath::root(), .base = GuestPath::root()};
  const auto last = (flags & O_NOFOLLOW) != 0 ? LastLink::entry : LastLink::follow;
  const auto found = Resolver(cache).resolve(from, "/" + path, last);
  if (!found) return found.error();
  return open_at(AT_FDCWD, found->host, flags | O_NOFOLLOW);
}

void TreeWriter::forget_parent() {
  has_parent_ = false;
  parent_.reset();
}

Result<int> TreeWriter::parent_of(const std::string& directory, bool make) {
  if (has_parent_ && directory == parent_name_) return parent_.get();
  auto found = find(directory, O_PATH | O_DIRECTORY);
  if (!found && found.error() == Errno(ENOENT) && make) {
    const std::size_t slash = directory.rfind('/');
    const std::string above = slash == std::string::npos ? "" : directory.substr(0, slash);
    const std::string name = directory.substr(slash == std::string::npos ? 0 : slash + 1);
    const auto outer = parent_of(above, true);
    if (!outer) return outer.error();
    if (::mkdirat(*outer, name.c_str(), 0755) != 0 && errno != EEXIST) {
      return failure(directory, errno);
    }
    found = find(directory, O_PATH | O_DIRECTORY);
  }
  if (!found) return failure(directory, found.error().code());
  parent_ = std::move(*found);
  parent_name_ = directory;
  has_parent_ = true;
  return parent_.get();
}

Result<TreeWriter::Place> TreeWriter::place_of(const std::string& name, bool make_parents) {
  const std::size_t slash = name.rfind('/');
  const auto parent =
      parent_of(slash == std::string::npos ? "" : name.substr(0, slash), make_parents);
  if (!parent) return parent.error();
  return Place{.parent = *parent, .last = name.substr(slash == std::string::npos ? 0 : slash + 1)};
}

Result<> TreeWriter::make_room(const Place& place, const std::string& name) {
  if (::unlinkat(place.parent, place.last.c_str(), 0) == 0 || errno == ENOENT) return Done{};
  struct stat status {};
  const int error = errno;
  if (::fstatat(place.parent, place.last.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISDIR(status.st_mode)) {
    return failure(name, error);
  }
  remove_tree(place.parent, place.last);
  return Done{};
}

Result<> TreeWriter::set_facts(const ArchiveEntry& entry, int fd) const {
  if (owners_ == Owners::archive && ::fchown(fd, entry.uid, entry.gid) != 0) {
    return failure(entry.name, errno);
  }
  if (auto done = set_mode(entry, fd); !done) return done;
  const timespec times[2] = {time_of(entry), time_of(entry)};
  if (::futimens(fd, times) != 0) return failure(entry.name, errno);
  return Done{};
}

Result<> TreeWriter::set_mode(const ArchiveEntry& entry, int fd) const {
  if (notes_ != nullptr && OwnerNotes::are_needed(entry)) {
    const auto noted = notes_->note(fd, entry);
    return noted ? Result<>(Done{}) : Result<>(failure(entry.name, noted.error().code()));
  }
  if (::fchmod(fd, entry.mode & 07777) != 0) return failure(entry.name, errno);
  return Done{};
}

Result<> TreeWriter::add_file(const ArchiveEntry& entry, const Place& place,
                              const std::function<Result<ArchiveReader::Part>()>& content) {
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  auto file = open_at(place.parent, place.last, flags, 0600);
  if (!file && file.error() == Errno(EEXIST)) {
    if (auto done = make_room(place, entry.name); !done) return done;
    file = open_at(place.parent, place.last, flags, 0600);
  }
  if (!file) return failure(entry.name, file.error().code());
  std::uint64_t end = 0;
  while (true) {
    const auto part = content();
    if (!part) return part.error();
    if (part->bytes.empty()) break;
    if (auto done = write_at(file->get(), part->bytes, part->offset, entry.name); !done)
      return done;
    end = part->offset + part->bytes.size();
  }
  if (end < entry.size && ::ftruncate(file->get(), static_cast<off_t>(entry.size)) != 0) {
    return failure(entry.name, errno);
  }
  return set_facts(entry, file->get());
}

Result<> TreeWriter::add_directory(const ArchiveEntry& entry, const Place& place,
                                   const std::string& name) {
  if (::mkdirat(place.parent, place.last.c_str(), 0700) != 0) {
    if (errno != EEXIST) return failure(name, errno);
    // A link to a directory inside the tree stays: distributions move directories that way.
    const auto there = find(name, O_PATH | O_DIRECTORY);
    if (!there) {
      if (auto done = make_room(place, name); !done) return done;
      forget_parent();
      const auto again = place_of(name, true);
      if (!again) return again.error();
      if (::mkdirat(again->parent, again->last.c_str(), 0700) != 0) return failure(name, errno);
    }
  }
  later_.push_back(entry);
  later_.back().name = name;
  if (owners_ == Owners::archive) {
    const auto made = find(name, O_RDONLY | O_DIRECTORY);
    if (made && ::fchown(made->get(), entry.uid, entry.gid) != 0) return failure(name, errno);
  }
  return Done{};
}

Result<> TreeWriter::copy_file(int from_parent, const std::string& from, const Place& place,
                               const ArchiveEntry& entry) const {
  const auto source = open_at(from_parent, from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!source) return failure(entry.name, source.error().code());
  struct stat status {};
  if (::fstat(source->get(), &status) != 0) return failure(entry.name, errno);
  const auto file =
      open_at(place.parent, place.last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!file) return failure(entry.name, file.error().code());
  std::string block(std::size_t{64} * 1024, '\0');
  std::uint64_t offset = 0;
  while (true) {
    const ssize_t got = ::read(source->get(), block.data(), block.size());
    if (got < 0) return failure(entry.name, errno);
    if (got == 0) break;
    const std::string_view part(block.data(), static_cast<std::size_t>(got));
    if (auto done = write_at(file->get(), part, offset, entry.name); !done) return done;
    offset += part.size();
  }
  ArchiveEntry facts = entry;
  if (notes_ == nullptr) {
    facts.mode = status.st_mode;
    facts.uid = status.st_uid;
    facts.gid = status.st_gid;
  }
  facts.seconds = status.st_mtim.tv_sec;
  facts.nanoseconds = status.st_mtim.tv_nsec;
  return set_facts(facts, file->get());
}

Result<> TreeWriter::add_hard_link(const ArchiveEntry& entry, const Place& place) {
  const auto target = clean_name(entry.link);
  if (!target) return target.error();
  const std::size_t slash = target->rfind('/');
  const auto parent =
      find(slash == std::string::npos ? "" : target->substr(0, slash), O_PATH | O_DIRECTORY);
  const std::string last = target->substr(slash == std::string::npos ? 0 : slash + 1);
  struct stat there {};
  struct stat here {};
  if (!parent || last.empty() ||
      ::fstatat(parent->get(), last.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) {
    return Error{"the archive's entry '" + entry.name + "' is a hard link to '" + entry.link +
                 "', which is not in it"};
  }
  if (!S_ISREG(there.st_mode) && !S_ISLNK(there.st_mode)) {
    return Error{"the archive's entry '" + entry.name + "' is a hard link to what is no file"};
  }
  if (::fstatat(place.parent, place.last.c_str(), &here, AT_SYMLINK_NOFOLLOW) == 0 &&
      here.st_ino == there.st_ino && here.st_dev == there.st_dev) {
    return Done{};
  }
  if (auto done = make_room(place, entry.name); !done) return done;
  if (::linkat(parent->get(), last.c_str(), place.parent, place.last.c_str(), 0) == 0) {
    return Done{};
  }
  if (errno != EPERM && errno != EMLINK && errno != EXDEV && errno != EACCES) {
    return failure(entry.name, errno);
  }
  return copy_file(parent->get(), last, place, entry);
}

Result<> TreeWriter::add_special(const ArchiveEntry& entry, const Place& place) {
  if (entry.kind == Kind::symlink) {
    if (auto done = make_room(place, entry.name); !done) return done;
    if (::symlinkat(entry.link.c_str(), place.parent, place.last.c_str()) != 0) {
      return failure(entry.name, errno);
    }
    const timespec times[2] = {time_of(entry), time_of(entry)};
    (void)::utimensat(place.parent, place.last.c_str(), times, AT_SYMLINK_NOFOLLOW);
    if (owners_ == Owners::archive) {
      (void)!::fchownat(place.parent, place.last.c_str(), entry.uid, entry.gid,
                        AT_SYMLINK_NOFOLLOW);
    } else if (notes_ != nullptr && OwnerNotes::are_needed(entry)) {
      (void)notes_->note_link(place.parent, place.last, entry);  // a link's owner hardly matters
    }
    return Done{};
  }
  mode_t type = S_IFIFO;
  if (entry.kind == Kind::character) type = S_IFCHR;
  if (entry.kind == Kind::block) type = S_IFBLK;
  const bool is_device = type != S_IFIFO;
  if (is_device && notes_ != nullptr) {
    // An empty file, as of mknod(2) with -0.
    return add_file(entry, place,
                    [] { return Result<ArchiveReader::Part>(ArchiveReader::Part{}); });
  }
  if (entry.kind == Kind::other || (is_device && owners_ == Owners::own)) {
    ++left_out_;
    return Done{};
  }
  if (auto done = make_room(place, entry.name); !done) return done;
  const dev_t device = is_device ? makedev(entry.major_number, entry.minor_number) : 0;
  if (::mknodat(place.parent, place.last.c_str(), type | (entry.mode & 0777), device) != 0) {
    if (!is_device) return failure(entry.name, errno);
    ++left_out_;
  }
  return Done{};
}

Result<> TreeWriter::add(const ArchiveEntry& entry,
                         const std::function<Result<ArchiveReader::Part>()>& content) {
  const auto name = clean_name(entry.name);
  if (!name) return name.error();
  if (name->empty()) {
    if (entry.kind == Kind::directory) return Done{};
    return Error{"the archive wants to replace its own directory"};
  }
  const auto place = place_of(*name, true);
  if (!place) return place.error();
  Result<> done = Done{};
  switch (entry.kind) {
    case Kind::file:
      return add_file(entry, *place, content);
    case Kind::directory:
      done = add_directory(entry, *place, *name);
      break;
    case Kind::hard_link:
      return add_hard_link(entry, *place);
    default:
      done = add_special(entry, *place);
      break;
  }
  // A directory may have given way to something else, or the other way round.
  forget_parent();
  return done;
}

Result<> TreeWriter::finish() {
  for (auto entry = later_.rbegin(); entry != later_.rend(); ++entry) {
    const auto directory = find(entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!directory) continue;  // replaced by something else, or a link that was kept
    const timespec times[2] = {time_of(*entry), time_of(*entry)};
    (void)::futimens(directory->get(), times);
    if (auto done = set_mode(*entry, directory->get()); !done) return done;
  }
  later_.clear();
  return Done{};
}

Result<> TreeWriter::remove(const std::string& name) {
  const auto clean = clean_name(name);
  if (!clean) return clean.error();
  if (clean->empty()) return Error{"the archive wants to remove its own directory"};
  const auto place = place_of(*clean, false);
  if (place) remove_tree(place->parent, place->last);
  forget_parent();
  return Done{};
}

Result<> TreeWriter::clear(const std::string& name,
                           const std::function<bool(const std::string&)>& is_kept) {
  const auto clean = clean_name(name);
  if (!clean) return clean.error();
  auto directory = find(*clean, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory) return Done{};
  std::vector<std::string> names;
  const int copy = ::fcntl((*directory).get(), F_DUPFD_CLOEXEC, 3);
  DIR* const stream = copy < 0 ? nullptr : ::fdopendir(copy);
  if (stream == nullptr) return failure(name, errno);
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view found = entry->d_name;
    if (found != "." && found != "..") names.emplace_back(found);
  }
  ::closedir(stream);
  for (const std::string& found : names) {
    std::string full = *clean;
    if (!full.empty()) full += '/';
    full += found;
    if (!is_kept(full)) {
      remove_tree((*directory).get(), found);
    } else if (auto done = clear(full, is_kept); !done) {
      return done;
    }
  }
  forget_parent();
  return Done{};
}

Result<std::uint64_t> unpack(ArchiveReader& reader, const std::string& directory, Owners owners,
                             OwnerNotes* notes) {
  auto root = open_at(AT_FDCWD, directory, O_PATH | O_DIRECTORY);
  if (!root) return failure(directory, root.error().code());
  TreeWriter writer(std::move(*root), owners, notes);
  ArchiveEntry entry;
  std::optional<std::pair<uid_t, gid_t>> packer;
  while (true) {
    const auto more = reader.next(entry);
    if (!more) return more.error();
    if (!*more) break;
    if (!packer) packer.emplace(entry.uid, entry.gid);
    if (notes != nullptr && entry.uid == packer->first) entry.uid = 0;
    if (notes != nullptr && entry.gid == packer->second) entry.gid = 0;
    if (const auto done = writer.add(entry, [&] { return reader.read(); }); !done) {
      return done.error();
    }
  }
  if (const auto done = writer.finish(); !done) return done.error();
  return writer.left_out();
}

}  // namespace nestp
