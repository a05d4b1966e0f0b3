#include "fs/session_directory.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nestp {
namespace {

std::string name_prefix() { return "nestp-" + std::to_string(::geteuid()) + "."; }

std::vector<std::string> usual_parents() {
  std::vector<std::string> parents;
  for (const char* variable : {"XDG_RUNTIME_DIR", "TMPDIR"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && value[0] == '/') parents.emplace_back(value);
  }
  parents.emplace_back("/dev/shm");
  parents.emplace_back("/tmp");
  return parents;
}

Error failure(const std::string& path, int code) { return {path + ": " + std::strerror(code)}; }

std::vector<std::string> entries_of(int directory) {
  std::vector<std::string> names;
  DIR* stream = ::fdopendir(directory);
  if (stream == nullptr) {
    (void)::close(directory);  // fdopendir takes it over only when it succeeds
    return names;
  }
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(stream);
  return names;
}

/// Locks a session directory; none if another process holds it or it is no longer there.
UniqueFd lock_session(const std::string& path) {
  auto fd = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!fd || ::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) return UniqueFd();
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0 || status.st_nlink == 0 || status.st_uid != ::geteuid()) {
    return UniqueFd();
  }
  return std::move(*fd);
}

void remove_abandoned(const std::string& parent) {
  auto directory = open_at(AT_FDCWD, parent, O_RDONLY | O_DIRECTORY);
  if (!directory) return;
  const std::string prefix = name_prefix();
  for (const std::string& name : entries_of((*directory).release())) {
    if (!name.starts_with(prefix)) continue;
    std::string path = parent;
    path.append("/").append(name);
    if (const UniqueFd lock = lock_session(path)) remove_tree(AT_FDCWD, path);
  }
}

}  // namespace

void remove_tree(int directory, const std::string& name) {
  if (::unlinkat(directory, name.c_str(), 0) == 0) return;
  // Placeholders are not writable, not even for their owner.
  auto inner = open_at(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!inner && inner.error() == Errno(EACCES)) {
    (void)::fchmodat(directory, name.c_str(), 0700, 0);
    inner = open_at(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  }
  if (inner) {
    (void)::fchmod(inner->get(), 0700);
    const int listing = ::fcntl(inner->get(), F_DUPFD_CLOEXEC, 0);
    if (listing >= 0) {
      for (const std::string& entry : entries_of(listing))
        remove_tree(inner->get(), entry);
    }
  }
  (void)::unlinkat(directory, name.c_str(), AT_REMOVEDIR);
}

SessionDirectory::SessionDirectory(std::vector<std::string> parents)
    : parents_(parents.empty() ? usual_parents() : std::move(parents)) {}

SessionDirectory::~SessionDirectory() {
  if (is_made() && owner_ == ::getpid()) remove_tree(AT_FDCWD, path_);
}

Result<HostPath> SessionDirectory::path() {
  if (is_made()) return HostPath::of_canonical(path_);
  std::string reasons;
  for (const std::string& parent : parents_) {
    auto made = make_in(parent);
    if (made) return made;
    reasons += (reasons.empty() ? "" : "; ") + made.error().message;
  }
  return Error{"no directory for nestp's own files: " + reasons +
               "; set PROOT_TMP_DIR to one that can be written"};
}

Result<HostPath> SessionDirectory::make_in(const std::string& parent) {
  char* real = ::realpath(parent.c_str(), nullptr);
  if (real == nullptr) return failure(parent, errno);
  const std::string place = std::strcmp(real, "/") == 0 ? "" : real;
  std::free(real);
  remove_abandoned(place);
  for (int attempt = 0; attempt < 3; ++attempt) {
    std::string made = place + "/" + name_prefix() + "XXXXXX";
    if (::mkdtemp(made.data()) == nullptr) return failure(made, errno);
    lock_ = lock_session(made);
    if (!lock_) {  // another run took it for abandoned before it was locked
      (void)::rmdir(made.c_str());
      continue;
    }
    path_ = made;
    owner_ = ::getpid();
    return HostPath::of_canonical(path_);
  }
  return failure(place, EBUSY);
}

bool SessionDirectory::contains(const HostPath& host) const {
  return is_made() && HostPath::of_canonical(path_).contains(host);
}

std::string SessionDirectory::next_name() { return path_ + "/" + std::to_string(++count_); }

Result<HostPath> SessionDirectory::make_directory(mode_t mode) {
  if (const auto made = path(); !made) return made.error();
  const std::string name = next_name();
  // chmod, for the umask is no concern of the guest's mount points.
  if (::mkdir(name.c_str(), mode) != 0 || ::chmod(name.c_str(), mode) != 0) {
    return failure(name, errno);
  }
  return HostPath::of_canonical(name);
}

Result<HostPath> SessionDirectory::make_file(mode_t mode) {
  if (const auto made = path(); !made) return made.error();
  const std::string name = next_name();
  const auto fd = open_at(AT_FDCWD, name, O_WRONLY | O_CREAT | O_EXCL, mode);
  if (!fd) return failure(name, fd.error().code());
  return HostPath::of_canonical(name);
}

void SessionDirectory::take_over() { owner_ = ::getpid(); }

}  // namespace nestp
