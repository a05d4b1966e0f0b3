#include "engine/ptrace/fast/cache_folder.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <numeric>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "fs/mount_flags.h"

namespace nestp {
namespace {

/// What an environment variable says, if that is an absolute path.
std::string place_of(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value == '/' ? value : "";
}

bool can_be_written(const std::string& folder) {
  constexpr int kUse = W_OK | X_OK;
  if (access(folder.c_str(), kUse) == 0) return true;
  if (errno == ENOENT) make_folders(folder);
  return access(folder.c_str(), kUse) == 0;
}

/// Nobody else can rename or remove what is in it.
bool keeps_names(const std::string& parent) {
  struct stat status {};
  if (stat(parent.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return false;
  return (status.st_mode & S_ISVTX) != 0 || (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/// Where everybody may write somebody else may have made it.
bool is_own_folder(const std::string& folder) {
  struct stat status {};
  (void)mkdir(folder.c_str(), 0700);
  return lstat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         status.st_uid == geteuid() && (status.st_mode & 077) == 0;
}

}  // namespace

std::string usual_cache() {
  std::string usual = place_of("XDG_CACHE_HOME");
  if (usual.empty() && !place_of("HOME").empty()) usual = place_of("HOME") + "/.cache";
  if (!usual.empty()) {
    usual += "/nestp";
    const bool has_copies = access((usual + "/copies").c_str(), X_OK) == 0;
    if (has_copies || can_be_written(usual)) return usual;
  }
  for (const std::string& parent : {place_of("TMPDIR"), std::string("/tmp")}) {
    const std::string own = parent + "/nestp-cache-" + std::to_string(geteuid());
    if (parent.empty() || !keeps_names(parent) || !is_own_folder(own)) continue;
    // Copies are known by the name of their folder: copied_file().
    if (can_be_written(own + "/nestp")) return own + "/nestp";
  }
  return {};
}

void make_folders(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    (void)mkdir(path.substr(0, slash).c_str(), 0700);
    if (slash == path.npos) return;
  }
}

bool write_whole(int file, std::span<const std::byte> bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t done = pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(done));
    offset += static_cast<std::uint64_t>(done);
  }
  return true;
}

bool set_modified(int file, const timespec& modified) {
  const timespec times[] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, modified};
  return futimens(file, times) == 0;
}

bool CacheFolder::allows_execution() const {
  make_folders(path_);
  const auto forbidden = on_noexec_mount(path_);
  return forbidden && !*forbidden;
}

bool CacheFolder::put(std::string_view name, std::span<const std::span<const std::byte>> parts,
                      mode_t mode, const timespec* modified) const {
  if (!keeps()) return false;
  make_folders(path_);
  // Another session may write the same one: each its own file, renamed when it is whole.
  std::string path = path_ + "/new-XXXXXX";
  const UniqueFd file(mkostemp(path.data(), O_CLOEXEC));
  if (!file) return false;
  const std::uint64_t total = std::accumulate(
      parts.begin(), parts.end(), std::uint64_t{0},
      [](std::uint64_t sum, std::span<const std::byte> part) { return sum + part.size(); });
  bool whole = total <= most_bytes_ && may_write_files_of(total);
  std::uint64_t size = 0;
  for (const auto part : parts) {
    whole = whole && write_whole(file.get(), part, size);
    size += part.size();
  }
  // A time that stands for the whole must not outlive parts that never got to the disk.
  if (modified != nullptr) whole = whole && fdatasync(file.get()) == 0;
  whole = whole && (modified == nullptr || set_modified(file.get(), *modified));
  if (!whole || fchmod(file.get(), mode) != 0 || rename(path.c_str(), path_of(name).c_str()) != 0) {
    (void)unlink(path.c_str());
    return false;
  }
  drop_oldest();
  return true;
}

void CacheFolder::drop_oldest() const {
  struct File {
    time_t changed;
    std::string path;
    std::uint64_t size;
  };
  DIR* folder = opendir(path_.c_str());
  if (folder == nullptr) return;
  std::vector<File> files;
  std::uint64_t bytes = 0;
  while (const dirent* entry = readdir(folder)) {
    struct stat status {};
    const std::string path = path_of(entry->d_name);
    if (lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    files.push_back({status.st_ctime, path, static_cast<std::uint64_t>(status.st_size)});
    bytes += files.back().size;
  }
  closedir(folder);
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.changed < b.changed; });
  std::size_t count = files.size();
  for (const File& file : files) {
    if (count <= most_files_ && bytes <= most_bytes_) return;
    (void)unlink(file.path.c_str());
    --count;
    bytes -= file.size;
  }
}

}  // namespace nestp
