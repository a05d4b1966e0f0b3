#include "extensions/link_store.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <random>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "fs/fd.h"

namespace nestp {
namespace {

std::string make_id() {
  std::random_device source;
  std::string id;
  while (id.size() < StoredFile::kIdSize)
    id += "0123456789abcdef"[source() % StoredFile::kIdSize];
  return id;
}

std::string in_directory(std::string directory, const std::string& name) {
  directory += '/';
  return directory += name;
}

/// Sessions that use one store at once change counts one after the other.
class StoreLock {
 public:
  explicit StoreLock(const std::string& store)
      : directory_(open(store.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    while (directory_ && flock(directory_.get(), LOCK_EX) != 0 && errno == EINTR) {
    }
  }

 private:
  UniqueFd directory_;
};

void forget(const StoredFile& file) {
  (void)unlink(file.data().c_str());
  (void)unlink(file.count_path().c_str());
  (void)rmdir(file.store.c_str());  // only when it is empty
}

}  // namespace

SysResult<> LinkStore::link(const std::string& existing, const std::string& name,
                            const std::string& top) {
  const auto status = lstat_of(existing);
  if (!status) return status.error();
  if (is_there(name)) return Errno(EEXIST);
  const auto place = stat_of(directory_of(name));
  if (!place) return place.error();
  if (!S_ISDIR(place->st_mode)) return Errno(ENOTDIR);
  if (faccessat(AT_FDCWD, directory_of(name).c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return Errno(errno);
  }
  if (place->st_dev != status->st_dev) return Errno(EXDEV);
  if (S_ISDIR(status->st_mode)) return Errno(EPERM);
  std::optional<StoredFile> file = StoredFile::find(existing);
  if (!file) file = StoredFile::parse(existing);
  if (!file && S_ISLNK(status->st_mode)) {
    // Nothing but its text could be told from it.
    const auto text = read_link(existing);
    return text ? make_symlink(*text, name) : SysResult<>(text.error());
  }
  if (!file) {
    auto converted = convert(existing, top);
    if (!converted) return converted.error();
    file = *std::move(converted);
  }
  const StoreLock lock(file->store);
  if (!is_there(file->data())) return Errno(ENOENT);  // another session had the last name
  const auto before = file->count();
  const auto text = file->text_from(name);
  if (!text) return text.error();
  if (before) {
    if (const auto raised = file->set_count(*before + 1); !raised) return raised;
  }
  const auto made = make_symlink(*text, name);
  if (!made && before) (void)file->set_count(*before);  // too high does no harm
  return made;
}

/// The directory nearest to `top` that takes a store for `existing`.
SysResult<std::string> LinkStore::make_store(const std::string& existing, const std::string& top) {
  constexpr mode_t kMode = 0711;
  const std::string last = real_path_of(directory_of(existing));
  const auto device = stat_of(last);
  if (!device) return device.error();
  Errno error(EACCES);
  const std::size_t start = last.starts_with(top) ? top.size() : 0;
  for (std::size_t end = start; end <= last.size(); ++end) {
    if (end != last.size() && last[end] != '/') continue;
    const std::string directory = last.substr(0, end);
    const auto status = stat_of(directory + "/");
    if (!status || status->st_dev != device->st_dev) continue;
    std::string store = directory + "/" + std::string(StoredFile::kStoreName);
    const bool made = mkdir(store.c_str(), kMode) == 0;
    if (!made) error = Errno(errno);
    if (made) (void)chmod(store.c_str(), kMode);  // whatever the umask is
    const bool usable = faccessat(AT_FDCWD, store.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
    if (usable) return store;
  }
  return error;
}

SysResult<StoredFile> LinkStore::convert(const std::string& existing, const std::string& top) {
  auto store = make_store(existing, top);
  if (!store) return store.error();
  StoredFile file{.store = *std::move(store), .id = make_id()};
  const StoreLock lock(file.store);
  if (recovered_.insert(file.store).second) recover(file.store);
  auto done = file.set_count(1);
  if (done) done = move_in(existing, file);
  if (done) return file;
  (void)unlink(file.count_path().c_str());
  (void)rmdir(file.store.c_str());
  return done.error();
}

/// `existing` becomes a symlink to the file that it was.
SysResult<> LinkStore::move_in(const std::string& existing, const StoredFile& file) {
  const auto text = file.text_from(existing);
  if (!text) return text.error();
  const std::string data = file.data();
  if (const auto made = make_symlink(*text, data); !made) return made;
  if (renameat2(AT_FDCWD, data.c_str(), AT_FDCWD, existing.c_str(), RENAME_EXCHANGE) == 0) {
    return Done{};
  }
  const Errno error(errno);
  (void)unlink(data.c_str());
  if (error != Errno(EINVAL) && error != Errno(ENOSYS)) return error;
  const std::string origin = file.origin_path();
  const std::string place = real_path_of(directory_of(existing)) + "/" + last_name_of(existing);
  if (const auto noted = make_symlink(place, origin); !noted) return noted;
  if (rename(existing.c_str(), data.c_str()) != 0) {
    const Errno failure(errno);
    (void)unlink(origin.c_str());
    return failure;
  }
  const auto made = make_symlink(*text, existing);
  if (!made) (void)rename(data.c_str(), existing.c_str());
  (void)unlink(origin.c_str());
  return made;
}

/// Ends what a session that was killed has begun.
void LinkStore::recover(const std::string& store) {
  for (const std::string& name : names_in(store)) {
    const StoredFile file{.store = store,
                          .id = name.substr(0, std::min(StoredFile::kIdSize, name.size()))};
    const std::string_view rest = std::string_view(name).substr(file.id.size());
    if (!is_stored_id(file.id)) continue;
    const auto status = lstat_of(file.data());
    const bool has_data = status && !S_ISLNK(status->st_mode);
    if (rest == ".from") {
      const auto origin = read_link(in_directory(store, name));
      const auto text = origin ? file.text_from(*origin) : SysResult<std::string>(origin.error());
      const bool is_named =
          text && (!has_data || is_there(*origin) || make_symlink(*text, *origin));
      if (is_named) (void)unlink(in_directory(store, name).c_str());
    } else if (rest == ".links" && !has_data && !is_there(file.origin_path())) {
      (void)unlink(file.data().c_str());
      (void)unlink(in_directory(store, name).c_str());
    }
  }
}

void LinkStore::release(const StoredFile& file) {
  const StoreLock lock(file.store);
  const auto before = file.count();
  if (!before) return;  // better one too many
  if (*before <= 1) return forget(file);
  (void)file.set_count(*before - 1);
}

void LinkStore::mend(const std::string& path) {
  const auto file = StoredFile::find(path);
  const auto text = file ? file->text_from(path) : SysResult<std::string>(Errno(ENOENT));
  const auto now = read_link(path);
  if (!text || !now || *text == *now) return;
  const std::string on_the_way =
      directory_of(path) + "/" + std::string(StoredFile::kStoreName) + "." + make_id();
  if (!replace_by_symlink(*text, path, on_the_way)) (void)unlink(on_the_way.c_str());
}

void LinkStore::mend_below(const std::string& directory) {
  std::vector<std::string> waiting{directory};
  while (!waiting.empty()) {
    const std::string place = std::move(waiting.back());
    waiting.pop_back();
    for (const std::string& name : names_in(place)) {
      const std::string path = in_directory(place, name);
      const auto status = lstat_of(path);
      if (name == "." || name == ".." || name == StoredFile::kStoreName || !status) continue;
      if (S_ISDIR(status->st_mode)) waiting.push_back(path);
      if (S_ISLNK(status->st_mode)) mend(path);
    }
  }
}

}  // namespace nestp
