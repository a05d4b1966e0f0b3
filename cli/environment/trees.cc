#include "cli/environment/trees.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <functional>
#include <map>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <utility>

#include "fs/fd.h"

namespace nestp::environment {
namespace {

using Kind = ArchiveEntry::Kind;
/// Called with each entry, the directory it is in, and its name there.
using Visitor = std::function<Result<>(const ArchiveEntry&, const UniqueFd&, const std::string&)>;

Error failure(const std::string& name, int error) { return {name + ": " + std::strerror(error)}; }

Kind kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return Kind::directory;
  if (S_ISLNK(mode)) return Kind::symlink;
  if (S_ISCHR(mode)) return Kind::character;
  if (S_ISBLK(mode)) return Kind::block;
  if (S_ISFIFO(mode)) return Kind::fifo;
  return S_ISREG(mode) ? Kind::file : Kind::other;
}

/// Walks a tree, directories before what is in them.
class Walk {
 public:
  Walk(Visitor visit, OwnerNotes* notes) : visit_(std::move(visit)), notes_(notes) {}

  Result<> go(const UniqueFd& directory, const std::string& prefix) {
    auto listing = open_at(directory.get(), ".", O_RDONLY | O_DIRECTORY);
    if (!listing) return failure(prefix, listing.error().code());
    DIR* const stream = ::fdopendir((*listing).release());
    if (stream == nullptr) return failure(prefix, errno);
    Result<> done = Done{};
    while (done) {
      const dirent* const entry = ::readdir(stream);
      if (entry == nullptr) break;
      const std::string name = entry->d_name;
      if (name != "." && name != "..") done = take(directory, name, prefix + name);
    }
    ::closedir(stream);
    return done;
  }

 private:
  Result<> take(const UniqueFd& directory, const std::string& name, const std::string& full) {
    struct stat status {};
    if (::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return failure(full, errno);
    }
    ArchiveEntry entry{.name = full,
                       .kind = kind_of(status.st_mode),
                       .mode = status.st_mode & 07777,
                       .uid = status.st_uid,
                       .gid = status.st_gid,
                       .seconds = status.st_mtim.tv_sec,
                       .nanoseconds = status.st_mtim.tv_nsec,
                       .major_number = major(status.st_rdev),
                       .minor_number = minor(status.st_rdev)};
    if (entry.kind == Kind::other) return Done{};
    if (entry.kind == Kind::symlink) {
      std::array<char, 4096> text;
      const ssize_t size = ::readlinkat(directory.get(), name.c_str(), text.data(), text.size());
      if (size < 0) return failure(full, errno);
      entry.link.assign(text.data(), static_cast<std::size_t>(size));
    } else if (entry.kind == Kind::file) {
      entry.size = static_cast<std::uint64_t>(status.st_size);
      note_links(status, entry);
    }
    if (notes_ != nullptr && entry.kind != Kind::hard_link)
      notes_->show(directory.get(), name, entry);
    if (auto done = visit_(entry, directory, name); !done) return done;
    if (entry.kind != Kind::directory) return Done{};
    const auto inner = open_at(directory.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!inner) return failure(full, inner.error().code());
    return go(*inner, full + "/");
  }

  void note_links(const struct stat& status, ArchiveEntry& entry) {
    if (status.st_nlink < 2) return;
    const auto [first, is_new] = seen_.try_emplace({status.st_dev, status.st_ino}, entry.name);
    if (is_new) return;
    entry.kind = Kind::hard_link;
    entry.link = first->second;
    entry.size = 0;
  }

  Visitor visit_;
  OwnerNotes* notes_;
  std::map<std::pair<dev_t, ino_t>, std::string> seen_;
};

/// The parts of a file, as ArchiveReader gives them.
class FileParts {
 public:
  FileParts(UniqueFd file, std::uint64_t size) : file_(std::move(file)), left_(size) {}

  Result<ArchiveReader::Part> next() {
    const std::size_t wanted = std::min<std::uint64_t>(block_.size(), left_);
    if (wanted == 0) return ArchiveReader::Part{};
    const ssize_t got = ::read(file_.get(), block_.data(), wanted);
    if (got < 0) return failure("read", errno);
    const std::uint64_t offset = offset_;
    offset_ += static_cast<std::uint64_t>(got);
    left_ -= static_cast<std::uint64_t>(got);
    return ArchiveReader::Part{.bytes = {block_.data(), static_cast<std::size_t>(got)},
                               .offset = offset};
  }
  std::uint64_t left() const { return left_; }

 private:
  UniqueFd file_;
  std::uint64_t left_;
  std::uint64_t offset_ = 0;
  std::string block_ = std::string(std::size_t{128} * 1024, '\0');
};

Result<FileParts> open_parts(const UniqueFd& directory, const std::string& name,
                             const ArchiveEntry& entry) {
  if (entry.kind != Kind::file) return FileParts(UniqueFd(), 0);
  auto file = open_at(directory.get(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file) return failure(entry.name, file.error().code());
  return FileParts(std::move(*file), entry.size);
}

/// What is in it is in the entries; it knows inodes, which are others once unpacked.
bool is_owner_database(const std::string& name) { return name.starts_with("root.nestp-owners"); }

}  // namespace

Result<> pack_tree(const std::string& root, const std::string& prefix, ArchiveWriter& archive,
                   OwnerNotes* notes) {
  const auto directory = open_at(AT_FDCWD, root, O_RDONLY | O_DIRECTORY);
  if (!directory) return failure(root, directory.error().code());
  const auto visit = [&](const ArchiveEntry& entry, const UniqueFd& parent,
                         const std::string& name) -> Result<> {
    if (is_owner_database(entry.name)) return Done{};
    auto parts = open_parts(parent, name, entry);
    if (!parts) return parts.error();
    if (auto done = archive.add(entry); !done) return done;
    while (parts->left() > 0) {
      const auto part = parts->next();
      if (!part) return part.error();
      if (part->bytes.empty()) return Error{entry.name + " became shorter meanwhile"};
      if (auto done = archive.write(part->bytes); !done) return done;
    }
    return Done{};
  };
  // First of all, so that whom the tree belongs to is known to who unpacks it.
  ArchiveEntry top{.name = prefix + "./", .kind = Kind::directory, .mode = 0755};
  struct stat status {};
  if (notes == nullptr && ::fstat(directory->get(), &status) == 0) {
    top.uid = status.st_uid;
    top.gid = status.st_gid;
  }
  if (auto done = archive.add(top); !done) return done;
  return Walk(visit, notes).go(*directory, prefix);
}

Result<> copy_tree(const std::string& from, const std::string& to, Owners owners,
                   const TreeNotes& notes) {
  const auto directory = open_at(AT_FDCWD, from, O_RDONLY | O_DIRECTORY);
  if (!directory) return failure(from, directory.error().code());
  auto target = open_at(AT_FDCWD, to, O_PATH | O_DIRECTORY);
  if (!target) return failure(to, target.error().code());
  TreeWriter writer(std::move(*target), owners, notes.to);
  const auto visit = [&](const ArchiveEntry& entry, const UniqueFd& parent,
                         const std::string& name) -> Result<> {
    auto parts = open_parts(parent, name, entry);
    if (!parts) return parts.error();
    return writer.add(entry, [&] { return parts->next(); });
  };
  if (auto done = Walk(visit, notes.from).go(*directory, ""); !done) return done;
  return writer.finish();
}

}  // namespace nestp::environment
