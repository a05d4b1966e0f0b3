#include "engine/namespace/tree.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string_view>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

#include "engine/log.h"
#include "engine/namespace/mount_call.h"
#include "fs/directory_stream.h"
#include "fs/mount_plan.h"
#include "fs/resolve.h"

namespace nestp {
namespace {

/// Directories whose content goes with the session anyway: a covering one stays writable.
constexpr std::array<std::string_view, 3> kVolatile = {"/run", "/tmp", "/dev"};

Error failure(const std::string& what, Errno error) {
  return {what + ": " + std::strerror(error.code())};
}

bool is_directory(const UniqueFd& fd) {
  struct stat status {};
  return ::fstat(fd.get(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_link(const UniqueFd& fd) {
  struct stat status {};
  return ::fstat(fd.get(), &status) == 0 && S_ISLNK(status.st_mode);
}

bool lacks_call(Errno error) {
  // Containers answer EPERM for calls that their filter does not know.
  return error == Errno(ENOSYS) || error == Errno(EPERM);
}

}  // namespace

std::string GuestTree::host_name(const std::string& path) const {
  return path == "/" ? base_ : base_ + path;
}

SysResult<GuestTree::Source> GuestTree::hold(int directory, const std::string& path, bool recursive,
                                             bool follow) {
  auto fd = open_at(directory, path, O_PATH | (follow ? 0 : O_NOFOLLOW));
  if (!fd) return fd.error();
  const bool directory_held = is_directory(*fd);
  auto copy = mount_call::clone_tree((*fd).get(), "", recursive);
  if (copy) {
    return Source{.fd = std::move(*copy), .is_copy = true, .is_directory = directory_held};
  }
  if (!lacks_call(copy.error())) return copy.error();
  return Source{.fd = std::move(*fd), .is_copy = false, .is_directory = directory_held};
}

Result<> GuestTree::hold_sources() {
  for (const Binding& binding : guest_.view->bindings()) {
    auto source = hold(AT_FDCWD, binding.host.text(), true, false);
    if (!source) return failure("bind " + binding.host.text(), source.error());
    view_sources_.push_back(std::move(*source));
  }
  for (const MountAct& act : guest_.isolation.mounts) {
    Source held;
    if (act.kind == MountAct::Kind::bind) {
      const std::string host =
          act.descriptor >= 0 ? "/proc/self/fd/" + std::to_string(act.descriptor) : act.host;
      auto source = hold(AT_FDCWD, host, act.recursive, true);
      if (!source && !act.optional) return failure("bind " + host, source.error());
      if (source) held = std::move(*source);
    }
    if (act.kind == MountAct::Kind::dev && devices_.empty()) {
      for (const char* const name : {"null", "zero", "full", "random", "urandom", "tty"}) {
        auto source = hold(AT_FDCWD, std::string("/dev/") + name, false, true);
        if (source) devices_.emplace_back(name, std::move(*source));
      }
      std::array<char, 256> tty{};
      if (::ttyname_r(STDOUT_FILENO, tty.data(), tty.size()) == 0) {
        if (auto source = hold(AT_FDCWD, tty.data(), false, true)) console_ = std::move(*source);
      }
    }
    act_sources_.push_back(std::move(held));
  }
  return Done{};
}

SysResult<UniqueFd> GuestTree::show(const Source& source, const UniqueFd& place,
                                    const std::string& path, bool recursive) {
  if (source.is_copy) {
    if (const auto done = mount_call::attach(source.fd, place); !done) return done.error();
    const int copy = ::fcntl(source.fd.get(), F_DUPFD_CLOEXEC, 3);
    if (copy < 0) return Errno(errno);
    return UniqueFd(copy);
  }
  if (const auto done = mount_call::bind(source.fd, place, recursive); !done) return done.error();
  return open_at(AT_FDCWD, host_name(path), O_PATH | O_NOFOLLOW);
}

SysResult<UniqueFd> GuestTree::mount_new(const std::string& type, const UniqueFd& place,
                                         const std::string& path, std::uint64_t flags,
                                         const std::string& data) {
  if (const auto done = mount_call::file_system(type, place, flags, data, type); !done) {
    return done.error();
  }
  return open_at(AT_FDCWD, host_name(path), O_PATH | O_NOFOLLOW);
}

Result<> GuestTree::mount_root() {
  const std::string& host = guest_.view->bindings().front().host.text();
  base_ = host;
  if (host == "/") {
    // Nobody can be sent to what is mounted on the root itself; any other place does.
    for (const char* const other : {"/tmp", "/proc", "/dev", "/sys"}) {
      base_ = other;
      if (::access(other, F_OK) == 0) break;
    }
  }
  const auto place = open_at(AT_FDCWD, base_, O_PATH | O_DIRECTORY);
  if (!place) return failure("root " + base_, place.error());
  auto root = show(view_sources_.front(), *place, "/", true);
  if (!root) return failure("root " + host, root.error());
  root_ = std::move(*root);
  return Done{};
}

Result<> GuestTree::mount_view() {
  const auto& bindings = guest_.view->bindings();
  for (const MountStep& step : mount_steps(*guest_.view)) {
    const Binding* const binding = guest_.view->binding_at(step.guest);
    const auto index = static_cast<std::size_t>(binding - bindings.data());
    const std::string what = "bind " + step.host.text() + " at " + step.guest.text();
    if (step.kind == MountStep::Kind::bind && index != 0) {
      const Source& source = view_sources_[index];
      const auto place = place_at(step.guest, source.is_directory);
      if (!place) return failure(what, place.error());
      const auto shown = show(source, *place, step.guest.text(), true);
      if (!shown) return failure(what, shown.error());
    } else if (step.kind == MountStep::Kind::remount_read_only) {
      const auto place = find(step.guest.text(), false);
      if (!place) return failure(what, place.error());
      const auto done =
          mount_call::add_flags_below(*place, host_name(step.guest.text()), MS_RDONLY);
      if (!done) return failure(what + " read-only", done.error());
    }
  }
  return Done{};
}

SysResult<UniqueFd> GuestTree::find(const std::string& path, bool follow) const {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | (follow ? 0U : O_NOFOLLOW);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const std::string relative = path == "/" ? "." : path;
  const long fd = ::syscall(SYS_openat2, root_.get(), relative.c_str(), &how, sizeof how);
  if (fd >= 0) return UniqueFd(static_cast<int>(fd));
  if (lacks_call(Errno(errno))) return find_slowly(path, follow);
  return Errno(errno);
}

SysResult<UniqueFd> GuestTree::find_slowly(const std::string& path, bool follow) const {
  const auto host = HostPath::parse(base_);
  if (!host) return host.error();
  const auto view = View::make({Binding{.host = *host, .guest = GuestPath::root()}});
  PathCache cache;
  const ResolveFrom from{.view = *view, .root = GuestPath::root(), .base = GuestPath::root()};
  const auto found =
      Resolver(cache).resolve(from, path, follow ? LastLink::follow : LastLink::entry);
  if (!found) return found.error();
  return open_at(AT_FDCWD, found->host, O_PATH | O_NOFOLLOW);
}

bool GuestTree::is_ours(const UniqueFd& directory, const GuestPath& path) const {
  struct stat status {};
  if (::fstat(directory.get(), &status) == 0 && covering_devices_.contains(status.st_dev)) {
    return true;
  }
  const Binding& binding = guest_.view->binding_of(path);
  return guest_.session != nullptr && guest_.session->contains(binding.host);
}

SysResult<UniqueFd> GuestTree::place_at(const GuestPath& path, bool wants_directory) {
  auto found = find(path.text(), false);
  if (found && is_directory(*found) == wants_directory && !is_link(*found)) return found;
  if (!found && found.error() != Errno(ENOENT)) return found.error();
  if (path.is_root()) return Errno(EBUSY);
  const GuestPath above = path.parent();
  auto directory = place_at(above, true);
  if (!directory) return directory.error();
  const std::string name(path.name());
  const bool may_make = !found && guest_.isolation.make_mount_points &&
                        make_entry(*directory, name, wants_directory).ok();
  if (may_make) return find(path.text(), false);
  if (!is_ours(*directory, above)) {
    LOG(debug) << "covers " << quoted(above.text()) << " for mount point " << quoted(name);
    if (const auto covered = cover(*directory, above, name); !covered) return covered.error();
    directory = find(above.text(), false);
    if (!directory) return directory.error();
  } else if (found) {
    return Errno(wants_directory ? ENOTDIR : EISDIR);
  }
  if (const auto made = make_entry(*directory, name, wants_directory); !made) return made.error();
  return find(path.text(), false);
}

SysResult<> GuestTree::make_entry(const UniqueFd& directory, const std::string& name,
                                  bool wants_directory) {
  const std::string path = mount_call::name_of(directory) + "/" + name;
  if (wants_directory) {
    if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return Done{};
    if (errno != EACCES) return Errno(errno);
    // A placeholder of the session, sealed against the guest but not against us.
    struct stat status {};
    (void)::fstat(directory.get(), &status);
    if (::chmod(mount_call::name_of(directory).c_str(), 0755) != 0) return Errno(errno);
    const bool made = ::mkdir(path.c_str(), 0755) == 0;
    const int error = errno;
    (void)::chmod(mount_call::name_of(directory).c_str(), status.st_mode & 07777);
    if (!made) return Errno(error);
    return Done{};
  }
  const auto fd = open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_NOFOLLOW, 0644);
  if (!fd) return fd.error();
  return Done{};
}

SysResult<std::vector<GuestTree::Shown>> GuestTree::entries_to_show(const UniqueFd& directory,
                                                                    std::string_view without) {
  auto listing = open_at(AT_FDCWD, mount_call::name_of(directory), O_RDONLY | O_DIRECTORY);
  if (!listing) return listing.error();
  const int descriptor = (*listing).release();
  const DirectoryStream stream(::fdopendir(descriptor));
  if (stream == nullptr) return Errno(errno);
  std::vector<Shown> entries;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == ".." || name == without) continue;
    Shown shown{.name = name, .link = {}, .source = {}};
    std::array<char, PATH_MAX> text{};
    const ssize_t size = ::readlinkat(directory.get(), name.c_str(), text.data(), text.size() - 1);
    if (size > 0) {
      shown.link = text.data();
    } else {
      auto source = hold(directory.get(), name, true, false);
      if (!source && source.error() == Errno(ENOENT)) continue;  // gone meanwhile
      if (!source) return source.error();
      shown.source = std::move(*source);
    }
    entries.push_back(std::move(shown));
  }
  return entries;
}

SysResult<> GuestTree::cover(const UniqueFd& directory, const GuestPath& path,
                             std::string_view without) {
  auto entries = entries_to_show(directory, without);
  if (!entries) return entries.error();
  struct stat status {};
  if (::fstat(directory.get(), &status) != 0) return Errno(errno);
  std::array<char, 16> mode{};
  std::snprintf(mode.data(), mode.size(), "mode=%o", status.st_mode & 07777);
  auto covering = mount_new("tmpfs", directory, path.text(), MS_NOSUID | MS_NODEV, mode.data());
  if (!covering) return covering.error();
  struct stat made {};
  if (::fstat((*covering).get(), &made) != 0) return Errno(errno);
  // An owner without an id in this namespace cannot be had; then it is ours.
  (void)!::fchownat((*covering).get(), "", status.st_uid, status.st_gid, AT_EMPTY_PATH);
  covering_devices_.insert(made.st_dev);
  if (path.is_root()) {
    const int copy = ::fcntl((*covering).get(), F_DUPFD_CLOEXEC, 3);
    if (copy < 0) return Errno(errno);
    root_ = UniqueFd(copy);
  }
  const auto shown = show_again(*covering, path, *entries);
  coverings_.push_back({std::move(*covering), path.text()});
  return shown;
}

SysResult<> GuestTree::show_again(const UniqueFd& covering, const GuestPath& path,
                                  std::vector<Shown>& entries) {
  for (Shown& entry : entries) {
    if (!entry.link.empty()) {
      if (::symlinkat(entry.link.c_str(), covering.get(), entry.name.c_str()) != 0) {
        return Errno(errno);
      }
      continue;
    }
    const bool wants_directory = entry.source.is_directory;
    if (const auto made = make_entry(covering, entry.name, wants_directory); !made) return made;
    const auto place = open_at(covering.get(), entry.name, O_PATH | O_NOFOLLOW);
    if (!place) return place.error();
    const auto shown = show(entry.source, *place, path.child(entry.name).text(), true);
    if (!shown) return shown.error();
  }
  return Done{};
}

Result<> GuestTree::seal() {
  for (const Covering& covering : coverings_) {
    if (std::ranges::find(kVolatile, covering.path) != kVolatile.end()) continue;
    if (const auto done = mount_call::add_flags(covering.fd, MS_RDONLY); !done) {
      return failure("make " + covering.path + " read-only", done.error());
    }
  }
  return Done{};
}

Result<> GuestTree::build() {
  if (const auto done = mount_call::receive_only(); !done) {
    return failure("cut the mounts off from the host's", done.error());
  }
  if (auto done = hold_sources(); !done) return done;
  if (auto done = mount_root(); !done) return done;
  if (auto done = mount_view(); !done) return done;
  for (std::size_t i = 0; i < act_sources_.size(); ++i) {
    if (auto done = apply(guest_.isolation.mounts[i], act_sources_[i]); !done) return done;
  }
  if (auto done = seal(); !done) return done;
  // A read-only root comes last, for it would keep its mount points from being made.
  if (guest_.view->bindings().front().read_only && coverings_.empty()) {
    if (const auto done = mount_call::add_flags(root_, MS_RDONLY); !done) {
      return failure("make the root read-only", done.error());
    }
  }
  return Done{};
}

Result<> GuestTree::enter() {
  if (::fchdir(root_.get()) != 0) return failure("enter the root", Errno(errno));
  if (const auto done = mount_call::pivot_here(); !done) {
    return failure("change the root", done.error());
  }
  return Done{};
}

}  // namespace nestp
