#include "fs/mount_flags.h"

#include <cerrno>
#include <sys/statvfs.h>

namespace nestp {
namespace {

SysResult<bool> has_noexec(int outcome, const struct statvfs& mount) {
  if (outcome != 0) return Errno(errno);
  return (mount.f_flag & ST_NOEXEC) != 0;
}

}  // namespace

SysResult<bool> on_noexec_mount(const std::string& path) {
  struct statvfs mount {};
  const int outcome = ::statvfs(path.c_str(), &mount);
  return has_noexec(outcome, mount);
}

SysResult<bool> on_noexec_mount(int descriptor) {
  struct statvfs mount {};
  const int outcome = ::fstatvfs(descriptor, &mount);
  return has_noexec(outcome, mount);
}

}  // namespace nestp
