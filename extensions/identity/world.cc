#include "extensions/identity/world.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/fd.h"

namespace nestp::identity {
namespace {

/// Number of digits behind "/proc/".
std::size_t process_digits(const std::string& host) {
  constexpr std::string_view kProc = "/proc/";
  if (!host.starts_with(kProc)) return 0;
  std::size_t end = kProc.size();
  while (end < host.size() && std::isdigit(static_cast<unsigned char>(host[end])))
    ++end;
  return end - kProc.size();
}

/// Bytes of a path that begins with /proc/PID/cwd, /proc/PID/root or /proc/PID/fd/N; 0: another.
std::size_t magic_size(const std::string& host) {
  const std::size_t digits = process_digits(host);
  if (digits == 0) return 0;
  std::size_t at = std::string_view("/proc/").size() + digits;
  const std::string_view rest = std::string_view(host).substr(at);
  if (rest.starts_with("/cwd")) return at + 4;
  if (rest.starts_with("/root")) return at + 5;
  if (!rest.starts_with("/fd/")) return 0;
  at += 4;
  while (at < host.size() && host[at] != '/')
    ++at;
  return at;
}

/// Takes the descriptor; 0: there is none.
dev_t device_of(int descriptor) {
  const UniqueFd file(descriptor);
  struct stat status {};
  return fstat(file.get(), &status) == 0 ? status.st_dev : 0;
}

constexpr Id kShortLimit = 0xffff;

/// Of a text of /proc/PID/fdinfo.
unsigned long flags_of(const std::string& text) {
  constexpr std::string_view kLine = "flags:";
  const std::size_t at = text.find(kLine);
  if (at == text.npos) return 0;
  return std::strtoul(text.c_str() + at + kLine.size(), nullptr, 8);
}

}  // namespace

World::World(const OwnedFiles::Setup& setup, unsigned last)
    : files(setup), first_user(setup.user), first_group(setup.group), last_capability(last) {
  proc_device = device_of(open("/proc/self", O_PATH | O_CLOEXEC));
  if (const auto text = read_file("/proc/sys/fs/suid_dumpable")) {
    set_id_dumps = std::atoi(text->c_str());
  }
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) == 0) close(ends[1]);
  nameless = {device_of(ends[0]), device_of(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
              device_of(memfd_create("identity", MFD_CLOEXEC))};
}

SysResult<OwnedFile> World::look(pid_t thread, const CallObject& object, Freshness freshness) {
  auto file = files.look(object.host, object.follow, freshness);
  if (!file && file.error() == Errno(EACCES) && files.open_up(object.host)) {
    file = files.look(object.host, object.follow, freshness);
  }
  if (!file && file.error() == Errno(ENOENT)) {
    struct stat base {};
    const std::size_t size = magic_size(object.host);
    const bool is_open = size == 0 || lstat(object.host.substr(0, size).c_str(), &base) == 0;
    if (!is_open) return Errno(EBADF);
  }
  if (file) find_owner(thread, *file);
  return file;
}

void World::find_owner(pid_t thread, OwnedFile& file) const {
  const dev_t device = file.status().st_dev;
  if (file.is_stored || file.record.user != first_user) return;
  auto found = threads.end();
  if (std::find(nameless.begin(), nameless.end(), device) != nameless.end()) {
    found = threads.find(thread);
  } else if (device == proc_device && process_digits(file.ref.host) != 0) {
    found = threads.find(static_cast<pid_t>(std::atoi(file.ref.host.c_str() + 6)));
  }
  if (found == threads.end()) return;
  // fs/proc/base.c, task_dump_owner.
  const bool is_open_directory = (file.record.mode & 07777) == 0555 && S_ISDIR(file.record.mode);
  if (device == proc_device && !is_open_directory && !found->second.is_dumpable) {
    file.record.user = file.record.group = 0;
    return;
  }
  file.record.user = found->second.credentials.user.effective;
  file.record.group = found->second.credentials.group.effective;
}

CallObject holder_of(const CallObject& entry) {
  return {.host = entry.mounted_in.empty() ? directory_of(entry.host) : entry.mounted_in,
          .follow = true};
}

bool is_own_descriptors(pid_t thread, const std::string& host) {
  const std::size_t digits = process_digits(host);
  if (digits == 0 || !(host.ends_with("/fd") || host.ends_with("/fdinfo"))) return false;
  const std::string process = host.substr(0, std::string_view("/proc/").size() + digits);
  return lstat_of(process + "/task/" + std::to_string(thread)).ok();
}

CallObject descriptor_object(const Call& call, std::uint64_t descriptor) {
  return {.host = "/proc/" + std::to_string(call.thread) + "/fd/" +
                  std::to_string(static_cast<int>(descriptor)),
          .follow = true};
}

SysResult<CallObject> open_object(const Call& call, std::uint64_t descriptor) {
  CallObject object = descriptor_object(call, descriptor);
  const auto link = lstat_of(object.host);
  if (!link) return Errno(EBADF);
  // A link without permissions is neither read nor written (fs/proc/fd.c, tid_fd_update_inode).
  if ((link->st_mode & 0700) == 0) {
    const std::string number = std::to_string(static_cast<int>(descriptor));
    const auto text = read_file("/proc/" + std::to_string(call.thread) + "/fdinfo/" + number);
    if (!text || (flags_of(*text) & O_PATH)) return Errno(EBADF);
  }
  return object;
}

bool has_short_ids(const Call& call) {
  if (number_of(*call.abi, Sys::getuid32) < 0) return false;
  return !name_of(call.sys).ends_with("32");
}

Id id_argument(const Call& call, std::size_t index) {
  const auto id = static_cast<Id>(call.args[index]);
  if (!has_short_ids(call)) return id;
  const Id low = id & kShortLimit;
  return low == kShortLimit ? kNoId : low;
}

std::optional<Errno> refusal_on_way(World& world, const Call& call, const CallObject& object) {
  return refusal_on_way(world, world.credentials(call), object);
}

std::optional<Errno> refusal_on_way(World& world, const Credentials& who,
                                    const CallObject& object) {
  if (object.is_searched) return std::nullopt;
  const std::string& host = object.by_base.empty() ? object.host : object.by_base;
  const std::size_t magic = magic_size(host);
  return refusal_on_way(world.files, who, host, magic != 0 ? magic : object.outside);
}

void claim(World& world, const Call& call, const std::string& host, bool follow,
           const OwnerRecord& directory, mode_t set_ids) {
  const auto file = world.files.look(host, follow);
  if (!file || !world.files.is_own(file->status())) return;
  const Credentials& who = world.credentials(call);
  OwnerRecord record = world.files.natural(file->status());
  record.mode |= set_ids;
  record.user = who.user.file_system;
  record.group = (directory.mode & S_ISGID) ? directory.group : who.group.file_system;
  constexpr mode_t kLent = S_ISGID | S_IXGRP;
  if (directory.mode & S_ISGID) {
    // A directory hands the bit on; a file keeps it only from its group (fs/inode.c,
    // mode_strip_sgid).
    const bool keeps = who.is_in_group(record.group) || who.has(Capability::keep_set_id);
    if (S_ISDIR(record.mode)) record.mode |= S_ISGID;
    if (!S_ISDIR(record.mode) && (record.mode & kLent) == kLent && !keeps) {
      record.mode &= ~static_cast<mode_t>(S_ISGID);
    }
  }
  (void)world.files.set(*file, record);  // the call itself has succeeded
}

}  // namespace nestp::identity
