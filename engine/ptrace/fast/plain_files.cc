#include "engine/ptrace/fast/plain_files.h"

#include <algorithm>
#include <fcntl.h>
#include <iterator>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "engine/gate/memo.h"
#include "engine/ptrace/fast/cache_folder.h"

namespace nestp {
namespace {

constexpr char kName[] = "/plain-1";
constexpr auto kSize = static_cast<off_t>(gate::kPlainSize);

/// Kept on this machine alone, with a time of the status that every change of attributes sets.
bool is_of_this_machine(const struct statfs& system) {
  // Not F2FS, whose setxattr(2) left the time alone for long.
  constexpr long kXfs = 0x58465342;
  constexpr long kSystems[] = {EXT4_SUPER_MAGIC, kXfs, BTRFS_SUPER_MAGIC, TMPFS_MAGIC};
  return std::find(std::begin(kSystems), std::end(kSystems), static_cast<long>(system.f_type)) !=
         std::end(kSystems);
}

UniqueFd open_kept(const std::string& cache) {
  struct statfs system {};
  if (cache.empty() || !may_write_files_of(gate::kPlainSize)) return {};
  make_folders(cache);
  if (statfs(cache.c_str(), &system) != 0 || !is_of_this_machine(system)) return {};
  UniqueFd file(
      open((cache + kName).c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  struct stat status {};
  if (!file || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  if (status.st_uid != geteuid() || (status.st_mode & 077) != 0) return {};
  // A full disk must be found out here: guests that write to the file's memory could not be told.
  if (status.st_size != kSize || status.st_blocks * 512 < kSize) {
    if (posix_fallocate(file.get(), 0, kSize) != 0) return {};
  }
  return file;
}

UniqueFd make_in_memory() {
  if (!may_write_files_of(gate::kPlainSize)) return {};
  UniqueFd file(memfd_create("nestp-plain", MFD_CLOEXEC));
  if (!file || ftruncate(file.get(), kSize) != 0) return {};
  return file;
}

}  // namespace

PlainFiles::PlainFiles(const std::string& cache) : file_(open_kept(cache)) {
  if (!file_) file_ = make_in_memory();
}

std::string PlainFiles::path() const { return file_ ? shared_link(file_.get()) : std::string(); }

dev_t PlainFiles::device_of(const std::string& directory) {
  struct statfs system {};
  struct stat status {};
  if (statfs(directory.c_str(), &system) != 0 || !is_of_this_machine(system)) return 0;
  return stat(directory.c_str(), &status) == 0 ? status.st_dev : 0;
}

}  // namespace nestp
